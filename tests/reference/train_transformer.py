"""langzoo-transformer beside an independent PyTorch program: the same tokens, batches, initial weights and settings.

    python tests/reference/train_transformer.py --data train.tsv --valid valid.tsv [--preset tiny] [--steps 1000] [--seeds 1 2]
        [--threads 1] [--program build/release/bin/langzoo-transformer] [--set KEY=VALUE ...]

Nothing of langzoo's is used but its command line and the files that it writes: tokenizer.json, the initial weights (those
of a run of one step at a rate of 1e-30), run.json. The order of the batches, which (seed, epoch) decides, is computed
again here; the model, its loss, schedule and optimizer are written out below.

For each seed: without dropout the first losses are to be equal, which holds batches, wiring and optimizer to each other;
then both train with the preset's dropout, which is random on each side, and the validation losses after --steps are
printed with target tokens a second (end tokens counted, padding not; evaluation left out) and their ratio. Fails where the
validation losses are further apart than --tolerance. Written with torch 2.13.0, tokenizers 0.23 and safetensors 0.8.0.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from tokenizers import Tokenizer

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15


def mix(x):
    """SplitMix64's finaliser."""
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


class Permutation:
    """Of range(size), by a Feistel network of six rounds whose keys (seed, stream) decide."""

    def __init__(self, size, seed, stream):
        self.size, self.half = size, ((size - 1).bit_length() + 1) // 2
        state, self.keys = mix((mix((seed + GOLDEN) & MASK) + stream) & MASK), []
        for _ in range(6):
            state = (state + GOLDEN) & MASK
            self.keys.append(mix(state))

    def __call__(self, index):
        if self.half == 0:
            return index
        mask = (1 << self.half) - 1
        while True:
            left, right = index >> self.half, index & mask
            for key in self.keys:
                left, right = right, left ^ (mix(right ^ key) & mask)
            index = left << self.half | right
            if index < self.size:
                return index


