"""Golden T5s and their outputs. Written with torch 2.13.0, transformers 5.23.0 and safetensors 0.8.0.

Usage: python make_t5.py [CASES]   (writes tests/fixtures/t5/; CASES: of generation.json, 50)

<variant>/config.json, model.safetensors   a small random model
<variant>/golden.safetensors   source (right padding), source_lengths, decoder_input, labels and, computed in float64 from
                               the float32 weights, logprobs, encoded, loss (mean over the labels that are not -100) and
                               grad.<parameter> of that loss; of "t5" weights of attention, KIND.LAYER
<variant>/generation.json      settings under transformers' names, sources, and what generate returns: new ids and, of
                               beams, sequences_scores

t5         T5 1.0: tied and scaled
v1_1       T5 1.1 as Google's files are: a softmax of its own, tie_word_embeddings = false, no scale_decoder_outputs
flan       the same as transformers 5 writes it: tie_word_embeddings = true, scale_decoder_outputs = false
tied       scale_decoder_outputs = false where the softmax is tied; gated-silu
scaled     no key of the two in config.json, and yet a softmax of its own: scaled
mt5        model_type mt5, whose config asks in vain for scaling
byt5       a deep encoder and a shallow decoder, heads wider than d_model

heads.safetensors: small random models of the other classes, each under its case: "CASE|" and weight|NAME, ids, mask,
labels (starts and ends of answers), what it gave (hidden, logits, start, end), loss, grad|NAME, config and architecture
as bytes.

Cases whose ids differ between float32 and float64 are ties: they and those that lack hypotheses are left out and counted.
Norms are computed in float64 here, which transformers computes in float32 always. No decoder is deeper than its encoder:
transformers 5.23 cannot generate with such a one.
"""
import json
import pathlib
import shutil
import sys

import torch
import transformers
from safetensors.torch import save_file
from transformers.models.mt5 import modeling_mt5
from transformers.models.t5 import modeling_t5

OUT = pathlib.Path(__file__).parent.parent / "fixtures" / "t5"
CASES = int(sys.argv[1]) if len(sys.argv) > 1 else 50
SIZES = dict(vocab_size=37, d_model=8, d_kv=3, d_ff=11, num_layers=2, num_decoder_layers=2, num_heads=2, dropout_rate=0.0,
             relative_attention_num_buckets=8, relative_attention_max_distance=12, decoder_start_token_id=0)
VARIANTS = {
    "t5": dict(feed_forward_proj="relu"),
    "v1_1": dict(feed_forward_proj="gated-gelu", own_head=True, keys=dict(tie_word_embeddings=False), drop=["scale_decoder_outputs"]),
    "flan": dict(feed_forward_proj="gated-gelu", own_head=True, num_decoder_layers=1, keys=dict(scale_decoder_outputs=False)),
    "tied": dict(feed_forward_proj="gated-silu", keys=dict(scale_decoder_outputs=False)),
    "scaled": dict(feed_forward_proj="gelu", own_head=True, num_layers=1, num_decoder_layers=1,
                   drop=["scale_decoder_outputs", "tie_word_embeddings"]),
    "mt5": dict(feed_forward_proj="gated-gelu", own_head=True, keys=dict(scale_decoder_outputs=True, tie_word_embeddings=True)),
    "byt5": dict(feed_forward_proj="gated-gelu", num_layers=3, num_decoder_layers=1, d_kv=7, own_head=True,
                 keys=dict(tie_word_embeddings=False), drop=["scale_decoder_outputs"]),
}


def norm(self, x):
    wide = x if x.dtype == torch.float64 else x.float()
    y = x * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)
    return self.weight * y.to(self.weight.dtype)


modeling_t5.T5LayerNorm.forward = modeling_mt5.MT5LayerNorm.forward = norm


def pick(generator, values):
    return values[torch.randint(len(values), (), generator=generator).item()]


def perturbed(model):
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.2 * torch.randn_like(p))
    return model.eval()


