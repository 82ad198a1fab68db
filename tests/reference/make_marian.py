"""Folders as Opus-MT publishes them, and what `transformers` makes of text in them. Written with torch 2.13.0,
transformers 5.23.0, sentencepiece 0.2.3 and safetensors 0.8.0.

Usage: python make_marian.py   (writes tests/fixtures/marian/)

opus/          one vocabulary; pytorch_model.bin with every name of the tied matrices and the positions, the decoding
               settings in config.json, no generation_config.json: what older conversions wrote
multilingual/  >>xx<< tokens, safetensors, generation_config.json (beams, renormalized), clean-up of spaces
separate/      two vocabularies of unequal sizes, BPE with bytes for the targets, two end tokens, greedy search

<folder>/cases.json   sources, targets: {text, ids, tokens, decoded, decoded_without_special} of a text on that side
                      generated: {ids, decoded, decoded_without_special} of random ids, decoded as a target
                      translations: {settings, text, ids, score, translation}: settings under transformers' names, in
                      place of the folder's own, new ids, sequences_scores of beams

Translations whose ids differ between float32 and float64 are ties; they are left out and counted. MarianTokenizer gives the
same with sacremoses and without it: the normalizer that it makes is not used.
"""
import json
import pathlib
import random
import shutil
import tempfile

import sentencepiece
import torch
from transformers import AutoTokenizer, MarianConfig, MarianMTModel

OUT = pathlib.Path(__file__).parent.parent / "fixtures" / "marian"

NAMES = "Anna Ben Clara David Emma Finn".split()
ENGLISH = {"sees": "voit", "finds": "trouve", "gives away": "donne", "can't find": "ne trouve pas", "reads": "lit"}
THINGS = {"the red apple": "la pomme rouge", "a small book": "un petit livre", "the old house": "la vieille maison",
          "two cats": "deux chats", "it's dog": "l'ami", "the café": "le café"}
ENDS = [".", "!", "?", ", and then", "..."]

# A few characters instead of the 240 KB of nmt_nfkc.
RULES = [("É", "E\u0301"), ("ﬁ", "fi"), ("\u3000", " "), ("\u200b", ""), ("’", "'"), ("‥", "..")]


def sentence_pairs():
    rng = random.Random(3)
    pairs = []
    for _ in range(300):
        name, verb, thing, end = rng.choice(NAMES), rng.choice(list(ENGLISH)), rng.choice(list(THINGS)), rng.choice(ENDS)
        pairs.append((f"{name} {verb} {thing}{end}", f"{name} {ENGLISH[verb]} {THINGS[thing]}{end}"))
    return pairs


def texts(side):
    """What a tokenizer may meet."""
    own = [pair[side] for pair in sentence_pairs()[:12]]
    return own + [
        "", " ", "\n", "  Anna  sees ", "Anna\tsees\u3000Ben", "xyzzy QQQ", "字 the 字字", "👍🏽 Anna", "e\u0301 É ﬁnds", "don't do not can not",
        "«l’ami» “x” … ‘y’ – —", "the</s>apple", "</s>", "<unk> <pad></s> Anna", "a<unk>b", ">>fra<< Anna sees", ">>fra<<Anna", ">>xyz<< Anna",
        " >>fra<< Anna", "Anna >>fra<< Ben", ">>fra<<", ">>fra << x", ">> << x", ">><< x", ">>>fra<<", ">>fra<", "Anna</s>>>fra<< Ben", "▁Anna▁ ▁",
        "<0x41>", "a\x00b", "\u200bAnna\u200b", "\ufffd \ufeff", "Anna" * 12, "the " * 20, "1 2 3 10:45", "\u2028x\u2029", "\x1c x \x1f", "café CAFÉ",
        "maison donne pomme", "house gives apple", ">>deu<< la vieille maison ne trouve pas", "A .B ?C !D ,E ' F n't 's",
    ]


def train_model(path, lines, **settings):
    with tempfile.TemporaryDirectory() as folder:
        rules = pathlib.Path(folder) / "rules.tsv"
        code = lambda text: " ".join(f"{ord(c):X}" for c in text)
        rules.write_text("".join(f"{code(a)}\t{code(b)}\n" for a, b in sorted(RULES)))
        if settings.pop("rules", False):
            settings["normalization_rule_tsv"] = str(rules)
        else:
            settings["normalization_rule_name"] = "identity"
        with open(path, "wb") as file:
            sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(lines), model_writer=file, bos_id=-1, num_threads=1,
                                                     minloglevel=2, character_coverage=1.0, hard_vocab_limit=False, **settings)
    model = sentencepiece.SentencePieceProcessor(model_file=str(path))
    return [model.id_to_piece(i) for i in range(model.get_piece_size())]


