"""The book's sums learned by langzoo-seq2seq and by an equal PyTorch program, in one run.

Usage: python addition_side_by_side.py PATH_TO/langzoo-seq2seq addition.txt [--variant plain|reversed|peeky] [--epochs 25] [--seed 1]

Needs torch (written with 2.13.0). Both sides: the preset addition-peeky with the padding kept (of which plain and reversed
leave a part out), 45,000 pairs for training and 5,000 for testing, batches of 128, Adam with a rate that falls from 0.002
along half a cosine, clipping at norm 5, </s> behind source and target, one thread. Prints seconds of training an epoch
(langzoo's: tokens over its tokens a second) and exact matches after the last epoch, in per cent.
"""
import argparse
import json
import math
import subprocess
import tempfile
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

EMBEDDING, HIDDEN, BATCH, RATE, TEST = 16, 128, 128, 2e-3, 5000
VARIANTS = {"plain": ["model.peeky=false", "model.output=hidden", "model.reverse_source=false"],
            "reversed": ["model.peeky=false", "model.output=hidden"], "peeky": []}


class Sums(nn.Module):
    def __init__(self, vocabulary, peeky):
        super().__init__()
        self.peeky = peeky
        more = HIDDEN if peeky else 0
        self.source, self.target = (nn.Embedding(vocabulary, EMBEDDING) for _ in range(2))
        self.encoder, self.decoder = nn.LSTM(EMBEDDING, HIDDEN), nn.LSTM(EMBEDDING + more, HIDDEN)
        self.output = nn.Linear(HIDDEN + more, vocabulary)
        for name, p in self.named_parameters():
            std = 0.01 if name in ("source.weight", "target.weight") else 1 / math.sqrt(p.shape[-1])
            nn.init.zeros_(p) if p.dim() == 1 else nn.init.normal_(p, 0, std)
            p.requires_grad = "bias_hh" not in name  # one bias a gate

    def decode(self, ids, summary, state):
        x = self.target(ids.t())
        steps = summary.expand(len(x), -1, -1)
        y, state = self.decoder(torch.cat([steps, x], -1) if self.peeky else x, state)
        return self.output(torch.cat([steps, y], -1) if self.peeky else y), state

    def start(self, source):
        summary = self.encoder(self.source(source.t()))[1][0]
        return summary, (summary, torch.zeros_like(summary))

    def forward(self, source, ids):
        return self.decode(ids, *self.start(source))[0]

    @torch.inference_mode()
    def answers(self, source, length):
        summary, state = self.start(source)
        ids, found = torch.zeros(len(source), 1, dtype=torch.int64), []
        for _ in range(length):
            logits, state = self.decode(ids, summary, state)
            ids = logits[0].argmax(-1, keepdim=True)
            found.append(ids)
        return torch.cat(found, 1)


def by_pytorch(path, args):
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.manual_seed(args.seed)
    pairs = [line.rstrip("\n").split("_") for line in open(path)]
    ids = {c: i + 2 for i, c in enumerate(sorted({c for pair in pairs for side in pair for c in side}))}
    source, target = (torch.tensor([[ids[c] for c in pair[side]] + [1] for pair in pairs]) for side in range(2))
    if args.variant != "plain":
        source = source.flip(1)
    entering = F.pad(target[:, :-1], (1, 0))
    model = Sums(len(ids) + 2, args.variant == "peeky")
    adam = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], RATE, fused=True)
    count = len(pairs) - TEST
    steps = args.epochs * (count // BATCH)
    schedule = torch.optim.lr_scheduler.LambdaLR(adam, lambda step: (1 + math.cos(math.pi * step / steps)) / 2)
    begin = time.perf_counter()
    for _ in range(args.epochs):
        for rows in torch.randperm(count)[:count // BATCH * BATCH].split(BATCH):
            loss = F.cross_entropy(model(source[rows], entering[rows]).flatten(0, 1), target[rows].t().flatten())
            adam.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            adam.step()
            schedule.step()
    seconds = time.perf_counter() - begin
    right = (model.answers(source[count:], target.shape[1]) == target[count:]).all(1)
    return seconds / args.epochs, 100 * right.float().mean().item()


def by_langzoo(path, args):
    settings = [*VARIANTS[args.variant], "data.keep_padding=true", f"data.translated={TEST}", "train.eval_every=0",
                "train.save_every=0"]
    with tempfile.TemporaryDirectory() as out:
        done = subprocess.run([args.program, "train", "--data", path, "--preset", "addition-peeky", "--epochs", str(args.epochs),
                               "--seed", str(args.seed), "--threads", "1", "--json", "--out", out, "--set", *settings],
                              check=True, capture_output=True, text=True)
    last = json.loads(done.stdout.splitlines()[-1])
    return last["tokens"] / last["tokens_per_second"] / args.epochs, last["valid"]["exact_match"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("data")
    parser.add_argument("--variant", choices=VARIANTS, default="reversed")
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    ours, theirs = by_langzoo(args.data, args), by_pytorch(args.data, args)
    print(f"{args.variant}: langzoo {ours[0]:.2f} s an epoch, {ours[1]:.1f} %; PyTorch {theirs[0]:.2f} s, {theirs[1]:.1f} %; "
          f"ratio {theirs[0] / ours[0]:.2f}")


if __name__ == "__main__":
    main()
