"""Perplexity by word of every kind of language model, at equal parameters, each the mean and the standard deviation over
the seeds.

Usage: python lm_quality.py --data FOLDER --out FOLDER [--langzoo PROGRAM] [--tables wikitext2 warandpeace]
       [--models ngram ...] [--seeds 1 2 3] [--scale 1] [--threads 1] [--until HH:MM] [--print]

FOLDER holds the public files under their usual names (FILES below). What was trained is not trained again
(quality_runs.py). --print trains nothing. --scale multiplies the epochs of all trainings.

wikitext2     WikiText-2's validation text, its first 3,384 lines to learn from, the last 376 held out.
warandpeace   War and Peace, its parts for training and validation: with --scale 0.45 about as many steps.

All have the 5,000 words that occur most and 1.2M parameters. Of the LSTM without dropout and of the Transformer, which
overfit, the best evaluation counts, of the others the last. The curves of all are in OUT/TABLE.html, those of the first seed.
"""

import json
import statistics
import subprocess

from quality_runs import lines, link, run, write

FILES = "wikitext2.valid.txt warandpeace.train.txt warandpeace.valid.txt".split()
TRAINING_LINES = 3384

RECURRENT = {"model.layers": 2, "model.tie_word_embeddings": "true", "train.batch_size": 10, "train.schedule": "cosine",
             "train.learning_rate": 20, "train.min_learning_rate": 0.2}
DROPOUT = {"model.dropout": 0.4, "model.input_dropout": 0.4, "model.hidden_dropout": 0.25,
           "model.variational_dropout": "true", "model.embedding_dropout": 0.1}
AWD = {**DROPOUT, "model.weight_drop": 0.3, "data.random_bptt": "true", "train.activation_regularization": 1,
       "train.temporal_regularization": 0.5}


def wide(width):
    return {"model.embedding_size": width, "model.hidden_size": width}


class Kind:
    """`model` of langzoo-lm with `settings`, for `epochs`; `best`: the best evaluation counts."""

    def __init__(self, model, settings, epochs, best=False):
        self.model, self.settings, self.epochs, self.best = model, settings, epochs, best


MODELS = {
    "5-grams, modified Kneser-Ney": Kind("ngram", {"model.order": 5}, 0),
    "feed-forward over 5 words": Kind("ar", {"model.order": 5, "model.embedding_size": 104, "model.hidden_size": 124,
                                             "model.dropout": 0.3, "train.batch_size": 10, "train.learning_rate": 5,
                                             "train.schedule": "cosine", "train.min_learning_rate": 0.05}, 12),
    "RNN": Kind("rnn", {**RECURRENT, **wide(208), **DROPOUT, "train.learning_rate": 5, "train.min_learning_rate": 0.05}, 16),
    "GRU": Kind("gru", {**RECURRENT, **wide(172), **DROPOUT}, 16),
    "LSTM, no dropout": Kind("lstm", {**RECURRENT, **wide(160), "train.batch_size": 20, "train.schedule": "plateau"}, 8,
                             best=True),
    "LSTM, variational dropout": Kind("lstm", {**RECURRENT, **wide(160), **DROPOUT}, 40),
    "AWD-LSTM": Kind("lstm", {**RECURRENT, **wide(160), **AWD, "train.optimizer": "asgd"}, 40),
    "Transformer": Kind("transformer", {
        "model.d_model": 128, "model.decoder_layers": 3, "model.decoder_attention_heads": 4, "model.decoder_ffn_dim": 512,
        "model.max_position_embeddings": 128, "model.normalize_before": "true", "model.dropout": 0.3,
        "train.batch_size": 16, "train.optimizer": "muon", "train.learning_rate": 4e-3, "train.min_learning_rate": 4e-5,
        "train.schedule": "cosine", "train.warmup_steps": 100, "train.weight_decay": 0.1, "train.clip_norm": 1.0}, 16,
        best=True),
}


def splits(options):
    """The parts of each text, TABLE.train.txt and TABLE.valid.txt in `out`."""
    link(options.data, options.out, FILES)
    text = lines(options.out / "wikitext2.valid.txt")
    write(options.out / "wikitext2.train.txt", text[:TRAINING_LINES])
    write(options.out / "wikitext2.held-out.txt", text[TRAINING_LINES:])


def epochs_of(kind, scale):
    return max(1, round(kind.epochs * scale))


def name_of(table, model, seed):
    return f"{table} {model} {seed}"


def trainings(runs, table):
    out = runs.options.out
    held_out = "wikitext2.held-out.txt" if table == "wikitext2" else "warandpeace.valid.txt"
    for seed in runs.options.seeds:
        for model in runs.options.models:
            kind = MODELS[model]
            if kind.model == "ngram" and seed != runs.options.seeds[0]:
                continue  # nothing in it is random
            settings = kind.settings
            if kind.epochs:
                settings = {**settings, "train.max_epochs": epochs_of(kind, runs.options.scale)}
            runs.train(name_of(table, model, seed), "train",
                       ["--model", kind.model, "--data", f"{table}.train.txt", "--valid", held_out, "--tokenizer",
                        "words:5000"], settings, 10_000_000 / runs.options.scale, seed)
    folders = [out / "runs" / name_of(table, model, runs.options.seeds[0]) for model in MODELS]
    subprocess.run([runs.options.langzoo, "report", "--out", str(out / f"{table}.html"), "--runs",
                    *(str(folder) for folder in folders if folder.exists())], check=True, stdout=subprocess.DEVNULL)


def perplexity(runs, name, best):
    """Of the run's last evaluation, or its best."""
    last = runs.done[name]["result"]["valid"]["perplexity"]
    if not best:
        return last
    log = lines(runs.options.out / "runs" / name / "metrics.jsonl")
    return min((entry["valid"]["perplexity"] for entry in map(json.loads, log) if entry.get("valid")), default=last)


def table_of(runs, table):
    print(f"\n| {table} | perplexity | epochs | processor seconds |\n|---|--:|--:|--:|")
    for model, kind in MODELS.items():
        names = [name for seed in runs.options.seeds if (name := name_of(table, model, seed)) in runs.done]
        if not names:
            continue
        values = [perplexity(runs, name, kind.best) for name in names]
        spread = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
        seconds = statistics.mean(runs.done[name]["seconds"] for name in names)
        epochs = epochs_of(kind, runs.options.scale) if kind.epochs else "-"
        print(f"| {model} | {statistics.mean(values):.1f}{spread} | {epochs} | {seconds:.0f} |")


TABLES = {name: (lambda runs, name=name: trainings(runs, name), lambda runs, name=name: table_of(runs, name))
          for name in ("wikitext2", "warandpeace")}

if __name__ == "__main__":
    run(__doc__, "langzoo-lm", TABLES, splits, models=MODELS)
