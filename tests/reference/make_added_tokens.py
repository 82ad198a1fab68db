"""Writes tests/fixtures/tokenizers/added_token_splits.json: where Python's `tokenizers` finds added tokens in a text.

Versions: tokenizers 0.23.3. Usage: python make_added_tokens.py (from any folder; rewrites the fixture)
"""

import json
import random
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, models, normalizers

OUT = Path(__file__).resolve().parent.parent / "fixtures" / "tokenizers" / "added_token_splits.json"

SETS = [
    ["<s>", "</s>", "<s>>", "[sp ace]", "a<s", "中"],
    [("M", "single_word"), ("é", "single_word"), ("<m>", "single_word")],
    [("<l>", "lstrip"), ("<r>", "rstrip"), ("<b>", "lstrip rstrip"), ("x", "lstrip single_word")],
    [("N", "normalized"), ("Nn", "normalized rstrip"), ("<s>", ""), ("N<", "normalized single_word"), ("<l>", "lstrip")],
    ["a", "aa", "aaab", "ab", ("b", "rstrip normalized"), ("ba", "normalized lstrip")],
    [("a", "rstrip"), " ", " b", ("\n", "rstrip")],
]
PIECES = ["a", "a", "b", "ab", "M", "N", "n", "x", "é", "e\u0301", "中", "_", "1", "-", ".", "²", "\u200d", "\u0301", "<s>", "<s", ">", "</s>", "<m>", "<l>", "<r>", "<b>",
          "[sp ace]", " ", " ", "  ", "\n", "\t", "\u00a0", "\u3000", "\u0085", "\u200b"]


def texts(rng, contents):
    pieces = PIECES + contents * 4
    fixed = ["", " ", contents[0], contents[0] * 3, " ".join(contents), "".join(contents), "  ".join(contents) + " "]
    return fixed + ["".join(rng.choice(pieces) for _ in range(rng.randrange(1, 14))) for _ in range(80)]


def main():
    rng = random.Random(9)
    result = []
    for normalizer in (None, normalizers.Lowercase()):
        for tokens in SETS:
            tokens = [(t, "") if isinstance(t, str) else t for t in tokens]
            tokenizer = Tokenizer(models.WordLevel({"?": 0}, unk_token="?"))
            if normalizer:
                tokenizer.normalizer = normalizer
            tokenizer.add_tokens([AddedToken(content, **{f: f in flags.split() for f in ("single_word", "lstrip", "rstrip", "normalized")})
                                  for content, flags in tokens])
            cases = []
            for text in texts(rng, [content for content, _ in tokens]):
                encoding = tokenizer.encode(text)
                # As [id, begin, end, ...]; 0 is what lies between tokens.
                cases.append({"text": text, "parts": [x for i, o in zip(encoding.ids, encoding.offsets) for x in (i, *o)]})
            result.append({"lowercase": normalizer is not None, "tokens": json.loads(tokenizer.to_str())["added_tokens"], "cases": cases})
    OUT.write_text(json.dumps(result, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
