"""Writes tests/fixtures/tokenizers/folders.json: folders without a tokenizer.json, and what `transformers` makes of them.

Versions: tokenizers 0.23.3, transformers 5.23, protobuf. Usage: python make_folders.py (from any folder; rewrites the
fixture)

A list of {name, files, special_tokens, size, cases}: `files` has by name the fixture that is copied ({"copy"}) or the text
({"text"}); the cases are those of make_pipelines.py.
"""

import json
import tempfile
from pathlib import Path

from make_pipelines import LANGUAGES, case, texts
from transformers import AutoTokenizer

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures" / "tokenizers"
MORE = ["<s>the lamp</s>", "the <mask> lamp<mask>", " the lamp", "the  lamp", "<sep> the<sep>lamp", "a<unk>b <pad>", "[MASK] the [SEP]", "aa baab", "the lamp\n carries"]
PAIRS = [("the lamp", "it's a café"), ("", "x"), ("한강 river", "河水</s> b")]


def mpnet_vocabulary():
    """BERT's vocabulary with MPNet's special tokens."""
    tokens = (FIXTURES / "pipelines/directories/bert/vocab.txt").read_text().splitlines()
    ours = {"[PAD]": "<pad>", "[CLS]": "<s>", "[SEP]": "</s>", "[MASK]": "<mask>"}
    return {"vocab.txt": {"text": "".join(ours.get(token, token) + "\n" for token in tokens)}}


def configured(**config):
    return {"tokenizer_config.json": {"text": json.dumps(config)}}


def of_type(model_type):
    return {"config.json": {"text": json.dumps({"model_type": model_type})}}


def model(name, file):
    return {file: {"copy": f"sentencepiece/{name}.model"}}


def token(content, **flags):
    return {"__type": "AddedToken", "content": content, "lstrip": False, "rstrip": False, "single_word": False, "normalized": False, **flags}


def folders():
    gpt2 = {name: {"copy": f"pipelines/directories/gpt2/{name}"} for name in ("vocab.json", "merges.txt")}
    mpnet = mpnet_vocabulary()
    return {
        "roberta": gpt2 | of_type("roberta"),
        "roberta, a configuration": gpt2 | configured(tokenizer_class="RobertaTokenizer", add_prefix_space=True, mask_token=token("<mask>", lstrip=True)),
        "roberta, offsets whole": gpt2 | configured(tokenizer_class="BartTokenizerFast", trim_offsets=False, add_bos_token=True, pad_token="[PAD]"),
        "mpnet": mpnet | of_type("mpnet"),
        "mpnet, cased": mpnet | configured(tokenizer_class="MPNetTokenizer", do_lower_case=False, mask_token=token("<mask>", rstrip=True)),
        "distilbert, by class": {"vocab.txt": {"copy": "pipelines/directories/bert/vocab.txt"}} | configured(tokenizer_class="DistilBertTokenizer"),
        "electra, by class": {"vocab.txt": {"copy": "pipelines/directories/electra/vocab.txt"}} | configured(tokenizer_class="ElectraTokenizerFast", strip_accents=True),
        "xlm-roberta": model("unigram", "sentencepiece.bpe.model") | of_type("xlm-roberta"),
        "xlm-roberta, user-defined symbols": model("unigram_bytes", "sentencepiece.bpe.model") | configured(tokenizer_class="XLMRobertaTokenizerFast", add_prefix_space=False),
        "xlm-roberta, other names": model("unigram", "sentencepiece.bpe.model") | configured(tokenizer_class="XLMRobertaTokenizer", bos_token="<b>", eos_token="<e>", mask_token=token("<m>", lstrip=True)),
        "llama": model("bpe_bytes", "tokenizer.model") | configured(tokenizer_class="LlamaTokenizer", legacy=False, add_bos_token=True, add_eos_token=False),
        "llama, legacy": model("bpe_bytes", "tokenizer.model") | configured(tokenizer_class="LlamaTokenizer", legacy=True, add_bos_token=True, add_eos_token=True),
        "llama, legacy not said": model("bpe", "tokenizer.model") | configured(tokenizer_class="LlamaTokenizerFast", legacy=None, pad_token="<pad>"),
        "llama, no prefix": model("bpe_bytes", "tokenizer.model") | configured(tokenizer_class="LlamaTokenizer", add_prefix_space=False),
        "llama, no class": model("bpe_bytes", "tokenizer.model") | of_type("llama"),
        "any class, bpe": model("bpe", "tokenizer.model") | configured(tokenizer_class="PreTrainedTokenizerFast", add_bos_token=True),
        "any class, unigram": model("unigram_bytes", "tokenizer.model"),
        "any class, no bos": {"tokenizer.model": {"copy": "sentencepiece/t5/spiece.model"}} | configured(tokenizer_class="TokenizersBackend"),
        "t5, bos": {"spiece.model": {"copy": "sentencepiece/t5/spiece.model"}} | configured(tokenizer_class="T5Tokenizer", extra_ids=2, add_eos_token=False),
        "mt5": {"spiece.model": {"copy": "sentencepiece/t5/spiece.model"}} | of_type("mt5"),
        "mt5, as published": {"spiece.model": {"copy": "sentencepiece/t5/spiece.model"}} | of_type("mt5") |
                             configured(tokenizer_class="T5Tokenizer", extra_ids=0, additional_special_tokens=None),
        "albert, mask": {"spiece.model": {"copy": "sentencepiece/albert/spiece.model"}} | configured(tokenizer_class="AlbertTokenizer", mask_token=token("[MASK]", lstrip=True)),
    }


def main():
    goldens = []
    for name, files in folders().items():
        with tempfile.TemporaryDirectory() as folder:
            for file, content in files.items():
                data = (FIXTURES / content["copy"]).read_bytes() if "copy" in content else content["text"].encode()
                (Path(folder) / file).write_bytes(data)
            loaded = AutoTokenizer.from_pretrained(folder)
        special = {role: loaded.convert_tokens_to_ids(str(getattr(loaded, role + "_token")))
                   for role in ("bos", "eos", "unk", "sep", "pad", "cls", "mask") if getattr(loaded, role + "_token") is not None}
        chosen = MORE + (LANGUAGES[::3] if "," in name else LANGUAGES + texts()[::9])
        cases = [case(loaded._tokenizer, text) for text in chosen] + [case(loaded._tokenizer, a, b) for a, b in PAIRS]
        goldens.append({"name": name, "files": files, "special_tokens": special, "size": len(loaded), "cases": cases})
    (FIXTURES / "folders.json").write_text(json.dumps(goldens, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
