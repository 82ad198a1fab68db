"""Encoding speed of Python's `tokenizers`, tiktoken and ours on the same text, in turns in one run.

Versions: tokenizers 0.23.3, tiktoken 0.14.0. Usage: python tokenizers_side_by_side.py BENCH DIR FILE [ROUNDS]
BENCH is the program tokenizer_bench; DIR holds GPT-2's vocab.json and merges.txt. Ids are compared before anything is
timed; the best of the rounds counts. One thread each, then ours on two.
"""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

import tiktoken  # noqa: E402
from tokenizers import Tokenizer, models, pre_tokenizers  # noqa: E402

PATTERN = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"""


def byte_of_character():
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in printable]
    return {**{chr(b): b for b in printable}, **{chr(256 + i): b for i, b in enumerate(others)}}


def load_tiktoken(directory):
    """tiktoken wants the rank of every token's bytes; GPT-2's ids are the ranks."""
    byte_of = byte_of_character()
    vocab = json.loads((directory / "vocab.json").read_text())
    end = vocab.pop("<|endoftext|>")
    ranks = {bytes(byte_of[c] for c in token): id for token, id in vocab.items()}
    return tiktoken.Encoding("gpt2", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens={"<|endoftext|>": end})


def main():
    bench, directory, file = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 5
    text = Path(file).read_bytes().decode()
    size = len(text.encode())
    hugging_face = Tokenizer(models.BPE.from_file(str(directory / "vocab.json"), str(directory / "merges.txt")))
    hugging_face.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    encoding = load_tiktoken(directory)

    expected = hugging_face.encode(text).ids
    assert encoding.encode_ordinary(text) == expected
    ours = subprocess.run([bench, str(directory), "--ids", file], check=True, capture_output=True, text=True).stdout
    assert list(map(int, ours.split())) == expected

    best = {}
    for _ in range(rounds):
        for name, encode in ("tokenizers", hugging_face.encode), ("tiktoken", encoding.encode_ordinary):
            start = time.perf_counter()
            encode(text)
            best[name] = max(best.get(name, 0), size / (time.perf_counter() - start) / 1e6)
        printed = subprocess.run([bench, str(directory), file, "--seconds", "0.5"], check=True, capture_output=True, text=True).stdout
        for threads, speed in re.findall(r"threads (\d): ([\d.]+) MB/s", printed):
            name = f"langzoo, {threads} thread{'s' * (threads != '1')}"
            best[name] = max(best.get(name, 0), float(speed))

    print(f"{size} bytes, {len(expected)} tokens, equal ids; best of {rounds} rounds")
    print(f"{'':20} {'MB/s':>8} {'x tokenizers':>13} {'x tiktoken':>11}")
    for name, speed in best.items():
        print(f"{name:20} {speed:8.2f} {speed / best['tokenizers']:13.2f} {speed / best['tiktoken']:11.2f}")


if __name__ == "__main__":
    main()
