#!/usr/bin/env python3
"""Goldens of the models of tokenizer.json: tests/fixtures/tokenizers/token_models.json.

Made with tokenizers 0.23.3. Deterministic: the corpus and the words are made here. `tokens` has, for every word, id, begin
and end of each token of Model.tokenize in a row, in bytes of the word, or null where it fails. An end after the word's (the bytes of an
end-of-word suffix under byte_fallback) is cut to the word, as langzoo promises.
"""

import collections
import json
import math
import pathlib
import random

from tokenizers import Tokenizer, models

from make_tokenizers import SCRIPTS, corpus

OUT = pathlib.Path(__file__).parent.parent / "fixtures" / "tokenizers" / "token_models.json"


def words():
    rng = random.Random(23)
    found = sorted({w for line in corpus() for w in line.split()} | set(" ".join(SCRIPTS).split()))
    picked = rng.sample(found, 30)
    picked += ["", "a", "b", "x", "ab", "ba", "abab", "aaaa", "aaaaa", "abc", "abcabc", "cab", "bbb", "##b", "a##b", "##", "b</w>", "</w>", "<unk>", "x<unk>x",
               "[UNK]", "a[UNK]", "<0x61>", "é", "aé", "éa", "aéb", "éé", "aééb", "e\u0301", "\u0301", "河", "河水", "a河b", "河水河", "한국", "👍", "👩‍👩‍👧", "a👍🏽b",
               "xyz", "axyzb", "xaxbx", "éxé", "\u200b", "\x00", "a\x00b", " ", " a", "a b", "▁a", "▁ab▁", "ſ", "ß", "a" * 99, "a" * 100, "a" * 101, "é" * 6,
               "é" * 101, "ab" * 60, "abc" * 40 + "é", "x" * 150]
    alphabet = ["a", "b", "c", "ab", "x", "é", "河", "#", "##", "</w>", "▁", "👍", "\u0301", "the", "in", "lamp", "<unk>"]
    picked += ["".join(rng.choice(alphabet) for _ in range(rng.randrange(1, 14))) for _ in range(80)]
    return picked


def vocab(*tokens):
    return {t: i for i, t in enumerate(tokens)}


BYTES = tuple(f"<0x{b:02X}>" for b in range(256))


def built():
    yield "word level", models.WordLevel(vocab("<unk>", "a", "ab", "河", "the", "a b", "ſ"), unk_token="<unk>")
    yield "word level without unk", models.WordLevel(vocab("a", "ab", "河"), unk_token="<unk>")
    pieces = vocab("[UNK]", "a", "ab", "aba", "b", "##a", "##b", "##bab", "##c", "##é", "##", "河", "##河", "c", "##</w>", "e", "##\u0301", "a##b", "x", "##lamp")
    yield "wordpiece", models.WordPiece(pieces, unk_token="[UNK]", max_input_chars_per_word=100)
    yield "wordpiece of few characters", models.WordPiece(pieces, unk_token="[UNK]", max_input_chars_per_word=5)
    yield "wordpiece without unk", models.WordPiece(vocab("a", "##b"), unk_token="[UNK]")
    yield "wordpiece without prefix", models.WordPiece(pieces, unk_token="[UNK]", continuing_subword_prefix="")
    yield "wordpiece of another prefix", models.WordPiece(vocab("[UNK]", "a", "éa", "éb", "é", "éé", "é河"), unk_token="[UNK]", continuing_subword_prefix="é")

    characters = ("<unk>", "a", "b", "c", "é", "河")
    merged = ("aa", "ab", "abc", "ba", "bc", "aab", "abab", "éa")
    merges = [("b", "c"), ("a", "b"), ("a", "bc"), ("a", "a"), ("ab", "c"), ("ab", "ab"), ("a", "ab"), ("b", "a"), ("é", "a")]
    plain = vocab(*characters, *merged)
    yield "bpe", models.BPE(plain, merges, unk_token="<unk>")
    yield "bpe fusing unk", models.BPE(plain, merges, unk_token="<unk>", fuse_unk=True)
    yield "bpe without unk", models.BPE(plain, merges)
    yield "bpe ignoring merges", models.BPE(vocab(*plain, "cab", "lamp", "👩‍👩‍👧", "bbb"), merges, unk_token="<unk>", ignore_merges=True)
    yield "bpe merging unk", models.BPE(vocab(*characters, "<unk>a", "a<unk>"), [("<unk>", "a"), ("a", "<unk>")], unk_token="<unk>")
    yield "bpe with unk not there", models.BPE(vocab("a", "b", "ab"), [("a", "b")], unk_token="<unk>")
    repeated = [("a", "b"), ("b", "c"), ("b", "a"), ("a", "b")]
    yield "bpe with a repeated merge", models.BPE(plain, repeated, unk_token="<unk>")
    suffixed = vocab("<unk>", "a", "b", "a</w>", "b</w>", "ab", "ab</w>", "bab</w>", "c</w>", "</w>")
    yield "bpe with suffix", models.BPE(suffixed, [("a", "b</w>"), ("a", "b"), ("b", "ab</w>")], unk_token="<unk>", end_of_word_suffix="</w>")
    prefixed = vocab("<unk>", "a", "b", "##a", "##b", "ab", "##ab", "abab", "##c", "ba", "##bb")
    prefix_merges = [("a", "##b"), ("##a", "##b"), ("ab", "##ab"), ("b", "##a"), ("##b", "##b")]
    yield "bpe with prefix", models.BPE(prefixed, prefix_merges, unk_token="<unk>", continuing_subword_prefix="##")
    both = vocab("<unk>", "a", "b", "#a", "#b", "#a$", "#b$", "a$", "ab$", "#bb$", "ab")
    yield "bpe with prefix and suffix", models.BPE(both, [("a", "#b"), ("a", "#b$"), ("#b", "#b$")], unk_token="<unk>", continuing_subword_prefix="#", end_of_word_suffix="$")
    yield "bpe with bytes", models.BPE(vocab(*characters, *merged, *BYTES), merges, unk_token="<unk>", byte_fallback=True)
    yield "bpe with some bytes", models.BPE(vocab(*characters, *merged, "<0xC3>", "<0x9F>", "<0x78>"), merges, unk_token="<unk>", byte_fallback=True)
    yield "bpe with some bytes fusing unk", models.BPE(vocab(*characters, "<0x78>"), [], unk_token="<unk>", byte_fallback=True, fuse_unk=True)
    yield "bpe with bytes and suffix", models.BPE(vocab("<unk>", "a", "a</w>", *BYTES), [], unk_token="<unk>", byte_fallback=True, end_of_word_suffix="</w>")

    scored = [("<unk>", 0.0), ("a", -2.0), ("b", -2.5), ("ab", -3.0), ("aba", -4.0), ("c", -3.5), ("bc", -6.0), ("abc", -5.5), ("é", -5.0), ("河水", -4.0), ("the", -3.0),
              ("▁", -2.0), ("▁a", -3.5)]
    yield "unigram", models.Unigram(scored, 0, False)
    yield "unigram with ties", models.Unigram([("<unk>", 0.0)] + [(p, float(-len(p))) for p in ("a", "b", "ab", "ba", "aba", "abab", "aa", "xx")], 0, False)
    yield "unigram without unk", models.Unigram(scored[1:], None, False)
    yield "unigram with bytes", models.Unigram(scored + [(b, -12.0) for b in BYTES], 0, True)
    yield "unigram with some bytes", models.Unigram(scored + [("<0x78>", -8.0), ("<0xC3>", -8.0), ("<0x9F>", -8.0)], 0, True)
    yield "unigram with repeated pieces", models.Unigram(scored + [("a", -9.0), ("ab", -1.0), ("", -3.0)], 0, False)
    yield "unigram of positive scores", models.Unigram([("<unk>", 100.0), ("xx", 101.0), ("é河", 100.5), ("ab", 150.0), ("a", 60.0)], 0, False)
    yield "unigram of huge scores", models.Unigram([("<unk>", 0.0), ("a", -1.5e308), ("ab", -1.7e308), ("b", 1.7e308), ("c", 1e-300)], 0, False)
    yield "unigram with a known unk", models.Unigram(scored, 1, False)


