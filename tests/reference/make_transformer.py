"""Golden Transformers and their outputs. Written with torch 2.13.0, transformers 5.23.0 and safetensors 0.8.0.

Usage: python make_transformer.py   (writes tests/fixtures/transformer/)

<variant>/config.json, generation_config.json, model.safetensors   a small random model as save_pretrained writes it
<variant>/golden.safetensors   source (right padding), source_lengths, decoder_input, labels and, computed in float64 from
                               the float32 weights, logprobs, loss (mean over the labels that are not -100) and
                               grad.<parameter> of that loss
<variant>/generation.json      settings under transformers' names, sources, and what generate returns: new ids and, of
                               beams, sequences_scores

torch_post/, torch_pre/        config.json, model.safetensors and golden.safetensors (as above) of torch.nn.Transformer in
                               both norm orders, with the paper's positions and one embedding for all

Cases whose ids differ between float32 and float64 are ties: they and those that lack hypotheses are left out and counted.
"""
import json
import pathlib

import torch
from safetensors.torch import save_file
from transformers import MarianConfig, MarianMTModel

OUT = pathlib.Path(__file__).parent.parent / "fixtures" / "transformer"
CASES = 80

COMMON = dict(max_position_embeddings=24, dropout=0.0, init_std=0.3, scale_embedding=True, eos_token_id=0,
              bos_token_id=None)
VARIANTS = {
    # Opus-MT's wiring: one embedding for all, swish.
    "shared": dict(vocab_size=41, d_model=16, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4,
                   decoder_attention_heads=4, encoder_ffn_dim=32, decoder_ffn_dim=32, activation_function="swish"),
    # Two vocabularies, unequal sides, no scaling.
    "separate": dict(vocab_size=31, decoder_vocab_size=37, share_encoder_decoder_embeddings=False, d_model=12,
                     encoder_layers=3, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=3,
                     encoder_ffn_dim=20, decoder_ffn_dim=28, activation_function="relu", scale_embedding=False),
    # transformers shares nothing where the softmax is not tied, whatever share_encoder_decoder_embeddings says.
    "untied": dict(vocab_size=29, tie_word_embeddings=False, d_model=12, encoder_layers=1, decoder_layers=2,
                   encoder_attention_heads=3, decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16,
                   activation_function="gelu"),
}


def pick(generator, values):
    return values[torch.randint(len(values), (), generator=generator).item()]


