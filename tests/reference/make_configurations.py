"""Writes tests/fixtures/tokenizers/configurations.json: tokenizer.json files with what other tools put beside them, and
what Python's `transformers` makes of such a directory (of a tokenizer.json alone: what `tokenizers` makes of it).

Versions: tokenizers 0.23.3, transformers 5.23. Usage: python make_configurations.py (from any folder; rewrites the file)

A list of {name, files: {file: text}, special_tokens: {role: id}, size, cases}; the cases are make_pipelines.py's.
"""

import json
import tempfile
from pathlib import Path

from make_pipelines import case
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import AutoTokenizer, GemmaTokenizer, LlamaTokenizer

OUT = Path(__file__).resolve().parent.parent / "fixtures" / "tokenizers" / "configurations.json"
ROLES = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")
FAST = {"tokenizer_class": "PreTrainedTokenizerFast"}
WORDS = {"[UNK]": 0, "hello": 1, "world": 2, "a": 3, "b": 4}


def added(content, id, **options):
    return {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
            "special": False} | options


def described(content, **options):
    return {key: value for key, value in added(content, 0, **options).items() if key != "id"}


def words(tokens=(), vocab=None):
    tokenizer = Tokenizer(models.WordLevel(vocab or WORDS, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return json.loads(tokenizer.to_str()) | {"added_tokens": list(tokens)}


BYTES = ["<s>", "<pad>", "</s>", "<unk>"] + sorted(pre_tokenizers.ByteLevel.alphabet()) + ["he", "ll", "hell", "Ġw", "<mask>"]


def byte_level(post_processor=None, add_prefix_space=False, vocab=None, merges=None):
    """GPT-2's alphabet and a few merges, or another vocabulary."""
    vocab = vocab or {token: id for id, token in enumerate(BYTES)}
    tokenizer = Tokenizer(models.BPE(vocab, merges or [("h", "e"), ("l", "l"), ("he", "ll"), ("Ġ", "w")]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)
    tokenizer.decoder = decoders.ByteLevel()
    if post_processor is not None:
        tokenizer.post_processor = post_processor
    return json.loads(tokenizer.to_str())


def bert(lowercase):
    vocab = {t: i for i, t in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "cafe", "café", "Café", "日", "日本"])}
    tokenizer = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0", pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return json.loads(tokenizer.to_str())


def saved_by(tokenizer, **config):
    """The files that a class of transformers writes, its configuration changed."""
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        files = {file: json.loads((Path(folder) / file).read_text()) for file in ("tokenizer.json", "tokenizer_config.json")}
    files["tokenizer_config.json"] |= config
    return files


def directories():
    token = ["a<new> <n2>b", " <new>  <n2>", "hello world", ""]
    yield "hole", {"tokenizer.json": words([added("<new>", 15)])}, token
    yield "out_of_order", {"tokenizer.json": words([added("<n2>", 6), added("<new>", 5)])}, token
    yield "id_in_vocabulary", {"tokenizer.json": words([added("hello", 7), added("<new>", 8)])}, token
    yield "one_id", {"tokenizer.json": words([added("<new>", 5), added("<n2>", 5)])}, token
    yield "twice", {"tokenizer.json": words([added("<new>", 5), added("<new>", 6, special=True, lstrip=True), added("<n2>", 7)])}, token
    yield "empty", {"tokenizer.json": words([added("", 5), added("<new>", 6)])}, token
    yield "hole_in_vocabulary", {"tokenizer.json": words([added("<new>", 9), added("b", 7), added("<n2>", 10)], WORDS | {"b": 7})}, token

    def configured(config, tokens=(), **files):
        return {"tokenizer.json": words(tokens), "tokenizer_config.json": FAST | config} | {f"{k}.json": v for k, v in files.items()}

    decoder = {"9": described("<n2>", special=True), "7": described("<new>", lstrip=True)}
    yield "pad_is_no_special_token", configured({"pad_token": "<new>"}, [added("<new>", 5, normalized=True)]), token
    yield "roles_in_vocabulary", configured({"unk_token": "[UNK]", "eos_token": "hello"}), token
    yield "decoder", configured({"added_tokens_decoder": decoder}), token
    yield "decoder_changes", configured({"added_tokens_decoder": {"5": described("<new>", lstrip=True, special=True)}}, [added("<new>", 5)]), token
    yield "decoder_alone_counts", configured({"added_tokens_decoder": {}}, special_tokens_map={"pad_token": "<new>"}, added_tokens={"<n2>": 5}), token
    yield "map", configured({"pad_token": "<n2>"}, special_tokens_map={"pad_token": "<new>", "extra_special_tokens": ["<n2>"]}), token
    yield "map_object", configured({}, special_tokens_map={"pad_token": described("<new>", lstrip=True)}), token
    yield "map_of_old", configured({}, special_tokens_map={"additional_special_tokens": ["<new>"]}), token
    yield "map_of_old_loses", configured({"additional_special_tokens": ["<n2>"]}, special_tokens_map={"additional_special_tokens": ["<new>"]}), token
    yield "extra_beats_additional", configured({"additional_special_tokens": ["<n2>"], "extra_special_tokens": ["<new>"]}), token
    yield "additional_for_no_extra", configured({"additional_special_tokens": ["<n2>"], "extra_special_tokens": []}), token
    yield "extra_by_name", configured({"extra_special_tokens": {"image_token": "<new>"}}), token
    yield "extra_object", configured({"extra_special_tokens": [{"__type": "AddedToken"} | described("<n2>", lstrip=True)]}), token
    yield "further_role", configured({"image_token": "<new>", "add_bos_token": False}), token
    yield "added_tokens", configured({}, added_tokens={"<n2>": 9, "<new>": 7}), token
    yield "added_tokens_with_role", configured({"pad_token": "<n2>"}, added_tokens={"<n2>": 9, "<new>": 7}), token
    yield "empty_role", configured({"pad_token": "", "model_max_length": float("inf")}), token

    text = ["hello world", " hello  wé<mask>", "é\u3000 \U0001D11E w", "", "\U0001D11E", "\u3000", "é w"]
    roberta = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=False)
    special = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    for prefix in (False, True):
        for trim in (False, True):
            config = {"tokenizer_class": "RobertaTokenizer", "add_prefix_space": prefix, "trim_offsets": trim,
                      "mask_token": {"__type": "AddedToken"} | described("<mask>", lstrip=True)}
            yield f"roberta_{prefix}_{trim}", {"tokenizer.json": byte_level(roberta), "tokenizer_config.json": config}, text
    inside = {token: id for id, token in enumerate(BYTES + ["ĠÃ", "Ģ" + "Ġ"])}
    yield "within_a_character", {"tokenizer.json": byte_level(roberta, True, inside, [("Ġ", "Ã"), ("Ģ", "Ġ")])}, text
    yield "gpt2_prefix", {"tokenizer.json": byte_level(), "tokenizer_config.json": special | {"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": True}}, text
    yield "gpt2_no_prefix", {"tokenizer.json": byte_level(add_prefix_space=True), "tokenizer_config.json": special | {"tokenizer_class": "GPT2TokenizerFast"}}, text
    yield "prefix_of_no_class", {"tokenizer.json": byte_level(), "tokenizer_config.json": FAST | {"add_prefix_space": True}}, text
    frame = processors.TemplateProcessing(single="<s> $A <pad>", pair="<s> $A <pad> $B:1 <pad>:1", special_tokens=[("<s>", 0), ("<pad>", 1)])
    for name in ("GPT2Tokenizer", "PreTrainedTokenizerFast", "CodeGenTokenizer"):
        yield f"bos_{name}", {"tokenizer.json": byte_level(frame), "tokenizer_config.json": special | {"tokenizer_class": name, "add_bos_token": False, "add_eos_token": True}}, text[:2]
    yield "bos_without_post_processor", {"tokenizer.json": byte_level(), "tokenizer_config.json": special | FAST | {"add_bos_token": True, "add_eos_token": True}}, text[:2]
    few = {t: i for i, t in enumerate(["<unk>", "<s>", "</s>", "▁", "a", "b", "ab", "▁a", "<pad>", "<mask>", "<bos>", "<eos>"] + [f"<0x{b:02X}>" for b in range(256)])}
    merges = [("a", "b"), ("▁", "a")]
    for wanted in (False, True):
        yield f"llama_{wanted}", saved_by(LlamaTokenizer(vocab=few, merges=merges), add_bos_token=wanted, add_eos_token=wanted), ["ab a", " b  <s>é"]
        yield f"gemma_{wanted}", saved_by(GemmaTokenizer(vocab=few, merges=merges), add_bos_token=wanted, add_eos_token=wanted), ["ab a", " b  <bos>é"]

    accents = ["Café 日本", "[MASK] CAFE"]
    for options in ({}, {"do_lower_case": False}, {"do_lower_case": False, "strip_accents": True, "tokenize_chinese_chars": False}):
        yield f"bert_{len(options)}", {"tokenizer.json": bert(False), "tokenizer_config.json": {"tokenizer_class": "BertTokenizer"} | options}, accents
    yield "bert_of_model", {"tokenizer.json": bert(True), "tokenizer_config.json": {"do_lower_case": False}, "config.json": {"model_type": "bert"}}, accents

    course = {t: i for i, t in enumerate(["a", "c", "d", "e", "h", "o", "t", "Ã", "Ġ", "th", "the"])}
    yield "bytes_missing", {"tokenizer.json": byte_level(vocab=course, merges=[("t", "h"), ("th", "e")])}, ["the cat", "the Zebra sat", "dog?", "é a", "zzz", ""]
    versioned = byte_level()
    versioned["model"]["merges"] = ["#version: 0.2"] + [" ".join(pair) for pair in versioned["model"]["merges"]]
    yield "version_among_merges", {"tokenizer.json": versioned}, text


def main():
    made = []
    for name, files, texts in directories():
        with tempfile.TemporaryDirectory() as folder:
            files = {file: json.dumps(content, ensure_ascii=False) for file, content in files.items()}
            for file, content in files.items():
                (Path(folder) / file).write_text(content)
            if list(files) == ["tokenizer.json"]:
                backend, special = Tokenizer.from_file(str(Path(folder) / "tokenizer.json")), None
                size = max(backend.get_vocab().values()) + 1
            else:
                loaded = AutoTokenizer.from_pretrained(folder)
                backend = loaded._tokenizer
                size = max(backend.get_vocab().values()) + 1
                named = {role: getattr(loaded, role + "_token") for role in ROLES}
                special = {role: backend.token_to_id(str(token)) for role, token in named.items() if token}
            made.append({"name": name, "files": files, "special_tokens": special, "size": size,
                         "cases": [case(backend, text) for text in texts] + [case(backend, texts[0], texts[1])]})
    OUT.write_text("[\n" + ",\n".join(json.dumps(entry, ensure_ascii=True) for entry in made) + "\n]\n")


if __name__ == "__main__":
    main()
