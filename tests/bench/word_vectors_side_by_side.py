"""langzoo-word2vec beside word2vec.c, fastText, gensim and GloVe: speed, memory and quality on one corpus, in one run.

Usage: python word_vectors_side_by_side.py --corpus TEXT [--langzoo PROGRAM] [--word2vec PROGRAM] [--fasttext PROGRAM]
       [--glove FOLDER] [--gensim] [--models skipgram-ns,cbow-ns,skipgram-hs,cbow-hs,glove] [--seeds 3] [--threads 2]
       [--questions FILE] [--pairs FILE...] [--json FILE]
The corpus is that of word_vectors_corpus.py; questions are in the format of questions-words.txt, pairs are lines of
"word word score". Versions the tables were made with (g++ and gcc 12.2, each with its own makefile's flags):
  word2vec.c  github.com/tmikolov/word2vec 20c129a: gcc -O3 -march=native -funroll-loops. It has no seed; two numbers of
              the copy are replaced at the build, nothing else, so that the environment's SEED (0: as published) counts:
              sed -i -e 's/next_random = 1;/next_random = 1 + 7919 * atoi(getenv("SEED"));/'
                  -e 's/next_random = (long long)id;/next_random = (long long)id + 7919 * atoi(getenv("SEED"));/'
  fastText    github.com/facebookresearch/fastText 1142dc4: g++ -O3 -march=native -funroll-loops; without n-grams
  GloVe       github.com/stanfordnlp/GloVe 52f7dbc: gcc -O3 -march=native -funroll-loops
  gensim      4.4.0 with numpy 2.4.6, the compiled loops (FAST_VERSION 0), corpus_file, in a process of its own

In each round every program trains once, one after the other, with the same settings: those below, decay to zero, and
the programs' own rules where they have no option (fastText draws negatives by count^0.5, gensim's CBOW divides the
gradient by the words of the window too). Speed is words of the file x epochs / seconds of training alone, words that
subsampling drops included: by the clock between the first and the last line of progress (word2vec.c, fastText; GloVe:
ends of iterations), around train() (gensim), and as langzoo-word2vec reports it. Seconds and memory are those of the
whole process, from the file to the vectors on disk; GloVe's of all its four. Medians over the rounds; "langzoo is" is the
median of the rounds' ratios. Quality is one code for all, over the words that all the programs know: Spearman's
correlation x 100, and percent of analogies by 3CosAdd, mean and standard deviation of the seeds.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SETTINGS = {"dim": 100, "window": 5, "negative": 5, "min_count": 5, "sample": 1e-3, "epochs": 5}
RATES = {"skipgram": 0.025, "cbow": 0.05}  # word2vec.c's
GLOVE = {"dim": 100, "window": 15, "x_max": 10, "min_count": 5, "epochs": 15, "rate": 0.05}
MODELS = ["skipgram-ns", "cbow-ns", "skipgram-hs", "cbow-hs", "glove"]


def run(command, progress=None, environment=None):
    """Runs it; its output, seconds, peak memory in MiB, and percent a second by its own lines of progress."""
    start = time.perf_counter()
    with tempfile.NamedTemporaryFile() as told:
        # a child starts with the peak memory of its parent: not this process's, but time's
        process = subprocess.Popen(["/usr/bin/time", "-f", "%M", "-o", told.name, *map(str, command)],
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, **(environment or {})})
        output, seen = b"", []
        while chunk := os.read(process.stdout.fileno(), 1 << 16):
            output += chunk
            if progress and (found := re.findall(progress, chunk)):
                seen.append((time.perf_counter(), float(found[-1])))
        if process.wait():
            raise RuntimeError(f"{command} failed:\n{output.decode(errors='replace')[-2000:]}")
        peak = int(Path(told.name).read_text().split()[-1]) / 1024
    result = {"output": output.decode(errors="replace"), "seconds": time.perf_counter() - start, "memory": peak}
    if progress:
        (first, low), (last, high) = seen[0], seen[-1]
        result["pace"] = (high - low) / (last - first)
    return result


def train_word2vec(options, model, seed, folder, words):
    kind, objective = model.split("-")
    s = SETTINGS
    done = run([options.word2vec, "-train", options.corpus, "-output", folder / "vectors", "-cbow", int(kind == "cbow"),
                "-hs", int(objective == "hs"), "-negative", s["negative"] if objective == "ns" else 0, "-size", s["dim"],
                "-window", s["window"], "-sample", s["sample"], "-min-count", s["min_count"], "-iter", s["epochs"],
                "-alpha", RATES[kind], "-threads", options.threads], rb"Progress: ([\d.]+)%", {"SEED": str(seed)})
    return done, words * s["epochs"] * done["pace"] / 100


def train_fasttext(options, model, seed, folder, words):
    kind, objective = model.split("-")
    s = SETTINGS
    done = run([options.fasttext, kind, "-input", options.corpus, "-output", folder / "model", "-loss", objective,
                "-neg", s["negative"], "-dim", s["dim"], "-ws", s["window"], "-t", s["sample"], "-minCount", s["min_count"],
                "-epoch", s["epochs"], "-lr", RATES[kind], "-thread", options.threads, "-maxn", 0, "-seed", seed],
               rb"Progress: +([\d.]+)%")
    (folder / "model.vec").rename(folder / "vectors")
    (folder / "model.bin").unlink()
    return done, words * s["epochs"] * done["pace"] / 100


def train_glove(options, model, seed, folder, words):
    s = GLOVE
    stages = f"""set -e
        cd '{folder}'
        bin='{options.glove.resolve()}' corpus='{options.corpus.resolve()}'
        "$bin/vocab_count" -min-count {s['min_count']} < "$corpus" > vocab
        "$bin/cooccur" -vocab-file vocab -window-size {s['window']} -overflow-file overflow < "$corpus" > pairs
        "$bin/shuffle" -seed {seed} -temp-file shuffle < pairs > shuffled
        rm pairs
        "$bin/glove" -input-file shuffled -vocab-file vocab -save-file vectors -binary 0 -vector-size {s['dim']} \\
            -x-max {s['x_max']} -iter {s['epochs']} -eta {s['rate']} -threads {options.threads} -seed {seed}
        rm shuffled
        mv vectors.txt vectors"""
    done = run(["bash", "-c", stages], rb"iter: (\d+), cost")
    return done, words * done["pace"]


def train_gensim(options, model, seed, folder, words):
    call = {"model": model, "seed": seed, "corpus": str(options.corpus), "out": str(folder / "vectors"),
            "threads": options.threads}
    done = run([sys.executable, __file__, "--gensim-worker", json.dumps(call)])
    return done, words * SETTINGS["epochs"] / float(done["output"].split()[-1])


def gensim_worker(model, seed, corpus, out, threads):
    from gensim.models import word2vec

    assert word2vec.FAST_VERSION >= 0 and word2vec.CORPUSFILE_VERSION >= 0, "gensim without its compiled loops"
    kind, objective = model.split("-")
    s = SETTINGS
    trained = word2vec.Word2Vec(vector_size=s["dim"], window=s["window"], min_count=s["min_count"], sample=s["sample"],
                                sg=int(kind == "skipgram"), hs=int(objective == "hs"), workers=threads, seed=seed,
                                negative=s["negative"] if objective == "ns" else 0, alpha=RATES[kind])
    trained.build_vocab(corpus_file=corpus)
    start = time.perf_counter()
    trained.train(corpus_file=corpus, total_words=trained.corpus_total_words, total_examples=trained.corpus_count,
                  epochs=s["epochs"])
    seconds = time.perf_counter() - start
    trained.wv.save_word2vec_format(out)
    print(seconds)


def train_langzoo(options, model, seed, folder, words):
    common = ["--data", options.corpus, "--out", folder / "model", "--threads", options.threads, "--seed", seed, "--json"]
    if model == "glove":
        s = GLOVE
        chosen = ["--model", "glove", "--set", f"model.x_max={s['x_max']}", "--learning-rate", s["rate"]]
    else:
        s = SETTINGS
        kind, objective = model.split("-")
        chosen = ["--model", kind, "--objective", objective, "--negative", s["negative"], "--sample", s["sample"],
                  "--learning-rate", RATES[kind]]
    shared = [part for key in ("dim", "window", "min_count", "epochs") for part in ("--" + key.replace("_", "-"), s[key])]
    done = run([options.langzoo, "train", *common, *chosen, *shared])
    done["seconds"] += run([options.langzoo, "export", "--model", folder / "model", "--format", "text",
                            "--out", folder / "vectors"])["seconds"]
    told = json.loads(re.findall(r"^\{.*\}$", done["output"], re.MULTILINE)[-1])
    return done, words * s["epochs"] * told["tokens_per_second"] / told["tokens"]  # its tokens are the vocabulary's words


def read_vectors(path):
    import numpy

    with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
        rows = [line.rstrip(" \n").split(" ") for line in lines]
    rows = [row for row in rows if len(row) > 2 and row[0] not in ("</s>", "<unk>")]  # the first line may be "V C"
    vectors = numpy.array([row[1:] for row in rows], dtype=numpy.float32)
    return [row[0] for row in rows], vectors / numpy.linalg.norm(vectors, axis=1, keepdims=True)


def pair_score(ids, vectors, path):
    """Spearman's correlation x 100 over the pairs whose words are both known, and how many these are."""
    from scipy.stats import spearmanr

    pairs = [line.lower().split() for line in path.read_text().splitlines()]
    known = [(ids[a], ids[b], float(score)) for a, b, score in pairs if a in ids and b in ids]
    cosines = [float(vectors[a] @ vectors[b]) for a, b, _ in known]
    return 100 * spearmanr(cosines, [score for _, _, score in known]).statistic, len(known)


