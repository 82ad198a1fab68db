"""Layers that see a window beside layers that see everything, in one run on one machine: a training step, and a decoding
step when ever more tokens are held.

    python tests/bench/banded_side_by_side.py build/release/bin [--width 768] [--heads 12] [--layers 2] [--context 2048]
        [--window 256] [--steps 6] [--rounds 3] [--threads 2] [--held 256,512,1024,1536,2000] [--no-transformers]

The model is a GPT-Neo whose layers are all local (banded), all global (dense) or both in turn, as GPT-3's; a batch is one
text of --context tokens of 65 kinds, so that nearly all time goes to the layers. Training: milliseconds a step of
langzoo-gpt train, and of transformers' GPTNeoForCausalLM with torch.optim.AdamW(fused=True), the best of the rounds, in
which all take turns. Decoding: milliseconds a token of generation_bench --at, whose cached logits are checked against
full passes. Needs torch and transformers (written with 2.13.0 and 5.23.0).
"""

import argparse
import json
import pathlib
import random
import resource
import subprocess
import sys
import tempfile
import time

VOCABULARY = 65
KINDS = {"banded": ["local"], "in turn": ["global", "local"], "dense": ["global"]}


def attention_types(kind, layers):
    names = KINDS[kind]
    return [[names, layers // len(names)]]


def transformers_model(args, kind):
    import torch
    import transformers

    transformers.logging.disable_progress_bar()
    torch.manual_seed(1)
    return transformers.GPTNeoForCausalLM(transformers.GPTNeoConfig(
        vocab_size=VOCABULARY, max_position_embeddings=args.context, hidden_size=args.width, num_layers=args.layers,
        num_heads=args.heads, attention_types=attention_types(kind, args.layers), window_size=args.window,
        resid_dropout=0, embed_dropout=0, attention_dropout=0, bos_token_id=0, eos_token_id=0))


def run_python(args):
    """In a process of its own: prints tokens a second and peak memory as JSON."""
    import torch

    torch.set_num_threads(args.threads)
    model = transformers_model(args, args.python)
    model.config.use_cache = False
    decay = [p for p in model.parameters() if p.dim() > 1]
    rest = [p for p in model.parameters() if p.dim() < 2]
    optimizer = torch.optim.AdamW([{"params": decay, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}],
                                  lr=1e-3, fused=True)

    def step():
        ids = torch.randint(VOCABULARY, (1, args.context + 1))
        logits = model(ids[:, :-1]).logits
        torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten()).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    step()
    begin = time.perf_counter()
    for _ in range(args.steps):
        step()
    seconds = (time.perf_counter() - begin) / args.steps
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"tokens_per_second": args.context / seconds, "peak_memory_bytes": peak}))


def run_langzoo(args, kind, text):
    with tempfile.TemporaryDirectory() as scratch:
        command = [args.bin / "langzoo-gpt", "train", "--model-type", "gpt_neo", "--data", text, "--tokenizer", "char",
                   "--out", f"{scratch}/out", "--json", "--threads", args.threads, "--set",
                   f"model.max_position_embeddings={args.context}", f"model.hidden_size={args.width}",
                   f"model.num_layers={args.layers}", f"model.num_heads={args.heads}", f"model.window_size={args.window}",
                   f"model.attention_types={json.dumps(attention_types(kind, args.layers))}", "train.batch_size=1",
                   f"train.max_steps={args.steps + 1}", "train.eval_every=0", "train.save_every=0"]
        result = subprocess.run([str(word) for word in command], capture_output=True, text=True)
        if result.returncode != 0:
            sys.exit(result.stderr)
        return json.loads(result.stdout.strip().splitlines()[-1])


def report_training(args):
    sides = [("langzoo", kind) for kind in KINDS]
    if args.transformers:
        sides += [("transformers", kind) for kind in ("banded", "dense")]
    results = {side: [] for side in sides}
    with tempfile.TemporaryDirectory() as scratch:
        text = pathlib.Path(scratch) / "random.txt"
        alphabet = [chr(0x4E00 + i) for i in range(VOCABULARY)]
        text.write_text("".join(alphabet + random.Random(1).choices(alphabet, k=200000)))
        for _ in range(args.rounds):
            for program, kind in sides:
                if program == "langzoo":
                    results[program, kind].append(run_langzoo(args, kind, text))
                    continue
                output = subprocess.run([sys.executable, *sys.argv, "--python", kind], capture_output=True, text=True, check=True)
                results[program, kind].append(json.loads(output.stdout.strip().splitlines()[-1]))
    print(f"training, {args.layers} layers of width {args.width}, {args.heads} heads, {args.context} tokens, window "
          f"{args.window}, {args.threads} threads, the best of {args.rounds} rounds")
    best = {side: 1000 * args.context / max(r["tokens_per_second"] for r in rows) for side, rows in results.items()}
    for side, rows in results.items():
        peak = min(r["peak_memory_bytes"] for r in rows) / 2**20
        print(f"  {side[0]:>12} {side[1]:>8}: {best[side]:8.1f} ms a step, peak {peak:5.0f} MiB; langzoo's banded is "
              f"{best[side] / best['langzoo', 'banded']:.2f} times as fast")


def report_decoding(args):
    print(f"decoding, milliseconds a token, the best of {args.rounds}, when so many tokens are held")
    held = args.held.split(",")
    print(f"  {'':>8} " + " ".join(f"{n:>8}" for n in held) + "   last / first")
    for kind in KINDS:
        with tempfile.TemporaryDirectory() as scratch:
            transformers_model(args, kind).save_pretrained(scratch)
            output = subprocess.run([str(args.bin / "generation_bench"), "--model", scratch, "--threads", str(args.threads),
                                     "--dtype", "float32", "--at", args.held, "--repeat", str(args.rounds)],
                                    check=True, capture_output=True, text=True).stdout
        times = [json.loads(line)["milliseconds"] for line in output.splitlines()]
        print(f"  {kind:>8} " + " ".join(f"{t:8.3f}" for t in times) + f"   {times[-1] / times[0]:.2f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bin", type=pathlib.Path)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--heads", type=int, default=12)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--context", type=int, default=2048)
    parser.add_argument("--window", type=int, default=256)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--held", default="256,512,1024,1536,2000")
    parser.add_argument("--no-transformers", dest="transformers", action="store_false")
    parser.add_argument("--python", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.python:
        return run_python(args)
    report_training(args)
    report_decoding(args)


if __name__ == "__main__":
    main()
