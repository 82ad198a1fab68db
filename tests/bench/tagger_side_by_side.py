"""A BiLSTM-CRF tagger's training, and the CRF's alone, beside torch.nn and pytorch-crf: the same weights and batches, the
first losses compared.

Usage: python tagger_side_by_side.py --bin BUILD/bin [--threads 2] [--repeat 5] [--labels 17] [--hidden 200]

Prints a line for each: tokens a second of both, and the ratio. Written with torch 2.13.0, pytorch-crf 0.7.2 and
safetensors 0.8.0.
"""
import argparse
import json
import pathlib
import subprocess
import tempfile
import time

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torchcrf import CRF

VOCABULARY, EMBEDDING, BATCHES, ROWS, LONGEST = 20000, 100, 12, 32, 40


class Tagger(nn.Module):
    def __init__(self, hidden, labels):
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, EMBEDDING)
        self.rnn = nn.LSTM(EMBEDDING, hidden, bidirectional=True)
        self.output = nn.Linear(2 * hidden, labels)
        self.crf = CRF(labels, batch_first=True)

    def loss(self, ids, mask, labels):
        packed = pack_padded_sequence(self.embedding(ids.t()), mask.sum(1), enforce_sorted=False)
        hidden = pad_packed_sequence(self.rnn(packed)[0], total_length=ids.size(1))[0].transpose(0, 1)
        return -self.crf(self.output(hidden), labels.clamp_min(0), mask, reduction="sum")


def measure(data, repeat, checked, step):
    losses = [step(i % BATCHES) / ROWS for i in range(checked)]
    best = float("inf")
    for _ in range(repeat):
        begin = time.perf_counter()
        for i in range(BATCHES):
            step(i)
        best = min(best, time.perf_counter() - begin)
    return losses, int(data["mask"].sum()) / best


def python(verb, model, data, repeat, checked):
    mask = data["mask"].bool()
    adam = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.0)

    def crf_step(i):
        emissions = data["emissions"][i].detach().requires_grad_()
        model.crf.zero_grad()
        loss = -model.crf(emissions, data["labels"][i].clamp_min(0), mask[i], reduction="sum")
        loss.backward()
        return loss.item()

    def train_step(i):
        adam.zero_grad()
        loss = model.loss(data["ids"][i], mask[i], data["labels"][i])
        (loss / mask[i].sum()).backward()
        adam.step()
        return loss.item()

    return measure(data, repeat, checked, crf_step if verb == "crf" else train_step)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--labels", type=int, default=17)
    parser.add_argument("--hidden", type=int, default=200)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(1)
    model = Tagger(options.hidden, options.labels)
    lengths = torch.randint(5, LONGEST + 1, (BATCHES, ROWS)).sort(1, descending=True)[0]
    lengths[:, 0] = LONGEST
    mask = torch.arange(LONGEST) < lengths.unsqueeze(-1)
    data = {
        "ids": torch.randint(VOCABULARY, mask.shape) * mask,
        "mask": mask.long(),
        "labels": torch.randint(options.labels, mask.shape).masked_fill(~mask, -100),
        "emissions": torch.randn(*mask.shape, options.labels),
    }
    config = dict(architectures=["TaggerForTokenClassification"], model_type="tagger", vocab_size=VOCABULARY,
                  embedding_size=EMBEDDING, hidden_size=options.hidden, layers=1, dropout=0.0, crf=True,
                  crf_constraints="none", id2label={str(i): f"T{i}" for i in range(options.labels)})
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "config.json").write_text(json.dumps(config))
        save_file({k: p.detach().contiguous() for k, p in model.named_parameters()}, folder / "model.safetensors")
        save_file(data, folder / "data.safetensors")
        for verb in ("crf", "train"):
            ours = json.loads(subprocess.run(
                [f"{options.bin}/tagger_bench", verb, "--model", folder, "--data", folder / "data.safetensors",
                 "--threads", str(options.threads), "--repeat", str(options.repeat)],
                check=True, capture_output=True, text=True).stdout)
            losses, speed = python(verb, model, data, options.repeat, len(ours["losses"]))
            for a, b in zip(ours["losses"], losses):
                assert abs(a - b) < 1e-3 * abs(b), (verb, ours["losses"], losses)
            print(f"{verb}: ours {ours['tokens_per_second']:.0f} tokens/s, pytorch-crf {speed:.0f}, "
                  f"{ours['tokens_per_second'] / speed:.2f} times", flush=True)


if __name__ == "__main__":
    main()