def analogy_score(ids, vectors, path):
    """Percent of the questions right whose words are all known, and how many these are."""
    import numpy

    lines = path.read_text().lower().splitlines()
    questions = [line.split() for line in lines if not line.startswith(":")]
    known = numpy.array([[ids[word] for word in q] for q in questions if all(word in ids for word in q)])
    right = 0
    for part in numpy.array_split(known, len(known) // 1000 + 1):
        a, b, c, d = part.T
        cosines = (vectors[b] - vectors[a] + vectors[c]) @ vectors.T
        for given in (a, b, c):
            cosines[numpy.arange(len(part)), given] = -numpy.inf
        right += int((cosines.argmax(axis=1) == d).sum())
    return 100 * right / len(known), len(known)


def score(results, options):
    """Adds the scores to the results; how much of each test the words that all know cover."""
    known = None
    for result in results:
        words = set(read_vectors(result["vectors"])[0])
        known = words if known is None else known & words
    covered = {"words": len(known)}
    for result in results:
        words, vectors = read_vectors(result["vectors"])
        rows = [i for i, word in enumerate(words) if word in known]
        ids, vectors = {words[row]: i for i, row in enumerate(rows)}, vectors[rows]
        result["scores"] = {}
        for path in options.pairs:
            result["scores"][path.stem], covered[path.stem] = pair_score(ids, vectors, path)
        if options.questions:
            result["scores"]["analogies"], covered["analogies"] = analogy_score(ids, vectors, options.questions)
    return covered


def table(results, covered):
    tests = list(results[0]["scores"])
    print("| model | program | words/s | langzoo is | seconds in all | peak MiB |" + "".join(f" {test} |" for test in tests))
    print("|---|---|--:|--:|--:|--:|" + "--:|" * len(tests))
    for model in dict.fromkeys(result["model"] for result in results):
        of_model = [result for result in results if result["model"] == model]
        ours = [result["words_per_second"] for result in of_model if result["program"] == "langzoo"]
        for program in dict.fromkeys(result["program"] for result in of_model):
            rounds = [result for result in of_model if result["program"] == program]
            speeds = [result["words_per_second"] for result in rounds]
            ratio = f"{statistics.median(a / b for a, b in zip(ours, speeds)):.2f}x" if ours else ""
            cells = [model, program, f"{statistics.median(speeds):,.0f}", ratio,
                     f"{statistics.median(result['seconds'] for result in rounds):.1f}",
                     f"{statistics.median(result['memory'] for result in rounds):.0f}"]
            for test in tests:
                values = [result["scores"][test] for result in rounds]
                spread = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
                cells.append(f"{statistics.mean(values):.1f}{spread}")
            print("| " + " | ".join(cells) + " |")
    print("\nCovered: " + ", ".join(f"{count:,} of {test}" for test, count in covered.items()))


TRAINERS = {"langzoo": train_langzoo, "word2vec": train_word2vec, "fasttext": train_fasttext, "gensim": train_gensim,
            "glove": train_glove}
TRAINS = {program: ["glove"] if program == "glove" else MODELS[:4] for program in TRAINERS} | {"langzoo": MODELS}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True)
    for program in ("langzoo", "word2vec", "fasttext"):
        parser.add_argument(f"--{program}", type=Path, metavar="PROGRAM")
    parser.add_argument("--glove", type=Path, metavar="FOLDER")
    parser.add_argument("--gensim", action="store_true")
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--questions", type=Path)
    parser.add_argument("--pairs", type=Path, nargs="+", default=[])
    parser.add_argument("--json", type=Path, help="every run's numbers go here")
    options = parser.parse_args()
    with open(options.corpus, "rb") as lines:
        words = sum(len(line.split()) for line in lines)

    results = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(1, options.seeds + 1):
            for model in options.models.split(","):
                for program, train in TRAINERS.items():
                    if not getattr(options, program) or model not in TRAINS[program]:
                        continue
                    out = Path(folder) / f"{seed}-{model}-{program}"
                    out.mkdir()
                    done, speed = train(options, model, seed, out, words)
                    results.append({"model": model, "program": program, "seed": seed, "words_per_second": speed,
                                    "seconds": done["seconds"], "memory": done["memory"], "vectors": str(out / "vectors")})
                    print(f"{seed} {model} {program}: {speed:,.0f} words/s", file=sys.stderr)
        covered = score(results, options)
    if options.json:
        options.json.write_text(json.dumps({"words": words, "threads": options.threads, "covered": covered,
                                            "runs": results}, indent=1))
    table(results, covered)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--gensim-worker"]:
        gensim_worker(**json.loads(sys.argv[2]))
    else:
        main()
