"""What BERT and its relatives learn on small public data: three tables, each figure the mean and the standard deviation
over the seeds.

Usage: python encoder_quality.py --data FOLDER --out FOLDER [--langzoo PROGRAM] [--tables tasks objectives distillation]
       [--rows rt-polarity ...] [--seeds 1 2 3] [--scale 1] [--threads 1] [--until HH:MM] [--print]

FOLDER holds the public files under their usual names (FILES below). What was trained is not trained again
(quality_runs.py). --print trains nothing. --scale multiplies the steps of all trainings.

tasks         A model of our own for English and one for Korean, pretrained by masked tokens on the texts that
              corpora() gathers (no held-out text of a task is among them), then fine-tuned, beside the same shape and
              vocabulary with random weights and as many steps. What is held out, where the data has no part for it: every
              tenth line of rt-polarity; every fifth premise of KorNLI, which has three lines each; every fifth sentence
              of UNER and WikiGold; the last three of SQuAD's 16 articles. XCOPA (Italian) is trained on its 100
              validation rows and tested on its 500 test rows.
objectives    One shape, one kind of examples (pairs of segments), the same text and order, and for each objective as many
              steps as take the processor time of the masked LM's, without dropout: MLM and MLM + NSP with BERT, MLM + SOP with an
              ALBERT that shares nothing and whose embeddings are as wide as its layers, replaced tokens with ELECTRA. Once on
              microworld, for microworld's tasks, once on War and Peace, for the parts of speech of EWT.
distillation  On microworld, a student of one layer: alone, beginning with a layer of its teacher, and with DistilBERT's three
              losses, by masked-LM loss and as a classifier; then TinyBERT's stages, with the fine-tuned teacher, beside as many
              more steps of the last one.

The last weights count: nothing is chosen by the held-out data.
"""

import csv
import json
import re
from pathlib import Path

from quality_runs import blocks, lines, link, polarity, run, squad, words_of, write

FILES = """warandpeace.train.txt warandpeace.valid.txt wikitext2.valid.txt rt-polarity.neg rt-polarity.pos
subjectivity.objective.txt subjectivity.subjective.txt banking77.train.csv banking77.test.csv wnut17.train.conll
wnut17.dev.conll ewt-pos.train.tsv ewt-pos.dev.tsv uner-ewt.dev.iob2 wikigold.conll squad-articles.train.json
xcopa.it.val.jsonl xcopa.it.test.jsonl nsmc-style.train.tsv nsmc-style.dev.tsv kornli.dev.tsv korsts.train.tsv
korsts.dev.tsv ko-question-pair.train.csv ko-question-pair.test.csv news-koen.dev.ko news-koen.test.ko
tatoeba-en-ko.tsv""".split()

# Over bert-tiny's 2 layers with 2 heads. In so narrow layers weights of 0.02, BERT's, leave attention flat for thousands of
# steps: what 768 wide layers have is 0.02 x sqrt(768), which these do with 0.1 or less.
SHAPE = {"model.hidden_size": 64, "model.intermediate_size": 256, "model.initializer_range": 0.1}
STUDENT = {"model.dim": 64, "model.n_layers": 1, "model.n_heads": 2, "model.hidden_dim": 256,
           "model.initializer_range": 0.1, "model.dropout": 0, "model.attention_dropout": 0}
# BERT's absolute positions stay at the frequencies of words for thousands of steps of real text, relative ones and Muon do not.
RELATIVE = {"model.position_embedding_type": "relative_key"}
MUON = {"train.optimizer": "muon", "train.learning_rate": 4e-3}
TASK_SHAPE = {**RELATIVE, "model.num_hidden_layers": 4, "model.num_attention_heads": 4, "model.initializer_range": 0.08}
OBJECTIVE_SHAPE = {**SHAPE, **RELATIVE}
# TinyBERT's: as many layers as its teacher has, half as wide.
NARROW_STUDENT = {**STUDENT, "model.dim": 32, "model.n_layers": 2, "model.hidden_dim": 128}
DROPOUT = {"model.hidden_dropout_prob": 0.1, "model.attention_probs_dropout_prob": 0.1}
NO_DROPOUT = dict.fromkeys(DROPOUT, 0)
UNSHARED_ALBERT = {"model.embedding_size": 64, "model.parameter_sharing": "none"}
PRETRAINING = {**MUON, "train.warmup_steps": 100, "train.batch_size": 32,
               "data.max_length": 128, "data.valid_fraction": 0.01}
