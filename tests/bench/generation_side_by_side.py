"""Greedy generation of one GPT-2 or GPT-Neo by langzoo, transformers and CTranslate2 (which has no GPT-Neo), in one run
on one machine.

Usage: python generation_side_by_side.py PATH_TO/generation_bench [--model DIR | --family gpt2|gpt_neo] [--threads 2]
           [--prompt 16] [--new 128] [--repeat 3]

Needs torch, transformers and ctranslate2 (written with 2.13.0, 5.23.0 and 4.8.5). Without --model a random model of 124M
parameters (GPT-2's, or GPT-Neo 125M's: every second layer sees 256 tokens), saved by transformers, is used by all. Prints
new tokens a second, the best of N runs, and the ratios; the float32 ids of all must agree on the first row, but for ties
that rounding decides.
"""
import argparse
import json
import pathlib
import subprocess
import tempfile
import time

import torch
import transformers

transformers.logging.disable_progress_bar()


def prompts(batch, tokens, vocabulary):
    return [[(7919 * (b + 1) + 104729 * t) % vocabulary for t in range(tokens)] for b in range(batch)]


def best_speed(generate, batch, new_tokens, repeat):
    ids = generate(batch)
    best = 0.0
    for _ in range(repeat):
        begin = time.perf_counter()
        generate(batch)
        best = max(best, batch * new_tokens / (time.perf_counter() - begin))
    return best, ids


def langzoo(bench, directory, args):
    command = [bench, "--model", directory, "--threads", args.threads, "--prompt", args.prompt, "--new", args.new,
               "--repeat", args.repeat, "--ids"]
    output = subprocess.run([str(x) for x in command], check=True, capture_output=True, text=True).stdout
    return {(r["dtype"], r["batch"]): (r["tokens_per_second"], r["ids"]) for r in map(json.loads, output.splitlines())}


def with_transformers(directory, args):
    model = transformers.AutoModelForCausalLM.from_pretrained(directory).eval()

    def generate(batch):
        ids = torch.tensor(prompts(batch, args.prompt, model.config.vocab_size))
        with torch.inference_mode():
            out = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=args.new,
                                 min_new_tokens=args.new, eos_token_id=None, pad_token_id=0)
        return out[0, args.prompt:].tolist()

    return {batch: best_speed(generate, batch, args.new, args.repeat) for batch in (1, 8)}


def with_ctranslate2(directory, scratch, args):
    import ctranslate2

    vocabulary = transformers.GPT2Config.from_pretrained(directory).vocab_size
    converted = pathlib.Path(scratch) / "ctranslate2"
    tokens = [f"t{i}" for i in range(vocabulary)]

    class Converter(ctranslate2.converters.TransformersConverter):
        def load_tokenizer(self, tokenizer_class, path, **kwargs):
            class Names:  # the converter wants a tokenizer for the tokens' names only
                bos_token = eos_token = unk_token = tokens[-1]

                def get_vocab(self):
                    return {token: i for i, token in enumerate(tokens)}

            return Names()

    Converter(str(directory)).convert(str(converted), quantization="float32")
    generator = ctranslate2.Generator(str(converted), device="cpu", compute_type="float32", inter_threads=1,
                                      intra_threads=args.threads)

    def generate(batch):
        start = [[tokens[i] for i in row] for row in prompts(batch, args.prompt, vocabulary)]
        result = generator.generate_batch(start, max_length=args.new, min_length=args.new, beam_size=1, sampling_topk=1,
                                          include_prompt_in_result=False, end_token=[])
        return list(result[0].sequences_ids[0])

    return {batch: best_speed(generate, batch, args.new, args.repeat) for batch in (1, 8)}


def random_model(family):
    if family == "gpt2":
        return transformers.GPT2LMHeadModel(transformers.GPT2Config())
    return transformers.GPTNeoForCausalLM(transformers.GPTNeoConfig(
        hidden_size=768, num_layers=12, num_heads=12, attention_types=[[["global", "local"], 6]], window_size=256))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bench")
    parser.add_argument("--model")
    parser.add_argument("--family", choices=["gpt2", "gpt_neo"], default="gpt2")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prompt", type=int, default=16)
    parser.add_argument("--new", type=int, default=128)
    parser.add_argument("--repeat", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    with tempfile.TemporaryDirectory() as scratch:
        directory = args.model
        if directory is None:
            torch.manual_seed(1)
            directory = pathlib.Path(scratch) / args.family
            random_model(args.family).save_pretrained(directory)
        ours = langzoo(args.bench, directory, args)
        others = {"transformers": with_transformers(directory, args)}
        if transformers.AutoConfig.from_pretrained(directory).model_type == "gpt2":
            others["CTranslate2"] = with_ctranslate2(directory, scratch, args)
    for batch in (1, 8):
        f32, bf16 = ours["float32", batch], ours["bfloat16", batch]
        print(f"batch {batch}: langzoo {f32[0]:.1f} tokens/s, in bfloat16 {bf16[0]:.1f} ({bf16[0] / f32[0]:.2f} times that)")
        for name, results in others.items():
            speed, ids = results[batch]
            same = next((t for t, (a, b) in enumerate(zip(f32[1], ids)) if a != b), args.new)
            print(f"    {name} {speed:.1f} tokens/s: langzoo is {f32[0] / speed:.2f} times as fast; "
                  f"the first {same} of {args.new} ids are equal")


main()
