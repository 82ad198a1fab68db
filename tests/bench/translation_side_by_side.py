"""Beam search over real sentences by langzoo-seq2seq and by an equal PyTorch loop, in one run.

Usage: python translation_side_by_side.py PATH_TO/langzoo-seq2seq MODEL PAIRS.tsv [--batches 1,8,32] [--beams 5] [--rounds 3]

Needs torch, tokenizers and safetensors (written with 2.13.0, 0.23.3 and 0.8.0). MODEL is an --out of langzoo-seq2seq train
whose wiring seq2seq_side_by_side.py knows. Both sides take the sentences longest first in batches of the same size, search
with 5 beams under Hugging Face's rules (2 x beams candidates, length penalty 1, a source is done when no beam can still win)
and decode at most 128 tokens. The PyTorch loop keeps all beams of a batch in tensors, rows of sources that are done among
them, until all are done, as transformers does; only what ends is looked at in Python. Threads: 2. Prints the seconds of
searching alone (best of the rounds, in which the two take turns), sentences a second, the ratio, and how many translations
are equal token by token: the rest are ties that rounding decides.
"""
import argparse
import json
import pathlib
import subprocess
import tempfile
import time

import torch
from safetensors.torch import load_file
from seq2seq_side_by_side import Beams, PyTorchModel
from tokenizers import Tokenizer

LONGEST = 128


@torch.inference_mode()
def beam_search(model, source, lengths, beams):
    """Token ids of each source's best hypothesis, its end token included."""
    search = Beams(model, source, lengths, beams)
    complete, done = [[] for _ in source], [False] * len(source)
    for length in range(1, LONGEST + 1):
        totals, rows, tokens = search.best(2 * beams)
        ended = tokens == model.c["eos_token_id"]
        if length == LONGEST:
            ended[:] = True
        for b, k in ended[:, :beams].nonzero().tolist():
            if not done[b]:
                complete[b].append((totals[b, k].item() / length, search.ids[rows[b, k], 1:].tolist() + [tokens[b, k].item()]))
        scores, kept = totals.masked_fill(ended, float("-inf")).topk(beams)
        for b, bound in enumerate((scores[:, 0] / length).tolist()):
            complete[b] = sorted(complete[b], key=lambda c: -c[0])[:beams]
            done[b] = done[b] or (len(complete[b]) == beams and bound <= complete[b][-1][0])
        if all(done):
            break
        search.advance(scores, rows.gather(1, kept).flatten(), tokens.gather(1, kept))
    return [c[0][1] for c in complete]


def by_pytorch(model, sources, batch, beams):
    order = sorted(range(len(sources)), key=lambda i: -len(sources[i]))
    found = [None] * len(sources)
    begin = time.perf_counter()
    for first in range(0, len(order), batch):
        rows = order[first:first + batch]
        lengths = torch.tensor([len(sources[i]) for i in rows])
        source = torch.nn.utils.rnn.pad_sequence([torch.tensor(sources[i]) for i in rows], batch_first=True)
        for i, ids in zip(rows, beam_search(model, source, lengths, beams)):
            found[i] = ids
    return found, time.perf_counter() - begin


def by_langzoo(program, model, pairs, sentences, batch, beams):
    common = ["--model", model, "--num-beams", str(beams), "--batch-size", str(batch), "--max-new-tokens", str(LONGEST),
              "--threads", "2", "--json"]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as lines:
        lines.write("\n".join(sentences) + "\n")
        lines.flush()
        out = subprocess.run([program, "translate", "--data", lines.name, *common], check=True, capture_output=True, text=True)
    found = [json.loads(line)["ids"] for line in out.stdout.splitlines()]
    measured = subprocess.run([program, "eval", "--data", pairs, *common], check=True, capture_output=True, text=True)
    return found, json.loads(measured.stdout)["seconds"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("model")
    parser.add_argument("pairs")
    parser.add_argument("--batches", default="1,8,32")
    parser.add_argument("--beams", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(2)
    torch.set_flush_denormal(True)
    directory = pathlib.Path(args.model)
    model = PyTorchModel(json.loads((directory / "config.json").read_text()))
    weights = load_file(directory / "model.safetensors")
    weights.setdefault("decoder.embedding.weight", weights["encoder.embedding.weight"])  # shared
    weights.setdefault("output.weight", weights["decoder.embedding.weight"])  # tied
    model.load_state_dict(weights)
    model.eval()
    sentences = [line.split("\t")[0] for line in pathlib.Path(args.pairs).read_text().splitlines()]
    tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
    end = model.c["eos_token_id"]
    sources = [tokenizer.encode(s, add_special_tokens=False).ids + [end] for s in sentences]
    for batch in map(int, args.batches.split(",")):
        best = [1e9, 1e9]
        for _ in range(args.rounds):
            ours, mine = by_langzoo(args.program, args.model, args.pairs, sentences, batch, args.beams)
            theirs, other = by_pytorch(model, sources, batch, args.beams)
            best = [min(best[0], mine), min(best[1], other)]
        equal = sum(a == b for a, b in zip(ours, theirs))
        print(f"batch {batch:3}  langzoo {len(sources) / best[0]:7.1f}  PyTorch {len(sources) / best[1]:7.1f} sentences/s"
              f"  ratio {best[1] / best[0]:.2f}  equal {equal} of {len(sources)}", flush=True)


if __name__ == "__main__":
    main()
