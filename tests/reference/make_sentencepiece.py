"""Writes tests/fixtures/tokenizers/sentencepiece: small models of Python's `sentencepiece`, what they make of adversarial
text, and directories like T5's and ALBERT's with what `transformers` makes of them.

Versions: sentencepiece 0.2.3, transformers 5.23.0. Usage: python make_sentencepiece.py (from any folder; rewrites the
fixtures)
"""

import io
import json
import random
import tempfile
from pathlib import Path

import sentencepiece
from transformers import AutoTokenizer
from transformers.convert_slow_tokenizer import import_protobuf

OUT = Path(__file__).resolve().parent.parent / "fixtures" / "tokenizers" / "sentencepiece"

NOUNS = "the lamp,a river,an old kettle,the children,their neighbour,a café,the müsli,one step,two steps".split(",")
VERBS = "carries,does not find,was told about,have painted,is near,will follow,had lost,are at".split(",")
TAILS = [".", "!", "?", "...", "; and then", ", again", " -- 1234 times", " at 10:45", " (so it is)", " ``quoted''"]
SCRIPTS = ["강물이 흐른다", "河水慢慢地流", "川が流れる", "река течёт", "ποταμός", "نهر يجري", "नदी बहती है", "e\u0301te\u0301"]

# A small map instead of the 240 KB of nmt_nfkc: upper case, a ligature, composition, white space, removal, a long one.
RULES = [("A", "a"), ("E", "e"), ("ﬁ", "fi"), ("e\u0301", "é"), ("\t", " "), ("\n", " "), ("\u3000", " "), ("\u200b", ""),
         ("\x01", ""), ("㎞", "k m"), ("½", " 1/2"), ("‥", ".."), ("a\u0300", "à")]


def corpus():
    rng = random.Random(5)
    syllables = [a + b for a in "b ch d f g k l m n r st t".split() for b in "a e i o u ar el on".split()]
    words = ["".join(rng.choice(syllables) for _ in range(rng.randrange(1, 4))) for _ in range(400)]
    lines = []
    for _ in range(700):
        line = f"{rng.choice(NOUNS)} {rng.choice(VERBS)} {rng.choice(NOUNS)}{rng.choice(TAILS)}"
        line += " " + " ".join(rng.choice(words) for _ in range(rng.randrange(6)))
        if rng.random() < 0.2:
            line += " " + rng.choice(SCRIPTS)
        lines.append(line)
    return lines


def adversarial():
    rng = random.Random(3)
    texts = [
        "", " ", "  ", "\n", "\t \u3000", "a", " a", "a ", "  a  b  ", "the lamp", "the\tlamp\ncarries", "x\u3000 y", "x \u3000y", "x \u3000",
        "\u200b the", "the \u200b lamp", "\u200b", " \x01 ", "▁", "▁▁", " ▁", "the▁lamp", "the ▁lamp", "the▁ lamp", "the ▁ ▁", "▁the",
        "½", "a½ b", "½ ½", "㎞㎞", "ﬁne", "Ae\u0301E\u0301", "a\u0300 e\u0301", "e \u0301x", "<s>", "a<s>b", "<sep>", "the<sep>lamp", " <sep> ", "<sep><sep>",
        "<s><pad></s><unk>", "<0x41>", "aaa", "aaaaaaaaaaaaaaa", "xyzzy qqq ZZZ", "字 字字 字", "👍🏽 👩‍👩‍👧‍👦", "河水 river", "강물이", "e\u0301\u0301",
        "\x00", "a\x00b", "the lamp" * 20, "the " * 60, "lamp" * 30, "1234567890", "\u2028x\u2029", "\ufffd \ufeff", "don't (it)", "한 글", "\U0010ffff",
    ]
    alphabet = ["a", "e", "the", " ", "  ", "\n", "\u3000", "▁", "é", "e\u0301", "\u0301", "河", "강", "ﬁ", "½", "\u200b", "<sep>", "lamp", " river",
                "z", "!", "1", "👍"]
    texts += ["".join(rng.choice(alphabet) for _ in range(rng.randrange(1, 25))) for _ in range(120)]
    return texts


def invalid():
    return [b"\xff", b"a\xffb", b"\xe2\x96", b"\xe2\x96 x", b"\xed\xa0\x80", b"\xc0\x80 y", b"the\x80\x80 lamp", b"\xf4\x90\x80\x80", b"\xe6\xb2"]


def train(rules=RULES, **options):
    with tempfile.NamedTemporaryFile("w", suffix=".tsv", encoding="utf-8") as tsv:
        for source, target in rules or []:
            tsv.write(" ".join(f"{ord(c):X}" for c in source) + "\t" + " ".join(f"{ord(c):X}" for c in target) + "\n")
        tsv.flush()
        if rules is not None:
            options["normalization_rule_tsv"] = tsv.name
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(corpus()), model_writer=model, minloglevel=2, **{"num_threads": 1, **options})
    return model.getvalue()


def scrub(model):
    """Without the name of the temporary file."""
    proto = import_protobuf().ModelProto()
    proto.ParseFromString(model)
    proto.normalizer_spec.ClearField("normalization_rule_tsv")
    return proto.SerializeToString()


