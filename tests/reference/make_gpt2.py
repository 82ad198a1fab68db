"""Golden GPT-2 models and outputs. Written with torch 2.13.0, transformers 5.23.0, safetensors 0.8.0 and numpy 2.4.6.

Usage: python make_gpt2.py   (writes tests/fixtures/gpt/)

<variant>/config.json, model.safetensors   a small random model as GPT2LMHeadModel.save_pretrained writes it
<variant>/golden.safetensors               ids, mask (left padding), position_ids, logits, loss (mean, next tokens of the
                                           unpadded ids), greedy (ids that generate appends to the padded prompts) and,
                                           for "tiny", grad.<parameter> of that loss
gpt2_124m.safetensors                      the 124M shape filled by fill() below: ids, logprobs of some (position, token)
                                           pairs, greedy ids
"""
import pathlib
import shutil

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import GPT2Config, GPT2LMHeadModel

OUT = pathlib.Path(__file__).parent.parent / "fixtures" / "gpt"
NEW_TOKENS = 10

VARIANTS = {
    "tiny": dict(vocab_size=97, n_positions=32, n_embd=32, n_layer=2, n_head=4),
    "relu_inverse": dict(vocab_size=41, n_positions=24, n_embd=16, n_layer=2, n_head=2, n_inner=40,
                         activation_function="relu", scale_attn_by_inverse_layer_idx=True),
    "untied_unscaled": dict(vocab_size=41, n_positions=24, n_embd=12, n_layer=2, n_head=3, activation_function="gelu",
                            layer_norm_epsilon=1e-3, scale_attn_weights=False, tie_word_embeddings=False),
}


def greedy(model, ids, mask, count):
    out = model.generate(ids, attention_mask=mask, do_sample=False, max_new_tokens=count, pad_token_id=0,
                         eos_token_id=None)
    return out[:, ids.shape[1]:].clone()


def make(name, settings):
    torch.manual_seed(len(name))
    config = GPT2Config(**settings, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, initializer_range=0.2,
                        bos_token_id=0, eos_token_id=0)
    model = GPT2LMHeadModel(config).eval()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.1 * torch.randn_like(p))
        model.transformer.ln_f.weight.neg_()  # else a tied head repeats the token it was given
    directory = OUT / name
    directory.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(directory)
    (directory / "generation_config.json").unlink(missing_ok=True)

    ids = torch.randint(1, config.vocab_size, (3, 9))
    full = model(ids, labels=ids)
    full.loss.backward()
    golden = {"ids": ids, "full_logits": full.logits, "loss": full.loss}
    if name == "tiny":
        golden |= {f"grad.{n}": p.grad for n, p in model.named_parameters()}

    mask = torch.ones_like(ids)
    mask[1, :4] = 0
    mask[2, :8] = 0
    position_ids = (mask.cumsum(-1) - 1).masked_fill(mask == 0, 0)
    with torch.no_grad():
        logits = model(ids, attention_mask=mask, position_ids=position_ids).logits
        golden |= {"mask": mask, "position_ids": position_ids, "logits": logits,
                   "greedy": greedy(model, ids, mask, NEW_TOKENS)}
    save_file({k: v.detach().contiguous().clone() for k, v in golden.items()}, directory / "golden.safetensors")


def fill(name, count):
    """float32 in [-0.04, 0.04): a 32-bit hash of the name (FNV-1a) and the index (murmur3's finaliser)."""
    seed = 2166136261
    for byte in name.encode():
        seed = (seed ^ byte) * 16777619 % 2**32
    with np.errstate(over="ignore"):
        h = np.arange(count, dtype=np.uint32) * np.uint32(2654435761) + np.uint32(seed)
        for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
            h ^= h >> np.uint32(shift)
            h *= np.uint32(factor)
        h ^= h >> np.uint32(16)
    unit = (h >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)
    return (unit - np.float32(0.5)) * np.float32(0.08)


def make_124m():
    model = GPT2LMHeadModel(GPT2Config()).eval()
    with torch.no_grad():
        for name, p in model.named_parameters():
            values = torch.from_numpy(fill(name, p.numel())).view_as(p)
            p.copy_(values + 1 if ".ln_" in name and name.endswith("weight") else values)
        ids = torch.from_numpy(np.arange(2 * 16, dtype=np.int64) * 7919 % 50257).view(2, 16)
        mask = torch.ones_like(ids)
        mask[1, :5] = 0
        position_ids = (mask.cumsum(-1) - 1).masked_fill(mask == 0, 0)
        logprobs = model(ids, attention_mask=mask, position_ids=position_ids).logits.log_softmax(-1)
        tokens = ids[:, 1:]
        save_file({"ids": ids, "mask": mask, "logprobs": logprobs[:, :-1].gather(2, tokens[:, :, None])[:, :, 0].clone(),
                   "last_logprobs": logprobs[:, -1, ::997].clone(), "greedy": greedy(model, ids, mask, 20)},
                  OUT / "gpt2_124m.safetensors")


for variant, settings in VARIANTS.items():
    make(variant, settings)
make_124m()
