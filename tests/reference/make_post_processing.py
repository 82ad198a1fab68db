"""Writes tests/fixtures/tokenizers/post_processing.json: what Python's `tokenizers` makes of texts and pairs with every
post-processor, truncation and padding, by the byte-level tokenizers of make_tokenizers.py.

Versions: tokenizers 0.23.3. Usage: python make_post_processing.py (from any folder, after make_tokenizers.py)

Left out on purpose: the windows' own windows (always again those of the first level: checked here), and the sequence ids
where Python knows one range of a text at most or none: without a post-processor, and where a template repeats a text.
"""

import json
import random
from pathlib import Path

from tokenizers import Tokenizer, processors

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures" / "tokenizers"

SPECIAL = [("[CLS]", 1), ("[SEP]", 2), ("[S]", 3)]
REPEATING = processors.TemplateProcessing(single="$0 $A", pair="$A $B $A", special_tokens=[])
PROCESSORS = [
    None,
    processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1)),
    processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=True),
    processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=False),
    processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=False, add_prefix_space=True),
    processors.ByteLevel(trim_offsets=True, add_prefix_space=True),
    processors.ByteLevel(trim_offsets=True, add_prefix_space=False),
    processors.ByteLevel(trim_offsets=False),
    processors.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=SPECIAL),
    processors.TemplateProcessing(single="$A:3 [S]:4", pair="[S] $B:5 [SEP]:6 $A:7", special_tokens=SPECIAL),
    REPEATING,
    processors.TemplateProcessing(single="[MANY] $1", pair="$ [MANY]:2 $B:1",
                                  special_tokens=[{"id": "[MANY]", "ids": [5, 6, 7], "tokens": ["five", "six", "seven"]}]),
    processors.Sequence([processors.ByteLevel(trim_offsets=True, add_prefix_space=False),
                         processors.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=SPECIAL)]),
    processors.Sequence([processors.ByteLevel(trim_offsets=False),
                         processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))]),
]
WORDS = ["the", "lamp", "river", "café", "河水", "it's", " ", "  ", "\n", "<|endoftext|>", "kettle", "👍", "x", "\t", "e\u0301", " Ġ", "\u3000", ","]


def text(rng, tokenizer):
    made = "".join(rng.choice([" ", "", " "]) + rng.choice(WORDS) for _ in range(rng.choice([0, 1, 2, 4, 8, 12])))
    by_characters = json.loads(tokenizer.to_str())["model"]["type"] == "WordLevel"
    return "".join(c for c in made if not by_characters or tokenizer.token_to_id(c) is not None)


def plain(encoding, with_sequences):
    ids = [-1 if i is None else i for i in encoding.sequence_ids] if with_sequences else None
    return {"ids": encoding.ids, "tokens": encoding.tokens, "offsets": encoding.offsets, "type_ids": encoding.type_ids,
            "word_ids": [-1 if i is None else i for i in encoding.word_ids], "sequence_ids": ids,
            "special_tokens_mask": encoding.special_tokens_mask, "attention_mask": encoding.attention_mask}


def described(encoding, with_sequences):
    windows = [plain(window, with_sequences) for window in encoding.overflowing]

    def check(inner):
        for window in inner.overflowing:
            assert window.ids in [w["ids"] for w in windows], "a window of a window that is none of the text"
            check(window)

    for window in encoding.overflowing:
        check(window)
    return {**plain(encoding, with_sequences), "overflowing": windows}




def case(rng, tokenizers):
    name = rng.choice(list(tokenizers))
    tokenizer = tokenizers[name]
    processor = rng.randrange(len(PROCESSORS))
    if PROCESSORS[processor] is None:
        state = json.loads(tokenizer.to_str())
        state["post_processor"] = None
        tokenizer = Tokenizer.from_str(json.dumps(state))
    else:
        tokenizer.post_processor = PROCESSORS[processor]
    tokenizer.no_truncation()
    tokenizer.no_padding()
    truncation = padding = None
    if rng.random() < 0.75:
        max_length = rng.choice([4, 5, 6, 8, 11, 16])
        truncation = {"max_length": max_length, "stride": rng.choice([0, 0, 1, 2, 3]),
                      "strategy": rng.choice(["longest_first", "only_first", "only_second"]), "direction": rng.choice(["left", "right"])}
        try:
            tokenizer.enable_truncation(**truncation)
        except BaseException:
            return None
    if rng.random() < 0.5:
        padding = {"length": rng.choice([None, None, 3, 12, 20]), "pad_to_multiple_of": rng.choice([None, None, 4, 7]),
                   "direction": rng.choice(["left", "right"]), "pad_id": rng.randrange(9), "pad_type_id": rng.randrange(3), "pad_token": "[P]"}
        tokenizer.enable_padding(**padding)
    pairs = rng.random() < 0.6
    texts = [[text(rng, tokenizer), text(rng, tokenizer)] if pairs else [text(rng, tokenizer)] for _ in range(rng.choice([1, 1, 2, 3]))]
    add_special = rng.random() < 0.8
    try:
        encodings = tokenizer.encode_batch([tuple(t) if pairs else t[0] for t in texts], add_special_tokens=add_special)
    except BaseException:
        encodings = None
    if encodings and sum(len(e.overflowing) for e in encodings) > 8:
        return None
    return {"tokenizer": name, "processor": processor, "truncation": truncation, "padding": padding, "texts": texts,
            "add_special_tokens": add_special, "encodings": None if encodings is None else [described(e, PROCESSORS[processor] not in (None, REPEATING)) for e in encodings]}


def main():
    rng = random.Random(4)
    tokenizers = {name: Tokenizer.from_file(str(FIXTURES / name)) for name in ("byte_level.json", "prefix_space.json", "char_level.json")}
    cases = []
    while len(cases) < 240:
        made = case(rng, tokenizers)
        if made is None or (made["encodings"] is None and rng.random() < 0.8):
            continue
        cases.append(made)
    states = [None if p is None else json.loads(p.__getstate__()) for p in PROCESSORS]
    value = {"processors": states, "cases": cases}
    (FIXTURES / "post_processing.json").write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")
    print(len(cases), sum(c["encodings"] is None for c in cases), (FIXTURES / "post_processing.json").stat().st_size)


if __name__ == "__main__":
    main()
