"""A golden torch.nn.Transformer under its own names. Written with torch 2.13.0 and safetensors 0.8.0.

Usage: python make_torch_transformer.py   (writes tests/fixtures/transformer/nn_{post,pre}.safetensors)

transformer.<name>, embedding   its state dict and the table (V,C) of both sides' tokens
source, source_lengths, target  ids
hidden                          the decoder's output, in float64 from the float32 weights, with the paper's positions
grad.<name>                     gradients of hidden's sum of cubes
"""
import pathlib

import torch
from safetensors.torch import save_file

OUT = pathlib.Path(__file__).parent.parent / "fixtures" / "transformer"
V, C, H, F = 13, 8, 2, 10


def embed(table, ids):
    place = torch.arange(ids.shape[1]).double()[:, None] / 10000 ** (torch.arange(0, C, 2).double() / C)
    return table[ids] * C**0.5 + torch.stack([place.sin(), place.cos()], -1).flatten(1).float()


for name, norm_first in [("nn_post", False), ("nn_pre", True)]:
    torch.manual_seed(5)
    model = torch.nn.Transformer(C, H, 2, 1, F, dropout=0.0, activation="relu", batch_first=True, norm_first=norm_first)
    if not norm_first:  # torch normalises once more, the paper does not
        model.encoder.norm = model.decoder.norm = None
    table = 0.4 * torch.randn(V, C)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.2 * torch.randn_like(p))
    tensors = {"transformer." + n: p.detach().clone() for n, p in model.state_dict().items()} | {"embedding": table}
    model.double()
    source, target, lengths = torch.randint(0, V, (2, 5)), torch.randint(0, V, (2, 4)), torch.tensor([5, 3])
    padding = torch.arange(5)[None] >= lengths[:, None]
    hidden = model(embed(table.double(), source), embed(table.double(), target), src_key_padding_mask=padding,
                   memory_key_padding_mask=padding, tgt_mask=torch.triu(torch.full((4, 4), -torch.inf).double(), 1),
                   tgt_is_causal=True)
    hidden.pow(3).sum().backward()
    tensors |= {"source": source, "source_lengths": lengths, "target": target, "hidden": hidden.detach()}
    tensors |= {"grad." + n: p.grad for n, p in model.named_parameters()}
    save_file({k: v.contiguous() for k, v in tensors.items()}, OUT / (name + ".safetensors"))
