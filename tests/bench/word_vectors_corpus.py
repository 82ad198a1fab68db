"""The corpus that word vectors are compared on: English text in lower case, punctuation apart, one line of text a line.

Usage: python word_vectors_corpus.py OUT TEXT... [--generate BYTES] [--seed 1]
The quality tables are made from public-domain novels and plays, WikiText-2, Tatoeba and news:
    OUT {botchan,tinyshakespeare,warandpeace.train,warandpeace.valid,warandpeace.test,wikitext2.valid}.txt
        tatoeba-en-fr.train.tsv tatoeba-en-ko.tsv news-koen.{dev,test}.en
Of a .tsv the first column counts, and each sentence once, however many translations it has. "<unk>" is left out. Prints
how many words and lines there are, and how many distinct words occur five times.

With --generate, OUT is about that many bytes of nonsense instead, for runs that time: sentences from the bigrams of the
texts, in which all but the 1,000 most frequent words get one of 64 endings by Zipf's law, so that the vocabulary is tens
of times the texts'. Memory does not depend on BYTES; the same seed gives the same file.
"""

import argparse
import re
from collections import Counter
from pathlib import Path

TOKEN = re.compile(r"\w+(?:'\w+)*|[^\w\s]")
PLAIN_WORDS = 1000
ENDINGS = [""] + [a + b for a in "klmnprst" for b in ("a", "e", "i", "o", "u", "ar", "en", "or")][:63]
CHAINS = 4096  # sentences that are generated side by side


def sentences(paths):
    for path in paths:
        seen = set()
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                if path.suffix == ".tsv":
                    line = line.split("\t")[0]
                    if line in seen:
                        continue
                    seen.add(line)
                line = line.lower().replace("<unk>", " ").replace(" @-@ ", "-").replace("’", "'")
                if words := TOKEN.findall(line):
                    yield words


def copy(paths, out):
    for words in sentences(paths):
        out.write(" ".join(words) + "\n")


def generate(paths, out, size, seed):
    import numpy

    text = list(sentences(paths))
    counts = Counter(word for sentence in text for word in sentence)
    words = ["\n"] + [word for word, _ in counts.most_common()]  # 0 ends a sentence
    ids = {word: i for i, word in enumerate(words)}
    stream = numpy.array([0] + [i for sentence in text for i in (*map(ids.get, sentence), 0)])
    order = numpy.argsort(stream[:-1], kind="stable")
    followers = stream[1:][order]  # of word w: followers[starts[w] : starts[w + 1]]
    starts = numpy.searchsorted(stream[:-1][order], numpy.arange(len(words) + 1))
    zipf = numpy.cumsum(1 / numpy.arange(1, len(ENDINGS) + 1))
    forms = [[w + ending for ending in (ENDINGS if i > PLAIN_WORDS else ENDINGS[:1])] for i, w in enumerate(words)]

    rng = numpy.random.Generator(numpy.random.PCG64(seed))
    now = numpy.zeros(CHAINS, dtype=numpy.int64)
    lines = [[] for _ in range(CHAINS)]
    written = 0
    while written < size:
        picks = (rng.random(CHAINS) * (starts[now + 1] - starts[now])).astype(numpy.int64)
        now = followers[starts[now] + picks]
        endings = numpy.where(now > PLAIN_WORDS, numpy.searchsorted(zipf, rng.random(CHAINS) * zipf[-1]), 0)
        for line, word, ending in zip(lines, now.tolist(), endings.tolist()):
            if word:
                line.append(forms[word][ending])
            elif line:
                written += out.write(" ".join(line) + "\n")
                line.clear()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("texts", type=Path, nargs="+")
    parser.add_argument("--generate", type=int, metavar="BYTES")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with open(options.out, "w", encoding="utf-8", newline="\n") as out:
        if options.generate:
            generate(options.texts, out, options.generate, options.seed)
        else:
            copy(options.texts, out)
    counts, lines = Counter(), 0
    with open(options.out, encoding="utf-8", newline="\n") as text:
        for line in text:
            counts.update(line.split())
            lines += 1
    print(f"{counts.total():,} words in {lines:,} lines; {len(counts):,} distinct, "
          f"{sum(count >= 5 for count in counts.values()):,} of them 5 times or more")


if __name__ == "__main__":
    main()