def ceil_div(a, b):
    return -(-a // b)


class Extent:
    """What a bucket of pairs of these lengths comes to."""

    def __init__(self):
        self.source = self.target = self.pairs = self.targets = 0

    def add(self, cell):
        (source, target), pairs = cell
        self.source, self.target = max(self.source, source), max(self.target, target)
        self.pairs += pairs
        self.targets += pairs * target

    def padded(self):
        return self.pairs * (self.source + self.target)

    def batches(self, limits):
        capacity = min(self.pairs, limits["sentences"] or self.pairs)
        if limits["source_tokens"]:
            capacity = min(capacity, max(1, limits["source_tokens"] // max(1, self.source)))
        needed = ceil_div(self.pairs, capacity)
        if not limits["target_tokens"]:
            return needed
        by_longest = ceil_div(self.pairs, min(capacity, max(1, limits["target_tokens"] // max(1, self.target))))
        room = limits["target_tokens"] - self.target
        return max(needed, min(by_longest, ceil_div(self.targets, room))) if room > 0 else by_longest


def extent_of(cells):
    extent = Extent()
    for cell in cells:
        extent.add(cell)
    return extent


def best_cut(cells, limits):
    """(cells in order, saved padding, place): by source or target length, wherever most is saved."""
    found = []
    for side in (0, 1):
        ordered = sorted(cells, key=lambda cell: (cell[0][side], cell[0][1 - side]))
        after = [Extent()]
        for cell in reversed(ordered):  # extents of the cells from each on
            extent = Extent()
            extent.__dict__.update(after[-1].__dict__)
            extent.add(cell)
            after.append(extent)
        after.reverse()
        before, saved, at = Extent(), 0, 0
        for i in range(1, len(ordered)):
            before.add(ordered[i - 1])
            if ordered[i - 1][0][side] == ordered[i][0][side]:
                continue
            gain = after[0].padded() - before.padded() - after[i].padded()
            if gain > saved and before.batches(limits) >= 4 and after[i].batches(limits) >= 4:
                saved, at = gain, i
        found.append((ordered, saved, at))
    return found[0] if found[0][1] >= found[1][1] else found[1]


class BatchOrder:
    """The pairs of each batch of each epoch: pairs of like lengths in buckets, shuffled anew every epoch."""

    def __init__(self, lengths, limits, seed):
        self.seed, self.dealt = seed, limits["target_tokens"] > 0
        counts = {}
        for length in lengths:
            counts[length] = counts.get(length, 0) + 1
        cells = sorted(counts.items())
        fits = lambda cell: (cell[0][1] <= limits["target_tokens"]
                             and (not limits["source_tokens"] or cell[0][0] <= limits["source_tokens"]))
        fitting = [cell for cell in cells if fits(cell)] if self.dealt else cells
        parts = [best_cut(fitting, limits)] if fitting else []
        while parts and len(parts) < 256:
            best = max(range(len(parts)), key=lambda i: (parts[i][1], -i))
            ordered, saved, at = parts[best]
            if saved == 0:
                break
            parts[best] = best_cut(ordered[:at], limits)
            parts.append(best_cut(ordered[at:], limits))
        buckets = [part[0] for part in parts]
        if self.dealt and len(fitting) < len(cells):
            buckets.append([cell for cell in cells if not fits(cell)])
        places, begin, self.buckets, self.batches = {}, 0, [], 0
        for bucket in buckets:
            if self.dealt:
                bucket = sorted(bucket, key=lambda cell: (cell[0][1], cell[0][0]))
            pairs = 0
            for length, count in bucket:
                places[length] = begin + pairs
                pairs += count
            batches = extent_of(bucket).batches(limits)
            self.buckets.append((begin, pairs, batches, self.batches))
            begin += pairs
            self.batches += batches
        self.pairs = [0] * len(lengths)
        for i, length in enumerate(lengths):
            self.pairs[places[length]] = i
            places[length] += 1

    def examples(self, epoch, index):
        shuffled = lambda size, stream: Permutation(size, mix((self.seed + mix(stream)) & MASK), epoch)
        batch = shuffled(self.batches, 0)(index)
        number = max(i for i, bucket in enumerate(self.buckets) if bucket[3] <= batch)
        begin, size, batches, first = self.buckets[number]
        part, stream = batch - first, number + 1
        if self.dealt:  # dealt out in the order of target lengths, round after round
            rounds = ceil_div(size, batches)
            places = (shuffled(batches, stream + ((r + 1) << 32))(part) + size - (rounds - r) * batches for r in range(rounds))
            return [self.pairs[begin + place] for place in places if place >= 0]
        border = lambda i: size // batches * i + min(i, size % batches)
        order = shuffled(size, stream)
        return [self.pairs[begin + order(i)] for i in range(border(part), border(part + 1))]


class Data:
    """Sentence pairs as ids, with what the run's settings leave out left out, and their batches."""

    def __init__(self, path, tokenizer, config, bounds):
        self.config, self.pairs = config, []
        with open(path, encoding="utf-8") as lines:
            texts = [line.rstrip("\r\n").split("\t")[:2] for line in lines]
        sides = [tokenizer.encode_batch([text[i] for text in texts], add_special_tokens=False) for i in (0, 1)]
        for text, source, target in zip(texts, *sides):
            kept = all(part.strip() for part in text) and source.ids and target.ids
            if kept and len(source.ids) <= bounds[0] and len(target.ids) <= bounds[1]:
                self.pairs.append((source.ids + [config["eos_token_id"]], target.ids + [config["eos_token_id"]]))

    def batch(self, rows):
        sources, targets = zip(*(self.pairs[row] for row in rows))
        pad = lambda lists, value: torch.nn.utils.rnn.pad_sequence([torch.tensor(ids) for ids in lists], True, value)
        labels = pad(targets, -100)
        start = torch.full((len(rows), 1), self.config["decoder_start_token_id"])
        inputs = torch.cat([start, labels[:, :-1].clamp(min=0)], 1)
        lengths = torch.tensor([len(ids) for ids in sources])
        source = pad(sources, 0)
        return source, torch.arange(source.shape[1]) < lengths[:, None], inputs, labels


class Transformer:
    """Post-norm, as the paper; parameters by the names of the file. `p` holds them."""

    def __init__(self, config, weights):
        self.c = config
        self.bias = weights.pop("final_logits_bias")
        self.p = {name: torch.nn.Parameter(weight.clone()) for name, weight in weights.items()}
        self.table = self.p["model.shared.weight"]
        width = config["d_model"]
        angles = torch.arange(config["max_position_embeddings"], dtype=torch.float64)[:, None] / torch.pow(
            10000.0, torch.arange(0, width, 2, dtype=torch.float64) / width)
        self.places = torch.cat([angles.sin(), angles.cos()], 1).float()  # all sines, then all cosines
        self.activation = {"relu": F.relu, "gelu": F.gelu, "swish": F.silu, "silu": F.silu}[config["activation_function"]]
        self.training = True

    def drop(self, x):
        return F.dropout(x, self.c["dropout"], self.training)

    def linear(self, x, name):
        return F.linear(x, self.p[name + ".weight"], self.p[name + ".bias"])

    def norm(self, x, name):
        return F.layer_norm(x, x.shape[-1:], self.p[name + ".weight"], self.p[name + ".bias"])

    def attention(self, x, memory, name, heads, **mask):
        split = lambda y: y.unflatten(-1, (heads, -1)).transpose(1, 2)
        q, k, v = (split(self.linear(y, f"{name}.{part}_proj")) for y, part in ((x, "q"), (memory, "k"), (memory, "v")))
        return self.linear(F.scaled_dot_product_attention(q, k, v, **mask).transpose(1, 2).flatten(2), name + ".out_proj")

    def embed(self, ids):
        scale = math.sqrt(self.c["d_model"]) if self.c["scale_embedding"] else 1.0
        return self.drop(F.embedding(ids, self.table, self.c["pad_token_id"]) * scale + self.places[: ids.shape[1]])

    def feed_forward(self, x, name):
        inner = self.activation(self.linear(x, name + ".fc1"))
        return self.norm(x + self.drop(self.linear(inner, name + ".fc2")), name + ".final_layer_norm")

    def logits(self, source, mask, inputs, labels):
        """Of the labels that count: (N,V)."""
        seen = mask[:, None, None, :]
        x = self.embed(source)
        for i in range(self.c["encoder_layers"]):
            name = f"model.encoder.layers.{i}"
            part = self.attention(x, x, name + ".self_attn", self.c["encoder_attention_heads"], attn_mask=seen)
            x = self.feed_forward(self.norm(x + self.drop(part), name + ".self_attn_layer_norm"), name)
        y, heads = self.embed(inputs), self.c["decoder_attention_heads"]
        for i in range(self.c["decoder_layers"]):
            name = f"model.decoder.layers.{i}"
            part = self.attention(y, y, name + ".self_attn", heads, is_causal=True)
            y = self.norm(y + self.drop(part), name + ".self_attn_layer_norm")
            part = self.attention(y, x, name + ".encoder_attn", heads, attn_mask=seen)
            y = self.feed_forward(self.norm(y + self.drop(part), name + ".encoder_attn_layer_norm"), name)
        return F.linear(y[labels >= 0], self.table, self.bias[0])

    def loss_sum(self, batch, epsilon):
        """Label smoothing of the paper: epsilon / (V - 1) to every other token, less the smoothed target's entropy."""
        logits, targets = self.logits(*batch), batch[3][batch[3] >= 0]
        if epsilon == 0 or not self.training:
            return F.cross_entropy(logits, targets, reduction="sum")
        logs, other = logits.log_softmax(1), epsilon / (logits.shape[1] - 1)
        picked = logs.gather(1, targets[:, None]).squeeze(1)
        entropy = -(1 - epsilon) * math.log(1 - epsilon) - epsilon * math.log(other)
        return (-(1 - epsilon - other) * picked - other * logs.sum(1) - entropy).sum()


def train(run, initial, data, valid, steps):
    """The losses of all steps, the validation loss in nats a token, target tokens a second."""
    t, config = run["train"], run["model"]
    for key, value in {"schedule": "inverse_sqrt", "label_smoothing_kind": "others", "accumulation": 1, "ema_decay": 0.0,
                       "optimizer": "adamw", "weight_decay": 0.0, "min_learning_rate": 0.0, "r_drop": 0.0}.items():
        if t[key] != value:
            sys.exit(f"train.{key} = {t[key]}: here it is {value}")
    model = Transformer(config, dict(initial))
    optimizer = torch.optim.AdamW(model.p.values(), betas=(t["beta1"], t["beta2"]), eps=t["epsilon"], weight_decay=0,
                                  fused=True)
    lengths = [(len(source), len(target)) for source, target in data.pairs]
    limits = {"sentences": 0, "source_tokens": 0, "target_tokens": t["batch_tokens"]}
    if t["batch_tokens"]:
        sources, targets = (sum(length[i] for length in lengths) for i in (0, 1))
        limits["source_tokens"] = math.ceil(2.0 * t["batch_tokens"] * sources / targets)
    else:
        limits["sentences"] = t["batch_size"]
    order = BatchOrder(lengths, limits, t["seed"])
    torch.manual_seed(t["seed"])
    losses, tokens, begin = [], 0, time.perf_counter()
    for step in range(1, steps + 1):
        batch = data.batch(order.examples(*divmod(step - 1, order.batches)))
        count = int((batch[3] >= 0).sum())
        warmup = t["warmup_steps"]
        rate = t["learning_rate"] * (step / warmup if step < warmup else math.sqrt(max(warmup, 1) / step))
        optimizer.param_groups[0]["lr"] = rate
        loss = model.loss_sum(batch, t["label_smoothing"]) / count
        loss.backward()
        if t["clip_norm"]:
            torch.nn.utils.clip_grad_norm_(model.p.values(), t["clip_norm"])
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        tokens += count
    speed = tokens / (time.perf_counter() - begin)
    model.training, nats, count = False, 0.0, 0
    by_length = sorted(range(len(valid.pairs)), key=lambda i: len(valid.pairs[i][1]))
    with torch.no_grad():
        for first in range(0, len(by_length), 64):
            batch = valid.batch(by_length[first : first + 64])
            nats += model.loss_sum(batch, 0).item()
            count += int((batch[3] >= 0).sum())
    return losses, nats / count, speed


def langzoo(arguments, out, seed, settings):
    command = [arguments.program, "train", "--data", arguments.data, "--valid", arguments.valid, "--preset", arguments.preset,
               "--out", str(out), "--threads", str(arguments.threads), "--seed", str(seed), "--json", "--set",
               "train.eval_every=0", "train.save_every=0", "data.translated=0", *arguments.set, *settings]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(result.stderr)
    return json.loads(result.stdout.splitlines()[-1])


def losses_of(out):
    entries = map(json.loads, open(out / "metrics.jsonl", encoding="utf-8"))
    return [entry["loss"] for entry in entries if "loss" in entry]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="build/release/bin/langzoo-transformer")
    parser.add_argument("--data", required=True)
    parser.add_argument("--valid", required=True)
    parser.add_argument("--preset", default="tiny")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--tolerance", type=float, default=0.03)
    parser.add_argument("--set", nargs="*", default=[])
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    failed = False
    with tempfile.TemporaryDirectory() as scratch:
        for seed in arguments.seeds:
            first, equal, ours = (Path(scratch) / f"{name}{seed}" for name in ("first", "equal", "ours"))
            langzoo(arguments, first, seed, ["train.max_steps=1", "train.learning_rate=1e-30"])
            tokenizer = [f"data.tokenizer={first}"]
            initial = load_file(first / "model.safetensors")
            langzoo(arguments, equal, seed, [*tokenizer, "train.max_steps=20", "train.log_every=1", "model.dropout=0"])
            run = json.loads((equal / "run.json").read_text())
            bounds = [run["data"]["max_source"], run["data"]["max_target"]]
            pieces = Tokenizer.from_file(str(first / "tokenizer.json"))
            data, valid = (Data(path, pieces, run["model"], bounds) for path in (arguments.data, arguments.valid))
            theirs = train(run, initial, data, valid, 20)[0]
            apart = max(abs(a - b) for a, b in zip(losses_of(equal), theirs, strict=True))
            print(f"seed {seed}: without dropout the losses of 20 steps are at most {apart:.1e} apart "
                  f"({theirs[0]:.6f} ... {theirs[-1]:.6f})", flush=True)
            failed |= apart > 1e-3

            summary = langzoo(arguments, ours, seed, [*tokenizer, f"train.max_steps={arguments.steps}"])
            run = json.loads((ours / "run.json").read_text())
            _, loss, speed = train(run, initial, data, valid, arguments.steps)
            mine = summary["valid"]["loss"]
            print(f"seed {seed}: validation loss after {arguments.steps} steps: langzoo {mine:.4f}, PyTorch {loss:.4f}, "
                  f"difference {mine - loss:+.4f}; target tokens a second: langzoo {summary['tokens_per_second']:.0f}, "
                  f"PyTorch {speed:.0f}, ratio {summary['tokens_per_second'] / speed:.2f}", flush=True)
            failed |= abs(mine - loss) > arguments.tolerance
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
