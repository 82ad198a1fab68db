"""Choices scored by langzoo-gpt prompt and by transformers one row at a time, in one run. Written with torch 2.13.0,
transformers 5.23.0 and tokenizers 0.23.3.

Usage: python compare_prompts.py PATH_TO/langzoo-gpt [--items 500] [--shots 4] [--model-type gpt2|gpt_neo] [--threads 2]

A random model with a byte-level BPE trained on made-up text; items of two to four choices, one prompt each with the shots
of its seed. The Python side takes the prompts that langzoo prints, moves white space at their ends to the choices,
encodes both and sums log-probabilities, as lm-evaluation-harness does. Compared: every choice's logprob, tokens and
bytes, and what each of the five rules predicts. Prints how many differ, the seconds of both and their ratio; loading is
in neither.
"""
import argparse
import json
import pathlib
import random
import subprocess
import tempfile
import time

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPT2LMHeadModel, GPTNeoConfig, GPTNeoForCausalLM, PreTrainedTokenizerFast

WORDS = "anna ben garden kitchen lamp key book river the of has went to apple café naïve red blue seven old".split()
RULES = ["sum", "token", "char", "byte", "unconditional"]


def make_model(folder, model_type):
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
        model = GPT2LMHeadModel(GPT2Config(vocab_size=400, n_positions=1024, n_embd=256, n_layer=4, n_head=4,
                                           bos_token_id=0, eos_token_id=0, initializer_range=0.1))
    else:
        model = GPTNeoForCausalLM(GPTNeoConfig(vocab_size=400, max_position_embeddings=1024, hidden_size=256,
                                               num_layers=4, num_heads=4, attention_types=[[["global", "local"], 2]],
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


@torch.inference_mode()
def logprob(model, tokenizer, context, continuation):
    kept = context.rstrip()
    continuation = context[len(kept):] + continuation
    first = tokenizer.encode(kept).ids
    whole = tokenizer.encode(kept + continuation).ids
    logprobs = model(torch.tensor([whole[:-1]])).logits[0].log_softmax(-1)
    rest = whole[len(first):]
    return sum(logprobs[len(first) - 1 + i, id].item() for i, id in enumerate(rest)), len(rest)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--items", type=int, default=500)
    parser.add_argument("--shots", type=int, default=4)
    parser.add_argument("--model-type", default="gpt2", choices=["gpt2", "gpt_neo"])
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        model, tokenizer = make_model(folder / "model", arguments.model_type)
        (folder / "task.json").write_text(json.dumps(
            {"name": "t", "description": "Say a word.", "input": "Q: {text}\n", "target": "A: {answer}",
             "choices": "options", "separator": "\n\n", "metric": "acc"}))
        make_items(folder / "items.jsonl", arguments.items, 1)
        make_items(folder / "shots.jsonl", 50, 2)
        predictions = {}
        for rule in RULES:
            begin = time.perf_counter()
            out = subprocess.run(
                [arguments.program, "prompt", "--model", folder / "model", "--task", folder / "task.json", "--examples",
                 folder / "items.jsonl", "--shots-from", folder / "shots.jsonl", "--shots", str(arguments.shots), "--score", rule,
                 "--items", "--json", "--threads", str(arguments.threads)], check=True, capture_output=True, text=True).stdout
            predictions[rule] = [json.loads(line) for line in out.splitlines()][:-1]
            if rule == "sum":
                seconds = time.perf_counter() - begin
        furthest, differ, python_seconds = 0.0, {rule: 0 for rule in RULES}, 0.0
        for i, item in enumerate(predictions["sum"]):
            scores = {rule: [] for rule in RULES}
            for choice in item["choices"]:
                begin = time.perf_counter()
                total, tokens = logprob(model, tokenizer, item["prompt"], choice["text"])
                python_seconds += time.perf_counter() - begin
                kept = item["prompt"].rstrip()
                alone, _ = logprob(model, tokenizer, "Answer:" + item["prompt"][len(kept):], choice["text"])
                furthest = max(furthest, abs(total - choice["logprob"]))
                assert (tokens, len(choice["text"].encode())) == (choice["tokens"], choice["bytes"]), (item, choice)
                for rule, score in zip(RULES, [total, total / tokens, total / len(choice["text"]),
                                               total / len(choice["text"].encode()), total - alone]):
                    scores[rule].append(score)
            for rule in RULES:
                best = item["choices"][scores[rule].index(max(scores[rule]))]["text"]
                differ[rule] += best != predictions[rule][i]["predicted"]
        print(f"{len(predictions['sum'])} items: log-probabilities at most {furthest:.1e} apart; predictions that differ: {differ}")
        print(f"seconds: langzoo {seconds:.2f} (starting included), transformers {python_seconds:.2f}, ratio {python_seconds / seconds:.2f}")


main()
