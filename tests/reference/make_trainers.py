"""Writes tests/fixtures/tokenizers/trainers.json: what the trainers of Python's `tokenizers` learn from a corpus made here.

Versions: tokenizers 0.23.3. Usage: python make_trainers.py (from any folder; rewrites the fixture)

The reference numbers characters with a prefix or suffix ("##a", "a</w>") in the order of a hash that differs from run to
run, and with it breaks ties. A run is written down only if the reference agrees with itself ten times: either these
characters are pinned as special tokens, which makes every tie defined, or the tokens of mixed_texts are compared as a set.
"""

import json
import random
from pathlib import Path

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

OUT = Path(__file__).resolve().parent.parent / "fixtures" / "tokenizers" / "trainers.json"
SCRIPTS = "강물이 흐른다 바람이 분다 河水慢慢地流 风在吹 川が流れる река течёт ветер ποταμός نهر يجري नदी बहती e\u0301te\u0301 𝔘𝔫𝔦 👩‍👩‍👧‍👦".split()


def corpus():
    """Made-up words of few syllables, so that many pairs tie, in texts of one to fifteen words."""
    rng = random.Random(5)
    syllables = ["ka", "lo", "mi", "ren", "tu", "sh", "a", "ba", "na", "ab", "or", "in"]
    words = ["".join(rng.choice(syllables) for _ in range(rng.randrange(1, 5))) for _ in range(220)]
    weights = [1 / (i + 1) for i in range(len(words))]
    texts = []
    for _ in range(420):
        text = rng.choices(words, weights, k=rng.randrange(1, 16))
        if rng.random() < 0.2:
            text.insert(rng.randrange(len(text) + 1), rng.choice(SCRIPTS))
        if rng.random() < 0.05:
            text.append(rng.choice(["aaaaaaa", "abababab", "naanaanaa", "<unk>", "[CLS]", "##ka", "a</w>", "##"]))
        texts.append(" ".join(text))
    return texts


def mixed_corpus():
    """Words of five letters at random, whose frequent pairs hardly ever tie."""
    rng = random.Random(6)
    return [" ".join("".join(rng.choice("etaon") for _ in range(rng.randrange(1, 7))) for _ in range(12)) for _ in range(300)]


def characters(texts, prefix, suffix):
    """Every form that a character of the words takes, to be pinned."""
    forms = set()
    for word in {word for text in texts for word in text.split()}:
        for i, c in enumerate(word):
            forms.add((prefix if i else "") + c + (suffix if i + 1 == len(word) else ""))
    return sorted(forms, key=lambda form: form.encode())


def tokens_of(tokenizer):
    vocab = tokenizer.get_vocab(with_added_tokens=False)
    return sorted(vocab, key=vocab.get)


def bpe(texts, options):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(show_progress=False, **options))
    return {"tokens": tokens_of(tokenizer), "merges": json.loads(tokenizer.to_str())["model"]["merges"]}


def wordpiece(texts, options):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(show_progress=False, **options))
    return {"tokens": tokens_of(tokenizer)}


def word_level(texts, options):
    tokenizer = Tokenizer(models.WordLevel(unk_token="[unknown]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.train_from_iterator(texts, trainers.WordLevelTrainer(show_progress=False, **options))
    return {"tokens": tokens_of(tokenizer)}


def unigram(texts, held_out, options):
    """No two trainers give the same pieces: what is compared is how many tokens a text not seen in training takes."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    special = ["<unk>", "<s>", "</s>", "<pad>"]
    tokenizer.train_from_iterator(texts, trainers.UnigramTrainer(show_progress=False, unk_token="<unk>",
                                                                 special_tokens=special, **options))
    return {"options": options, "size": tokenizer.get_vocab_size(),
            "tokens": sum(len(encoding.ids) for encoding in tokenizer.encode_batch(held_out))}


def run(train, texts, options):
    results = [train(texts, options) for _ in range(10)]
    assert all(r == results[0] for r in results), f"the reference does not agree with itself: {options}"
    return {"options": options, "as_set": False, **results[0]}


def run_as_set(train, texts, options):
    """With the least min_frequency from 9 on that leaves ties no say in which tokens there are."""
    for min_frequency in range(9, 200):
        options = {**options, "min_frequency": min_frequency}
        results = [sorted(train(texts, options)["tokens"], key=lambda token: token.encode()) for _ in range(30)]
        if all(r == results[0] for r in results):
            return {"options": options, "as_set": True, "tokens": results[0]}
    raise AssertionError(f"the reference never agrees with itself: {options}")


def main():
    texts, mixed = corpus(), mixed_corpus()
    once = [{"vocab_size": 300, "special_tokens": []}, {"vocab_size": 10, "special_tokens": ["<unk>"]},
            {"vocab_size": 5000, "special_tokens": ["<unk>", "a", "kalo", "<unk>"]},
            {"vocab_size": 400, "min_frequency": 12, "special_tokens": []},
            {"vocab_size": 400, "min_frequency": 1000000, "special_tokens": []},
            {"vocab_size": 500, "max_token_length": 4, "special_tokens": []},
            {"vocab_size": 500, "max_token_length": 1, "special_tokens": []},
            {"vocab_size": 200, "limit_alphabet": 9, "special_tokens": ["<unk>"]},
            {"vocab_size": 300, "initial_alphabet": ["z", "é", "한"], "special_tokens": []},
            {"vocab_size": 200, "initial_alphabet": ["z", "q"], "limit_alphabet": 8, "special_tokens": ["<unk>"]}]
    formed = []
    for prefix, suffix in [("", "</w>"), ("##", ""), ("@@", "</w>")]:
        pinned = {"special_tokens": ["<unk>", *characters(texts, prefix, suffix)], "end_of_word_suffix": suffix,
                  "continuing_subword_prefix": prefix}
        formed += [run(bpe, texts, {"vocab_size": size, **pinned}) for size in (350, 5000)]
        formed += [run(bpe, texts, {"vocab_size": 350, "max_token_length": 5, **pinned})]
        formed += [run_as_set(bpe, mixed, {"vocab_size": 5000, "end_of_word_suffix": suffix,
                                           "continuing_subword_prefix": prefix, "special_tokens": ["<unk>"]})]
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    result = {
        "texts": texts,
        "mixed_texts": mixed,
        "bpe": [run(bpe, texts, options) for options in once] + formed,
        "wordpiece": [run(wordpiece, texts, {"vocab_size": size, "special_tokens": special + characters(texts, "##", "")})
                      for size in (330, 450)]
        + [run_as_set(wordpiece, mixed, {"vocab_size": 5000, "special_tokens": special})],
        "word_level": [run(word_level, texts, options) for options in
                       [{"vocab_size": 100, "special_tokens": ["[unknown]"]}, {"vocab_size": 30000, "special_tokens": []},
                        {"vocab_size": 300, "min_frequency": 4, "special_tokens": ["[unknown]", "[pad]"]}]],
        "unigram": [unigram(texts[:300], texts[300:], {"vocab_size": size}) for size in (100, 125, 150, 190)],
    }
    OUT.write_text(json.dumps(result, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
