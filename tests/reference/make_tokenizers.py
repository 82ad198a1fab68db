"""Writes tests/fixtures/tokenizers: small tokenizers of Python's `tokenizers` and what they make of adversarial text.

Versions: tokenizers 0.23.3. Usage: python make_tokenizers.py (from any folder; rewrites the fixtures)
"""

import json
import random
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

OUT = Path(__file__).resolve().parent.parent / "fixtures" / "tokenizers"

NOUNS = "the lamp,a river,an old kettle,the children,their neighbour,a café,the müsli,one step,two steps".split(",")
VERBS = "carries,doesn't find,was told about,they've painted,I'm near,we'll follow,he'd lost,you're at,it's".split(",")
TAILS = [".", "!", "?", "...", "; and then", ",\n", ".\n\n", " (again)", " -- 1234 times", " at 10:45", "\t#7"]
SCRIPTS = ["강물이 흐른다", "河水慢慢地流", "川が流れる", "река течёт", "ποταμός", "نهر يجري", "नदी बहती है", "e\u0301te\u0301", "𝔘𝔫𝔦"]


def corpus():
    rng = random.Random(7)
    lines = []
    for _ in range(1500):
        line = f"{rng.choice(NOUNS)} {rng.choice(VERBS)} {rng.choice(NOUNS)}{rng.choice(TAILS)}"
        if rng.random() < 0.15:
            line += " " + rng.choice(SCRIPTS)
        if rng.random() < 0.02:
            line += " aaaaaaaabaaaa abababab <|endoftext|>"
        lines.append(line)
    return lines


def adversarial():
    rng = random.Random(11)
    texts = [
        "", " ", "  ", "\n", " \n ", "a", " a", "  a", "a  ", "\ta\r\n\r\nb", "hello   world", "x\u00a0y", "x\u3000 y", "x \u3000y",
        "\u0085\u0085x", "\u180ex", "a\u200bb", "it's they've I'm we'll he'd you're don't 's 'S 'll 'lla 'r 're ''s '", " 's",
        "e\u0301 o\u0308\u0323", "\u1112\u1161\u11ab\u1100\u1173\u11af", "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽", "שלום עולם \u202eabc\u202c", "\x00\x01\x1f\x7f\x80", "١٢٣ ²³ Ⅻ 一二",
        "<|endoftext|>", "a<|endoftext|>b", " <|endoftext|> ", "<|endoftext|><|endoftext|>", "<|endoftext", "<<|endoftext|>|>",
        "lamp" * 40, "a" * 300, " " * 100 + "x", "\n" * 50, "1" * 99 + "a", "-" * 200, "Ġ ĉ Ċ", "\u1c89\ua7cb\U000105c0\U00031350",
        "\ufffd\ufeff\uffff", "\U0010ffff", "a\u2028b\u2029c", "1½", "ſ't", "don’t",
    ]
    alphabet = ["a", "b", "'", "s", "t", "re", " ", "  ", "\n", "\t", "1", "é", "é", "한", "河", "👍", "\u0301", "\u00a0", "\u3000", "\u0085",
                "!", "<|endoftext|>", "the", " lamp", "\U0001f1e6"]
    texts += ["".join(rng.choice(alphabet) for _ in range(rng.randrange(1, 30))) for _ in range(150)]
    return texts


def byte_level(add_prefix_space, trim_offsets, special_tokens=("<|endoftext|>",), vocab_size=600):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)
    tokenizer.post_processor = processors.ByteLevel(add_prefix_space=add_prefix_space, trim_offsets=trim_offsets)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(corpus(), trainer(vocab_size, special_tokens))
    return tokenizer


def trainer(vocab_size, special_tokens, min_frequency=0):
    return trainers.BpeTrainer(vocab_size=vocab_size, special_tokens=list(special_tokens), min_frequency=min_frequency,
                               initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)


def merges_of(tokenizer):
    return [" ".join(m) if isinstance(m, list) else m for m in json.loads(tokenizer.to_str())["model"]["merges"]]


def cases(tokenizer, texts):
    result = []
    for text in texts:
        encoding = tokenizer.encode(text)
        result.append({"text": text, "ids": encoding.ids, "offsets": encoding.offsets,
                       "decoded": tokenizer.decode(encoding.ids, skip_special_tokens=False),
                       "decoded_without_special": tokenizer.decode(encoding.ids, skip_special_tokens=True)})
    return result


def write(name, value):
    (OUT / name).write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    texts = adversarial()
    plain = byte_level(add_prefix_space=False, trim_offsets=False)
    plain.save(str(OUT / "byte_level.json"), pretty=False)
    write("byte_level.cases.json", cases(plain, texts))

    prefixed = byte_level(add_prefix_space=True, trim_offsets=True, vocab_size=400)
    prefixed.save(str(OUT / "prefix_space.json"), pretty=False)
    write("prefix_space.cases.json", cases(prefixed, texts))

    added = byte_level(add_prefix_space=False, trim_offsets=False, vocab_size=300)
    added.add_special_tokens(["<|user|>", "<|user|>>"])
    added.add_tokens(["[sp ace]", "user"])
    added.save(str(OUT / "added_tokens.json"), pretty=False)
    write("added_tokens.cases.json", cases(added, ["<|user|>hi<|user|>>there user|> [sp ace]", "auserb<|userx", "[sp ace][sp  ace]<|user|>|>"]))

    lines = corpus()
    runs = []
    for vocab_size, min_frequency, special_tokens in [(257, 0, ["<|endoftext|>"]), (700, 0, ["<|endoftext|>"]), (1200, 2, ["<pad>", "<s>"]), (3000, 0, [])]:
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.train_from_iterator(lines, trainer(vocab_size, special_tokens, min_frequency))
        runs.append({"vocab_size": vocab_size, "min_frequency": min_frequency, "special_tokens": special_tokens,
                     "size": tokenizer.get_vocab_size(), "merges": merges_of(tokenizer)})
    write("train.json", {"texts": lines, "runs": runs})

    characters = sorted(set("".join(SCRIPTS) + "abc \n\t'\"\\/<|>endofx👍"))
    chars = Tokenizer(models.WordLevel({c: i for i, c in enumerate(characters)}, unk_token="<unk>"))
    chars.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    chars.decoder = decoders.Fuse()
    chars.add_special_tokens(["<|endoftext|>"])
    chars.save(str(OUT / "char_level.json"), pretty=False)
    write("char_level.cases.json", cases(chars, ["", "abc\n\n", "a<|endoftext|>b", "한" if "한" in characters else "강", "\t\"\\ '", "e\u0301👍 𝔘", "".join(characters)]))


if __name__ == "__main__":
    main()
