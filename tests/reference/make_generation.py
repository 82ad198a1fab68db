"""Golden logits processors. Written with torch 2.13.0 and transformers 5.23.0.

Usage: python make_generation.py   (writes tests/fixtures/generation/processors.json)

Each case: logits (B,V), left-padded ids and mask (B,S), settings, and the processed logits after the processors that
transformers' own `generate` would build for these settings, in its order. -inf is written as null.
"""
import json
import math
import pathlib

import torch
from transformers import GenerationConfig, GPT2Config, GPT2LMHeadModel
from transformers.generation import LogitsProcessorList

V, PAD = 40, 3
model = GPT2LMHeadModel(GPT2Config(vocab_size=V, n_positions=64, n_embd=8, n_layer=1, n_head=1)).eval()


def processors(settings, ids, mask, prompt_length, eos):
    config = GenerationConfig(do_sample=True, eos_token_id=eos, pad_token_id=PAD, **settings)
    model._prepare_special_tokens(config, True, device=ids.device)
    return model._get_logits_processor(
        config, input_ids_seq_length=prompt_length, logits_processor=LogitsProcessorList(),
        device="cpu", model_kwargs={"attention_mask": mask})


def history(generator, lengths, width, vocabulary):
    ids = torch.full((len(lengths), width), PAD)
    mask = torch.zeros(len(lengths), width, dtype=torch.long)
    for row, n in enumerate(lengths):
        ids[row, width - n:] = torch.randint(0, vocabulary, (n,), generator=generator)
        mask[row, width - n:] = 1
    return ids, mask


def main():
    generator = torch.Generator().manual_seed(11)
    settings = [
        dict(temperature=0.7),
        dict(top_k=5),
        dict(top_p=0.8),
        dict(top_p=0.05),
        dict(repetition_penalty=1.3),
        dict(repetition_penalty=0.6),
        dict(no_repeat_ngram_size=1),
        dict(no_repeat_ngram_size=2),
        dict(no_repeat_ngram_size=3),
        dict(min_new_tokens=20),
        dict(temperature=1.5, top_k=12, top_p=0.9),
        dict(temperature=0.8, top_k=20, top_p=0.9, repetition_penalty=1.2, no_repeat_ngram_size=2, min_new_tokens=20),
    ]
    cases = []
    for setting in settings:
        # Few different ids, so that n-grams do repeat. transformers lets n-grams reach into the padding, we do not: the
        # n-gram cases are unpadded.
        ngrams = setting.get("no_repeat_ngram_size", 0)
        ids, mask = history(generator, [12, 12, 12] if ngrams else [12, 7, 1], 12, 6)
        logits = torch.randn(3, V, generator=generator) * 3
        full = dict(top_k=0, top_p=1.0, temperature=1.0) | setting
        out = processors(full, ids, mask, 4, [7, 9])(ids, logits.clone())
        cases.append(dict(settings=setting, ids=ids.tolist(), mask=mask.tolist(), logits=logits.tolist(),
                          processed=[[x if math.isfinite(x) else None for x in row] for row in out.tolist()]))
    path = pathlib.Path(__file__).parent.parent / "fixtures" / "generation" / "processors.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(dict(eos=[7, 9], cases=cases), separators=(",", ":"))
    path.write_text(text + "\n")
    print(path.name, len(text), "bytes", len(cases), "cases")


main()
