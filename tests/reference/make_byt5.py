"""Writes tests/fixtures/tokenizers/byt5.json: folders of ByT5's tokenizer, and what `transformers` makes of them.

Versions: transformers 5.23. Usage: python make_byt5.py (from any folder; rewrites the fixture)

A list of {name, files, special_tokens, size, cases, generated}: `files` has the text by name; a case is {text, pair, ids,
tokens (of the text alone), decoded, decoded_without_special}, of `generated` ids only the last two.
"""

import json
import random
import tempfile
import warnings
from pathlib import Path

from transformers import AutoTokenizer

FIXTURE = Path(__file__).resolve().parent.parent / "fixtures" / "tokenizers" / "byt5.json"
TEXTS = ["abc", "", " ", "\n", "The lamp's café, 한강 字 👍🏽.", "a</s>b", "a </s> b", "</s>", "the </s>", "x<extra_id_0>y", " <extra_id_1> z",
         "<pad>a", "a <unk> b", "<extra_id_200>", "a</s></s>", "a\x00b\x7f", "<extra_id_1", "x </s>  <extra_id_3> y", "\t</s>\u3000b",
         "<extra_id_10><extra_id_1>0>", "<e> a<u>b <p>", "<foo>bar", "\ufffd\u2028"]
PAIRS = [("a", "b"), ("the lamp</s>", "it's"), ("", "x </s>")]


def token(content, **flags):
    return {"__type": "AddedToken", "content": content, "lstrip": False, "rstrip": False, "single_word": False, "normalized": False, **flags}


def configured(**config):
    return {"tokenizer_config.json": json.dumps({"tokenizer_class": "ByT5Tokenizer"} | config)}


def folders():
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "tokenizer_config.json").write_text(configured(extra_ids=12)["tokenizer_config.json"])
        AutoTokenizer.from_pretrained(folder).save_pretrained(folder)
        saved = {file.name: file.read_text() for file in sorted(Path(folder).iterdir())}
    published = {f"{role}_token": token(content, lstrip=True, rstrip=True) for role, content in
                 (("eos", "</s>"), ("pad", "<pad>"), ("unk", "<unk>"))}
    sentinels = [f"<extra_id_{i}>" for i in range(20)]
    return {
        "plain": configured(),
        "as published": configured(extra_ids=20, additional_special_tokens=sentinels, **published) |
                        {"special_tokens_map.json": json.dumps(published | {"additional_special_tokens": sentinels})},
        "as saved": saved,
        "by the model": {"config.json": json.dumps({"model_type": "t5", "tokenizer_class": "ByT5Tokenizer"})},
        "no sentinels": configured(extra_ids=0),
        "further tokens": configured(extra_ids=2, additional_special_tokens=["<extra_id_0>", "<extra_id_1>", "<foo>"]),
        "other names": configured(extra_ids=3, eos_token="<e>", pad_token="<p>", unk_token="<u>"),
    }


def decodings(tokenizer, ids):
    return {"decoded": tokenizer.decode(ids), "decoded_without_special": tokenizer.decode(ids, skip_special_tokens=True)}


def main():
    warnings.simplefilter("ignore")
    rng = random.Random(1)
    goldens = []
    for name, files in folders().items():
        with tempfile.TemporaryDirectory() as folder:
            for file, text in files.items():
                (Path(folder) / file).write_text(text)
            loaded = AutoTokenizer.from_pretrained(folder)
        special = {role: getattr(loaded, role + "_token_id") for role in ("eos", "unk", "pad")}
        cases = []
        for text in TEXTS:
            ids = loaded(text).input_ids
            cases.append({"text": text, "ids": ids, "tokens": loaded.tokenize(text)} | decodings(loaded, ids))
        for text, pair in PAIRS:
            ids = loaded(text, pair).input_ids
            cases.append({"text": text, "pair": pair, "ids": ids} | decodings(loaded, ids))
        generated = [[rng.randrange(len(loaded)) for _ in range(rng.randrange(1, 20))] for _ in range(12)]
        goldens.append({"name": name, "files": files, "special_tokens": special, "size": len(loaded), "cases": cases,
                        "generated": [{"ids": ids} | decodings(loaded, ids) for ids in generated]})
    FIXTURE.write_text(json.dumps(goldens, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
