"""Writes tests/fixtures/tokenizers/training_flags.json: what the trainers of Python's `tokenizers` and `sentencepiece` learn
under the options that `langzoo-tokenizer train` has flags for, from the corpora of make_trainers.py and make_sentencepiece.py.

Versions: tokenizers 0.23.3, sentencepiece 0.2.3. Usage: python make_training_flags.py (from any folder; rewrites the fixture)

The forms of characters ("##a", "a</w>") are special tokens, so that no tie is left to the order of a hash; limit_alphabet
keeps a number of characters at which none tie.
"""

import io
import json
from collections import Counter
from pathlib import Path

import sentencepiece
from make_sentencepiece import corpus as lines
from make_trainers import characters, corpus, run, tokens_of
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

OUT = Path(__file__).resolve().parent.parent / "fixtures" / "tokenizers" / "training_flags.json"
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
UNSEEN = ["kalo zq Ж한 mi", "é kaÉ ren", "한강 <0x41>", "z"]


def untied(texts, about):
    """The number of characters next to `about` at which limit_alphabet leaves no tie."""
    counts = sorted(Counter("".join("".join(text.split()) for text in texts)).values(), reverse=True)
    return next(n for n in range(about, len(counts)) if counts[n - 1] != counts[n])


def byte_level(texts, options):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(
        show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=["<|endoftext|>"], **options))
    return {"tokens": tokens_of(tokenizer), "merges": json.loads(tokenizer.to_str())["model"]["merges"]}


def bpe(texts, options):
    options = dict(options)
    byte_fallback = options.pop("byte_fallback", False)
    special = ["<unk>", *options.pop("special_tokens"), *(BYTES if byte_fallback else [])]
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>", byte_fallback=byte_fallback))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(show_progress=False, special_tokens=special, end_of_word_suffix="</w>", **options))
    model = json.loads(tokenizer.to_str())["model"]
    result = {"tokens": tokens_of(tokenizer), "merges": model["merges"]}
    # The same without added tokens: tokens of bytes are none.
    plain = Tokenizer(models.BPE(model["vocab"], [tuple(m) for m in model["merges"]], unk_token="<unk>", end_of_word_suffix="</w>", byte_fallback=byte_fallback))
    plain.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    plain.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse(), decoders.Replace("</w>", " "), decoders.Strip(" ", 0, 1)])
    if byte_fallback:
        ids = [plain.encode(text).ids for text in UNSEEN]
        result["encoded"] = [{"text": text, "ids": i, "decoded": plain.decode(i)} for text, i in zip(UNSEEN, ids)]
    return result


def wordpiece(texts, options):
    options = dict(options)
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *options.pop("special_tokens")]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(show_progress=False, special_tokens=special, **options))
    return {"tokens": tokens_of(tokenizer)}


def spm(options):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(lines()), model_writer=model, minloglevel=2, num_threads=16, **options)
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    texts = ["The LAMP ﬁ ½  carries", "字 é zq", "<sep>the<sep> ㎞"]
    return {"options": options, "pieces": [processor.id_to_piece(i) for i in range(len(processor))],
            "encoded": [{"text": text, "ids": processor.encode(text)} for text in texts]}


def main():
    texts = [text for text in corpus() if "<unk>" not in text and "[CLS]" not in text]
    forms, marked = characters(texts, "", "</w>"), characters(texts, "##", "")
    kept = untied(texts, 8)
    result = {
        "texts": texts,
        "lines": lines(),
        "bytebpe": [run(byte_level, texts, options) for options in [
            {"vocab_size": 400, "max_token_length": 4}, {"vocab_size": 400, "max_token_length": 7, "min_frequency": 5}]],
        "bpe": [run(bpe, texts, {"special_tokens": forms, **options}) for options in [
            {"vocab_size": 350, "limit_alphabet": kept}, {"vocab_size": 350, "initial_alphabet": ["z", "Ж"], "max_token_length": 5},
            {"vocab_size": 600, "byte_fallback": True, "limit_alphabet": kept, "min_frequency": 2},
            {"vocab_size": 600, "byte_fallback": True, "initial_alphabet": ["É", "z"]}]],
        "wordpiece": [run(wordpiece, texts, {"special_tokens": marked, **options}) for options in [
            {"vocab_size": 350, "limit_alphabet": kept}, {"vocab_size": 350, "initial_alphabet": ["z", "Ж"], "min_frequency": 3}]],
        "sentencepiece": [spm(options) for options in [
            {"model_type": "bpe", "vocab_size": 300, "normalization_rule_name": "nmt_nfkc_cf"},
            {"model_type": "bpe", "vocab_size": 300, "normalization_rule_name": "identity", "max_sentencepiece_length": 4},
            {"model_type": "bpe", "vocab_size": 500, "normalization_rule_name": "nfkc", "byte_fallback": True, "character_coverage": 0.98},
            {"model_type": "bpe", "vocab_size": 300, "user_defined_symbols": ["<sep>", "the lamp"], "control_symbols": ["<c>"]},
            {"model_type": "word", "vocab_size": 100, "normalization_rule_name": "nfkc_cf"},
            {"model_type": "char", "vocab_size": 60, "character_coverage": 0.99, "user_defined_symbols": ["<sep>"]},
            {"model_type": "unigram", "vocab_size": 300, "max_sentencepiece_length": 5, "user_defined_symbols": ["<sep>"]},
            {"model_type": "unigram", "vocab_size": 450, "byte_fallback": True, "character_coverage": 0.98, "normalization_rule_name": "identity"},
        ]],
    }
    OUT.write_text(json.dumps(result, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
