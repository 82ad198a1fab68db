"""An LSTM language model (2 x 650, tied, vocabulary 10,000) trained and generating: langzoo-lm beside torch.nn.

Usage: python lm_side_by_side.py build/release/bin/langzoo-lm [--threads 2] [--steps 40] [--tokens 1000] [--rounds 3]

The same text (made up: words by Zipf's law), batches of 20 x 35, dropout 0.5, SGD with clipping. Both sides run in turn,
each in a process of its own; a speed is the median over the rounds. That both learn the same is shown by the loss.
"""
import argparse
import json
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

VOCABULARY, WIDTH, LAYERS, BATCH, STEPS, DROPOUT = 10000, 650, 2, 20, 35, 0.5


def write_text(path, tokens):
    rng = random.Random(1)
    ranks = range(1, VOCABULARY - 1)
    weights = [1 / r for r in ranks]
    words = rng.choices(ranks, weights, k=tokens) + list(ranks)
    with open(path, "w") as out:
        for i in range(0, len(words), 20):
            out.write(" ".join(f"w{r}" for r in words[i:i + 20]) + "\n")


def model():
    import torch

    class Lm(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = torch.nn.Embedding(VOCABULARY, WIDTH)
            self.rnn = torch.nn.LSTM(WIDTH, WIDTH, LAYERS, dropout=DROPOUT)
            self.output = torch.nn.Linear(WIDTH, VOCABULARY)
            self.output.weight = self.embedding.weight
            torch.nn.init.uniform_(self.embedding.weight, -0.1, 0.1)
            torch.nn.init.zeros_(self.output.bias)

        def forward(self, ids, state=None):
            drop = torch.nn.functional.dropout
            y, state = self.rnn(drop(self.embedding(ids), DROPOUT, self.training), state)
            return self.output(drop(y, DROPOUT, self.training)), state

    return Lm()


def torch_side(args):
    import torch
    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(1)
    lm = model()
    if args.side == "train":
        words = pathlib.Path(args.text).read_text().replace("\n", " </s> ").split()
        ids = {w: i for i, w in enumerate(dict.fromkeys(words))}
        stream = torch.tensor([ids[w] for w in words])
        columns = stream[:len(stream) // BATCH * BATCH].view(BATCH, -1).t().contiguous()
        optimizer = torch.optim.SGD(lm.parameters(), lr=20)
        state, loss, begin = None, None, 0
        for step in range(args.steps + 3):
            if step == 3:
                begin = time.perf_counter()
            at = step * STEPS
            x, y = columns[at:at + STEPS], columns[at + 1:at + STEPS + 1]
            logits, state = lm(x, state)
            state = tuple(s.detach() for s in state)
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten())
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(lm.parameters(), 0.25)
            optimizer.step()
        seconds = time.perf_counter() - begin
        print(json.dumps({"speed": args.steps * BATCH * STEPS / seconds, "loss": loss.item()}))
        return
    lm.eval()
    with torch.inference_mode():
        token, state = torch.zeros(1, 1, dtype=torch.long), None
        for step in range(args.tokens + 20):
            if step == 20:
                begin = time.perf_counter()
            logits, state = lm(token, state)
            token = torch.multinomial((logits[-1] / 0.8).softmax(-1), 1)
    print(json.dumps({"speed": args.tokens / (time.perf_counter() - begin)}))


def run(command):
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def ours_train(args, text, out):
    done = run([args.program, "train", "--model", "lstm", "--data", text, "--out", out, "--overwrite", "--json",
                "--threads", str(args.threads), "--set", "data.tokenizer=words", "data.valid_fraction=0",
                f"model.embedding_size={WIDTH}", f"model.hidden_size={WIDTH}", f"model.layers={LAYERS}",
                f"model.dropout={DROPOUT}", "model.tie_word_embeddings=true", f"data.bptt={STEPS}",
                f"train.batch_size={BATCH}", "train.schedule=constant", f"train.max_steps={args.steps}",
                "train.max_epochs=0", f"train.log_every={args.steps}"])
    return {"speed": done["tokens_per_second"], "loss": done["train_loss"]}


def ours_generate(args, out):
    def seconds(tokens):
        begin = time.perf_counter()
        subprocess.run([args.program, "generate", "--model", out, "--prompt", "w1", "--max-new-tokens", str(tokens),
                        "--min-new-tokens", str(tokens), "--temperature", "0.8", "--seed", "1", "--json",
                        "--threads", str(args.threads)], check=True, capture_output=True)
        return time.perf_counter() - begin
    return {"speed": args.tokens / (seconds(args.tokens + 20) - seconds(20))}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--tokens", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--side", choices=("train", "generate"))
    parser.add_argument("--text")
    args = parser.parse_args()
    if args.side:
        return torch_side(args)
    with tempfile.TemporaryDirectory() as folder:
        text, out = f"{folder}/text.txt", f"{folder}/run"
        write_text(text, (args.steps + 4) * BATCH * STEPS)
        theirs = [sys.executable, __file__, args.program, "--threads", str(args.threads), "--steps", str(args.steps),
                  "--tokens", str(args.tokens), "--text", text, "--side"]
        figures = {"train": ([], []), "generate": ([], [])}
        for _ in range(args.rounds):
            figures["train"][0].append(ours_train(args, text, out))
            figures["train"][1].append(run(theirs + ["train"]))
            figures["generate"][0].append(ours_generate(args, out))
            figures["generate"][1].append(run(theirs + ["generate"]))
    for what, (ours, torch) in figures.items():
        a, b = (statistics.median(f["speed"] for f in side) for side in (ours, torch))
        losses = "" if what == "generate" else f"   losses {ours[-1]['loss']:.3f} (mean), {torch[-1]['loss']:.3f} (last)"
        print(f"{what:<9} langzoo {a:8.1f} tokens/s   torch.nn {b:8.1f} tokens/s   {a / b:.2f} times{losses}")


if __name__ == "__main__":
    main()
