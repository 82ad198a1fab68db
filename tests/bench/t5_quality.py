"""What a small T5 learns: three tables, each figure the mean and the standard deviation over the seeds.

Usage: python t5_quality.py --data FOLDER --out FOLDER [--langzoo PROGRAM] [--tables microworld shared objectives]
       [--seeds 1 2 3] [--scale 1] [--threads 1] [--until HH:MM] [--print]

FOLDER holds the public files under their usual names (FILES below). What was trained is not trained again
(quality_runs.py). --print trains nothing. --scale multiplies the steps of all trainings.

microworld    One model of all tasks beside one of each, from random weights and after span corruption of microworld's
              stories, which is done once. Every task has as many steps alone as it has on average in the mixture, which
              draws from all equally.
shared        The same of translation, polarity, intents, answers, similarity, summaries and sums, from public data,
              pretrained on the texts that shared_texts() gathers. The translations learned from are Tatoeba's
              first 40,000. Held out are Tatoeba's, banking77's, KorSTS's and
              SciTLDR's own test texts, every tenth line of rt-polarity, the last three of SQuAD's 16 articles and the
              last 200 of GSM8K's first 2,000 problems, of which the number alone is to be written.
objectives    Microworld's mixture after span corruption, prefix language modelling, i.i.d. denoising and deshuffling of
              the same stories, for each as many steps as take the processor time of span corruption's.

The last weights count: nothing is chosen by the held-out data. Of each task GENERATED held-out examples are written,
greedily.
"""

import csv
import json

from quality_runs import lines, link, polarity, run, squad, write

FILES = """tatoeba-en-fr.train.tsv tatoeba-en-fr.test.tsv rt-polarity.neg rt-polarity.pos banking77.train.csv
banking77.test.csv squad-articles.train.json korsts.train.tsv korsts.dev.tsv scitldr.train.jsonl scitldr.dev.jsonl
gsm8k.train.jsonl warandpeace.train.txt wikitext2.valid.txt""".split()

PRESET = ["--preset", "tiny"]
GENERATED = 200
# T5's optimizer, whose steps are relative to the weights' size: AdamW at 3e-3 and 1e-2 needs about twice the steps.
OPTIMIZER = {"train.optimizer": "adafactor", "train.adafactor.relative_step": "false", "train.learning_rate": 0.02,
             "train.schedule": "linear", "train.warmup_steps": 100, "train.batch_size": 16, "train.save_every": 0}
LIMITS = {"data.max_source": 128, "data.max_target": 128}  # the preset's
TRAINING = {**OPTIMIZER, "train.eval_every": 0, "data.generated": GENERATED}
PRETRAINING = {**OPTIMIZER, "train.batch_size": 32, "data.max_source": 64}
OBJECTIVES = ["span_corruption", "prefix_lm", "iid_denoising", "deshuffling"]


class Task:
    """A line of a file of tasks, and the figures shown of it."""

    def __init__(self, data, valid, source, target, metrics, figures):
        self.fields = {"data": data, "input": source, "target": target, "metrics": metrics}
        if valid:
            self.fields["valid"] = valid
        self.figures = figures


class Suite:
    """A model for a vocabulary of its own, `settings` beside the preset's, `steps` of each task, `pretraining_steps` of
    span corruption of `text`."""

    def __init__(self, vocabulary, settings, steps, text, pretraining_steps, tasks):
        self.vocabulary, self.settings, self.steps, self.text = vocabulary, settings, steps, text
        self.pretraining_steps, self.tasks = pretraining_steps, tasks


