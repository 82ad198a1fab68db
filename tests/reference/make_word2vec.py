"""Writes tests/fixtures/word2vec/{huffman,sampling,subwords}.json: the arithmetic of word2vec.c and fastText, done again here.

Versions: numpy 2.4.6 for sampling, Python alone for the rest. Trees agree with CreateBinaryTree of github.com/tmikolov/
word2vec 20c129a, buckets with Dictionary::getSubwords of github.com/facebookresearch/fastText 1142dc4; see `--check`.
Usage: python make_word2vec.py (from any folder; rewrites the fixtures)
       python make_word2vec.py --check WORD2VEC FASTTEXT (also compares with the programs' own code: folders of sources,
       fastText's built; needs gcc and g++)
"""

import argparse
import heapq
import json
import subprocess
import tempfile
from collections import deque
from pathlib import Path

import numpy

OUT = Path(__file__).resolve().parent.parent / "fixtures" / "word2vec"


def huffman(counts):
    """Inner nodes from the root and codes of every word. Leaves wait in one queue, the rarest first, inner nodes in
    another; a tie is the inner node's; of the two taken, the second is the right child."""
    leaves = deque((count, word) for word, count in reversed(list(enumerate(counts))))
    inner = deque()
    parents = {}
    for node in range(len(counts) - 1):
        total = 0
        for code in (0, 1):
            queue = leaves if leaves and (not inner or leaves[0][0] < inner[0][0]) else inner
            count, child = queue.popleft()
            parents[child] = (node, code)
            total += count
        inner.append((total, ("inner", node)))
    trees = []
    for word in range(len(counts)):
        path, child = [], word
        while child in parents:
            node, code = parents[child]
            path.append((node, code))
            child = ("inner", node)
        trees.append({"nodes": [node for node, _ in path[::-1]], "codes": [code for _, code in path[::-1]]})
    return trees


def least_cost(counts):
    """The sum of count x length of any optimal code."""
    heap, cost = list(counts), 0
    heapq.heapify(heap)
    while len(heap) > 1:
        joined = heapq.heappop(heap) + heapq.heappop(heap)
        heapq.heappush(heap, joined)
        cost += joined
    return cost


