"""Beam search with one GPT-2 by langzoo and transformers, in one run on one machine.

Usage: python beam_search_side_by_side.py PATH_TO/beam_search_bench [--threads 2] [--new 64] [--repeat 2] [--beams 5]

Needs torch and transformers (written with 2.13.0 and 5.23.0). A random model of 124M parameters, saved by transformers,
is used by both, no end token. Prints milliseconds a step, the best of N runs, and the ratio; the best ids of every
prompt must agree.
"""
import argparse
import json
import pathlib
import subprocess
import tempfile
import time

import torch
import transformers

PROMPT = 16


def prompts(batch, vocabulary):
    return torch.tensor([[(7919 * (b + 1) + 104729 * t) % vocabulary for t in range(PROMPT)] for b in range(batch)])


def with_transformers(model, batch, args):
    ids = prompts(batch, model.config.vocab_size)
    best, result = float("inf"), None
    for _ in range(args.repeat):
        begin = time.perf_counter()
        with torch.inference_mode():
            result = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, num_beams=args.beams,
                                    max_new_tokens=args.new, eos_token_id=None, pad_token_id=0)
        best = min(best, time.perf_counter() - begin)
    return 1000 * best / args.new, result[:, PROMPT:].tolist()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bench")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--new", type=int, default=64)
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--beams", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    with tempfile.TemporaryDirectory() as scratch:
        torch.manual_seed(1)
        directory = pathlib.Path(scratch) / "gpt2"
        # The usual initialisation repeats one token for ever; a wider one gives beams that differ.
        model = transformers.GPT2LMHeadModel(transformers.GPT2Config(initializer_range=0.05)).eval()
        model.generation_config.eos_token_id = None
        model.save_pretrained(directory)
        command = [args.bench, "--model", directory, "--threads", args.threads, "--new", args.new, "--repeat",
                   args.repeat, "--beams", args.beams, "--ids"]
        output = subprocess.run([str(x) for x in command], check=True, capture_output=True, text=True).stdout
    print("batch  langzoo ms/step  (search alone)  transformers ms/step  ratio  equal ids")
    for ours in map(json.loads, output.splitlines()):
        theirs, ids = with_transformers(model, ours["batch"], args)
        equal = sum(a == b for a, b in zip(ids, ours["ids"]))
        print(f"{ours['batch']:5}  {ours['milliseconds_per_step']:15.2f}  {ours['search_milliseconds_per_step']:14.3f}  "
              f"{theirs:20.2f}  {theirs / ours['milliseconds_per_step']:5.2f}  {equal} of {len(ids)}")


main()
