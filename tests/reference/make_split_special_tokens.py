"""Writes tests/fixtures/tokenizers/split_special_tokens.json: what tokenizers of the fixtures make of text whose special
tokens are to be read as text (`encode_special_tokens` of Python's `tokenizers`, `split_special_tokens` of `transformers`).

Versions: tokenizers 0.23.3. Usage: python make_split_special_tokens.py (from any folder; rewrites the fixture)

By name of the fixture, a list of {text, ids, tokens, offsets, word_ids, special_tokens_mask}. In "added" some tokens are
special and some are not, with flags, over each other and in the normalized text.
"""

import json
from pathlib import Path

from tokenizers import AddedToken, Tokenizer

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures" / "tokenizers"
NAMES = ["byte_level", "char_level", "pipelines/bert_uncased", "pipelines/roberta", "pipelines/t5", "pipelines/llama", "pipelines/words", "pipelines/gpt"]
TEXTS = [
    "", "the river", "[CLS] the [SEP] river[MASK]", "<s>the river</s>", "the <mask> river <mask>", "<|endoftext|>the<|endoftext|>", "a<extra_id_0> b</s></s>",
    "<unk> <pad>", "STEPS [sp ace] kettle  x", "<a> the <a>b", "x<a><b> <ab> [X]  the [x] [x]y", "the[X]<a>[X]", "<<s>s>", "<s><a></s>",
]


def added():
    """Special and other tokens, sought in the text and in the normalized text."""
    tokenizer = Tokenizer.from_file(str(FIXTURES / "pipelines" / "bert_uncased.json"))
    tokenizer.add_special_tokens([AddedToken("<ab>"), AddedToken("<a", rstrip=True), AddedToken("[X]", normalized=True)])
    tokenizer.add_tokens([AddedToken("<a>", normalized=False), AddedToken("b>", normalized=False, lstrip=True), AddedToken("[x]y")])
    return tokenizer


def case(tokenizer, text):
    try:
        e = tokenizer.encode(text)
    except Exception:  # a character that the vocabulary lacks
        return None
    return {"text": text, "ids": e.ids, "tokens": e.tokens, "offsets": e.offsets, "word_ids": e.word_ids, "special_tokens_mask": e.special_tokens_mask}


def main():
    tokenizers = {name: Tokenizer.from_file(str(FIXTURES / f"{name}.json")) for name in NAMES} | {"added": added()}
    goldens = {"added_tokenizer": json.loads(tokenizers["added"].to_str()), "cases": {}}
    for name, tokenizer in tokenizers.items():
        tokenizer.encode_special_tokens = True
        goldens["cases"][name] = [c for c in (case(tokenizer, text) for text in TEXTS) if c]
    (FIXTURES / "split_special_tokens.json").write_text(json.dumps(goldens, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
