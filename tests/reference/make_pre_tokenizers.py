"""Writes tests/fixtures/tokenizers/pre_tokenizers.json: the words and offsets of Python's `tokenizers`.

Versions: tokenizers 0.23.3. Usage: python make_pre_tokenizers.py (from any folder; rewrites the fixture)

Every code point stands in a text alone, between letters and between digits; of these only a digest for each block of
4096 code points is kept: 64-bit FNV-1a over the words, each followed by its offsets in characters and a line break.
"""

import json
import random
from pathlib import Path

from tokenizers import Tokenizer, models

OUT = Path(__file__).resolve().parent.parent / "fixtures" / "tokenizers" / "pre_tokenizers.json"

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
CL100K = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
BEHAVIORS = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]


def byte_level(add_prefix_space, use_regex=True):
    return {"type": "ByteLevel", "add_prefix_space": add_prefix_space, "trim_offsets": True, "use_regex": use_regex}


def metaspace(replacement="▁", prepend_scheme="always", split=True):
    return {"type": "Metaspace", "replacement": replacement, "prepend_scheme": prepend_scheme, "split": split}


def split(kind, pattern, behavior="Isolated", invert=False):
    return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}


def sequence(*pre_tokenizers):
    return {"type": "Sequence", "pretokenizers": list(pre_tokenizers)}


# The first of each kind are also asked about every code point.
EVERY_CODE_POINT = [
    {"type": "Whitespace"}, {"type": "WhitespaceSplit"}, {"type": "BertPreTokenizer"}, byte_level(False), metaspace(),
    {"type": "Punctuation", "behavior": "Isolated"}, {"type": "Digits", "individual_digits": False},
    {"type": "Digits", "individual_digits": True}, split("Regex", CL100K),
]
PRE_TOKENIZERS = EVERY_CODE_POINT + [
    byte_level(True), byte_level(True, use_regex=False),
    metaspace(prepend_scheme="first"), metaspace(prepend_scheme="never"), metaspace("_", split=False), metaspace(" "),
    *[{"type": "Punctuation", "behavior": b} for b in BEHAVIORS if b != "Isolated"],
    *[split("String", " ", b, invert) for b in BEHAVIORS for invert in (False, True)],
    *[split("Regex", r"\w+|[^\w\s]+", b, invert) for b in BEHAVIORS for invert in (False, True)],
    *[split("Regex", CL100K, b, True) for b in BEHAVIORS],
    split("Regex", GPT2), split("Regex", GPT2, "Contiguous"), split("String", ""), split("Regex", "a*", "MergedWithNext"), split("String", "a."),
    {"type": "CharDelimiterSplit", "delimiter": "-"}, {"type": "CharDelimiterSplit", "delimiter": " "},
    {"type": "FixedLength", "length": 3}, sequence(),
    sequence({"type": "WhitespaceSplit"}, metaspace(prepend_scheme="first"), {"type": "Digits", "individual_digits": True}),
    sequence(split("Regex", CL100K), byte_level(False, use_regex=False)),
    sequence({"type": "Punctuation", "behavior": "MergedWithPrevious"}, byte_level(True)),
]

WORDS = [
    "the", "lamp", "It's", "WE'LL", "'S", "'ſ", "don’t", "a.b", "--", "...", "?!", "a*", "12", "1234567", "٣٤", "²½Ⅻ", "x1y2", "_", "a_b", "$+<", "é", "e\u0301", "한국", "강물",
    "\u1112\u1161\u11ab", "中文", "。", "，", "👩\u200d👧", "🏳️", "שלום", "\u202eabc", "\x00", "\x1f", "\u00ad", "▁", "▁a", "a▁▁b", "ﬁ", "\U00016ff4", "\U00011de3",
]
SPACES = [" ", " ", " ", " ", "  ", "   ", "\n", "\r\n", "\n\n ", "\t", " \n", "\u00a0", "\u3000", "\u2028 ", "\u0085", ""]


def texts():
    rng = random.Random(3)
    result = WORDS[:]
    result += [rng.choice(SPACES) + "".join(rng.choice(WORDS) + rng.choice(SPACES) for _ in range(rng.randrange(1, 9))) for _ in range(20)]
    return result + [" ", "  ", "\n", " \n ", "a" * 200, "-" * 50, " " * 30 + "x"]


def fnv1a(digest, data):
    for byte in data:
        digest = (digest ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return digest


def digests(pre_tokenize):
    blocks = []
    for first in range(0, 0x110000, 0x1000):
        digest = 0xCBF29CE484222325
        for c in range(first, first + 0x1000):
            if 0xD800 <= c < 0xE000:
                continue
            text = f"{chr(c)} a{chr(c)}b 1{chr(c)}2"
            for word, (begin, end) in pre_tokenize(text):
                digest = fnv1a(digest, f"{word}{begin},{end}\n".encode())
        blocks.append(f"{digest:016x}")
    return blocks


def main():
    frame = json.loads(Tokenizer(models.BPE()).to_str())
    result = []
    for pre_tokenizer in PRE_TOKENIZERS:
        tokenizer = Tokenizer.from_str(json.dumps(frame | {"pre_tokenizer": pre_tokenizer}))
        pre_tokenize = tokenizer.pre_tokenizer.pre_tokenize_str
        entry = {"pre_tokenizer": json.loads(tokenizer.to_str())["pre_tokenizer"]}
        # As [word, begin, end, word, begin, end, ...].
        entry["words"] = [[x for word, offset in pre_tokenize(text) for x in (word, *offset)] for text in texts()]
        if pre_tokenizer in EVERY_CODE_POINT:
            entry["digests"] = digests(pre_tokenize)
        result.append(entry)
    OUT.write_text(json.dumps({"texts": texts(), "pre_tokenizers": result}, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
