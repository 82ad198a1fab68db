"""Golden logits processors. Written with torch 2.13.0 and transformers 5.23.0.

Usage: python make_generation.py   (writes tests/fixtures/generation/{processors,logits_processors}.json)

Each case of processors.json: logits (B,V), left-padded ids and mask (B,S), settings, and the processed logits after the
processors that transformers' own `generate` would build for these settings, in its order. -inf is written as null.
logits_processors.json: likewise without padding and without the filters of sampling, for the whole list of processors
in random settings; the first prompt_length ids of a row are its prompt.
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


def without_filters(settings):
    return dict(top_k=0, top_p=1.0, temperature=1.0) | settings


def rows_of(tensor):
    return [[x if math.isfinite(x) else None for x in row] for row in tensor.tolist()]


def pick(generator, values):
    return values[torch.randint(len(values), (), generator=generator).item()]


def random_list(generator, count, vocabulary):
    return torch.randint(0, vocabulary, (count,), generator=generator).tolist()


def list_case(generator, vocabulary=17, few=4):
    draw = lambda *values: pick(generator, values)
    prompt, made = draw(1, 1, 2, 4), draw(0, 0, 1, 2, 5)
    max_new = made + draw(1, 1, 2, 4)
    eos = random_list(generator, draw(1, 2), vocabulary)
    settings = {}
    if draw(0, 1):
        settings["repetition_penalty"] = draw(1.3, 0.7)
    if draw(0, 1):
        settings["no_repeat_ngram_size"] = draw(1, 2, 3)
    if draw(0, 1):
        words = [random_list(generator, draw(1, 1, 2, 2, 3), few) for _ in range(draw(1, 3, 9))]
        settings["bad_words_ids"] = words + [draw([few], eos[:1])]
    if draw(0, 0, 1):
        settings["min_length"] = draw(2, 4, 8)
    elif draw(0, 1):  # which `generate` lets go before min_length
        settings["min_new_tokens"] = draw(1, max_new)
    if draw(0, 0, 1):
        settings["forced_bos_token_id"] = draw(*range(vocabulary))
    if draw(0, 0, 1):
        settings["forced_eos_token_id"] = random_list(generator, draw(1, 2), vocabulary)
    if draw(0, 0, 1):
        forced = {settings.get("forced_bos_token_id"), *settings.get("forced_eos_token_id", [])}
        settings["suppress_tokens"] = [i for i in random_list(generator, draw(2, 4), vocabulary) if i not in forced]
    if draw(0, 1):
        settings["begin_suppress_tokens"] = random_list(generator, draw(1, 4), vocabulary)
    ids = torch.randint(0, few, (2, prompt + made), generator=generator)
    logits = torch.randn(2, vocabulary, generator=generator) * 3
    full = without_filters(settings) | dict(max_length=prompt + max_new)
    out = processors(full, ids, torch.ones_like(ids), prompt, eos)(ids, logits.clone())
    return dict(settings=settings | dict(eos_token_id=eos, max_new_tokens=max_new), prompt_length=prompt,
                ids=ids.tolist(), logits=rows_of(logits), processed=rows_of(out))


def write(name, contents):
    path = pathlib.Path(__file__).parent.parent / "fixtures" / "generation" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(contents, separators=(",", ":"))
    path.write_text(text + "\n")
    print(path.name, len(text), "bytes", len(contents["cases"]), "cases")


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
        out = processors(without_filters(setting), ids, mask, 4, [7, 9])(ids, logits.clone())
        cases.append(dict(settings=setting, ids=ids.tolist(), mask=mask.tolist(), logits=logits.tolist(),
                          processed=rows_of(out)))
    write("processors.json", dict(eos=[7, 9], cases=cases))
    generator = torch.Generator().manual_seed(12)
    write("logits_processors.json", dict(cases=[list_case(generator) for _ in range(120)]))


main()