SUITES = {
    "microworld": Suite(800, {}, 200, "microworld", 1500, {
        "translation": Task("microworld-ko", "", "translate English to Korean: {english}", "{korean}", ["bleu", "chrf"],
                            ["bleu"]),
        "classification": Task("microworld-classification", "", "found or missed: {text}", "{label}", ["accuracy"],
                               ["accuracy"]),
        "entailment": Task("microworld-entailment", "", "entailment claim: {pair} story: {text}", "{label}", ["accuracy"],
                           ["accuracy"]),
        "similarity": Task("microworld-similarity", "", "similarity first: {first} second: {second}", "{score:0.2}",
                           ["pearson", "spearman"], ["spearman"]),
        "questions": Task("microworld-questions", "", "question: {question} context: {context}", "{answer}", ["squad"],
                          ["squad_f1"]),
        "choices": Task("microworld-choices", "", "choice1: {choice1} choice2: {choice2} story: {premise}", "{label}",
                        ["accuracy"], ["accuracy"]),
    }),
    "shared": Suite(8000, {"model.d_model": 128, "model.d_kv": 32, "model.d_ff": 256, "data.max_source": 256}, 100,
                    "shared.txt", 400, {
        "translation": Task("translation.train.tsv", "translation.test.tsv", "translate English to French: {1}", "{2}",
                            ["bleu", "chrf"], ["bleu", "chrf"]),
        "polarity": Task("rt.train.tsv", "polarity.test.tsv", "polarity: {1}", "{2}", ["accuracy"], ["accuracy"]),
        "intents": Task("banking77.train.csv", "intents.test.jsonl", "intent: {text}", "{category}", ["accuracy"],
                        ["accuracy"]),
        "answers": Task("squad.train.json", "answers.test.jsonl", "question: {question} context: {context}", "{answer}",
                        ["squad"], ["squad_exact_match", "squad_f1"]),
        "similarity": Task("korsts.train.tsv", "similarity.test.tsv", "similarity first: {sentence1} second: {sentence2}",
                           "{score:0.2}", ["pearson", "spearman"], ["pearson", "spearman"]),
        "summaries": Task("scitldr.train.jsonl", "summaries.test.jsonl", "summarize: {source}", "{target}", ["rouge"],
                          ["rouge1", "rougeL"]),
        "sums": Task("sums.train.jsonl", "sums.test.jsonl", "solve: {question}", "{answer}", ["exact_match"],
                     ["exact_match"]),
    }),
}


