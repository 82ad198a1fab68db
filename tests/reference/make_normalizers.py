"""Writes tests/fixtures/tokenizers/normalizers.json: what the normalizers of Python's `tokenizers` make of text.

Versions: tokenizers 0.23.3, sentencepiece 0.2.3. Usage: python make_normalizers.py > ../fixtures/tokenizers/normalizers.json

For each normalizer: its object in tokenizer.json; `cases`, each [text, characters of the result, [begin, end) in bytes of
the text for each]; and `digests`, one CRC-32 for every 4096 code points, so that all of Unicode is covered: over the result
for each code point alone, and over the result and the offsets for each between two letters, 256 to a text.
"""

import io
import json
import pathlib
import struct
import sys
import tempfile
import zlib

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import PreTokenizedString, Regex, normalizers as n

CASES = [
    "",
    "a",
    "Hello, World",
    "  two  spaces \t tab\r\nline  ",
    "   ",
    "\u00c9t\u00e9 \u00c5NGSTR\u00d6M na\u00efve \u0130stanbul STRASSE \u1e9e \u03a3\u03a3\u03a3",
    "e\u0301 e\u0301\u0323x a\u0344\u0301 \u1e9b\u0323 \u0344 d\u0307\u0323 q\u0307\u0323",
    "\u0301\u0302start \u0315\u0300\u05ae\u0300\u0062",
    "\uac01 \u1100\u1161\u11a8z \u1100\u1161 \uac00\u11a8 \u11a8 \ud55c\uad6d\uc5b4",
    "\ufb01\u0301 \ufdfa \u2460\u00bd\u2122 \u3392 \uff21\uff22\u3000\uff76\uff9e \u32ff",
    "\u4e2d\u6587 mixed\u6f22\u5b57\u304b\u3099\u30d1 \u304c \U0002f800 \uf900",
    "\u0000\u0001\u0002 con\u0007trol\u007f \u0085\u00ad\u200b\u200d\u2028\ufeff\ufffd end\u0001\u0001",
    "\u0001first \u200b\u200bab",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f \U0001f1eb\U0001f1f7 \u00a9\u200d\u00a9 \u00a9\u200d",
    "\u05e9\u05b8\u05c1\u05dc\u05d5\u05b9\u05dd \u0627\u0644\u0633\u0651\u064e\u0644\u0627\u0645 \u0600\u0661\u0600a",
    "\u0915\u094d\u0937\u093f \u0929 \u0928\u093c \u0e01\u0e33 \u0d4ea \u0baa\u0bca",
    "aabab ``quoted'' ab  ab   ab",
    "\u2581under\u2581 _ \u2581",
    "a" * 50 + "\u0301" * 40 + "\u0323" * 40,
]


def bert(**options):
    return n.BertNormalizer(**options)


RULES = {  # some of NFKC's and of what sentencepiece calls nmt; the last ones try the package's way with clusters
    "\u0001": "", "\u0002": "", "\u00ad": "", "\u200b": " ", "\u00a0": " ", "\u3000": " ", "\t": " ", "\r": " ",
    "\n": " ", "\r\n": " ", "\ufb01": "fi", "\u2460": "1", "\u00bd": "1\u20442", "\u2122": "TM", "\uff21": "A",
    "e\u0301": "\u00e9", "a\u0308": "\u00e4", "A\u030a": "\u00c5", "\u00e4\u0301": "a\u0301\u0308",
    "\u304b\u3099": "\u304c", "\u1100\u1161": "\uac00", "\ufdfa": "\u0635\u0644\u0649", "\u0344": "\u0308\u0301",
    "\U0002f800": "\u4e3d", "\u00a9": "(c)", "\u00a9\u200d": "(z)", "\u0600": "#", "\u0915": "k", "\u05e9": "s",
}