def learned():
    """Larger vocabularies, learned by plain counting: the reference's trainers depend on the order of its hash tables."""
    counts = collections.Counter(w for line in corpus()[:400] for w in line.split())
    substrings = collections.Counter()
    for word, count in counts.items():
        for begin in range(len(word)):
            for end in range(begin + 1, min(len(word), begin + 6) + 1):
                substrings[word[begin:end] if begin == 0 else "##" + word[begin:end]] += count
    best = sorted(substrings, key=lambda s: (-substrings[s], s))
    yield "learned wordpiece", models.WordPiece(vocab("[UNK]", *best[:300]), unk_token="[UNK]")

    pieces = ["<unk>", *(s for s in best if not s.startswith("##"))][:300]
    yield "learned unigram", models.Unigram([(p, round(math.log(max(1, substrings[p]) / counts.total()), 4)) for p in pieces], 0, False)

    split = {word: [*word[:-1], word[-1] + "</w>"] for word in counts}
    tokens, merges = sorted({c for symbols in split.values() for c in symbols}), []
    for _ in range(150):
        pairs = collections.Counter()
        for word, symbols in split.items():
            for pair in zip(symbols, symbols[1:]):
                pairs[pair] += counts[word]
        pair = min(pairs, key=lambda p: (-pairs[p], p))
        merges.append(pair)
        for symbols in split.values():
            i = 0
            while i + 1 < len(symbols):
                if (symbols[i], symbols[i + 1]) == pair:
                    symbols[i : i + 2] = ["".join(pair)]
                i += 1
    merged = dict.fromkeys([*tokens, *map("".join, merges)])
    yield "learned bpe", models.BPE(vocab("<unk>", *merged), merges, unk_token="<unk>", end_of_word_suffix="</w>")


def tokens_of(model, word):
    try:
        size = len(word.encode())
        return [n for t in model.tokenize(word) for n in (t.id, min(t.offsets[0], size), min(t.offsets[1], size))]
    except Exception:
        return None


def main():
    tested = words()
    cases = []
    for make in (built, learned):
        for name, model in make():
            described = json.loads(Tokenizer(model).to_str())["model"]
            cases.append({"name": name, "model": described, "tokens": [tokens_of(model, w) for w in tested]})
    OUT.write_text(json.dumps({"words": tested, "models": cases}, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