SMALL_TRAINING = {"train.learning_rate": 5e-3, "train.warmup_steps": 100, "train.batch_size": 32, "data.max_length": 64,
                  "train.save_every": 0}
OBJECTIVE_PRETRAINING = {**OBJECTIVE_SHAPE, **NO_DROPOUT, **SMALL_TRAINING, **MUON}
FINE_TUNING = {"train.learning_rate": 1e-3, "train.warmup_steps": 50, "train.batch_size": 16, "train.eval_every": 0,
               "train.save_every": 0}
TASK_FINE_TUNING = {**FINE_TUNING, **DROPOUT, "train.learning_rate": 5e-4}
PRETRAINING_STEPS = {"english": 4000, "korean": 2000}
OBJECTIVE_STEPS = 1500  # of the masked LM
STUDENT_STEPS, TINY_STEPS, MIDDLE_STEPS = 600, 250, (250, 1000)


class Row:
    """A row of the first table: `steps` of 16 examples of `task`, the held-out figures `metrics` of it."""

    def __init__(self, language, task, train, valid, steps, metrics, columns=None, settings=None):
        self.language, self.task, self.steps, self.metrics = language, task, steps, metrics
        self.arguments = ["--task", task, "--data", train, "--valid", valid]
        self.arguments += ["--columns", columns] if columns else []
        self.settings = settings or {}


ROWS = {
    "rt-polarity": Row("english", "classification", "rt.train.tsv", "rt.test.tsv", 1200, ["accuracy"], "1,2"),
    "banking77": Row("english", "classification", "banking77.train.csv", "banking77.test.csv", 2000, ["accuracy"],
                     "text,category"),
    "KorNLI": Row("korean", "pair", "kornli.train.tsv", "kornli.test.tsv", 500, ["accuracy"], "1,2,3"),
    "KorSTS": Row("korean", "regression", "korsts.train.tsv", "korsts.dev.tsv", 800, ["pearson", "spearman"],
                  "sentence1,sentence2,score"),
    "Korean question pairs": Row("korean", "pair", "ko-question-pair.train.csv", "ko-question-pair.test.csv", 1000,
                                 ["accuracy"], "question1,question2,is_duplicate"),
    "WNUT17": Row("english", "tagging", "wnut17.train.conll", "wnut17.dev.conll", 800, ["f1"]),
    "UNER": Row("english", "tagging", "uner.train.iob2", "uner.test.iob2", 800, ["f1"]),
    "WikiGold": Row("english", "tagging", "wikigold.train.conll", "wikigold.test.conll", 800, ["f1"]),
    "EWT tags": Row("english", "tagging", "ewt-pos.train.tsv", "ewt-pos.dev.tsv", 800, ["accuracy"]),
    "SQuAD articles": Row("english", "qa", "squad.train.json", "squad.test.json", 300, ["exact_match", "f1"],
                          settings={"data.max_length": 160}),
    "XCOPA, 100 rows": Row("english", "choice", "xcopa.it.val.jsonl", "xcopa.it.test.jsonl", 50, ["accuracy"]),
}
MICROWORLD = {  # task: steps, examples to train on, the share of as many that is held out, metric
    "classification": (250, 1000, 0.5, "accuracy"),
    "pair": (250, 1000, 0.5, "accuracy"),
    "regression": (250, 2000, 0.25, "spearman"),
    "tagging": (250, 2000, 0.25, "f1"),
    "qa": (250, 1000, 0.5, "f1"),
}


