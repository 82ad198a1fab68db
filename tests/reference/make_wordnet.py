"""A small database in WordNet's format, of invented words, and what NLTK says of it. Written with nltk 3.10.4.

Usage: python make_wordnet.py   (writes tests/fixtures/wordnet/{data,index}.{noun,verb}, *.exc and golden.json)

golden.json: senses: word -> names of its synsets (nouns and verbs); pairs: [name, name, path, wup], null for none.
"""
import json
import pathlib
import random
import tempfile
import warnings

import nltk
from nltk.corpus.reader.wordnet import WordNetCorpusReader
from nltk.data import FileSystemPathPointer

FOLDER = pathlib.Path(__file__).parent.parent / "fixtures" / "wordnet"
LICENCE = "  1 Invented words that mean nothing: a database to test readers with.  \n"


class Reader(WordNetCorpusReader):
    def map_wn(self, version="wordnet"):  # other versions of WordNet: not needed, not here
        return None


def invented(rng, n):
    words = set()
    while len(words) < n:
        words.add("".join(rng.choice("bdfgklmnprtvz") + rng.choice("aeiou") for _ in range(rng.choice([2, 3]))))
    return sorted(words)


def write(letter, suffix, words, hypernyms, exceptions):
    """words: of each synset; hypernyms: of each synset, (symbol, synset)."""
    def line(i, offsets):
        pointers = "".join(f" {symbol} {offsets[j]:08d} {letter} 0000" for symbol, j in hypernyms[i])
        names = " ".join(f"{w} 0" for w in words[i])
        frames = " 01 + 02 00" if letter == "v" else ""
        return f"{offsets[i]:08d} 03 {letter} {len(words[i]):02x} {names} {len(hypernyms[i]):03d}{pointers}{frames} | a gloss  \n"

    offsets, at = [], len(LICENCE)
    for i in range(len(words)):
        offsets.append(at)
        at += len(line(i, [0] * len(words)))
    (FOLDER / f"data.{suffix}").write_text(LICENCE + "".join(line(i, offsets) for i in range(len(words))))
    senses = {}
    for i, names in enumerate(words):
        for name in names:
            senses.setdefault(name.lower(), []).append(offsets[i])
    lines = [f"{w} {letter} {len(s)} 2 @ ~ {len(s)} 0 {' '.join(f'{o:08d}' for o in s)}  \n"
             for w, s in sorted(senses.items())]
    (FOLDER / f"index.{suffix}").write_text(LICENCE + "".join(lines))
    (FOLDER / f"{suffix}.exc").write_text("".join(f"{' '.join(e)}\n" for e in exceptions))
    return senses


def main():
    rng = random.Random(5)
    FOLDER.mkdir(exist_ok=True)
    nouns, verbs = invented(rng, 30), invented(rng, 12)
    both = nouns[:4]

    def graph(n, roots):
        hypernyms = [[] for _ in range(n)]
        for i in range(roots, n):
            near = list(range(max(0, i - 7), i))
            for j in rng.sample(near, min(len(near), rng.choice([1, 1, 1, 2, 3]))):
                hypernyms[i].append(("@i" if rng.random() < 0.2 else "@", j))
        return hypernyms

    def names(n, pool):
        return [rng.sample(pool, rng.choice([1, 1, 2, 3])) for _ in range(n)]

    noun_words, noun_graph = names(36, nouns), graph(36, 1)
    noun_words[5].append("Tabu_Mela")
    noun_words.append(["loner"])  # apart from all others
    noun_graph.append([])
    senses = write("n", "noun", noun_words, noun_graph, [("veldi", nouns[6]), ("zorpen", nouns[7], nouns[8])])
    senses |= write("v", "verb", names(18, verbs + both), graph(18, 3), [("blent", verbs[2])])

    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for file in FOLDER.iterdir():
            (root / file.name).write_bytes(file.read_bytes())
        for suffix in "adj", "adv":
            for name in f"data.{suffix}", f"index.{suffix}", f"{suffix}.exc":
                (root / name).write_text("")
        (root / "lexnames").write_text("".join(f"{i:02d}\tname{i}\t1\n" for i in range(45)))
        nltk.data.path.append(folder)
        warnings.simplefilter("ignore")
        wordnet = Reader(FileSystemPathPointer(folder), None)
        wordnet.get_version = lambda: "3.0"
        synsets = [s for p in "nv" for s in wordnet.all_synsets(p)]
        words = sorted(senses) + ["tabu mela", "nothing", "veldi", "zorpen", "blent", nouns[9] + "s", verbs[3] + "ing"]
        golden = {
            "senses": {w: [s.name() for p in "nv" for s in wordnet.synsets(w.replace(" ", "_"), p)] for w in words},
            "pairs": [[a.name(), b.name(), a.path_similarity(b), a.wup_similarity(b)]
                      for a in synsets for b in rng.sample(synsets, 12)],
        }
    (FOLDER / "golden.json").write_text(json.dumps(golden))
    print(len(golden["senses"]), len(golden["pairs"]), sum(p[2] is None for p in golden["pairs"]))


if __name__ == "__main__":
    main()
