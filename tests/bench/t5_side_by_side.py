"""Greedy text to text of one T5 by langzoo, transformers and CTranslate2, in one run on one machine.

Usage: python t5_side_by_side.py PATH_TO/t5_bench [--model DIR] [--threads 2] [--source 64] [--new 32] [--repeat 5] [--train STEPS]

Needs torch, transformers and ctranslate2 (written with 2.13.0, 5.23.0 and 4.8.5). Without --model a random model of
T5-small's size, saved by transformers, is used by all. Prints new tokens a second, tokens a second of the encoder alone, the
best of N runs, and the ratios; the float32 ids of all three must agree on the first row, but for ties that rounding decides.
--train STEPS instead: target tokens a second of training on 8 rows, langzoo and transformers in turn, each in a process of
its own, AdamW(fused=True) and clipping; the first losses, without dropout, must agree.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import ctranslate2
import torch
import transformers


def sources(batch, tokens, vocabulary):
    return [[2 + (7919 * (b + 1) + 104729 * t) % (vocabulary - 2) for t in range(tokens)] for b in range(batch)]


def best_seconds(run, repeat):
    run()
    best = 1e9
    for _ in range(repeat):
        begin = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - begin)
    return best


def langzoo(bench, directory, args):
    command = [bench, "--model", directory, "--threads", args.threads, "--source", args.source, "--new", args.new,
               "--repeat", args.repeat, "--ids"]
    output = subprocess.run([str(x) for x in command], check=True, capture_output=True, text=True).stdout
    return {(r["dtype"], r["batch"]): r for r in map(json.loads, output.splitlines())}


def with_transformers(directory, args):
    model = transformers.T5ForConditionalGeneration.from_pretrained(directory).eval()
    results = {}
    for batch in (1, 8):
        ids = torch.tensor(sources(batch, args.source, model.config.vocab_size))
        mask = torch.ones_like(ids)

        @torch.inference_mode()
        def generate():
            return model.generate(input_ids=ids, attention_mask=mask, do_sample=False, max_new_tokens=args.new,
                                  min_new_tokens=args.new, eos_token_id=None, pad_token_id=0)

        @torch.inference_mode()
        def encode():
            return model.encoder(input_ids=ids, attention_mask=mask)

        results[batch] = (batch * args.new / best_seconds(generate, args.repeat),
                          batch * args.source / best_seconds(encode, args.repeat), generate()[0, 1:].tolist())
    return results


def with_ctranslate2(directory, scratch, args):
    vocabulary = transformers.T5Config.from_pretrained(directory).vocab_size
    converted = pathlib.Path(scratch) / "ctranslate2"
    tokens = ["<pad>", "</s>", "<unk>"] + [f"t{i}" for i in range(3, vocabulary)]

    class Converter(ctranslate2.converters.TransformersConverter):
        def load_tokenizer(self, tokenizer_class, path, **kwargs):
            class Names:  # the converter wants a tokenizer for the tokens' names only
                pad_token, eos_token, unk_token = tokens[:3]

                def get_vocab(self):
                    return {token: i for i, token in enumerate(tokens)}

                def convert_ids_to_tokens(self, i):
                    return tokens[i]

            return Names()

    Converter(str(directory)).convert(str(converted), quantization="float32")
    translator = ctranslate2.Translator(str(converted), device="cpu", compute_type="float32", inter_threads=1,
                                        intra_threads=args.threads)
    number = {token: i for i, token in enumerate(tokens)}
    results = {}
    for batch in (1, 8):
        rows = [[tokens[i] for i in row] for row in sources(batch, args.source, vocabulary)]

        def generate():
            return translator.translate_batch(rows, beam_size=1, max_decoding_length=args.new, min_decoding_length=args.new,
                                              end_token=[], max_input_length=0)

        results[batch] = (batch * args.new / best_seconds(generate, args.repeat),
                          [number[token] for token in generate()[0].hypotheses[0]])
    return results


def train_with_transformers(args):
    model = transformers.T5ForConditionalGeneration.from_pretrained(args.model).eval()
    source = torch.tensor(sources(8, args.source, model.config.vocab_size))
    labels = torch.tensor(sources(16, args.new, model.config.vocab_size))[8:].contiguous()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.01, fused=True)

    def step():
        optimizer.zero_grad()
        loss = model(input_ids=source, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.item()

    losses = [step() for _ in range(3)]
    model.train()
    seconds = best_seconds(lambda: [step() for _ in range(args.train)], args.repeat)
    print(json.dumps({"losses": losses, "tokens_per_second": args.train * labels.numel() / seconds}))


def in_a_process(command):
    """The JSON object that it prints last, and its peak memory in MiB."""
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{command[0]} failed")
    return json.loads(output.splitlines()[-1]), usage.ru_maxrss / 1024


def compare_training(directory, args):
    shared = ["--model", directory, "--threads", args.threads, "--source", args.source, "--new", args.new,
              "--repeat", args.repeat, "--train", args.train]
    ours, our_peak = in_a_process([args.bench, *shared])
    theirs, their_peak = in_a_process([sys.executable, __file__, args.bench, *shared, "--side"])
    for a, b in zip(ours["losses"], theirs["losses"]):
        if abs(a - b) > 2e-4 * abs(b):
            sys.exit(f"losses differ: {ours['losses']} and {theirs['losses']}")
    ratio = ours["tokens_per_second"] / theirs["tokens_per_second"]
    print(f"training, 8 x ({args.source} -> {args.new}) tokens: langzoo {ours['tokens_per_second']:.1f} target tokens/s, "
          f"{our_peak:.0f} MiB; transformers {theirs['tokens_per_second']:.1f}, {their_peak:.0f} MiB; {ratio:.2f} times")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bench")
    parser.add_argument("--model")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--source", type=int, default=64)
    parser.add_argument("--new", type=int, default=32)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--train", type=int, default=0)
    parser.add_argument("--side", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)
    if args.side:
        return train_with_transformers(args)
    with tempfile.TemporaryDirectory() as scratch:
        directory = args.model
        if directory is None:
            torch.manual_seed(1)
            directory = pathlib.Path(scratch) / "t5"
            model = transformers.T5ForConditionalGeneration(transformers.T5Config(decoder_start_token_id=0))
            model.save_pretrained(directory)
        if args.train:
            return compare_training(directory, args)
        ours = langzoo(args.bench, directory, args)
        theirs = with_transformers(directory, args)
        fast = with_ctranslate2(directory, scratch, args)
    print("batch  langzoo f32  langzoo bf16  transformers f32  CTranslate2 f32  | f32/transformers f32/CTranslate2 bf16/f32"
          "  encoder f32/transformers bf16/f32")
    for batch in (1, 8):
        f32, bf16 = ours["float32", batch], ours["bfloat16", batch]
        name, encoder = "tokens_per_second", "encoder_tokens_per_second"
        print(f"{batch:5}  {f32[name]:11.1f}  {bf16[name]:12.1f}  {theirs[batch][0]:16.1f}  {fast[batch][0]:15.1f}  | "
              f"{f32[name] / theirs[batch][0]:16.2f} {f32[name] / fast[batch][0]:15.2f} {bf16[name] / f32[name]:8.2f}"
              f"  {f32[encoder]:11.0f} {f32[encoder] / theirs[batch][1]:12.2f} {bf16[encoder] / f32[encoder]:8.2f}")
        for other, ids in (("transformers", theirs[batch][2]), ("CTranslate2", fast[batch][1])):
            same = next((t for t, (a, b) in enumerate(zip(f32["ids"], ids)) if a != b), args.new)
            print(f"       first {same} of {args.new} ids as {other}")


main()