def huffman_cases():
    rng = numpy.random.Generator(numpy.random.PCG64(1))
    fibonacci = [1, 1]
    while len(fibonacci) < 39:  # the deepest tree: a code of 38
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    cases = {
        "two": [3, 1],
        "two_equal": [1, 1],
        "three": [5, 3, 2],
        "equal": [7] * 11,
        "powers_of_two": [2**i for i in range(12, -1, -1)],
        "fibonacci": fibonacci[::-1],
        "zipf": [10000 // i for i in range(1, 101)],
        "ties": sorted(rng.integers(1, 6, 60).tolist(), reverse=True),
    }
    made = []
    for name, counts in cases.items():
        words = huffman(counts)
        assert sum(c * len(w["codes"]) for c, w in zip(counts, words)) == least_cost(counts)
        made.append({"name": name, "counts": counts, "cost": least_cost(counts), "words": words})
    return made


def sampling_cases():
    counts = {"check": [889000, 50000, 50000, 10000, 1000], "zipf": [10**6 // i for i in range(1, 51)],
              "book": [70, 29, 1], "single": [5]}
    keep, unigram = [], []
    for name, values in counts.items():
        values = sorted(values, reverse=True)
        frequencies = numpy.array(values) / sum(values)
        for threshold in (1e-3, 1e-4, 0.1):
            kept = (numpy.sqrt(frequencies / threshold) + 1) * threshold / frequencies
            keep.append({"name": name, "counts": values, "threshold": threshold, "probabilities": numpy.minimum(1, kept).tolist()})
        for power in (0.75, 0.5, 1.0, 0.0):
            weights = numpy.array(values, dtype=float) ** power
            unigram.append({"name": name, "counts": values, "power": power, "probabilities": (weights / weights.sum()).tolist()})
    return {"keep": keep, "unigram": unigram}


def fnv(data):
    """FNV-1a of 32 bits, but a byte from 128 on is negative and sets all the upper bits."""
    value = 2166136261
    for byte in data:
        value ^= byte if byte < 128 else 0xFFFFFF00 | byte
        value = value * 16777619 & 0xFFFFFFFF
    return value


def characters(data):
    """A byte and the continuation bytes after it."""
    parts = []
    for byte in data:
        if byte & 0xC0 == 0x80 and parts:
            parts[-1] += bytes([byte])
        else:
            parts.append(bytes([byte]))
    return parts


def ngrams(word, least, most):
    marked = characters(b"<" + word + b">")
    for begin in range(len(marked)):
        for n in range(least, most + 1):
            end = begin + n
            if end <= len(marked) and not (n == 1 and (begin == 0 or end == len(marked))):
                yield b"".join(marked[begin:end])


def subword_cases():
    words = [w.encode() for w in ["a", "is", "the", "where", "unbelievably", "l'été", "straße", "Привет", "단어", "東京", "e\u0301te",
                                  "👩\u200d👧", "</s>", "<", "<>", "123.45"]]
    words += [b"\x80", b"\xff", b"ab\xc3", b"\xbf\xbfcd", b"\xe4\xb8x"]  # no UTF-8
    cases = []
    for least, most, buckets in [(3, 6, 2000000), (1, 3, 1000), (2, 2, 7)]:
        for word in words:
            cases.append({"bytes": list(word), "text": word.decode(errors="replace"), "min_n": least, "max_n": most,
                          "buckets": buckets, "rows": [fnv(n) % buckets for n in ngrams(word, least, most)]})
    hashes = [{"bytes": list(word), "hash": fnv(word)} for word in [b"", b"a", b"foobar", *words]]
    assert [fnv(b""), fnv(b"a"), fnv(b"foobar")] == [0x811C9DC5, 0xE40C292C, 0xBF9CF968]  # FNV's published values
    return {"hashes": hashes, "cases": cases}


TREE = r"""
#define main unused_main
#include "word2vec.c"
#undef main
int main() {
  while (scanf("%lld", &vocab_size) == 1) {
    vocab = calloc(vocab_size, sizeof(struct vocab_word));
    for (long long a = 0; a < vocab_size; a++) {
      scanf("%lld", &vocab[a].cn);
      vocab[a].code = calloc(MAX_CODE_LENGTH, 1);
      vocab[a].point = calloc(MAX_CODE_LENGTH, sizeof(int));
    }
    CreateBinaryTree();
    for (long long a = 0; a < vocab_size; a++) {
      for (int i = 0; i < vocab[a].codelen; i++) printf("%d:%d ", vocab[a].point[i], vocab[a].code[i]);
      printf("\n");
    }
  }
}
"""
NGRAMS = r"""
#include <iostream>
#include <sstream>
#define private public
#include "src/args.h"
#include "src/dictionary.h"
int main() {
  auto args = std::make_shared<fasttext::Args>();
  fasttext::Dictionary dictionary(args);
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream fields(line);
    fields >> args->minn >> args->maxn >> args->bucket;
    std::string word = "<";
    for (int byte; fields >> byte;) word += char(byte);
    std::vector<int32_t> rows;
    dictionary.computeSubwords(word + ">", rows);
    for (const auto row : rows) std::cout << row << ' ';
    std::cout << '\n';
  }
}
"""


def answers(compiler, source, suffix, folder, flags, given):
    with tempfile.TemporaryDirectory() as out:
        file, program = Path(out) / f"check{suffix}", Path(out) / "check"
        file.write_text(source)
        subprocess.run([compiler, "-w", "-I", folder, file, *flags, "-o", program], check=True)
        told = subprocess.run([program], input=given, check=True, capture_output=True, text=True).stdout
    return [line.split() for line in told.splitlines()]


def check(trees, subwords, word2vec, fasttext):
    given = "\n".join(f"{len(case['counts'])} " + " ".join(map(str, case["counts"])) for case in trees)
    told = answers("gcc", TREE, ".c", word2vec, ["-lm", "-pthread"], given)
    ours = [[f"{n}:{c}" for n, c in zip(w["nodes"], w["codes"])] for case in trees for w in case["words"]]
    assert told == ours, "trees"
    cases = subwords["cases"]
    given = "\n".join(" ".join(map(str, [c["min_n"], c["max_n"], c["buckets"], *c["bytes"]])) for c in cases) + "\n"
    objects = [fasttext / f"{name}.o" for name in ("args", "dictionary", "utils")]
    told = answers("g++", NGRAMS, ".cc", fasttext, ["-std=c++17", "-pthread", *objects], given)
    assert told == [list(map(str, case["rows"])) for case in cases], "n-grams"
    print(f"equal: {len(ours)} codes, {len(told)} words' n-grams")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", type=Path, nargs=2, metavar=("WORD2VEC", "FASTTEXT"))
    options = parser.parse_args()
    fixtures = {"huffman": huffman_cases(), "sampling": sampling_cases(), "subwords": subword_cases()}
    if options.check:
        check(fixtures["huffman"], fixtures["subwords"], *options.check)
    OUT.mkdir(parents=True, exist_ok=True)
    for name, fixture in fixtures.items():
        cases = fixture if isinstance(fixture, list) else [{"kind": kind, **case} for kind, of in fixture.items() for case in of]
        (OUT / f"{name}.json").write_text("[\n" + ",\n".join(json.dumps(c, ensure_ascii=False) for c in cases) + "\n]\n")


if __name__ == "__main__":
    main()