def corpora(data, out):
    """Makes the splits and the texts to pretrain on, in `out`, and links what stays as it is."""
    link(data, out, FILES)
    text = {name: lines(out / name) for name in FILES if not name.endswith(".json")}
    reviews, held_out = polarity(out)
    held_out = {row.split("\t")[0] for row in held_out}
    premises = list(enumerate(text["kornli.dev.tsv"][1:]))
    write(out / "kornli.train.tsv", [row for i, row in premises if i // 3 % 5])
    write(out / "kornli.test.tsv", [row for i, row in premises if i // 3 % 5 == 0])
    sentences = {}
    for name, file in (("uner", "uner-ewt.dev.iob2"), ("wikigold", "wikigold.conll")):
        sentences[name] = blocks(out / file)
        end = Path(file).suffix
        write(out / f"{name}.train{end}", [s for i, s in enumerate(sentences[name]) if i % 5 != 4], "\n\n")
        write(out / f"{name}.test{end}", sentences[name][4::5], "\n\n")
    articles, _ = squad(out)

    english = text["warandpeace.train.txt"] + text["wikitext2.valid.txt"]
    english += [row.split("\t")[0] for row in reviews]
    for kind in ("objective", "subjective"):
        english += [line for line in map(str.rstrip, text[f"subjectivity.{kind}.txt"]) if line not in held_out]
    with open(out / "banking77.train.csv", encoding="utf-8", newline="") as file:
        english += [row[0].replace("\n", " ").strip() for row in list(csv.reader(file))[1:]]
    for name in ("wnut17.train.conll", "ewt-pos.train.tsv"):
        english += words_of(blocks(out / name), "\t")
    english += words_of([s for i, s in enumerate(sentences["wikigold"]) if i % 5 != 4], " ")
    for article in articles:
        for paragraph in article["paragraphs"]:
            english += [paragraph["context"]] + [question["question"] for question in paragraph["qas"]]
    write(out / "english.txt", english)
    korean = [row.split("\t")[1] for part in ("train", "dev") for row in text[f"nsmc-style.{part}.tsv"][1:]]
    korean += [part for i, row in premises if i // 3 % 5 for part in row.split("\t")[:2]]
    korean += [part for row in text["korsts.train.tsv"][1:] for part in row.split("\t")[5:7]]
    with open(out / "ko-question-pair.train.csv", encoding="utf-8-sig", newline="") as file:
        korean += [part for row in list(csv.reader(file))[1:] for part in row[3:5]]
    korean += text["news-koen.dev.ko"] + text["news-koen.test.ko"]
    korean += [row.split("\t")[1] for row in text["tatoeba-en-ko.tsv"]]
    write(out / "korean.txt", korean)


def pretrained(runs, language):
    out = runs.options.out
    steps = PRETRAINING_STEPS[language]
    runs.train(language, "train", ["--objective", "mlm", "--data", f"{language}.txt", "--tokenizer",
                                   "train:wordpiece:4000", "--preset", "bert-tiny"],
               {**TASK_SHAPE, **NO_DROPOUT, **PRETRAINING, "train.save_every": 500,
                "train.eval_every": max(1, round(steps * runs.options.scale / 8))}, steps)
    return out / "runs" / language


def fine_tuned(runs, name, seed):
    row = ROWS[name]
    model = pretrained(runs, row.language)
    for kind, begin, shape in (("pretrained", ["--init", model], {}),
                               ("new", ["--preset", "bert-tiny", "--tokenizer", model], TASK_SHAPE)):
        runs.train(f"{name} {kind} {seed}", "finetune", row.arguments + begin, {**shape, **TASK_FINE_TUNING, **row.settings},
                   row.steps, seed, keep=False)


def tasks(runs):
    for seed in runs.options.seeds:
        for name in runs.options.rows:
            fine_tuned(runs, name, seed)


def tasks_table(runs):
    print("\n| task | measure | from random weights | pretrained |\n|---|---|--:|--:|")
    for name, row in ROWS.items():
        for metric in row.metrics:
            scale = 1.0 if row.task == "qa" else 100.0
            print(f"| {name} | {metric} |", " | ".join(runs.figure(f"{re.escape(name)} {kind} [0-9]+", metric, scale)
                                                      for kind in ("new", "pretrained")), "|")


OBJECTIVES = {
    "mlm": ("bert", {"data.examples": "pairs"}),
    "mlm+nsp": ("bert", {}),
    "mlm+sop": ("albert", UNSHARED_ALBERT),
    "electra": ("electra", {"model.embedding_size": 64, "data.examples": "pairs"}),
}


def microworld_documents(runs):
    """A sentence a line."""
    out = runs.options.out
    if (out / "microworld.train.txt").exists():
        return
    told = out / "runs" / "told"
    runs.train("told", "train", ["--data", "microworld", "--tokenizer", "train:wordpiece:600", "--preset", "bert-tiny"],
               {"data.microworld_bytes": 4000000, "data.valid_fraction": 0.02, "train.eval_every": 0}, 1 / runs.options.scale,
               folder=told)
    for part in ("train", "valid"):
        text = (told / "data" / f"{part}.txt").read_text(encoding="utf-8")
        write(out / f"microworld.{part}.txt", re.sub(r'([.?!]"?) +', r"\1\n", text).split("\n"))


def objectives(runs):
    out = runs.options.out
    microworld_documents(runs)
    for corpus, size in (("microworld", 600), ("warandpeace", 4000)):
        first = out / "runs" / f"{corpus} mlm"
        data = ["--data", f"{corpus}.train.txt", "--preset", "bert-tiny"]

        def model(objective, tokenizer):
            model_type, own = OBJECTIVES[objective]
            return data + ["--model-type", model_type, "--objective", objective, "--tokenizer", tokenizer], {**OBJECTIVE_PRETRAINING, **own}

        file = out / f"{corpus}.steps.json"
        if file.exists():
            steps = json.loads(file.read_text())
        else:
            costs = {o: runs.cost("train", *model(o, f"train:wordpiece:{size}")) for o in OBJECTIVES}
            steps = {o: round(OBJECTIVE_STEPS * costs["mlm"] / cost) for o, cost in costs.items()}
            file.write_text(json.dumps(steps))
        for objective, number in steps.items():
            arguments, settings = model(objective, first if objective != "mlm" else f"train:wordpiece:{size}")
            runs.train(f"{corpus} {objective}", "train", arguments + ["--valid", f"{corpus}.valid.txt"],
                       {**settings, "train.eval_every": max(1, round(number * runs.options.scale / 5))}, number)
    for seed in runs.options.seeds:
        for objective in [*OBJECTIVES, "new"]:
            def begin(corpus):
                if objective == "new":
                    return ["--preset", "bert-tiny", "--tokenizer", out / "runs" / f"{corpus} mlm"], {**OBJECTIVE_SHAPE, **NO_DROPOUT}
                return ["--init", out / "runs" / f"{corpus} {objective}"], {}

            arguments, shape = begin("microworld")
            for task, (number, examples, share, _) in MICROWORLD.items():
                runs.train(f"microworld {task} after {objective} {seed}", "finetune",
                           ["--task", task, "--data", "microworld", *arguments],
                           {**shape, **FINE_TUNING, "data.microworld_examples": examples, "data.valid_fraction": share},
                           number, seed, keep=False)
            arguments, shape = begin("warandpeace")
            runs.train(f"ewt after {objective} {seed}", "finetune", ROWS["EWT tags"].arguments + arguments,
                       {**shape, **FINE_TUNING}, 300, seed, keep=False)


def objectives_table(runs):
    print("\n| pretrained by | steps; processor seconds |", " | ".join(MICROWORLD), "| EWT tags |\n|---|---|" +
          "--:|" * (len(MICROWORLD) + 1))
    for objective in ["new", *OBJECTIVES]:
        cost = [f"{r['result']['step']}; {r['seconds']:.0f}" for c in ("microworld", "warandpeace")
                if (r := runs.done.get(f"{c} {objective}"))]
        cells = [runs.figure(f"microworld {task} after {re.escape(objective)} [0-9]+", metric, 1.0 if task == "qa" else 100.0)
                 for task, (*_, metric) in MICROWORLD.items()]
        cells.append(runs.figure(f"ewt after {re.escape(objective)} [0-9]+", "accuracy"))
        print(f"| {objective} | {', '.join(cost) or '-'} |", " | ".join(cells), "|")


def microworld_teacher(runs):
    """Of absolute positions, as its students have."""
    microworld_documents(runs)
    runs.train("teacher mlm", "train", ["--data", "microworld.train.txt", "--valid", "microworld.valid.txt", "--preset",
                                        "bert-tiny", "--objective", "mlm", "--tokenizer", "train:wordpiece:600"],
               {**SHAPE, **NO_DROPOUT, **SMALL_TRAINING, **OBJECTIVES["mlm"][1], "train.eval_every": 300}, OBJECTIVE_STEPS)
    return runs.options.out / "runs" / "teacher mlm"


def distillation(runs):
    out = runs.options.out
    task = ["--task", "classification", "--data", "microworld"]
    fine_tuning = {**FINE_TUNING, "data.microworld_examples": 1000, "data.valid_fraction": 0.5}
    teacher = microworld_teacher(runs)
    for seed in runs.options.seeds:
        tuned_teacher = f"teacher {seed}"
        runs.train(tuned_teacher, "finetune", [*task, "--init", teacher], fine_tuning, MICROWORLD["classification"][0], seed)
        settings = {**SMALL_TRAINING, "train.eval_every": 0}
        text = ["--data", "microworld.train.txt", "--valid", "microworld.valid.txt"]
        runs.train(f"student alone {seed}", "train",
                   text + ["--model-type", "distilbert", "--objective", "mlm", "--tokenizer", teacher],
                   {**STUDENT, **settings, "data.prefer_rare": 0.7}, STUDENT_STEPS, seed)
        runs.train(f"student begun {seed}", "distill", text + ["--teacher", teacher],
                   {**settings, "train.soft_weight": 0, "train.cosine_weight": 0}, STUDENT_STEPS, seed)
        runs.train(f"student distilled {seed}", "distill", text + ["--teacher", teacher], settings, STUDENT_STEPS, seed)

        def student(kind):
            return out / "runs" / f"student {kind} {seed}"

        def tuned(name, begin, shape):
            runs.train(f"classifier {name} {seed}", "finetune", [*task, *begin], {**shape, **fine_tuning}, TINY_STEPS, seed,
                       keep=False)

        for kind in ("alone", "begun", "distilled"):
            tuned(f"of {kind}", ["--init", student(kind)], {})
        classifier = ["--teacher", out / "runs" / tuned_teacher, "--data", "microworld"]
        tiny = {**NARROW_STUDENT, **fine_tuning}

        def predict(name, steps, begin=()):
            runs.train(f"tiny {name} {seed}", "distill", ["--stage", "prediction", *classifier, *begin], tiny, steps, seed,
                       keep=False)

        runs.train(f"tiny labels {seed}", "finetune", [*task, "--model-type", "distilbert", "--tokenizer", teacher], tiny,
                   TINY_STEPS, seed, keep=False)
        predict(f"prediction {TINY_STEPS}", TINY_STEPS)
        for steps in MIDDLE_STEPS:
            predict(f"prediction {steps + TINY_STEPS}", steps + TINY_STEPS)
            middle = f"tiny middle {steps} {seed}"
            runs.train(middle, "distill", ["--stage", "intermediate", *classifier], tiny, steps, seed)
            predict(f"both {steps}", TINY_STEPS, ["--init", out / "runs" / middle])


def distillation_table(runs):
    print("\n| student | masked-LM loss | classification, accuracy |\n|---|--:|--:|")
    for kind in ("alone", "begun", "distilled"):
        print(f"| {kind} | {runs.figure(f'student {kind} [0-9]+', 'loss', 1.0, 3)} |",
              runs.figure(f"classifier of {kind} [0-9]+", "accuracy"), "|")
    print("\n| TinyBERT: steps of intermediate, of prediction | classification, accuracy |\n|---|--:|")
    rows = [("labels alone", "labels"), (f"0, {TINY_STEPS}", f"prediction {TINY_STEPS}")]
    for steps in MIDDLE_STEPS:
        rows += [(f"{steps}, {TINY_STEPS}", f"both {steps}"), (f"0, {steps + TINY_STEPS}", f"prediction {steps + TINY_STEPS}")]
    for name, run in [(name, f"tiny {run}") for name, run in rows] + [("the teacher", "teacher")]:
        print(f"| {name} |", runs.figure(f"{run} [0-9]+", "accuracy"), "|")


TABLES = {"tasks": (tasks, tasks_table), "objectives": (objectives, objectives_table),
          "distillation": (distillation, distillation_table)}


if __name__ == "__main__":
    run(__doc__, "langzoo-bert", TABLES, lambda options: corpora(options.data, options.out), rows=ROWS)
