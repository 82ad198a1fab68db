"""Golden fine-tuned models of the GPT line. Written with torch 2.13.0, transformers 5.23.0 and tokenizers 0.23.

Usage: python make_gpt_finetuned.py   (writes tests/fixtures/gpt_finetuned/)

<name>/config.json, model.safetensors, tokenizer.json   a small random model with the tokens _start_, _delimiter_ and
                                                        _classify_, as a fine-tuned folder has them
<name>/golden.json   examples, a list of {texts, ids, logits}: what batches that are padded with pad_token_id give.
                     Of similarity ids are those of both orders, and logits their sum; of choice one each
"""
import json
import pathlib

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import (AutoTokenizer, GPT2Config, GPT2DoubleHeadsModel, GPT2ForSequenceClassification, GPTNeoConfig,
                          GPTNeoForSequenceClassification, OpenAIGPTConfig, OpenAIGPTDoubleHeadsModel,
                          OpenAIGPTForSequenceClassification, PreTrainedTokenizerFast)

OUT = pathlib.Path(__file__).parent.parent / "fixtures" / "gpt_finetuned"
WORDS = "<unk> anna ben goes to the park has a key old red lamp . ? where is who".split()
TEXTS = ["anna goes to the park .", "where is the old key ?", "ben", "the red lamp has a key . who has the lamp ?"]


def tokenizer(directory):
    made = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))
    made.normalizer, made.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.WhitespaceSplit()
    made.add_special_tokens(["_start_", "_delimiter_", "_classify_"])
    PreTrainedTokenizerFast(tokenizer_object=made, unk_token="<unk>").save_pretrained(directory)
    return AutoTokenizer.from_pretrained(directory)


def make(name, cls, config, examples):
    """`examples` are lists of rows, each a list of one or two texts."""
    directory = OUT / name
    directory.mkdir(parents=True, exist_ok=True)
    tok = tokenizer(directory)
    start, delimiter, classify = tok.convert_tokens_to_ids(["_start_", "_delimiter_", "_classify_"])
    torch.manual_seed(len(name))
    model = cls(config(vocab_size=len(tok), pad_token_id=start)).eval()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.2 * torch.randn_like(p))
    model.save_pretrained(directory)
    encode = lambda text: tok(text, add_special_tokens=False).input_ids
    rows = []
    for example in examples:
        for texts in example:
            ids = [start] + encode(texts[0])
            if len(texts) > 1:
                ids += [delimiter] + encode(texts[1])
            rows.append(ids + [classify])
    longest = max(map(len, rows))
    ids = torch.tensor([row + [start] * (longest - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
    choices = "DoubleHeads" in cls.__name__
    with torch.no_grad():
        if choices:
            each = len(examples[0])
            view = lambda x: x.view(len(examples), each, -1)
            # GPT-1's takes no mask of three dimensions, and needs none: what comes after a token is not seen by it.
            masked = {} if "OpenAI" in cls.__name__ else {"attention_mask": view(mask)}
            logits = model(view(ids), mc_token_ids=view(mask).sum(-1) - 1, **masked).mc_logits
        else:
            logits = model(ids, attention_mask=mask).logits.view(len(examples), len(examples[0]), -1).sum(1)
    golden, at = [], 0
    for example, values in zip(examples, logits):
        own = rows[at:at + len(example)]
        at += len(example)
        texts = example[0] if not choices else [example[0][0]] + [row[1] for row in example]
        golden.append({"texts": texts, "ids": own, "logits": values.tolist()})
    (directory / "golden.json").write_text(json.dumps({"examples": golden}))
    for file in ["generation_config.json", "special_tokens_map.json"]:
        (directory / file).unlink(missing_ok=True)


def gpt2(**more):
    return lambda **keys: GPT2Config(n_positions=24, n_embd=12, n_layer=2, n_head=3, bos_token_id=None,
                                     eos_token_id=None, **keys, **more)


def gpt1(**more):
    return lambda **keys: OpenAIGPTConfig(n_positions=24, n_embd=12, n_layer=2, n_head=3, **keys, **more)


def neo(**more):
    return lambda **keys: GPTNeoConfig(max_position_embeddings=24, hidden_size=12, num_layers=2, num_heads=3,
                                       attention_types=[[["global", "local"], 1]], window_size=4, bos_token_id=None,
                                       eos_token_id=None, **keys, **more)


single = [[[text]] for text in TEXTS]
pairs = [[[a, b]] for a, b in zip(TEXTS, reversed(TEXTS))]
both = [[[a, b], [b, a]] for a, b in zip(TEXTS, reversed(TEXTS))]
choices = [[[TEXTS[0], "ben"], [TEXTS[0], "the red lamp has a key"]], [[TEXTS[1], "the park ."], [TEXTS[1], "a"]]]
make("gpt2_classifier", GPT2ForSequenceClassification, gpt2(num_labels=3), single)
make("gpt2_similarity", GPT2ForSequenceClassification,
     gpt2(num_labels=1, problem_type="regression", pair_in_both_orders=True), both)
make("gpt2_choice", GPT2DoubleHeadsModel, gpt2(), choices)
make("openai_gpt_pair", OpenAIGPTForSequenceClassification, gpt1(num_labels=2), pairs)
make("openai_gpt_choice", OpenAIGPTDoubleHeadsModel, gpt1(), choices)
make("gpt_neo_classifier", GPTNeoForSequenceClassification, neo(num_labels=2), single)
