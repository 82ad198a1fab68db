"""Compares our ids with those of Python's `tokenizers` on whole files, and on random bytes and characters as text.

Versions: tokenizers 0.23.3. Usage: python compare_tokenizers.py BENCH TOKENIZER_DIR FILE...
BENCH is the program tokenizer_bench; TOKENIZER_DIR holds tokenizer.json, or vocab.json and merges.txt (byte level).
Files that are not UTF-8 are read with errors="replace" on both sides. Exits with 1 where ids differ.
"""

import random
import subprocess
import sys
import tempfile
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers


def load(directory):
    if (directory / "tokenizer.json").exists():
        return Tokenizer.from_file(str(directory / "tokenizer.json"))
    tokenizer = Tokenizer(models.BPE.from_file(str(directory / "vocab.json"), str(directory / "merges.txt")))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>"])
    return tokenizer


def random_texts(count=400, seed=1):
    rng = random.Random(seed)
    for i in range(count):
        size = rng.randrange(1, 3000)
        if i % 2:
            yield rng.randbytes(size).decode("utf-8", errors="replace")
        else:
            top = [0x80, 0x800, 0x10000, 0x40000, 0x110000][i // 2 % 5]
            cps = (rng.randrange(top) for _ in range(size))
            yield "".join(rng.choice(["", "", " ", "\n", "'s", "<|endoftext|>"]) + chr(c) for c in cps if not 0xD800 <= c < 0xE000)


def main():
    bench, directory, files = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
    tokenizer = load(directory)
    texts = [(name, Path(name).read_bytes().decode("utf-8", errors="replace")) for name in files]
    texts += [(f"random {i}", text) for i, text in enumerate(random_texts())]
    with tempfile.TemporaryDirectory() as scratch:
        paths = []
        for i, (_, text) in enumerate(texts):
            paths.append(Path(scratch) / f"{i}.txt")
            paths[-1].write_bytes(text.encode())
        lines = subprocess.run([bench, str(directory), "--ids", *map(str, paths)], check=True, capture_output=True,
                               text=True).stdout.splitlines()
    assert len(lines) == len(texts)
    differences = tokens = size = 0
    for (name, text), line in zip(texts, lines):
        ours, theirs = list(map(int, line.split())), tokenizer.encode(text).ids
        tokens += len(theirs)
        size += len(text.encode())
        if ours != theirs:
            differences += 1
            at = next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b), min(len(ours), len(theirs)))
            print(f"{name}: token {at} of {len(theirs)}: ours {ours[at:at + 5]}, theirs {theirs[at:at + 5]}")
    print(f"{len(texts)} texts ({len(files)} files), {size} bytes, {tokens} tokens: {differences} differ")
    return differences > 0


if __name__ == "__main__":
    sys.exit(main())