def random_settings(generator, vocabulary, pad):
    draw = lambda *values: pick(generator, values)
    num_beams = draw(1, 1, 2, 3, 4, 6)
    max_new = draw(1, 3, 8, 14)
    settings = dict(num_beams=num_beams, max_new_tokens=max_new, min_new_tokens=draw(0, 0, 0, max_new // 2),
                    no_repeat_ngram_size=draw(0, 0, 2, 3), repetition_penalty=draw(1.0, 1.0, 1.3),
                    bad_words_ids=[[pad]] + draw([], [[draw(*range(1, vocabulary))]]))
    if num_beams > 1:
        settings |= dict(length_penalty=draw(1.0, 1.0, 0.0, 0.6, 2.0), early_stopping=draw(False, True, "never"),
                         num_return_sequences=draw(1, 1, num_beams))
    settings["forced_eos_token_id"] = draw(None, 0)
    settings["forced_bos_token_id"] = draw(None, None, draw(*range(1, vocabulary)))
    return settings


def generate(model, settings, sources, pad):
    longest = max(map(len, sources))
    ids = torch.tensor([s + [pad] * (longest - len(s)) for s in sources])
    with torch.no_grad():
        out = model.generate(input_ids=ids, attention_mask=(ids != pad).long(), do_sample=False,
                             return_dict_in_generate=True, output_scores=True, max_length=None,
                             **(settings | dict(min_new_tokens=settings["min_new_tokens"] or None)))
    rows = []
    for row in out.sequences[:, 1:].tolist():
        end = row.index(0) + 1 if 0 in row else len(row)
        rows.append(row[:end])
    scores = None if settings["num_beams"] == 1 else [float(f"{s:.7g}") for s in out.sequences_scores.tolist()]
    return rows, scores


def make(name, settings):
    torch.manual_seed(len(name))
    generator = torch.Generator().manual_seed(7)
    pad = settings["vocab_size"] - 1
    config = MarianConfig(**(COMMON | settings), pad_token_id=pad, decoder_start_token_id=pad)
    model = MarianMTModel(config).eval()
    targets = config.decoder_vocab_size
    with torch.no_grad():
        for parameter_name, p in model.named_parameters():
            if "embed_positions" not in parameter_name:
                p.add_(0.1 * torch.randn_like(p))
        model.final_logits_bias.copy_(0.5 * torch.randn_like(model.final_logits_bias))
    directory = OUT / name
    directory.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(directory)

    lengths = [7, 3, 1]
    source = torch.full((3, 7), pad)
    for row, n in enumerate(lengths):
        source[row, :n] = torch.randint(0, pad, (n,), generator=generator)
    labels = torch.randint(0, targets, (3, 5), generator=generator)
    labels[1, 3:] = labels[2, 2:] = -100
    decoder_input = labels.roll(1, 1)
    decoder_input[:, 0] = pad
    decoder_input[decoder_input == -100] = pad
    model.double()
    out = model(input_ids=source, attention_mask=(source != pad).long(), decoder_input_ids=decoder_input)
    loss = torch.nn.functional.cross_entropy(out.logits.flatten(0, 1), labels.flatten())
    loss.backward()
    golden = {"source": source, "source_lengths": torch.tensor(lengths), "decoder_input": decoder_input, "labels": labels,
              "logprobs": out.logits.log_softmax(-1), "loss": loss}
    golden |= {f"grad.{n}": p.grad for n, p in model.named_parameters() if p.grad is not None}
    save_file({k: v.detach().contiguous().clone() for k, v in golden.items()}, directory / "golden.safetensors")

    cases, skipped = [], 0
    while len(cases) < CASES:
        chosen = random_settings(generator, targets, pad)
        sources = [[pick(generator, range(1, pad)) for _ in range(pick(generator, range(1, 10)))] + [0]
                   for _ in range(pick(generator, [1, 2, 4]))]
        model.double()
        ids = generate(model, chosen, sources, pad)[0]
        model.float()
        ids32, scores = generate(model, chosen, sources, pad)
        filler = scores is not None and min(scores) < -1e6  # not a hypothesis: transformers pads its beams with them
        if ids != ids32 or filler:
            skipped += 1
            continue
        cases.append(dict(settings=chosen, sources=sources, ids=ids, scores=scores))
    text = json.dumps(cases, separators=(",", ":"))
    (directory / "generation.json").write_text(text + "\n")
    print(name, len(text), "bytes,", skipped, "cases left out")


def torch_names(name):
    """Our name of a parameter of torch.nn.Transformer, and which third of it where it is three of ours."""
    name = "model." + name.replace("multihead_attn", "encoder_attn").replace("linear", "fc")
    decoder = name.startswith("model.decoder")
    norms = ["self_attn_layer_norm", "encoder_attn_layer_norm", "final_layer_norm"] if decoder else \
        ["self_attn_layer_norm", "final_layer_norm"]
    for i, norm in enumerate(norms):
        name = name.replace(f".norm{i + 1}.", f".{norm}.")
    name = name.replace("coder.norm.", "coder.layer_norm.")
    if "in_proj_" not in name:
        return [(name, None)]
    return [(name.replace("in_proj_", f"{part}_proj."), i) for i, part in enumerate("qkv")]


def make_torch(name, norm_first):
    torch.manual_seed(3)
    V, C, H, F, pad = 23, 12, 3, 20, 22
    model = torch.nn.Transformer(C, H, 2, 1, F, dropout=0.0, activation="relu", batch_first=True, norm_first=norm_first)
    if not norm_first:  # torch normalises once more, the paper does not
        model.encoder.norm = model.decoder.norm = None
    table = torch.nn.Parameter(0.4 * torch.randn(V, C))
    table.data[pad] = 0
    with torch.no_grad():
        for p in model.parameters():
            p.copy_((p + 0.2 * torch.randn_like(p)).float())
    model.double()
    table.data = table.data.double()

    def embed(ids):
        place = torch.arange(ids.shape[1]).double()[:, None] / 10000 ** (torch.arange(0, C, 2).double() / C)
        return torch.nn.functional.embedding(ids, table, padding_idx=pad) * C**0.5 + \
            torch.stack([place.sin(), place.cos()], -1).flatten(1).float()

    source = torch.randint(0, pad, (3, 6))
    lengths = torch.tensor([6, 2, 1])
    padding = torch.arange(6)[None] >= lengths[:, None]
    source[padding] = pad
    labels = torch.randint(0, pad, (3, 4))
    labels[1, 2:] = -100
    decoder_input = labels.roll(1, 1).where(labels.roll(1, 1) != -100, torch.tensor(pad))
    decoder_input[:, 0] = pad
    hidden = model(embed(source), embed(decoder_input), src_key_padding_mask=padding, memory_key_padding_mask=padding,
                   tgt_mask=torch.triu(torch.full((4, 4), -torch.inf).double(), 1), tgt_is_causal=True)
    logits = hidden @ table.T
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
    loss.backward()
    weights = {"model.shared.weight": table, "final_logits_bias": torch.zeros(1, V)}
    golden = {"source": source, "source_lengths": lengths, "decoder_input": decoder_input, "labels": labels,
              "logprobs": logits.log_softmax(-1), "loss": loss, "grad.model.shared.weight": table.grad}
    for torch_name, p in model.named_parameters():
        for ours, third in torch_names(torch_name):
            part = lambda x: x if third is None else x.chunk(3)[third]
            weights[ours], golden["grad." + ours] = part(p), part(p.grad)
    directory = OUT / name
    directory.mkdir(parents=True, exist_ok=True)
    save_file({k: v.detach().float().contiguous().clone() for k, v in weights.items()}, directory / "model.safetensors")
    save_file({k: v.detach().contiguous().clone() for k, v in golden.items()}, directory / "golden.safetensors")
    config = dict(architectures=["TransformerMTModel"], model_type="transformer", vocab_size=V, d_model=C,
                  encoder_layers=2, decoder_layers=1, encoder_attention_heads=H, decoder_attention_heads=H,
                  encoder_ffn_dim=F, decoder_ffn_dim=F, activation_function="relu", scale_embedding=True,
                  max_position_embeddings=16, position_embedding_type="interleaved", normalize_before=norm_first,
                  decoder_start_token_id=pad, eos_token_id=0, pad_token_id=pad, dropout=0.0)
    (directory / "config.json").write_text(json.dumps(config, indent=2) + "\n")


make_torch("torch_post", norm_first=False)
make_torch("torch_pre", norm_first=True)
for variant, variant_settings in VARIANTS.items():
    make(variant, variant_settings)
