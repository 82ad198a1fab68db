"""Writes tests/fixtures/tokenizers/decoders.json: what the decoders of Python's `tokenizers` make of lists of tokens.

Versions: tokenizers 0.23.3. Usage: python make_decoders.py (from any folder; rewrites the fixture)
"""

import json
import random
from pathlib import Path

from tokenizers import Tokenizer, models

OUT = Path(__file__).resolve().parent.parent / "fixtures" / "tokenizers" / "decoders.json"

BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
METASPACE = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
BYTE_FALLBACK = {"type": "ByteFallback"}
FUSE = {"type": "Fuse"}


def replace(kind, pattern, content):
    return {"type": "Replace", "pattern": {kind: pattern}, "content": content}


def strip(content, start, stop):
    return {"type": "Strip", "content": content, "start": start, "stop": stop}


DECODERS = [
    {"type": "WordPiece", "prefix": "##", "cleanup": True},
    {"type": "WordPiece", "prefix": "##", "cleanup": False},
    {"type": "WordPiece", "prefix": "", "cleanup": True},
    BYTE_LEVEL,
    METASPACE,
    {"type": "Metaspace", "replacement": "_", "prepend_scheme": "first", "split": False},
    {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never", "split": True},
    {"type": "BPEDecoder", "suffix": "</w>"},
    {"type": "BPEDecoder", "suffix": ""},
    replace("String", "▁", " "), replace("String", "", "-"), replace("String", "a.", ""), replace("Regex", "a.|\\s+", "<>"), replace("Regex", "a*", "é"),
    FUSE,
    strip(" ", 1, 0), strip("▁", 2, 0), strip("a", 0, 1),
    BYTE_FALLBACK,
    {"type": "CTC", "pad_token": "<pad>", "word_delimiter_token": "|", "cleanup": True},
    {"type": "CTC", "pad_token": "a", "word_delimiter_token": "", "cleanup": False},
    {"type": "CTC", "pad_token": "", "word_delimiter_token": "", "cleanup": True},
    {"type": "Sequence", "decoders": [replace("String", "▁", " "), BYTE_FALLBACK, FUSE, strip(" ", 1, 0)]},
    {"type": "Sequence", "decoders": [BYTE_LEVEL, strip("\ufffd", 1, 0)]},
    {"type": "Sequence", "decoders": [METASPACE, {"type": "Sequence", "decoders": [{"type": "WordPiece", "prefix": "##", "cleanup": True}]}]},
    {"type": "Sequence", "decoders": []},
]

TOKENS = [
    "the", "##s", "a", "a", "##", "#", " ", "▁", "▁the", "▁▁", "a▁b▁", "_a_b", "low</w>", "</w>", "x</w>y</w>", ".", "?", "!", ",", " .", "'", "n't", "'m", "do",
    "not", " do not", "'s", "'ve", "'re", "a ' b . n't", "<0x61>", "<0xE4>", "<0xb8>", "<0xAD>", "<0x+A>", "<0x 1>", "<0x-1>", "<0xG1>", "<0xé>", "<0x1>", "<0x0A>",
    "Ġthe", "Ã", "©", "é", "Ģ", "Ġ", "ä¸Ń", "ä¸", "中", "👍🏽", "<pad>", "<pad>", "|", "||", "a|b", "ab.a\n", "aaa", "  x  ", "e\u0301", "\u0000",
]


def main():
    rng = random.Random(5)
    lists = [[t] for t in TOKENS] + [[rng.choice(TOKENS) for _ in range(rng.randrange(2, 12))] for _ in range(60)]
    frame = json.loads(Tokenizer(models.BPE()).to_str())
    result = []
    for decoder in DECODERS:
        tokenizer = Tokenizer.from_str(json.dumps(frame | {"decoder": decoder}))
        texts = [tokenizer.decoder.decode(tokens) for tokens in lists]
        result.append({"decoder": json.loads(tokenizer.to_str())["decoder"], "texts": texts})
    OUT.write_text(json.dumps({"tokens": lists, "decoders": result}, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
