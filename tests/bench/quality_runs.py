"""What programs share that train many small models for tables of what is learned (*_quality.py).

Every training is a command of langzoo; its name, command, processor seconds and last line are kept in OUT/results.jsonl,
and what is there is not trained again, so that a program that was stopped goes on.
"""

import argparse
import json
import os
import re
import shlex
import statistics
import subprocess
import time
from pathlib import Path


def lines(path):
    return path.read_text(encoding="utf-8").removesuffix("\n").split("\n")


def blocks(path):
    """What empty lines separate: the sentences of a CoNLL file."""
    return [block.strip("\n") for block in re.split(r"\n\s*\n", path.read_text(encoding="utf-8")) if block.strip()]


def words_of(sentences, separator):
    """The lines of words of blocks with a word and its tags a line."""
    return [" ".join(row.split(separator)[0] for row in sentence.split("\n")) for sentence in sentences]


def write(path, rows, end="\n"):
    if not path.exists():
        path.write_text("".join(row + end for row in rows), encoding="utf-8")


def link(data, out, names):
    """Links in `out` to the files of these names, wherever they lie in `data`."""
    found = {path.name: path for path in data.rglob("*")}
    for name in names:
        if name not in found:
            raise SystemExit(f"{name} is not in {data}")
        if not (out / name).exists():
            (out / name).symlink_to(found[name].resolve())


def polarity(out):
    """Splits rt-polarity into rt.train.tsv and rt.test.tsv, every tenth line. Returns the rows of both."""
    reviews = [f"{line.rstrip()}\t{kind}" for kind in ("neg", "pos") for line in lines(out / f"rt-polarity.{kind}")]
    parts = [row for i, row in enumerate(reviews) if i % 10 != 9], reviews[9::10]
    for name, rows in zip(("train", "test"), parts):
        write(out / f"rt.{name}.tsv", rows)
    return parts


def squad(out):
    """Splits SQuAD's 16 articles into squad.train.json and squad.test.json, the last three. Returns both."""
    file = json.loads((out / "squad-articles.train.json").read_text(encoding="utf-8"))
    parts = file["data"][:-3], file["data"][-3:]
    for name, articles in zip(("train", "test"), parts):
        write(out / f"squad.{name}.json", [json.dumps({**file, "data": articles}, ensure_ascii=False)])
    return parts


class OutOfTime(Exception):
    pass


class Trainings:
    def __init__(self, options):
        self.options, self.file = options, options.out / "results.jsonl"
        self.done = {}
        if self.file.exists():
            for line in lines(self.file):
                result = json.loads(line)
                self.done[result["name"]] = result

    def train(self, name, verb, arguments, settings, steps, seed=1, keep=True, folder=None, program=None):
        """`steps` at --scale 1; `program`: another one beside --langzoo. Returns what is kept of it; of a training in a
        `folder` of its own nothing is kept."""
        if name in self.done:
            return self.done[name]
        if self.options.until and time.time() > self.options.until:
            raise OutOfTime
        target = folder or self.options.out / "runs" / name
        subprocess.run(["rm", "-rf", str(target)], check=True)
        settings = {**settings, "train.max_steps": max(1, round(steps * self.options.scale))}
        langzoo = str(Path(self.options.langzoo).with_name(program)) if program else self.options.langzoo
        command = [langzoo, verb, *map(str, arguments), "--seed", str(seed), "--threads",
                   str(self.options.threads), "--json", "--out", str(target), "--set",
                   *(f"{key}={value}" for key, value in settings.items())]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.options.out)
        output, errors = process.communicate()
        if process.returncode:
            raise SystemExit(f"{shlex.join(command)} failed:\n{errors.decode(errors='replace')[-2000:]}")
        usage = self.processor_seconds()
        result = {"name": name, "seconds": usage, "command": shlex.join(command),
                  "result": json.loads(output.decode().strip().splitlines()[-1])}
        if not keep:
            subprocess.run(["rm", "-rf", str(target)], check=True)
        if folder is None:
            with self.file.open("a") as file:
                file.write(json.dumps(result) + "\n")
            self.done[name] = result
            print(f"{time.strftime('%H:%M:%S')} {name}: {usage:.0f} s, {result['result'].get('valid')}", flush=True)
        return result

    used = 0.0

    def processor_seconds(self):
        """Of the last child that ended."""
        times = os.times()
        before, self.used = self.used, times.children_user + times.children_system
        return self.used - before

    def cost(self, verb, arguments, settings, steps=60, trials=3):
        """Processor seconds of so many steps without start and evaluation, the middle of the trials."""
        def seconds(number):
            return self.train("trial", verb, arguments, {**settings, "data.valid_fraction": 0, "train.eval_every": 0},
                              number / self.options.scale, folder=self.options.out / "runs" / "trial")["seconds"]

        return statistics.median(seconds(steps + 1) - seconds(1) for _ in range(trials))

    def figure(self, pattern, metric, scale=100.0, digits=1):
        values = [result["result"]["valid"][metric] * scale for name, result in sorted(self.done.items())
                  if re.fullmatch(pattern, name) and metric in (result["result"].get("valid") or {})]
        if not values:
            return "-"
        spread = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
        few = "" if len(values) == len(self.options.seeds) else f" ({len(values)} of {len(self.options.seeds)} seeds)"
        return f"{statistics.mean(values):.{digits}f}{spread}{few}"


def run(description, langzoo, tables, prepare, **choices):
    """The program: trains for `tables`, name to (trainings, table), and prints them. `prepare(options)` makes its files;
    of `choices`, name to values, a part can be asked for."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--langzoo", default=langzoo)
    for name, values in {"tables": tables, **choices}.items():
        parser.add_argument(f"--{name}", nargs="+", choices=values, default=list(values))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--until", type=lambda text: time.mktime(time.strptime(time.strftime("%Y-%m-%d ") + text,
                                                                               "%Y-%m-%d %H:%M")))
    parser.add_argument("--print", action="store_true")
    options = parser.parse_args()
    options.out = options.out.resolve()
    (options.out / "runs").mkdir(parents=True, exist_ok=True)
    if Path(options.langzoo).exists():  # trainings run in `out`
        options.langzoo = str(Path(options.langzoo).resolve())
    runs = Trainings(options)
    if not options.print:
        prepare(options)
        try:
            for name in options.tables:
                tables[name][0](runs)
        except OutOfTime:
            print("no time left; the same command goes on")
    for name in options.tables:
        tables[name][1](runs)
