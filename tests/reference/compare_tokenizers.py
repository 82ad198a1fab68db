"""Compares ids, tokens, offsets and decoded text with those of the Python packages on whole corpora, on every code point
alone and between letters, and on random and adversarial text.

Versions: tokenizers 0.23.3, transformers 5.23, sentencepiece 0.2.3.
Usage: python compare_tokenizers.py PROGRAM KIND:PATH... --text FILE... [--show N]

PROGRAM is langzoo-tokenizer. KIND says who the reference is: json (tokenizers.Tokenizer.from_file of a tokenizer.json),
spm (sentencepiece, of a .model), or the class of transformers that reads the directory PATH: bert, gpt2, gpt, t5, albert,
auto. Every line of the files is a text. Prints for each tokenizer how many texts were compared and how many differ, with
the first N differences; exits with 1 where any differ.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from make_tokenizers import adversarial
from make_pipelines import LANGUAGES


class HuggingFace:
    decode_flags = ["--skip-special-tokens"]

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer

    def encode(self, texts):
        for e in self.tokenizer.encode_batch(texts):
            yield e.ids, e.tokens, [list(o) for o in e.offsets]

    def decode(self, ids):
        return self.tokenizer.decode(ids, skip_special_tokens=True)


class SentencePiece:
    decode_flags = []  # an unknown token has a text

    def __init__(self, path):
        from sentencepiece import SentencePieceProcessor
        self.processor = SentencePieceProcessor(model_file=path)

    def encode(self, texts):
        for text in texts:
            pieces = self.processor.encode(text, return_type="proto").pieces
            data = text.encode()
            characters = [0] * (len(data) + 1)  # how many begin before a byte
            for i, byte in enumerate(data):
                characters[i + 1] = characters[i] + (byte & 0xC0 != 0x80)
            yield [p.id for p in pieces], [p.piece for p in pieces], [[characters[p.begin], characters[p.end]] for p in pieces]

    def decode(self, ids):
        return self.processor.decode(ids)


def reference(kind, path):
    if kind == "json":
        from tokenizers import Tokenizer
        return HuggingFace(Tokenizer.from_file(path))
    if kind == "spm":
        return SentencePiece(path)
    import transformers
    name = {"bert": "BertTokenizer", "gpt2": "GPT2Tokenizer", "gpt": "OpenAIGPTTokenizer", "t5": "T5Tokenizer", "albert": "AlbertTokenizer",
            "auto": "AutoTokenizer"}[kind]
    backend = getattr(transformers, name).from_pretrained(path)._tokenizer
    backend.no_truncation()
    backend.no_padding()
    return HuggingFace(backend)


def code_points():
    for c in [*range(1, 0xD800), *range(0xE000, 0x34000), *range(0xE0000, 0xE1000), *range(0x10FFF0, 0x110000)]:
        yield chr(c)
        yield f"a{chr(c)}b"


def random_texts(count=3000, seed=1):
    rng = random.Random(seed)
    joints = ["", "", " ", "  ", "\n", "'s", "<|endoftext|>", "[MASK]", "</s>", "<extra_id_7>", "\u0301", "\u200d", "\u1161"]
    for i in range(count):
        size = rng.randrange(1, 300)
        if i % 3 == 0:
            yield rng.randbytes(size).decode("utf-8", errors="replace")
        else:
            top = [0x80, 0x800, 0x3000, 0x10000, 0x40000, 0x110000][i // 3 % 6]
            cps = (rng.randrange(1, top) for _ in range(size))
            yield "".join(rng.choice(joints) + chr(c) for c in cps if not 0xD800 <= c < 0xE000)


def run(program, *arguments):
    process = subprocess.Popen([program, *arguments], stdout=subprocess.PIPE, text=True, encoding="utf-8")
    yield from map(json.loads, process.stdout)
    if process.wait():
        raise SystemExit(f"{program} {' '.join(arguments)} failed")


def compare(program, kind, path, groups, show):
    theirs = reference(kind, path)
    total = {"texts": 0, "bytes": 0, "tokens": 0}
    differ = dict.fromkeys(["ids", "tokens", "offsets", "decoded"], 0)
    shown = 0
    for group, texts in groups:
        with tempfile.TemporaryDirectory() as scratch:
            jsonl, ids = Path(scratch, "texts.jsonl"), Path(scratch, "ids.jsonl")
            jsonl.write_text("".join(json.dumps({"text": t}, ensure_ascii=False) + "\n" for t in texts), encoding="utf-8")
            expected = list(theirs.encode(texts))
            ids.write_text("".join(json.dumps(e[0]) + "\n" for e in expected))
            encoded = run(program, "encode", "--tokenizer", path, "--jsonl", str(jsonl), "--json")
            decoded = run(program, "decode", "--tokenizer", path, "--ids", str(ids), "--json", *theirs.decode_flags)
            for text, e, ours, back in zip(texts, expected, encoded, decoded, strict=True):
                total["texts"] += 1
                total["bytes"] += len(text.encode())
                total["tokens"] += len(e[0])
                got = ours["ids"], ours["tokens"], ours["offsets"], back["text"]
                for name, a, b in zip(differ, got, (*e, theirs.decode(e[0]))):
                    if a == b:
                        continue
                    differ[name] += 1
                    if shown < show:
                        shown += 1
                        at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
                        print(f"  {group}: {text[:60]!r}: {name} at {at}: ours {a[at:at + 6]!r}, theirs {b[at:at + 6]!r}")
    counts = ", ".join(f"{n} {name}" for name, n in differ.items())
    print(f"{kind}:{path}: {total['texts']} texts, {total['bytes']} bytes, {total['tokens']} tokens; differ: {counts}", flush=True)
    return sum(differ.values())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("tokenizers", nargs="+")
    parser.add_argument("--text", nargs="*", default=[])
    parser.add_argument("--show", type=int, default=5)
    arguments = parser.parse_args()
    groups = [("adversarial", adversarial() + LANGUAGES), ("code points", list(code_points())), ("random", list(random_texts()))]
    for name in arguments.text:
        groups.append((name, Path(name).read_bytes().decode("utf-8", errors="replace").split("\n")))
    return 1 if sum(compare(arguments.program, *t.split(":", 1), groups, arguments.show) for t in arguments.tokenizers) else 0


if __name__ == "__main__":
    sys.exit(main())