def make_folder(name, settings):
    """The model that transformers makes of the folder."""
    settings = dict(settings)
    own_head, keys, drop = settings.pop("own_head", False), settings.pop("keys", {}), settings.pop("drop", [])
    family = "MT5" if name == "mt5" else "T5"
    config = getattr(transformers, family + "Config")(**(SIZES | settings))
    model = perturbed(getattr(transformers, family + "ForConditionalGeneration")(config))
    weights = {n: p.detach().clone() for n, p in model.named_parameters()}
    if own_head:
        weights["lm_head.weight"] = 0.5 * torch.randn(config.vocab_size, config.d_model)
    directory = OUT / name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    save_file(weights, directory / "model.safetensors", metadata={"format": "pt"})
    described = config.to_dict() | dict(architectures=[family + "ForConditionalGeneration"]) | keys
    for key in drop + ["_name_or_path", "dtype"]:
        described.pop(key, None)
    (directory / "config.json").write_text(json.dumps(described, indent=2, sort_keys=True) + "\n")
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(directory, attn_implementation="eager").eval()
    assert (model.lm_head.weight is model.shared.weight) == (not own_head), name
    return model


def random_settings(generator, vocabulary):
    draw = lambda *values: pick(generator, values)
    num_beams = draw(1, 1, 2, 3, 4, 6)
    max_new = draw(1, 3, 8, 14)
    settings = dict(num_beams=num_beams, max_new_tokens=max_new, min_new_tokens=draw(0, 0, 0, max_new // 2),
                    no_repeat_ngram_size=draw(0, 0, 2, 3), repetition_penalty=draw(1.0, 1.0, 1.3),
                    bad_words_ids=[[0]] + draw([], [[draw(*range(2, vocabulary))]]))
    if num_beams > 1:
        settings |= dict(length_penalty=draw(1.0, 1.0, 0.0, 0.6, 2.0), early_stopping=draw(False, True, "never"),
                         num_return_sequences=draw(1, 1, num_beams))
    settings["forced_eos_token_id"] = draw(None, 1)
    return settings


def generate(model, settings, sources):
    longest = max(map(len, sources))
    ids = torch.tensor([s + [0] * (longest - len(s)) for s in sources])
    with torch.no_grad():
        out = model.generate(input_ids=ids, attention_mask=(ids != 0).long(), do_sample=False, return_dict_in_generate=True,
                             output_scores=True, max_length=None,
                             **(settings | dict(min_new_tokens=settings["min_new_tokens"] or None)))
    rows = []
    for row in out.sequences[:, 1:].tolist():
        end = row.index(1) + 1 if 1 in row else len(row)
        rows.append(row[:end])
    scores = None if settings["num_beams"] == 1 else [float(f"{s:.7g}") for s in out.sequences_scores.tolist()]
    return rows, scores


def make_variant(name, settings):
    torch.manual_seed(len(name) + 1)
    generator = torch.Generator().manual_seed(7)
    model = make_folder(name, settings)
    directory, vocabulary = OUT / name, model.config.vocab_size
    lengths = [15, 4, 1]
    source = torch.zeros(3, 15, dtype=torch.long)
    for row, n in enumerate(lengths):
        source[row, :n] = torch.randint(2, vocabulary, (n,), generator=generator)
    labels = torch.randint(1, vocabulary, (3, 9), generator=generator)
    labels[1, 5:] = labels[2, 2:] = -100
    model.double()
    mask = (source != 0).long()
    out = model(input_ids=source, attention_mask=mask, labels=labels, output_attentions=True)
    loss = torch.nn.functional.cross_entropy(out.logits.flatten(0, 1), labels.flatten())
    loss.backward()
    encoded = out.encoder_last_hidden_state * mask.unsqueeze(-1)
    golden = {"source": source, "source_lengths": torch.tensor(lengths), "labels": labels, "encoded": encoded,
              "decoder_input": model._shift_right(labels), "logprobs": out.logits.log_softmax(-1), "loss": loss}
    golden |= {f"grad.{n}": p.grad for n, p in model.named_parameters() if p.grad is not None}
    if name == "t5":
        kinds = dict(encoder=out.encoder_attentions, decoder=out.decoder_attentions, cross=out.cross_attentions)
        golden |= {f"{kind}.{i}": w.float() for kind, layers in kinds.items() for i, w in enumerate(layers)}
    save_file({k: v.detach().contiguous().clone() for k, v in golden.items()}, directory / "golden.safetensors")

    cases, skipped = [], 0
    while len(cases) < CASES:
        chosen = random_settings(generator, vocabulary)
        sources = [[pick(generator, range(2, vocabulary)) for _ in range(pick(generator, range(1, 14)))] + [1]
                   for _ in range(pick(generator, [1, 2, 4]))]
        model.double()
        ids = generate(model, chosen, sources)[0]
        model.float()
        ids32, scores = generate(model, chosen, sources)
        filler = scores is not None and min(scores) < -1e6  # not a hypothesis: transformers pads its beams with them
        if ids != ids32 or filler:
            skipped += 1
            continue
        cases.append(dict(settings=chosen, sources=sources, ids=ids, scores=scores))
    text = json.dumps(cases, separators=(",", ":"))
    (directory / "generation.json").write_text(text + "\n")
    print(name, len(text), "bytes,", skipped, "cases left out")


def make_head(family, task, golden):
    torch.manual_seed(len(task))
    sizes = SIZES | dict(feed_forward_proj="gelu" if family == "T5" else "gated-gelu", num_layers=2, num_decoder_layers=1)
    if "Classification" in task:
        sizes |= dict(num_labels=3)
    config = getattr(transformers, family + "Config")(**sizes)
    model = perturbed(getattr(transformers, family + task)(config))
    case = {f"weight|{n}": p.detach().clone() for n, p in model.named_parameters()}
    ids = torch.randint(2, config.vocab_size, (3, 13))
    for row, n in enumerate([13, 5, 2]):
        ids[row, n - 1] = 1
        ids[row, n:] = 0
    mask = (ids != 0).long()
    case |= {"ids": ids, "mask": mask}
    model.double()
    out = model(input_ids=ids, attention_mask=mask)
    if task == "EncoderModel":
        hidden = out.last_hidden_state * mask.unsqueeze(-1)
        loss = hidden.square().sum()
        case["hidden"] = hidden.float()
    elif task == "ForQuestionAnswering":
        starts, ends = torch.tensor([2, 0, 1]), torch.tensor([5, 3, 1])
        loss = model(input_ids=ids, attention_mask=mask, start_positions=starts, end_positions=ends).loss
        case |= {"start": out.start_logits.float(), "end": out.end_logits.float(), "starts": starts, "ends": ends}
    else:
        labels = torch.tensor([2, 0, 1])
        if task == "ForTokenClassification":
            labels = torch.randint(3, ids.shape).masked_fill(mask == 0, -100)
        loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
        case |= {"logits": out.logits.float(), "labels": labels}
    loss.backward()
    case["loss"] = loss
    case |= {f"grad|{n}": p.grad.float() for n, p in model.named_parameters() if p.grad is not None}
    described = config.to_dict() | dict(architectures=[family + task])
    case["config"] = torch.tensor(list(json.dumps(described).encode()), dtype=torch.uint8)
    case["architecture"] = torch.tensor(list((family + task).encode()), dtype=torch.uint8)
    golden |= {f"{family}{task}|{k}": v.detach().contiguous().clone() for k, v in case.items()}


def main():
    torch.set_num_threads(1)
    for name, settings in VARIANTS.items():
        make_variant(name, settings)
    golden = {}
    for task in ["EncoderModel", "ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering"]:
        make_head("T5", task, golden)
    make_head("MT5", "ForSequenceClassification", golden)
    save_file(golden, OUT / "heads.safetensors")


if __name__ == "__main__":
    main()
