"""Compares `langzoo-transformer translate` with transformers' generate over random MarianMTModels and decoding settings. Not a
test: 1,000 settings take about ten minutes. With torch 2.13.0 and transformers 5.23.0.

Usage: python compare_marian.py build/release/bin/langzoo-transformer [settings [seed]]

Each setting is drawn anew, half of it written into the folder's generation_config.json and half of it given as flags, and
decodes three texts. Prints every setting that differs, with whether transformers' float32 and float64 differ there too (a tie),
and the counts.
"""
import json
import pathlib
import random
import subprocess
import sys
import tempfile

import torch
from transformers import AutoTokenizer, GenerationConfig, MarianMTModel
from make_marian import OUT, make_model, texts

FLAGS = {"num_beams": "--num-beams", "length_penalty": "--length-penalty", "early_stopping": "--early-stopping",
         "repetition_penalty": "--repetition-penalty", "no_repeat_ngram_size": "--no-repeat-ngram-size",
         "min_new_tokens": "--min-new-tokens", "max_new_tokens": "--max-new-tokens", "num_return_sequences": "--n-best"}
MODEL_EVERY = 50


def draw_model(rng, directory, size):
    heads = rng.choice([1, 2, 4])
    model = make_model(rng.randrange(1 << 30), vocab_size=size, d_model=rng.choice([8, 16, 24]), encoder_layers=rng.randint(1, 3),
                       decoder_layers=rng.randint(1, 3), encoder_attention_heads=heads, decoder_attention_heads=rng.choice([1, 2, 4]),
                       encoder_ffn_dim=rng.choice([12, 32]), decoder_ffn_dim=rng.choice([12, 32]), pad_token_id=size - 1,
                       decoder_start_token_id=size - 1, init_std=rng.choice([0.1, 0.35, 0.7]), scale_embedding=rng.random() < 0.5,
                       activation_function=rng.choice(["relu", "gelu", "swish"]), max_position_embeddings=64)
    model.save_pretrained(directory)


def draw_settings(rng, size):
    token = lambda: rng.randrange(1, size - 1)
    most = rng.choice([1, 3, 8, 14, 20])
    beams = rng.choice([1, 1, 1, 2, 3, 4, 6])
    given = dict(num_beams=beams, max_new_tokens=most, repetition_penalty=rng.choice([1.0, 1.0, 1.3, 0.8, 2.0]),
                 no_repeat_ngram_size=rng.choice([0, 0, 1, 2, 3]), min_new_tokens=rng.choice([0, 0, 0, most // 2, most]))
    if beams > 1:
        given |= dict(length_penalty=rng.choice([1.0, 1.0, 0.0, 0.6, 2.0, -1.0]), early_stopping=rng.choice([False, True, "never"]),
                      num_return_sequences=rng.choice([1, 1, beams]))
    folder = dict(eos_token_id=rng.choice([0, 0, [0, token()], [token(), 0, token()]]), pad_token_id=size - 1,
                  decoder_start_token_id=size - 1, bad_words_ids=[[size - 1]] + rng.choice([[], [[token()], [token(), token()]]]),
                  renormalize_logits=rng.random() < 0.3)
    if rng.random() < 0.5:
        folder["forced_eos_token_id"] = 0
    if rng.random() < 0.3:
        folder["forced_bos_token_id"] = token()
    if rng.random() < 0.3:
        folder["suppress_tokens"] = [token(), token()]
    if most > 1 and rng.random() < 0.3:  # the end token alone may be forced
        folder["begin_suppress_tokens"] = [token(), 0]
    for key in list(given):
        if key != "num_return_sequences" and rng.random() < 0.5:
            folder[key] = given.pop(key)
    return folder, given


def theirs(model, tokenizer, sentences, directory, given, ends):
    model.generation_config = GenerationConfig.from_pretrained(directory)
    batch = tokenizer(sentences, return_tensors="pt", padding=True)
    with torch.no_grad():
        out = model.generate(**batch, **given, return_dict_in_generate=True, output_scores=True)
    rows = []
    for row in out.sequences[:, 1:].tolist():
        end = next((i + 1 for i, token in enumerate(row) if token in ends), len(row))
        rows.append(row[:end])
    scores = out.sequences_scores.tolist() if out.get("sequences_scores") is not None else [None] * len(rows)
    return rows, scores


def ours(program, directory, sentences, given):
    command = [program, "translate", "--model", str(directory), "--json", "--threads", "1"]
    for key, value in given.items():
        command += [FLAGS[key], str(value).lower()]
    done = subprocess.run(command, input="\n".join(sentences) + "\n", capture_output=True, text=True)
    if done.returncode != 0:
        return None, done.stderr.strip().splitlines()[-1]
    objects = [json.loads(line) for line in done.stdout.splitlines()]
    return [o["ids"] for o in objects], [o["score"] for o in objects]


def main():
    program = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    torch.set_num_threads(1)
    rng = random.Random(seed)
    sentences = [text for text in texts(0) if text.strip() and "\n" not in text and "\x00" not in text][:16]
    differ, ties, fillers, largest = 0, 0, 0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        directory = pathlib.Path(folder)
        for name in ("source.spm", "target.spm", "vocab.json", "tokenizer_config.json"):
            (directory / name).write_bytes((OUT / "opus" / name).read_bytes())
        size = len(json.loads((directory / "vocab.json").read_text()))
        tokenizer, done = None, 0
        while done < count:
            if done % MODEL_EVERY == 0:
                draw_model(rng, directory, size)
                tokenizer = AutoTokenizer.from_pretrained(directory)
                model = MarianMTModel.from_pretrained(directory, dtype=torch.float32).eval()
                double = MarianMTModel.from_pretrained(directory, dtype=torch.float32).eval().double()
            settings, given = draw_settings(rng, size)
            (directory / "generation_config.json").write_text(json.dumps(settings))
            chosen = rng.sample(sentences, 3)
            ends = settings["eos_token_id"] if isinstance(settings["eos_token_id"], list) else [0]
            try:
                expected, _ = theirs(double, tokenizer, chosen, directory, given, ends)
                single, scores = theirs(model, tokenizer, chosen, directory, given, ends)
            except ValueError:  # settings that contradict each other
                fillers += 1
                continue
            if any(score is not None and score < -1e6 for score in scores):
                fillers += 1  # transformers fills its beams where there are fewer hypotheses
                continue
            done += 1
            if done % 20 == 0:
                print(done, "settings,", differ, "differ", file=sys.stderr)
            found, found_scores = ours(program, directory, chosen, given)
            if found == expected:
                if scores[0] is not None and single == expected:
                    largest = max([largest] + [abs(a - b) / max(1, abs(a)) for a, b in zip(scores, found_scores)])
                continue
            tie = single != expected
            differ += 1
            ties += tie
            print("tie" if tie else "no tie", json.dumps(settings), json.dumps(given), chosen, expected, found or found_scores, flush=True)
    print(f"{done} settings, {differ} differ, {ties} of them where float32 and float64 differ in transformers; {fillers} left out; "
          f"scores differ by at most {largest:.2g}")


if __name__ == "__main__":
    main()
