"""Fine-tuned folders of langzoo-gpt, opened by transformers: the logits of `predict --logits` against those of batches
that AutoTokenizer and the folder's class make. Written with torch 2.13.0 and transformers 5.23.0.

Usage: python compare_gpt_finetuned.py PROGRAM FOLDER EXAMPLES.jsonl   (fields text, pair; or premise, choice1, ...)

Prints the largest difference of a logit and fails above 1e-4.
"""
import json
import subprocess
import sys

import torch
import transformers

program, folder, data = sys.argv[1:]
rows = [json.loads(line) for line in open(data)]
columns = [name for name in rows[0] if name not in ("label", "answer")]
ours = [json.loads(line) for line in subprocess.run(
    [program, "predict", "--model", folder, "--data", data, "--columns", ",".join(columns), "--json", "--logits"],
    check=True, capture_output=True, text=True).stdout.splitlines()]
config = json.load(open(folder + "/config.json"))
model = getattr(transformers, config["architectures"][0]).from_pretrained(folder).eval()
tok = transformers.AutoTokenizer.from_pretrained(folder)
start, delimiter, classify = tok.convert_tokens_to_ids(["_start_", "_delimiter_", "_classify_"])
encode = lambda text: tok(text, add_special_tokens=False).input_ids


def framed(texts):
    ids = [start] + encode(texts[0])
    return ids + ([delimiter] + encode(texts[1]) if len(texts) > 1 else []) + [classify]


worst, at_once = 0, 8
for first in range(0, len(rows), at_once):
    batch = [[row[name] for name in columns] for row in rows[first:first + at_once]]
    choice = "DoubleHeads" in type(model).__name__
    if choice:
        each = [[framed([texts[0], c]) for c in texts[1:]] for texts in batch]
    elif config.get("pair_in_both_orders"):
        each = [[framed(texts), framed(texts[::-1])] for texts in batch]
    else:
        each = [[framed(texts)] for texts in batch]
    for example, own in zip(each, ours[first:]):
        assert example == (own["ids"] if isinstance(own["ids"][0], list) else [own["ids"]]), (example, own["ids"])
    flat = [ids for example in each for ids in example]
    longest = max(map(len, flat))
    pad = config["pad_token_id"]
    ids = torch.tensor([row + [pad] * (longest - len(row)) for row in flat])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in flat])
    with torch.no_grad():
        if choice:
            view = lambda x: x.view(len(batch), len(each[0]), -1)
            masked = {} if "OpenAI" in type(model).__name__ else {"attention_mask": view(mask)}
            logits = model(view(ids), mc_token_ids=view(mask).sum(-1) - 1, **masked).mc_logits
        else:
            logits = model(ids, attention_mask=mask).logits.view(len(batch), len(each[0]), -1).sum(1)
    mine = torch.tensor([own["logits"] for own in ours[first:first + len(batch)]])
    worst = max(worst, (logits - mine.view_as(logits)).abs().max().item())
print(f"{len(rows)} examples, largest difference {worst:.2e}")
assert worst < 1e-4
