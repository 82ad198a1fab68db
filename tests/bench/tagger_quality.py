"""What recurrent taggers and classifiers learn on small public data, each figure the mean and the standard deviation over
the seeds.

Usage: python tagger_quality.py --data FOLDER --out FOLDER [--langzoo PROGRAM] [--tables wikigold wnut17 ewt polarity names]
       [--seeds 1 2 3] [--scale 1] [--threads 1] [--until HH:MM] [--print]

FOLDER holds the public files under their usual names (FILES below). What was trained is not trained again
(quality_runs.py). --print trains nothing. --scale multiplies the steps and epochs of all trainings but
that of word vectors.

wikigold, wnut17   entities, with and without a CRF, characters, word vectors and ELMo's features
ewt                parts of speech, likewise
polarity           opinions by kind of pooling
names              names by language, by their characters

Word vectors and an ELMo learn from the same text: War and Peace, WikiText-2's validation text and the training texts of the
three taggings and of rt-polarity, lines shuffled. Held out: WikiGold's every fifth sentence, the dev part of WNUT17 and of
EWT, every tenth line of rt-polarity, of the distinct names every tenth. The last weights count: nothing is chosen by them.
"""

import random
import re

from quality_runs import blocks, lines, link, polarity, run, words_of, write

FILES = """warandpeace.train.txt wikitext2.valid.txt rt-polarity.neg rt-polarity.pos wnut17.train.conll wnut17.dev.conll
ewt-pos.train.tsv ewt-pos.dev.tsv wikigold.conll""".split()

VECTORS, ELMO = ["--vectors", "runs/vectors"], ["--features", "elmo:runs/elmo"]
ELMO_STEPS = 12000


class Table:
    """`rows`: name to flags and settings, of `preset` for `epochs` of `data`; the figure is `metric`."""

    def __init__(self, preset, data, valid, epochs, metric, rows, settings=None):
        self.preset, self.data, self.valid, self.epochs, self.metric = preset, data, valid, epochs, metric
        self.rows, self.settings = rows, settings or {}


CRF, CNN, LSTM = {"model.crf": "true"}, {"model.characters": "cnn"}, {"model.characters": "lstm"}
ENTITIES = {
    "words and characters (CNN), no CRF": ([], {**CNN, "model.crf": "false"}),
    "with a CRF": ([], {**CNN, **CRF}),
    "with a CRF, characters by an LSTM": ([], {**LSTM, **CRF}),
    "CRF, word vectors": (VECTORS, {**CNN, **CRF}),
    "CRF, ELMo": (ELMO, {**CNN, **CRF}),
    "CRF, word vectors and ELMo": (VECTORS + ELMO, {**CNN, **CRF}),
}
POOLINGS = {name: ([], {"model.pooling": name}) for name in ("last", "max", "mean", "attention")}
BY_CHARACTERS = {"data.tokenizer": "words", "model.embedding_size": 0}
TABLES = {
    "wikigold": Table("tagging-ner", "wikigold.train.conll", "wikigold.test.conll", 20, "f1", ENTITIES),
    "wnut17": Table("tagging-ner", "wnut17.train.conll", "wnut17.dev.conll", 10, "f1", ENTITIES),
    "ewt": Table("tagging-pos", "ewt-pos.train.tsv", "ewt-pos.dev.tsv", 4, "accuracy", {
        "words": ([], {"model.characters": "none"}),
        "words and characters (CNN)": ([], CNN),
        "words and characters (LSTM)": ([], LSTM),
        "and a CRF": ([], {**CNN, **CRF}),
        "characters, word vectors": (VECTORS, CNN),
        "characters, ELMo": (ELMO, CNN),
    }),
    "polarity": Table("classification-sentiment", "rt.train.csv", "rt.test.csv", 2, "accuracy", POOLINGS),
    "names": Table("classification-names", "names.train.csv", "names.test.csv", 8, "accuracy", {
        "the letters as tokens": ([], {}),
        "a word by its letters, CNN": ([], {**BY_CHARACTERS, **CNN}),
        "a word by its letters, LSTM": ([], {**BY_CHARACTERS, **LSTM}),
    }),
}