def vocabulary(pieces, rng, further=()):
    """Not in the order of the pieces, as Marian's own are by frequency; a tenth of them is missing."""
    pieces = [p for p in dict.fromkeys(pieces) if p not in ("<unk>", "</s>", "<s>")]
    rng.shuffle(pieces)
    tokens = ["</s>", "<unk>"] + [p for p in pieces if rng.random() < 0.93] + list(further) + ["<pad>"]
    return {token: i for i, token in enumerate(tokens)}


def write_json(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n")


def make_model(seed, **settings):
    torch.manual_seed(seed)
    common = dict(d_model=16, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=2,
                  encoder_ffn_dim=24, decoder_ffn_dim=20, max_position_embeddings=40, dropout=0.0, init_std=0.35, scale_embedding=True,
                  activation_function="swish", eos_token_id=0, bos_token_id=0)
    model = MarianMTModel(MarianConfig(**(common | settings))).eval()
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "embed_positions" not in name:
                p.add_(0.1 * torch.randn_like(p))
        model.final_logits_bias.copy_(0.4 * torch.randn_like(model.final_logits_bias))
    return model


def opus(directory):
    rng = random.Random(1)
    pairs = sentence_pairs()
    source = train_model(directory / "source.spm", [a for a, _ in pairs], vocab_size=70, model_type="unigram", rules=True)
    target = train_model(directory / "target.spm", [b for _, b in pairs], vocab_size=64, model_type="unigram")
    tokens = vocabulary(source + target, rng)
    write_json(directory / "vocab.json", tokens)
    write_json(directory / "tokenizer_config.json", {"source_lang": "en", "target_lang": "fr"})
    pad = tokens["<pad>"]
    model = make_model(1, vocab_size=len(tokens), pad_token_id=pad, decoder_start_token_id=pad)
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for side in ("encoder", "decoder"):
        weights[f"model.{side}.embed_tokens.weight"] = model.model.shared.weight.detach().clone()
        weights[f"model.{side}.embed_positions.weight"] = model.model.encoder.embed_positions.weight.detach().clone()
    weights["lm_head.weight"] = model.model.shared.weight.detach().clone()
    torch.save(weights, directory / "pytorch_model.bin")
    config = {key: value for key, value in model.config.to_dict().items() if key not in ("transformers_version", "dtype")}
    config |= {"_name_or_path": "marian/opus", "architectures": ["MarianMTModel"], "add_bias_logits": False, "add_final_layer_norm": False,
               "classif_dropout": 0.0, "classifier_dropout": 0.0, "extra_pos_embeddings": 38, "gradient_checkpointing": False,
               "normalize_before": False, "normalize_embedding": False, "num_hidden_layers": 2, "static_position_embeddings": True,
               "torch_dtype": "float32", "transformers_version": "4.6.0", "use_cache": True}
    config |= {"bad_words_ids": [[pad], [5, 6]], "max_length": 30, "num_beams": 4, "no_repeat_ngram_size": 3, "forced_eos_token_id": 0}
    write_json(directory / "config.json", dict(sorted(config.items())))
    return ["num_beams=4"]


def multilingual(directory):
    rng = random.Random(2)
    pairs = sentence_pairs()
    lines = [text for pair in pairs for text in pair]
    source = train_model(directory / "source.spm", lines, vocab_size=110, model_type="unigram", user_defined_symbols=["café"])
    target = train_model(directory / "target.spm", [b for _, b in pairs], vocab_size=90, model_type="bpe", rules=True)
    tokens = vocabulary(source + target, rng, [">>fra<<", ">>deu<<", ">>eng<<"])
    write_json(directory / "vocab.json", tokens)
    write_json(directory / "tokenizer_config.json", {"tokenizer_class": "MarianTokenizer", "clean_up_tokenization_spaces": True})
    # As save_pretrained writes them.
    AutoTokenizer.from_pretrained(directory).save_pretrained(directory)
    config = json.loads((directory / "tokenizer_config.json").read_text())
    for key in ("is_local", "local_files_only"):
        config.pop(key, None)
    write_json(directory / "tokenizer_config.json", config)
    pad = tokens["<pad>"]
    model = make_model(2, vocab_size=len(tokens), pad_token_id=pad, decoder_start_token_id=pad, activation_function="relu")
    model.save_pretrained(directory)
    write_json(directory / "generation_config.json",
               {"bad_words_ids": [[pad]], "bos_token_id": 0, "decoder_start_token_id": pad, "early_stopping": True, "eos_token_id": 0,
                "forced_bos_token_id": 9, "forced_eos_token_id": 0, "length_penalty": 0.7, "max_length": 24, "no_repeat_ngram_size": 2, "num_beams": 3,
                "pad_token_id": pad, "renormalize_logits": True, "suppress_tokens": [12], "transformers_version": "5.23.0"})


def separate(directory):
    rng = random.Random(5)
    pairs = sentence_pairs()
    source = train_model(directory / "source.spm", [a for a, _ in pairs], vocab_size=60, model_type="unigram")
    target = train_model(directory / "target.spm", [b for _, b in pairs], vocab_size=330, model_type="bpe", byte_fallback=True)
    sources = vocabulary(source, rng)
    keep = [p for i, p in enumerate(target) if not p.startswith("<0x") or i % 3 > 0]
    targets = vocabulary(keep[:140] + keep[170:], rng)
    write_json(directory / "vocab.json", sources)
    write_json(directory / "target_vocab.json", targets)
    write_json(directory / "tokenizer_config.json", {"tokenizer_class": "MarianTokenizer", "separate_vocabs": True, "source_lang": "en",
                                                     "target_lang": "fr", "model_max_length": 512, "sp_model_kwargs": {}})
    write_json(directory / "special_tokens_map.json", {"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"})
    model = make_model(3, vocab_size=len(sources), decoder_vocab_size=len(targets), share_encoder_decoder_embeddings=False,
                       pad_token_id=sources["<pad>"], decoder_start_token_id=targets["<pad>"], eos_token_id=[0, 17],
                       forced_eos_token_id=None, encoder_layers=1)
    model.save_pretrained(directory)
    write_json(directory / "generation_config.json",
               {"bad_words_ids": [[targets["<pad>"]]], "eos_token_id": [0, 17], "pad_token_id": sources["<pad>"],
                "decoder_start_token_id": targets["<pad>"], "max_length": 40, "repetition_penalty": 1.3, "transformers_version": "5.23.0"})


def decoded(tokenizer, ids):
    return {"decoded": tokenizer.decode(ids), "decoded_without_special": tokenizer.decode(ids, skip_special_tokens=True)}


def encodings(tokenizer, side):
    cases = []
    for text in texts(side):
        if side == 0:
            ids = tokenizer(text).input_ids
            tokens = tokenizer.tokenize(text)
        else:
            ids = tokenizer(text_target=text).input_ids
            tokenizer._switch_to_target_mode()
            tokens = tokenizer.tokenize(text)
            tokenizer._switch_to_input_mode()
        case = {"text": text, "ids": ids, "tokens": tokens}
        # With two vocabularies ids are decoded as the target's.
        if side == 1 or not tokenizer.separate_vocabs:
            case |= decoded(tokenizer, ids)
        cases.append(case)
    return cases


SETTINGS = [{}, {"num_beams": 1}, {"num_beams": 5, "num_return_sequences": 3}, {"num_beams": 1, "repetition_penalty": 1.6},
            {"num_beams": 2, "no_repeat_ngram_size": 2, "repetition_penalty": 1.3}, {"num_beams": 4, "length_penalty": 2.0, "early_stopping": "never"},
            {"num_beams": 1, "min_new_tokens": 6, "max_new_tokens": 9}]


def translate(model, tokenizer, text, settings):
    ids = tokenizer([text], return_tensors="pt")
    if "max_new_tokens" in settings:
        settings = settings | {"max_length": None}
    with torch.no_grad():
        out = model.generate(**ids, **settings, return_dict_in_generate=True, output_scores=True)
    rows = []
    ends = model.generation_config.eos_token_id
    ends = ends if isinstance(ends, list) else [ends]
    for row in out.sequences[:, 1:].tolist():
        end = next((i + 1 for i, token in enumerate(row) if token in ends), len(row))
        rows.append(row[:end])
    scores = out.sequences_scores.tolist() if out.get("sequences_scores") is not None else [None] * len(rows)
    return rows, scores


def main():
    torch.set_num_threads(1)
    for make in (opus, multilingual, separate):
        directory = OUT / make.__name__
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        make(directory)
        tokenizer = AutoTokenizer.from_pretrained(directory)
        model = MarianMTModel.from_pretrained(directory, dtype=torch.float32).eval()
        rng = random.Random(11)
        size = model.config.decoder_vocab_size
        generated = [[rng.randrange(size) for _ in range(rng.randrange(1, 16))] for _ in range(40)]
        cases = {"sources": encodings(tokenizer, 0), "targets": encodings(tokenizer, 1),
                 "generated": [{"ids": ids} | decoded(tokenizer, ids) for ids in generated], "translations": []}
        ties = 0
        for settings in SETTINGS:
            for text in texts(0)[:5] + ["xyzzy QQQ", ">>fra<< Anna sees", "Anna</s>>>fra<< Ben"]:
                rows, scores = translate(model, tokenizer, text, settings)
                model.double()
                rows64, _ = translate(model, tokenizer, text, settings)
                model.float()
                if rows != rows64:
                    ties += 1
                    continue
                for row, score in zip(rows, scores):
                    cases["translations"].append({"settings": settings, "text": text, "ids": row,
                                                  "score": None if score is None else float(f"{score:.7g}"),
                                                  "translation": tokenizer.decode(row, skip_special_tokens=True)})
        text = json.dumps(cases, ensure_ascii=False, separators=(",", ":"))
        (directory / "cases.json").write_text(text + "\n")
        print(make.__name__, len(text), "bytes,", len(cases["translations"]), "translations,", ties, "ties")


if __name__ == "__main__":
    main()
