"""ngram_bench beside KenLM on the same text: time, memory, every printed digit of the ARPA files, queries a second.

    python ngram_side_by_side.py BENCH KENLM TEXT TEST [--orders 3,5] [--runs 3]

BENCH is the program ngram_bench, KENLM the folder with lmplz, build_binary and kenlm_benchmark. Both sides run in turn, the
best of the runs counts.
"""
import argparse
import pathlib
import re
import subprocess
import tempfile
import time


def run(command, stdin=None, stdout=subprocess.PIPE):
    begin = time.monotonic()
    done = subprocess.run([str(part) for part in command], stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, check=True)
    return time.monotonic() - begin, (done.stdout or b"").decode() + done.stderr.decode()


def grams(path):
    """The n-grams of an ARPA file: their words to what is printed of them."""
    found, section = {}, 0
    for line in path.read_text().splitlines():
        if line.startswith("\\"):
            section = int(line[1:-7]) if line.endswith("-grams:") else 0
        elif section and line:
            parts = line.split("\t")
            found[parts[1]] = (parts[0], parts[2] if len(parts) > 2 else "")
    return found


def compare(ours, theirs):
    a, b = grams(ours), grams(theirs)
    if ours.read_bytes() == theirs.read_bytes():
        return f"{len(a)} n-grams, the files are equal byte for byte"
    both = a.keys() & b.keys()
    other = [gram for gram in both if a[gram] != b[gram]]
    largest = max((abs(float(x or 0) - float(y or 0)) for gram in both for x, y in zip(a[gram], b[gram])), default=0)
    return (f"{len(both)} n-grams in both, {len(a) - len(both)} in ours alone, {len(b) - len(both)} in theirs alone; "
            f"{len(other)} printed otherwise, by {largest:.2g} at most")


def main():
    parser = argparse.ArgumentParser()
    for name in ("bench", "kenlm", "text", "test"):
        parser.add_argument(name, type=pathlib.Path)
    parser.add_argument("--orders", default="1,2,3,5")
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        model, arpa, other, probing, ids = (folder / name for name in ("model", "a.arpa", "b.arpa", "probing", "ids"))
        for order in map(int, args.orders.split(",")):
            ours, theirs, lines = [], [], set()
            for _ in range(args.runs):
                first, said = run([args.bench, "train", args.text, model, order])
                second, _ = run([args.bench, "arpa", model, arpa])
                ours.append((first, first + second))
                with open(args.text) as text, open(other, "w") as out:
                    theirs.append(run([args.kenlm / "lmplz", "-o", order, "-T", folder / "sort"], text, out)[0])
            print(f"order {order}: estimated in {min(t for t, _ in ours):.2f} s, with ARPA {min(t for _, t in ours):.2f} s; "
                  f"lmplz {min(theirs):.2f} s; {compare(arpa, other)}")
            if order == 1:
                continue  # no probing model of unigrams alone
            run([args.kenlm / "build_binary", "probing", other, probing])
            queries, kenlm_queries = [], []
            with open(args.test) as text, open(ids, "w") as out:
                run([args.kenlm / "kenlm_benchmark", "-v", "-m", probing], text, out)
            for _ in range(args.runs):
                queries.append(float(re.search(r"([0-9.]+) M tokens", run([args.bench, "query", model, args.test])[1])[1]))
                with open(ids) as text:
                    said = run([args.kenlm / "kenlm_benchmark", "-q", "-m", probing, "-t", "1"], text)[1]
                kenlm_queries.append(float(re.search(r"Queries per second excluding load, CPU: ([0-9.e+]+)", said)[1]) / 1e6)
            print(f"order {order}: {max(queries):.1f} M queries a processor second, KenLM probing {max(kenlm_queries):.1f} M")


if __name__ == "__main__":
    main()