def case(processor, text):
    proto = processor.encode(text, return_type="proto")
    ids = [p.id for p in proto.pieces]
    return {"text": text, "ids": ids, "pieces": [p.piece for p in proto.pieces], "offsets": [[p.begin, p.end] for p in proto.pieces],
            "decoded": processor.decode(ids)}


def write(name, model):
    (OUT / f"{name}.model").write_bytes(model)
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    cases = [case(processor, text) for text in adversarial()]
    special = {role: getattr(processor, f"{role}_id")() for role in ("unk", "bos", "eos", "pad")}
    (OUT / f"{name}.json").write_text(json.dumps({"size": len(processor), "special": special, "cases": cases}, ensure_ascii=False) + "\n")


def directory(name, model, config, tokenizer_config):
    folder = OUT / name
    folder.mkdir(exist_ok=True)
    (folder / "spiece.model").write_bytes(model)
    (folder / "config.json").write_text(json.dumps(config) + "\n")
    if tokenizer_config is not None:
        (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer_config) + "\n")
    tokenizer = AutoTokenizer.from_pretrained(str(folder))
    texts = adversarial() + ["the lamp<extra_id_0> carries <extra_id_99>", "A Café ``x'' É [MASK] (x)", "a</s>b <pad>"]
    cases = []
    for text in texts:
        ids = tokenizer(text)["input_ids"]
        cases.append({"text": text, "ids": ids, "decoded": tokenizer.decode(ids), "skipped": tokenizer.decode(ids, skip_special_tokens=True)})
    pair = tokenizer("the lamp", "a river")
    described = json.loads(tokenizer._tokenizer.to_str())
    (folder / "expected.json").write_text(json.dumps(
        {"cases": cases, "pair": pair["input_ids"], "type_ids": pair.get("token_type_ids"), "tokenizer": described}, ensure_ascii=False) + "\n")


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    models = {
        "unigram": dict(model_type="unigram", vocab_size=260),
        "unigram_bytes": dict(model_type="unigram", vocab_size=420, byte_fallback=True, character_coverage=0.98, user_defined_symbols=["<sep>", "aa"]),
        "unigram_spaces": dict(rules=None, normalization_rule_name="identity", model_type="unigram", vocab_size=200, remove_extra_whitespaces=False,
                               allow_whitespace_only_pieces=True, add_dummy_prefix=False),
        "unigram_across": dict(model_type="unigram", vocab_size=220, split_by_whitespace=False),
        "unigram_suffix": dict(model_type="unigram", vocab_size=200, treat_whitespace_as_suffix=True),
        "bpe": dict(model_type="bpe", vocab_size=260, control_symbols=["<sep>"], pad_id=3, unk_surface="<?>"),
        "bpe_bytes": dict(rules=None, normalization_rule_name="identity", model_type="bpe", vocab_size=460, byte_fallback=True, split_digits=True,
                          remove_extra_whitespaces=False, add_dummy_prefix=False, character_coverage=0.99, user_defined_symbols=["<sep>", "▁▁"]),
        "word": dict(model_type="word", vocab_size=60),
        "char": dict(model_type="char", vocab_size=60, user_defined_symbols=["<sep>", "the"]),
    }
    for name, options in models.items():
        write(name, scrub(train(**options)))
    processor = sentencepiece.SentencePieceProcessor(model_proto=(OUT / "unigram_bytes.model").read_bytes())
    (OUT / "invalid.json").write_text(json.dumps([
        {"bytes": list(text), "ids": processor.encode(text)} for text in invalid()]) + "\n")

    trained = {}
    for model_type, vocab_size in ("unigram", 300), ("bpe", 300), ("word", 100), ("char", 60):
        model = train(rules=None, model_type=model_type, vocab_size=vocab_size, normalization_rule_name="nmt_nfkc", num_threads=16)
        processor = sentencepiece.SentencePieceProcessor(model_proto=model)
        trained[model_type] = [[processor.id_to_piece(i), processor.get_score(i)] for i in range(len(processor))]
    (OUT / "trained.json").write_text(json.dumps({"lines": corpus(), "pieces": trained}, ensure_ascii=False) + "\n")

    t5 = scrub(train(model_type="unigram", vocab_size=200, pad_id=0, eos_id=1, unk_id=2, bos_id=-1))
    directory("t5", t5, {"model_type": "t5"}, None)
    directory("t5_configured", t5, {"model_type": "t5"}, {"tokenizer_class": "T5Tokenizer", "extra_ids": 3})
    albert = scrub(train(model_type="unigram", vocab_size=200, pad_id=0, unk_id=1, bos_id=-1, eos_id=-1,
                         control_symbols=["[CLS]", "[SEP]", "[MASK]"], user_defined_symbols=["(", ")"]))
    directory("albert", albert, {"model_type": "albert"}, None)
    directory("albert_accents", albert, {"model_type": "albert"}, {"tokenizer_class": "AlbertTokenizer", "do_lower_case": False, "keep_accents": True})


if __name__ == "__main__":
    main()
