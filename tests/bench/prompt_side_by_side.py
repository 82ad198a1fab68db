"""Choices scored by langzoo-gpt prompt and by an independent program over transformers, in one run on one machine. Written
with torch 2.13.0, transformers 5.23.0 and tokenizers 0.23.3.

    python tests/bench/prompt_side_by_side.py PATH_TO/langzoo-gpt [--items 500] [--shots 4] [--model-type gpt2|gpt_neo]
        [--layers 4] [--width 256] [--threads 2] [--rounds 3]

A random model with a byte-level BPE trained on made-up text; items of two to four choices, one prompt each with the shots
of its seed. The Python side takes the prompts that langzoo prints, moves white space at their ends to the choices,
encodes both and sums log-probabilities, as lm-evaluation-harness does. Compared: every choice's logprob, tokens and
bytes, and what each of the five rules predicts.
Then both are timed in turn, the best of the rounds: langzoo with all that it does (starting, loading, encoding, printing),
the Python side's passes and encoding alone, once a row at a time, once 16 rows of similar length at a time, without the
rule that needs further passes. Loading is in neither's second figure: what langzoo takes for one item less is left out.
"""
import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import time

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPT2LMHeadModel, GPTNeoConfig, GPTNeoForCausalLM, PreTrainedTokenizerFast
from transformers import logging as transformers_logging

transformers_logging.disable_progress_bar()
WORDS = "anna ben garden kitchen lamp key book river the of has went to apple café naïve red blue seven old".split()
RULES = ["sum", "token", "char", "byte", "unconditional"]


