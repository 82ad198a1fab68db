"""Encoding speed of Python's `tokenizers`, tiktoken, sentencepiece and ours on the same text, in turns in one run.

Versions: tokenizers 0.23.3, tiktoken 0.14.0, transformers 5.23, sentencepiece 0.2.3.
Usage: python tokenizers_side_by_side.py BENCH FILE [--gpt2 DIR] [--bert DIR] [--spm MODEL] [--rounds N] [--repeat N]

BENCH is the program tokenizer_bench. DIRs hold GPT-2's vocab.json and merges.txt and BERT's vocab.txt, MODEL is a
SentencePiece model. FILE is read N times over and encoded line by line by all. Ids are compared before anything is timed;
the best of the rounds counts. One thread each, then two (`tokenizers` through encode_batch, tiktoken through
encode_ordinary_batch, sentencepiece through num_threads). Peak memory is the process's, text and results included.
"""

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PATTERN = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"""


def byte_of_character():
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in printable]
    return {**{chr(b): b for b in printable}, **{chr(256 + i): b for i, b in enumerate(others)}}


def tiktoken_of(directory):
    """tiktoken wants the rank of every token's bytes; GPT-2's ids are the ranks."""
    import tiktoken
    byte_of = byte_of_character()
    vocab = json.loads((Path(directory) / "vocab.json").read_text())
    end = vocab.pop("<|endoftext|>")
    ranks = {bytes(byte_of[c] for c in token): id for token, id in vocab.items()}
    encoding = tiktoken.Encoding("gpt2", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens={"<|endoftext|>": end})
    return lambda lines, threads: (encoding.encode_ordinary_batch(lines, num_threads=threads) if threads > 1
                                   else [encoding.encode_ordinary(line) for line in lines])


def tokenizers_of(name, directory):
    import transformers
    backend = getattr(transformers, name).from_pretrained(directory)._tokenizer

    def encode(lines, threads):
        return [e.ids for e in backend.encode_batch_fast(lines, add_special_tokens=False)]
    return encode


def sentencepiece_of(model):
    from sentencepiece import SentencePieceProcessor
    processor = SentencePieceProcessor(model_file=model)
    return lambda lines, threads: processor.encode(lines, num_threads=threads)


def references(kind, path):
    """Made in the child process, so that its peak memory is theirs alone."""
    if kind == "gpt2":
        return {"tokenizers": lambda: tokenizers_of("GPT2Tokenizer", path), "tiktoken": lambda: tiktoken_of(path)}
    if kind == "bert":
        return {"tokenizers": lambda: tokenizers_of("BertTokenizer", path)}
    return {"sentencepiece": lambda: sentencepiece_of(path)}


def child(kind, path, name, file, repeat, threads, ids):
    os.environ["RAYON_NUM_THREADS"] = str(threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "true" if threads > 1 else "false"
    text = Path(file).read_text(encoding="utf-8") * repeat
    lines = text.split("\n")
    encode = references(kind, path)[name]()
    encode(lines[:1000], threads)
    start = time.perf_counter()
    result = encode(lines, threads)
    seconds = time.perf_counter() - start
    if ids:
        Path(ids).write_text("".join(" ".join(map(str, r)) + "\n" for r in result))
    print(len(text.encode()) / seconds / 1e6, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bench")
    parser.add_argument("file")
    for kind in ("gpt2", "bert", "spm"):
        parser.add_argument(f"--{kind}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeat", type=int, default=10)
    a = parser.parse_args()
    for kind, path in (("gpt2", a.gpt2), ("bert", a.bert), ("spm", a.spm)):
        if not path:
            continue
        with tempfile.TemporaryDirectory() as scratch:
            ours = subprocess.run([a.bench, path, "--ids", a.file], check=True, capture_output=True, text=True).stdout
            for name in references(kind, path):
                theirs = Path(scratch, name)
                subprocess.run([sys.executable, __file__, "--child", kind, path, name, a.file, "1", "1", str(theirs)], check=True, capture_output=True)
                if ours.split("\n") != theirs.read_text().split("\n"):
                    raise SystemExit(f"{kind}: ids differ from those of {name}")
        best, memory = {}, {}
        for _ in range(a.rounds):
            for threads in (1, 2):
                runs = {name: [sys.executable, __file__, "--child", kind, path, name, a.file, str(a.repeat), str(threads), ""] for name in references(kind, path)}
                runs["langzoo"] = [a.bench, path, a.file, "--repeat", str(a.repeat), "--threads", str(threads)]
                for name, command in runs.items():
                    speed, peak = map(float, re.findall(r"[\d.]+", subprocess.run(command, check=True, capture_output=True, text=True).stdout)[-2:])
                    key = name, threads
                    best[key], memory[key] = max(best.get(key, 0), speed), peak
        size = Path(a.file).stat().st_size * a.repeat
        print(f"{kind}: {size / 1e6:.1f} MB line by line, equal ids; best of {a.rounds} rounds")
        for (name, threads), speed in sorted(best.items(), key=lambda x: (x[0][1], x[0][0])):
            ratios = ", ".join(f"{best['langzoo', threads] / best[other, threads]:.2f}x {other}" for other in references(kind, path)) if name == "langzoo" else ""
            scaling = f"; {speed / best[name, 1]:.2f}x one thread" if threads > 1 else ""
            print(f"  {name:14} {threads} thread{'s' * (threads > 1):1} {speed:8.2f} MB/s  {memory[name, threads]:6.0f} MiB  {ratios}{scaling}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        kind, path, name, file, repeat, threads, ids = sys.argv[2:]
        child(kind, path, name, file, int(repeat), int(threads), ids)
    else:
        main()
