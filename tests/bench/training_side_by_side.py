"""Training speed of langzoo-gpt beside two Python programs: same sizes, same batches per step, one machine, one run.

    python tests/bench/training_side_by_side.py [--model char|wide] [--dtype float32|bfloat16] [--program PATH]

The Python programs are a plain PyTorch GPT written here and transformers' GPT2LMHeadModel, both with
torch.optim.AdamW(fused=True) and gradient clipping; in bfloat16 they run under torch.autocast. The three take turns, so
a noisy machine slows all of them; the median of the rounds is printed, with tokens a second and peak memory.
Needs torch and transformers. Tokens are random: speed does not depend on what is learned.
"""

import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SIZES = {  # vocabulary, context, width, layers, heads, batch
    "char": (65, 64, 128, 4, 4, 12),
    "wide": (4096, 256, 384, 6, 6, 8),
}
STEPS = {"char": 300, "wide": 12}


def plain_gpt(vocab, context, width, layers, heads):
    import torch
    import torch.nn as nn
    import torch.nn.functional as F

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

        def forward(self, x):
            b, t, c = x.shape
            q, k, v = (y.view(b, t, heads, -1).transpose(1, 2) for y in self.qkv(self.ln_1(x)).split(c, 2))
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.proj(y.transpose(1, 2).reshape(b, t, c))
            return x + self.down(F.gelu(self.up(self.ln_2(x)), approximate="tanh"))

    class Gpt(nn.Module):
        def __init__(self):
            super().__init__()
            self.wte, self.wpe = nn.Embedding(vocab, width), nn.Embedding(context, width)
            self.blocks = nn.ModuleList(Block() for _ in range(layers))
            self.ln_f = nn.LayerNorm(width)
            for parameter in self.parameters():
                if parameter.dim() > 1:
                    nn.init.normal_(parameter, std=0.02)

        def forward(self, ids, targets):
            x = self.wte(ids) + self.wpe.weight[: ids.shape[1]]
            for block in self.blocks:
                x = block(x)
            logits = F.linear(self.ln_f(x), self.wte.weight)
            return F.cross_entropy(logits.flatten(0, 1), targets.flatten())

    return Gpt()


def hugging_face_gpt(vocab, context, width, layers, heads):
    import torch.nn.functional as F
    from transformers import GPT2Config, GPT2LMHeadModel

    class Gpt(GPT2LMHeadModel):
        def forward(self, ids, targets):
            return F.cross_entropy(super().forward(ids).logits.flatten(0, 1), targets.flatten())

    return Gpt(GPT2Config(vocab_size=vocab, n_positions=context, n_embd=width, n_layer=layers, n_head=heads,
                          resid_pdrop=0, embd_pdrop=0, attn_pdrop=0, use_cache=False))


def run_python(which, size, dtype):
    """In a process of its own: prints tokens a second and peak memory as JSON."""
    import torch
    import torch.nn as nn

    torch.set_num_threads(2)
    torch.manual_seed(1)
    vocab, context, width, layers, heads, batch = SIZES[size]
    model = {"pytorch": plain_gpt, "transformers": hugging_face_gpt}[which](vocab, context, width, layers, heads)
    decay = [p for p in model.parameters() if p.dim() > 1]
    rest = [p for p in model.parameters() if p.dim() < 2]
    optimizer = torch.optim.AdamW([{"params": decay, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}],
                                  lr=1e-3, betas=(0.9, 0.99), fused=True)
    data = torch.randint(vocab, (200000,))

    def step():
        starts = torch.randint(len(data) - context - 1, (batch,))
        ids = torch.stack([data[i : i + context] for i in starts])
        targets = torch.stack([data[i + 1 : i + context + 1] for i in starts])
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == "bfloat16"):
            loss = model(ids, targets)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.item()

    for _ in range(3):
        step()
    start = time.perf_counter()
    for _ in range(STEPS[size]):
        step()
    seconds = (time.perf_counter() - start) / STEPS[size]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"tokens_per_second": batch * context / seconds, "peak_memory_bytes": peak}))


def run_langzoo(program, size, dtype, text):
    vocab, context, width, layers, heads, batch = SIZES[size]
    with tempfile.TemporaryDirectory() as scratch:
        command = [program, "train", "--data", text, "--tokenizer", "char", "--out", f"{scratch}/out", "--json",
                   "--threads", "2", "--dtype", dtype, "--set", f"model.n_positions={context}",
                   f"model.n_embd={width}", f"model.n_layer={layers}", f"model.n_head={heads}", "model.embd_pdrop=0",
                   "model.resid_pdrop=0", "model.attn_pdrop=0", f"train.batch_size={batch}",
                   f"train.max_steps={STEPS[size] + 3}", "train.eval_every=0", "train.save_every=0"]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode != 0:
            sys.exit(result.stderr)
        return json.loads(result.stdout.strip().splitlines()[-1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", default="build/release/bin/langzoo-gpt")
    parser.add_argument("--model", choices=SIZES, default="char")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--python", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.python:
        return run_python(arguments.python, arguments.model, arguments.dtype)

    vocab = SIZES[arguments.model][0]
    random.seed(1)
    alphabet = [chr(0x4E00 + i) for i in range(vocab)]
    results = {"pytorch": [], "transformers": [], "langzoo": []}
    with tempfile.TemporaryDirectory() as scratch:
        text = Path(scratch) / "random.txt"
        text.write_text("".join(alphabet + random.choices(alphabet, k=200000)))
        for _ in range(arguments.rounds):
            for which in ("pytorch", "transformers"):
                output = subprocess.run([sys.executable, __file__, "--python", which, "--model", arguments.model,
                                         "--dtype", arguments.dtype], capture_output=True, text=True, check=True)
                results[which].append(json.loads(output.stdout.strip().splitlines()[-1]))
            results["langzoo"].append(run_langzoo(arguments.program, arguments.model, arguments.dtype, str(text)))

    median = {which: statistics.median(r["tokens_per_second"] for r in rows) for which, rows in results.items()}
    print(f"{arguments.model}, {arguments.dtype}, 2 threads, median of {arguments.rounds} rounds")
    for which, rows in results.items():
        peak = statistics.median(r["peak_memory_bytes"] for r in rows) / 2**20
        ratio = median["langzoo"] / median[which]
        print(f"{which:>13} {median[which]:10.0f} tokens/s   langzoo / this {ratio:5.2f}   peak {peak:6.0f} MiB")


if __name__ == "__main__":
    main()
