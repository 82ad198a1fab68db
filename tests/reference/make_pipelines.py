"""Writes tests/fixtures/tokenizers/pipelines: whole tokenizers of Python's `tokenizers`, directories as `transformers`
writes and reads them, and what they make of adversarial text and of every code point.

Versions: tokenizers 0.23.3, transformers 5.23. Usage: python make_pipelines.py (from any folder; rewrites the fixtures)

<name>.json is a tokenizer.json; <name>.cases.json holds {text, pair?, ids, type_ids, tokens, offsets, word_ids,
special_tokens_mask, decoded, decoded_without_special} a case; code_points.json a digest for each block of 4096 code points.
directories/<name>/ holds what a published directory holds, directories/<name>.cases.json its cases.
"""

import json
import shutil
from pathlib import Path

from make_tokenizers import adversarial, corpus
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer

OUT = Path(__file__).resolve().parent.parent / "fixtures" / "tokenizers" / "pipelines"
CL100K = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
BERT_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LANGUAGES = [
    "The river doesn't wait: it's 1234 steps, isn't it?", "L'été, j'ai vu la rivière où tu étais né… « voilà » !",
    "강물이 천천히 흐른다. 나는 오늘 학교에 갔습니다!", "河水慢慢地流,我們走了兩步。一二三", "Perché no? È così: un'altra città, più in là.",
    "川がゆっくり流れる。カタカナとｶﾅ", "ﬁne ½ ² ㎏ Ⅻ ＡＢＣ", "Ünïcödé ǅ ß ẞ ΑΣ Σας İstanbul ıI", "<s>a</s> [MASK] x[MASK]y [SEP]",
    "日[MASK]本", "a <mask> b  <mask>c", "\u0001 a b \u0301c d", "Kettle  kettle STEPS steps", "a_b-c_d e--f", "http://ex.am/ple?q=1&r=2#x", "  two  spaces   three\n\nlines\t tab ", "▁under▁score", "x" * 120 + " y",
]


def texts():
    return adversarial() + LANGUAGES


def bert(lowercase, strip_accents=None, chinese=True):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase, strip_accents=strip_accents, handle_chinese_chars=chinese)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.train_from_iterator(corpus(), trainers.WordPieceTrainer(vocab_size=400, special_tokens=BERT_SPECIAL, show_progress=False))
    cls, sep = (tokenizer.token_to_id(t) for t in ("[CLS]", "[SEP]"))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", cls), ("[SEP]", sep)])
    return tokenizer


def gpt():
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.BPEDecoder()
    tokenizer.train_from_iterator(corpus(), trainers.BpeTrainer(
        vocab_size=400, special_tokens=["<unk>"], end_of_word_suffix="</w>", show_progress=False))
    return tokenizer


def unigram(normalizer, pre_tokenizer, decoder, **options):
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoder
    tokenizer.train_from_iterator(corpus(), trainers.UnigramTrainer(
        vocab_size=300, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False, **options))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", tokenizer.token_to_id("</s>"))])
    return tokenizer


def llama():
    """BPE over the whole text, bytes for unknown characters."""
    vocabulary = {"<unk>": 0, "<s>": 1, "</s>": 2, **{f"<0x{b:02X}>": b + 3 for b in range(256)}}
    for token in ["▁", *"abcdefghijklmnopqrstuvwxyzABT'.,é", "▁t", "he", "▁the", "▁▁", "▁a", "er", "▁river", "ri", "ver", "ve", "▁ri"]:
        vocabulary.setdefault(token, len(vocabulary))
    merges = [("▁", "t"), ("h", "e"), ("▁t", "he"), ("▁", "▁"), ("▁", "a"), ("e", "r"), ("v", "er"), ("r", "i"), ("▁", "ri"), ("▁ri", "ver")]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)])
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    return tokenizer


def byte_level(pre_tokenizer, post_processor=None, special=("<|endoftext|>",), normalizer=None, **model):
    tokenizer = Tokenizer(models.BPE(**model))
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(corpus(), trainers.BpeTrainer(
        vocab_size=500, special_tokens=list(special), initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    if post_processor:
        tokenizer.post_processor = post_processor(tokenizer)
    return tokenizer


def roberta():
    tokenizer = byte_level(
        pre_tokenizers.ByteLevel(add_prefix_space=False),
        lambda t: processors.RobertaProcessing(("</s>", t.token_to_id("</s>")), ("<s>", t.token_to_id("<s>")), trim_offsets=True, add_prefix_space=False),
        special=["<s>", "<pad>", "</s>", "<unk>"])
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    return tokenizer


def words():
    tokenizer = Tokenizer(models.WordLevel(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase(), normalizers.Strip()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.Punctuation()])
    tokenizer.train_from_iterator(corpus(), trainers.WordLevelTrainer(vocab_size=120, special_tokens=["<unk>", "<pad>"], show_progress=False))
    tokenizer.add_tokens([AddedToken("[sp ace]", single_word=True), AddedToken("kettle", rstrip=True), AddedToken("STEPS", normalized=True)])
    return tokenizer


def pipelines():
    metaspace = dict(replacement="▁")
    t5 = unigram(normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]),
                 pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always", **metaspace)]),
                 decoders.Metaspace(prepend_scheme="always", **metaspace))
    t5.add_special_tokens([f"<extra_id_{i}>" for i in range(3)])
    albert = unigram(
        normalizers.Sequence([normalizers.Replace("``", '"'), normalizers.Replace("''", '"'), normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase()]),
        pre_tokenizers.Metaspace(prepend_scheme="first", **metaspace), decoders.Metaspace(prepend_scheme="first", **metaspace))
    return {
        "bert_uncased": bert(True), "bert_cased": bert(False, chinese=False), "bert_accents": bert(True, strip_accents=False), "gpt": gpt(), "t5": t5,
        "albert": albert, "llama": llama(), "roberta": roberta(), "words": words(),
        "cl100k": byte_level(pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(CL100K), "removed", invert=True),
                                                      pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]), ignore_merges=True),
        "byte_level_nfc": byte_level(pre_tokenizers.ByteLevel(add_prefix_space=True), normalizer=normalizers.NFC()),
    }