def make_model(folder, model_type, layers, width):
    rng = random.Random(1)
    text = [" ".join(rng.choices(WORDS, k=12)) + ".\nQ: A: Answer:" for _ in range(300)]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(text, trainers.BpeTrainer(
        vocab_size=400, special_tokens=["<|endoftext|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<|endoftext|>",
                            eos_token="<|endoftext|>").save_pretrained(folder)
    torch.manual_seed(1)
    if model_type == "gpt2":
        model = GPT2LMHeadModel(GPT2Config(vocab_size=400, n_positions=1024, n_embd=width, n_layer=layers,
                                           n_head=width // 64, bos_token_id=0, eos_token_id=0, initializer_range=0.1))
    else:
        model = GPTNeoForCausalLM(GPTNeoConfig(vocab_size=400, max_position_embeddings=1024, hidden_size=width,
                                               num_layers=layers, num_heads=width // 64,
                                               attention_types=[[["global", "local"], layers // 2]],
                                               window_size=64, bos_token_id=0, eos_token_id=0, initializer_range=0.1))
    model.save_pretrained(folder)
    return model.eval(), tokenizer


def make_items(path, count, seed):
    rng = random.Random(seed)
    with open(path, "w", encoding="utf-8") as out:
        for _ in range(count):
            choices = rng.sample(WORDS, 2) + [" ".join(rng.choices(WORDS, k=rng.randint(2, 4))) for _ in range(rng.randint(0, 2))]
            out.write(json.dumps({"text": " ".join(rng.choices(WORDS, k=rng.randint(3, 9))), "options": choices,
                                  "answer": rng.randrange(len(choices))}) + "\n")


def encode(tokenizer, context, continuation):
    """The row's ids and how many of them are the continuation's."""
    kept = context.rstrip()
    first = tokenizer.encode(kept).ids
    whole = tokenizer.encode(context + continuation).ids
    return whole, len(whole) - len(first)


@torch.inference_mode()
def logprobs(model, rows, batch):
    """Of rows (ids, tokens to score), `batch` of similar length at a time, filled up on the right."""
    order = sorted(range(len(rows)), key=lambda i: len(rows[i][0])) if batch > 1 else range(len(rows))
    order, sums = list(order), [0.0] * len(rows)
    for begin in range(0, len(rows), batch):
        chosen = [rows[i] for i in order[begin:begin + batch]]
        longest = max(len(ids) for ids, _ in chosen) - 1
        ids = torch.tensor([ids[:-1] + [0] * (longest + 1 - len(ids)) for ids, _ in chosen])
        all_logprobs = model(ids).logits.log_softmax(-1)
        for r, (ids, tokens) in enumerate(chosen):
            places = torch.arange(len(ids) - 1 - tokens, len(ids) - 1)
            sums[order[begin + r]] = all_logprobs[r, places, torch.tensor(ids[len(ids) - tokens:])].double().sum().item()
    return sums


def run_langzoo(arguments, folder, rule, items):
    begin = time.perf_counter()
    result = subprocess.run(
        [arguments.program, "prompt", "--model", folder / "model", "--task", folder / "task.json", "--examples", items,
         "--shots-from", folder / "shots.jsonl", "--shots", str(arguments.shots), "--score", rule, "--items", "--json",
         "--threads", str(arguments.threads)], capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(result.stderr)
    return [json.loads(line) for line in result.stdout.splitlines()][:-1], time.perf_counter() - begin


def compare(model, tokenizer, predictions):
    items = predictions["sum"]
    choices = [(item, choice) for item in items for choice in item["choices"]]
    rows = [encode(tokenizer, item["prompt"], choice["text"]) for item, choice in choices]
    bare = []
    for item, choice in choices:
        kept = item["prompt"].rstrip()
        bare.append(encode(tokenizer, "Answer:" + item["prompt"][len(kept):], choice["text"]))
    furthest, differ = 0.0, {rule: 0 for rule in RULES}
    scores = {rule: [] for rule in RULES}
    for (_, choice), (_, tokens), total, alone in zip(choices, rows, logprobs(model, rows, 1), logprobs(model, bare, 1)):
        size = len(choice["text"].encode())
        furthest = max(furthest, abs(total - choice["logprob"]))
        assert (tokens, size) == (choice["tokens"], choice["bytes"]), choice
        values = [total, total / tokens, total / len(choice["text"]), total / size, total - alone]
        for rule, value in zip(RULES, values):
            scores[rule].append(value)
    at = 0
    for i, item in enumerate(items):
        count = len(item["choices"])
        for rule in RULES:
            mine = scores[rule][at:at + count]
            differ[rule] += item["choices"][mine.index(max(mine))]["text"] != predictions[rule][i]["predicted"]
        at += count
    print(f"{len(items)} items, {len(rows)} choices: log-probabilities at most {furthest:.1e} apart; predictions that "
          f"differ: {differ}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--items", type=int, default=500)
    parser.add_argument("--shots", type=int, default=4)
    parser.add_argument("--model-type", default="gpt2", choices=["gpt2", "gpt_neo"])
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        model, tokenizer = make_model(folder / "model", arguments.model_type, arguments.layers, arguments.width)
        (folder / "task.json").write_text(json.dumps(
            {"name": "t", "description": "Say a word.", "input": "Q: {text}\n", "target": "A: {answer}",
             "choices": "options", "separator": "\n\n", "metric": "acc"}))
        items, one = folder / "items.jsonl", folder / "one.jsonl"
        make_items(items, arguments.items, 1)
        one.write_text(items.read_text().splitlines()[0] + "\n")
        make_items(folder / "shots.jsonl", 50, 2)
        predictions = {rule: run_langzoo(arguments, folder, rule, items)[0] for rule in RULES}
        compare(model, tokenizer, predictions)

        def python_seconds(batch):
            begin = time.perf_counter()
            rows = [encode(tokenizer, item["prompt"], choice["text"])
                    for item in predictions["sum"] for choice in item["choices"]]
            logprobs(model, rows, batch)
            return time.perf_counter() - begin

        sides = {"langzoo": lambda: run_langzoo(arguments, folder, "sum", items)[1],
                 "langzoo, one item": lambda: run_langzoo(arguments, folder, "sum", one)[1],
                 "transformers, a row at a time": lambda: python_seconds(1),
                 "transformers, 16 rows at a time": lambda: python_seconds(16)}
        best = {side: float("inf") for side in sides}
        for _ in range(arguments.rounds):
            for side, run in sides.items():
                best[side] = min(best[side], run())
        tokens = sum(len(encode(tokenizer, item["prompt"], choice["text"])[0])
                     for item in predictions["sum"] for choice in item["choices"])
    whole, start = best["langzoo"], best["langzoo, one item"]
    print(f"{arguments.layers} layers of width {arguments.width}, {tokens} tokens in all rows, {arguments.threads} threads; "
          f"langzoo {whole:.2f} s, without starting {whole - start:.2f} s")
    for side in list(sides)[2:]:
        print(f"{side} {best[side]:.2f} s: langzoo is {best[side] / whole:.2f} times as fast, without starting "
              f"{best[side] / (whole - start):.2f}")


main()