def thinned(rows):
    """GENERATED of them, evenly spaced: files are in the order of labels or articles."""
    return rows[::max(1, len(rows) // GENERATED)][:GENERATED]


def shared_texts(data, out):
    """Makes the splits and the text to pretrain on, in `out`, and links what stays as it is."""
    link(data, out, FILES)
    reviews, held_out = polarity(out)
    articles, others = squad(out)
    pairs = lines(out / "tatoeba-en-fr.train.tsv")[:40000]
    write(out / "translation.train.tsv", pairs)
    problems = [json.loads(line) for line in lines(out / "gsm8k.train.jsonl")]
    sums = [json.dumps({"question": p["question"], "answer": p["answer"].rsplit("#### ", 1)[1]}) for p in problems]
    write(out / "sums.train.jsonl", sums[:-200])
    write(out / "sums.test.jsonl", sums[-200:])
    write(out / "translation.test.tsv", thinned(lines(out / "tatoeba-en-fr.test.tsv")))
    write(out / "polarity.test.tsv", thinned(held_out))
    with open(out / "banking77.test.csv", encoding="utf-8", newline="") as file:
        write(out / "intents.test.jsonl", [json.dumps(row) for row in thinned(list(csv.DictReader(file)))])
    questions = [{"question": q["question"], "context": p["context"], "answer": [a["text"] for a in q["answers"]]}
                 for article in others for p in article["paragraphs"] for q in p["qas"] if q["answers"]]
    write(out / "answers.test.jsonl", [json.dumps(row) for row in thinned(questions)])
    header, *rows = lines(out / "korsts.dev.tsv")
    write(out / "similarity.test.tsv", [header, *thinned(rows)])
    write(out / "summaries.test.jsonl", thinned(lines(out / "scitldr.dev.jsonl")))
    text = lines(out / "warandpeace.train.txt") + lines(out / "wikitext2.valid.txt")
    text += [side for row in pairs for side in row.split("\t")[:2]]
    text += [row.split("\t")[0] for row in reviews]
    text += [row.rsplit(",", 1)[0].strip('"') for row in lines(out / "banking77.train.csv")[1:]]
    text += [paragraph["context"] for article in articles for paragraph in article["paragraphs"]]
    text += [side for row in lines(out / "korsts.train.tsv")[1:] for side in row.split("\t")[5:7]]
    text += [" ".join(json.loads(row)["source"]) for row in lines(out / "scitldr.train.jsonl")]
    text += [part for p in problems[:-200] for part in (p["question"], *p["answer"].split("\n"))]
    write(out / "shared.txt", text)


def prepare(options):
    shared_texts(options.data, options.out)
    for name, suite in SUITES.items():
        all_tasks = [{"name": task, **t.fields} for task, t in suite.tasks.items()]
        for file, tasks in [(f"{name}.json", all_tasks), *((f"{name}.{t['name']}.json", [t]) for t in all_tasks)]:
            write(options.out / file, [json.dumps({"tasks": tasks}, ensure_ascii=False, indent=1)])


def tokenizer(runs, name):
    """Of the texts of all tasks."""
    folder = runs.options.out / "runs" / f"{name} tokenizer"
    if not folder.exists():
        runs.train(f"{name} tokenizer", "finetune", ["--tasks", f"{name}.json", *PRESET, "--tokenizer",
                                                     f"train:unigram:{SUITES[name].vocabulary}"],
                   {**SUITES[name].settings, **TRAINING, "data.generated": 0}, 1 / runs.options.scale, folder=folder)
    return folder


def pretraining(runs, name, objective):
    suite = SUITES[name]
    return (["--data", suite.text, "--objective", objective, *PRESET, "--tokenizer", tokenizer(runs, name)],
            {**suite.settings, **PRETRAINING})


def pretrained(runs, name, objective="span_corruption", steps=None):
    steps = steps or SUITES[name].pretraining_steps
    arguments, settings = pretraining(runs, name, objective)
    runs.train(f"{name} {objective}", "train", arguments,
               {**settings, "data.valid_fraction": 0.02, "train.eval_every": max(1, round(steps * runs.options.scale / 4))},
               steps)
    return runs.options.out / "runs" / f"{name} {objective}"


def fine_tuned(runs, name, tasks, kind, seed):
    """Of one task, or all, from random weights ("new") or after an objective."""
    suite = SUITES[name]
    if kind == "new":
        begin, settings = [*PRESET, "--tokenizer", tokenizer(runs, name)], suite.settings
    else:
        begin, settings = ["--model", pretrained(runs, name, kind)], {}
    data = {**LIMITS, **{key: value for key, value in suite.settings.items() if key.startswith("data.")}}
    file, steps = f"{name}.{tasks}.json", suite.steps
    if tasks == "all":
        data["data.mixing"] = "equal"
        file, steps = f"{name}.json", steps * len(suite.tasks)
    runs.train(f"{name} {tasks} {kind} {seed}", "finetune", ["--tasks", file, *begin], {**data, **settings, **TRAINING},
               steps, seed, keep=False)


KINDS = ("new", "span_corruption")


def suite_runs(runs, name):
    for seed in runs.options.seeds:
        for kind in KINDS:
            for tasks in ("all", *SUITES[name].tasks):
                fine_tuned(runs, name, tasks, kind, seed)


def suite_table(runs, name):
    print("\n| task | measure | alone, from random weights | alone, pretrained | all in one, from random weights |"
          " all in one, pretrained |\n|---|---|--:|--:|--:|--:|")
    for task, t in SUITES[name].tasks.items():
        for figure in t.figures:
            cells = [runs.figure(f"{name} {tasks} {kind} [0-9]+", f"{task}.{figure}", 1.0)
                     for tasks in (task, "all") for kind in KINDS]
            print(f"| {task} | {figure} |", " | ".join(cells), "|")


def objectives(runs):
    name = "microworld"
    file = runs.options.out / "objectives.json"
    if not file.exists():
        costs = {o: runs.cost("train", *pretraining(runs, name, o), steps=100, trials=1) for o in OBJECTIVES}
        first = costs["span_corruption"]
        file.write_text(json.dumps({o: round(SUITES[name].pretraining_steps * first / c) for o, c in costs.items()}))
    steps = json.loads(file.read_text())
    for objective in OBJECTIVES:
        pretrained(runs, name, objective, steps[objective])
    for seed in runs.options.seeds:
        for kind in ["new", *OBJECTIVES]:
            fine_tuned(runs, name, "all", kind, seed)


def objectives_table(runs):
    suite = SUITES["microworld"]
    print("\n| pretrained by | steps; processor seconds | nats a target token |", " | ".join(suite.tasks), "|\n|---|---|--:|" +
          "--:|" * len(suite.tasks))
    for kind in ["new", *OBJECTIVES]:
        before = runs.done.get(f"microworld {kind}")
        cost = f"{before['result']['step']}; {before['seconds']:.0f}" if before else "-"
        loss = f"{before['result']['valid']['loss']:.3f}" if before else "-"
        cells = [runs.figure(f"microworld all {kind} [0-9]+", f"{task}.{t.figures[0]}", 1.0) for task, t in suite.tasks.items()]
        print(f"| {kind} | {cost} | {loss} |", " | ".join(cells), "|")


TABLES = {name: (lambda runs, name=name: suite_runs(runs, name), lambda runs, name=name: suite_table(runs, name))
          for name in SUITES}
TABLES["objectives"] = objectives, objectives_table

if __name__ == "__main__":
    run(__doc__, "langzoo-t5", TABLES, prepare)