def charsmap():
    """Python's Precompiled for the rules, compiled by sentencepiece."""
    with tempfile.TemporaryDirectory() as folder:
        rules = pathlib.Path(folder, "rules.tsv")
        codes = lambda text: " ".join(f"{ord(c):X}" for c in text)
        rules.write_text("".join(f"{codes(key)}\t{codes(value)}\n" for key, value in RULES.items()))
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(["the lamp is on the table"] * 10), model_writer=model, model_type="char",
            vocab_size=16, hard_vocab_limit=False, normalization_rule_tsv=str(rules), minloglevel=2)
        proto = sentencepiece_model_pb2.ModelProto()
        proto.ParseFromString(model.getvalue())
        return n.Precompiled(proto.normalizer_spec.precompiled_charsmap)


def normalizers():
    return {
        "nfc": (n.NFC(), True),
        "nfd": (n.NFD(), True),
        "nfkc": (n.NFKC(), True),
        "nfkd": (n.NFKD(), True),
        "lowercase": (n.Lowercase(), True),
        "strip_accents": (n.StripAccents(), True),
        "bert": (bert(), True),
        "bert_cased": (bert(lowercase=False), True),
        "bert_accents": (bert(strip_accents=False), True),
        "bert_strip_only": (bert(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False), False),
        "nmt": (n.Nmt(), True),
        "byte_level": (n.ByteLevel(), True),
        "strip": (n.Strip(), True),
        "strip_left": (n.Strip(left=True, right=False), False),
        "strip_right": (n.Strip(left=False, right=True), False),
        "prepend": (n.Prepend("\u2581x"), False),
        "replace": (n.Replace("ab", "xyz"), False),
        "replace_space": (n.Replace(" ", "\u2581"), False),
        "replace_same_size": (n.Replace("a", "o"), False),
        "replace_empty": (n.Replace("a", ""), False),
        "replace_nothing": (n.Replace("", "-"), False),
        "replace_regex": (n.Replace(Regex(" {2,}"), " "), False),
        "replace_regex_word": (n.Replace(Regex(r"\w+"), "\u00e9"), False),
        "replace_regex_start": (n.Replace(Regex("^"), "\u2581"), False),
        "llama": (n.Sequence([n.Prepend("\u2581"), n.Replace(" ", "\u2581")]), False),
        "xlnet": (n.Sequence([n.Replace("``", '"'), n.Replace("''", '"'), n.NFKD(), n.StripAccents(), n.Lowercase()]), True),
        "precompiled": (charsmap(), True),
        "albert": (n.Sequence([n.NFKD(), n.StripAccents(), n.Lowercase(), charsmap(), n.Replace(Regex(" {2,}"), " ")]), False),
        "empty_sequence": (n.Sequence([]), False),
    }


def pieces(normalizer, text):
    """The characters of the normalized text and where each came from, in bytes."""
    part = PreTokenizedString(text)
    part.normalize(normalizer.normalize)
    part.split(lambda _, string: string.split(Regex("(?m)."), "isolated"))
    splits = part.get_splits(offset_referential="original", offset_type="byte")
    return [(piece, offset) for piece, offset, _ in splits if piece]


def digest(normalizer, first):
    crc = 0
    for begin in range(first, first + 4096, 256):
        characters = [chr(c) for c in range(begin, begin + 256) if not 0xD800 <= c < 0xE000]
        for c in characters:
            crc = zlib.crc32(normalizer.normalize_str(c).encode() + b"\0", crc)
        for piece, offset in pieces(normalizer, "".join("a" + c + "b" for c in characters)):
            crc = zlib.crc32(piece.encode() + struct.pack("<II", *offset), crc)
    return f"{crc:08x}"


def main():
    golden = {}
    for name, (normalizer, whole) in normalizers().items():
        cases = []
        for text in CASES:
            result = pieces(normalizer, text)
            cases.append([text, "".join(piece for piece, _ in result), [end for _, offset in result for end in offset]])
        described = json.loads(normalizer.__getstate__())
        golden[name] = {"normalizer": described, "cases": cases}
        if whole:
            golden[name]["digests"] = "".join(digest(normalizer, first) for first in range(0, 0x110000, 4096))
    json.dump(golden, sys.stdout, ensure_ascii=True, separators=(",", ":"))
    print()


if __name__ == "__main__":
    sys.exit(main())