def quoted(text):
    return '"' + text.replace('"', '""') + '"'


def splits(options):
    """The parts of each, and the text to pretrain on, texts.txt, in `out`."""
    data, out = options.data, options.out
    link(data, out, FILES)
    reviews, held_out = polarity(out)
    for part, rows in (("train", reviews), ("test", held_out)):
        rows = [row.split("\t") for row in rows]
        random.Random(1).shuffle(rows)
        write(out / f"rt.{part}.csv", ["text,label", *(f"{quoted(text)},{label}" for text, label in rows)])
    names = sorted({(name, file.stem) for file in data.rglob("by_language/*.txt") for name in lines(file) if name.strip()})
    random.Random(1).shuffle(names)
    for part, keep in (("train", lambda i: i % 10 != 9), ("test", lambda i: i % 10 == 9)):
        write(out / f"names.{part}.csv",
              ["text,label", *(f"{quoted(name)},{label}" for i, (name, label) in enumerate(names) if keep(i))])
    gold = ["\n".join(row for row in s.split("\n") if not row.startswith("-DOCSTART-")) for s in blocks(out / "wikigold.conll")]
    gold = [sentence for sentence in gold if sentence]
    learned = [s for i, s in enumerate(gold) if i % 5 != 4]
    write(out / "wikigold.train.conll", learned, "\n\n")
    write(out / "wikigold.test.conll", gold[4::5], "\n\n")
    text = lines(out / "warandpeace.train.txt") + lines(out / "wikitext2.valid.txt")
    text += [row.split("\t")[0] for row in reviews] + words_of(learned, " ")
    for name in ("wnut17.train.conll", "ewt-pos.train.tsv"):
        text += words_of(blocks(out / name), "\t")
    text = [line for line in text if line.strip()]
    random.Random(1).shuffle(text)
    write(out / "texts.txt", text)


def pretraining(runs):
    text = ["--data", "texts.txt"]
    runs.train("vectors", "train", [*text, "--model", "skipgram", "--dim", 100, "--epochs", 12], {}, 10_000_000,
               program="langzoo-word2vec")
    runs.train("elmo", "train", [*text, "--preset", "elmo-small"],
               {"model.hidden_size": 256, "model.sampled_softmax": 1024, "data.tokenizer": "words:30000",
                "data.valid_fraction": 0.02, "train.eval_every": round(3000 * runs.options.scale)}, ELMO_STEPS,
               program="langzoo-lm")


def trainings(runs, table):
    plan = TABLES[table]
    for seed in runs.options.seeds:
        for name, (flags, settings) in plan.rows.items():
            if flags:
                pretraining(runs)
            runs.train(f"{table} {name} {seed}", "train",
                       ["--preset", plan.preset, "--data", plan.data, "--valid", plan.valid, *flags],
                       {**settings, "train.max_epochs": max(1, round(plan.epochs * runs.options.scale)),
                        "train.eval_epochs": 0, "train.save_every": 0}, 100_000 / runs.options.scale, seed, keep=False)


def shown(runs, table):
    plan = TABLES[table]
    print(f"\n| {table} | {plan.metric} | processor seconds |\n|---|--:|--:|")
    for name in plan.rows:
        done = [r["seconds"] for seed in runs.options.seeds if (r := runs.done.get(f"{table} {name} {seed}"))]
        seconds = f"{sum(done) / len(done):.0f}" if done else "-"
        print(f"| {name} | {runs.figure(f'{re.escape(table)} {re.escape(name)} [0-9]+', plan.metric)} | {seconds} |")


if __name__ == "__main__":
    run(__doc__, "langzoo-tagger", {name: (lambda runs, name=name: trainings(runs, name), lambda runs, name=name: shown(runs, name))
                                    for name in TABLES}, splits)
