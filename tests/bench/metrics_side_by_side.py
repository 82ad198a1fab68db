"""Scores of sacreBLEU and rouge-score and ours on the same lines, in turns in one run: equal, and how long they take.

Versions: sacrebleu 2.6.0, rouge-score 0.1.2.
Usage: python metrics_side_by_side.py PROGRAM REFERENCES [--lines N] [--rounds N] [--metrics bleu chrf ter rouge]

PROGRAM is langzoo-metrics. REFERENCES is a text with a sentence a line; the hypotheses are its lines with words left
out, replaced, repeated and swapped (seed 1). Ours is timed as a process, start and reading included, with one thread and with
two; the packages from lists in memory to the score. The best of the rounds counts.
"""

import argparse
import json
import random
import subprocess
import tempfile
import time
from pathlib import Path

from rouge_score import rouge_scorer
from sacrebleu.metrics import BLEU, CHRF, TER


def damaged(line, words, rng):
    result = []
    for word in line.split():
        draw = rng.random()
        if draw < 0.08:
            continue
        result.append(rng.choice(words) if draw < 0.2 else word)
        if draw > 0.97:
            result.append(word)
    if len(result) > 4 and rng.random() < 0.3:
        at = rng.randrange(len(result) - 2)
        result[at], result[at + 1] = result[at + 1], result[at]
    return " ".join(result)


def rouge(hypotheses, references):
    scorer = rouge_scorer.RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=True)
    return sum(scorer.score(r, h)["rougeL"].fmeasure for h, r in zip(hypotheses, references)) / len(hypotheses)


REFERENCE = {
    "bleu": lambda h, r: BLEU().corpus_score(h, [r]).score,
    "chrf": lambda h, r: CHRF(word_order=2).corpus_score(h, [r]).score,
    "ter": lambda h, r: TER().corpus_score(h, [r]).score,
    "rouge": rouge,
}
FLAGS = {"bleu": [], "chrf": ["--word-order", "2"], "ter": [], "rouge": ["--stem"]}


def timed(work, rounds):
    seconds, result = [], None
    for _ in range(rounds):
        start = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - start)
    return result, min(seconds)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("references")
    parser.add_argument("--lines", type=int, default=30000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--metrics", nargs="+", default=list(REFERENCE))
    args = parser.parse_args()

    lines = [line.strip() for line in Path(args.references).read_text(encoding="utf-8").split("\n")]
    references = [line for line in lines if line][:args.lines]
    rng = random.Random(1)
    words = " ".join(references[:2000]).split()
    hypotheses = [damaged(line, words, rng) for line in references]
    with tempfile.TemporaryDirectory() as folder:
        hyp, ref = Path(folder) / "hyp", Path(folder) / "ref"
        hyp.write_text("".join(line + "\n" for line in hypotheses), encoding="utf-8")
        ref.write_text("".join(line + "\n" for line in references), encoding="utf-8")

        def ours(metric, threads):
            command = [args.program, metric, "--hyp", hyp, "--ref", ref, "--json", "--threads", str(threads)]
            result = json.loads(subprocess.run(command + FLAGS[metric], check=True, capture_output=True).stdout)
            return result["rougeL"]["fmeasure"] if metric == "rouge" else result["score"]

        print(f"{len(references)} pairs of lines")
        for metric in args.metrics:
            expected, seconds = timed(lambda: REFERENCE[metric](hypotheses, references), args.rounds)
            row = f"{metric}: Python {seconds:.2f} s"
            for threads in [1, 2]:
                score, own = timed(lambda: ours(metric, threads), args.rounds)
                if abs(score - expected) > (1e-12 if metric == "rouge" else 0):
                    raise SystemExit(f"{metric}: {score} is not {expected}")
                row += f"; ours with {threads} threads {own:.2f} s, {seconds / own:.1f}x"
            print(row, flush=True)


if __name__ == "__main__":
    main()
