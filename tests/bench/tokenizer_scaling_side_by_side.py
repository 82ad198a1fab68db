"""Does time grow with the input, or faster? Loading many added tokens, and long runs without a known word, by ours and
by Python's `tokenizers` and sentencepiece, in turns in one run.

Versions: tokenizers 0.23.3, sentencepiece 0.2.3.
Usage: python tokenizer_scaling_side_by_side.py BENCH --bert DIR --spm MODEL [--rounds N]

BENCH is the program tokenizer_bench, DIR holds BERT's vocab.txt, MODEL is a SentencePiece model. The ids of the runs are
compared before anything is timed. Prints seconds, the best of the rounds, a line for each size.
"""

import argparse
import subprocess
import tempfile
import time
from pathlib import Path

from sentencepiece import SentencePieceProcessor
from tokenizers import BertWordPieceTokenizer, Tokenizer

ADDED = (0, 15_000, 30_000, 60_000)
RUNS = (100_000, 200_000, 400_000)
KINDS = {"unknown characters": "\u2603", "one letter": "e", "letters": "the", "digits": "1", "marks": "e\u0301", "spaces": " "}


def seconds_of(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def ours(bench, tokenizer, file):
    out = subprocess.run([bench, tokenizer, "--once", file], check=True, capture_output=True, text=True).stdout
    return tuple(map(float, out.split()))


def best(rounds, measure):
    """Of what measure() gives, element by element."""
    return tuple(map(min, zip(*(measure() for _ in range(rounds)))))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bench")
    parser.add_argument("--bert", required=True)
    parser.add_argument("--spm", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        file, json = str(Path(scratch, "text")), str(Path(scratch, "tokenizer.json"))
        print("loading: added tokens, langzoo, tokenizers")
        Path(file).write_text("a")
        for added in ADDED:
            tokenizer = BertWordPieceTokenizer(str(Path(a.bert, "vocab.txt")))
            tokenizer.add_tokens([f"<extra_{i}>" for i in range(added)])
            tokenizer.save(json)
            times = best(a.rounds, lambda: (ours(a.bench, json, file)[0], seconds_of(lambda: Tokenizer.from_file(json))))
            print(f"  {added:6}  " + "  ".join(f"{s:8.4f} s" for s in times))

        bert, spm = Tokenizer.from_file(json), SentencePieceProcessor(model_file=a.spm)
        references = {"WordPiece, tokenizers": (json, lambda text: bert.encode(text, add_special_tokens=False).ids),
                      "Unigram .model, sentencepiece": (a.spm, spm.encode)}
        for name, (path, encode) in references.items():
            for kind, piece in KINDS.items():
                print(f"a run of {kind}: bytes, langzoo, {name}")
                for size in RUNS:
                    text = (piece * size)[:size]
                    Path(file).write_text(text, encoding="utf-8")
                    ids = subprocess.run([a.bench, path, "--ids", file], check=True, capture_output=True, text=True).stdout
                    if list(map(int, ids.split())) != encode(text):
                        raise SystemExit(f"{name}: the ids of {size} {kind} differ")
                    times = best(a.rounds, lambda: (ours(a.bench, path, file)[1], seconds_of(lambda: encode(text))))
                    print(f"  {len(text.encode()):7}  " + "  ".join(f"{s:8.4f} s" for s in times))


if __name__ == "__main__":
    main()