def case(tokenizer, text, pair=None):
    e = tokenizer.encode(text, pair)
    return {"text": text, **({"pair": pair} if pair is not None else {}), "ids": e.ids, "type_ids": e.type_ids, "tokens": e.tokens, "offsets": e.offsets,
            "word_ids": e.word_ids, "special_tokens_mask": e.special_tokens_mask, "decoded": tokenizer.decode(e.ids, skip_special_tokens=False),
            "decoded_without_special": tokenizer.decode(e.ids, skip_special_tokens=True)}


def code_points():
    return [c for c in [*range(1, 0xD800), *range(0xE000, 0x34000), *range(0xE0000, 0xE1000)]]


def digests(tokenizer):
    """FNV-1a over 32-bit words: for each code point c the ids, then the offsets, of "c" and of "acb"."""
    blocks = {}
    for c in code_points():
        h = blocks.get(c >> 12, 14695981039346656037)
        for text in (chr(c), f"a{chr(c)}b"):
            e = tokenizer.encode(text, add_special_tokens=False)
            for value in [*e.ids, *(x for o in e.offsets for x in o)]:
                h = ((h ^ value) * 1099511628211) & 0xFFFFFFFFFFFFFFFF
        blocks[c >> 12] = h
    return {str(b): format(h, "016x") for b, h in blocks.items()}


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")


PAIRS = [("the lamp", "it's a café"), ("", "x"), ("x", ""), ("한강 river", "河水"), ("[SEP] a", "b </s>")]


def directories(made):
    root = OUT / "directories"
    shutil.rmtree(root, ignore_errors=True)
    bert_vocab = sorted(made["bert_uncased"].get_vocab().items(), key=lambda x: x[1])
    cased_vocab = sorted(made["bert_cased"].get_vocab().items(), key=lambda x: x[1])
    gpt_model, gpt2_model = (json.loads(made[n].to_str())["model"] for n in ("gpt", "roberta"))

    def vocab_txt(vocab):
        return {"vocab.txt": "".join(token + "\n" for token, _ in vocab)}

    def pair_of_files(model, header):
        merges = header + "".join(" ".join(m) + "\n" for m in model["merges"])
        return {"vocab.json": json.dumps(model["vocab"], ensure_ascii=False), "merges.txt": merges}

    cases = {
        "bert": vocab_txt(bert_vocab) | {"config.json": '{"model_type": "bert"}'},
        "bert_cased": vocab_txt(cased_vocab) | {"tokenizer_config.json": '{"do_lower_case": false, "tokenizer_class": "BertTokenizer"}'},
        "distilbert": vocab_txt(bert_vocab) | {"config.json": '{"model_type": "distilbert"}', "tokenizer_config.json": '{"do_lower_case": true, "model_max_length": 512}'},
        "electra": vocab_txt(cased_vocab) | {"config.json": '{"model_type": "electra"}', "tokenizer_config.json": '{"do_lower_case": false, "strip_accents": false, "tokenize_chinese_chars": false}'},
        "openai-gpt": pair_of_files(gpt_model, "#version: 0.2\n") | {"config.json": '{"model_type": "openai-gpt"}'},
        "gpt2": pair_of_files(gpt2_model, "#version: 0.2\n") | {"config.json": '{"model_type": "gpt2"}', "tokenizer_config.json": '{"pad_token": "[PAD]", "add_prefix_space": true}'},
        "gpt2_bos": pair_of_files(gpt2_model, "#version: 0.2\n") | {"tokenizer_config.json": '{"tokenizer_class": "GPT2Tokenizer", "add_bos_token": true, "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}'},
    }
    for name, files in cases.items():
        (root / name).mkdir(parents=True)
        for file, text in files.items():
            (root / name / file).write_text(text)
        loaded = AutoTokenizer.from_pretrained(root / name)
        backend = loaded._tokenizer
        chosen = texts()[::4] + LANGUAGES
        special = {role: loaded.convert_tokens_to_ids(str(getattr(loaded, role + "_token")))
                   for role in ("bos", "eos", "unk", "sep", "pad", "cls", "mask") if getattr(loaded, role + "_token") is not None}
        write(root / f"{name}.cases.json", {"special_tokens": special, "size": len(loaded), "cases": [case(backend, t) for t in chosen] + [case(backend, a, b) for a, b in PAIRS]})


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    made = pipelines()
    for name, tokenizer in made.items():
        tokenizer.save(str(OUT / f"{name}.json"), pretty=False)
        write(OUT / f"{name}.cases.json", [case(tokenizer, t) for t in texts()] + [case(tokenizer, a, b) for a, b in PAIRS])
    write(OUT / "code_points.json", {name: digests(made[name]) for name in ("bert_uncased", "bert_cased", "t5", "albert", "words", "cl100k", "roberta")})
    directories(made)


if __name__ == "__main__":
    main()
