"""Golden outputs of torch.nn.RNN, LSTM and GRU. Written with torch 2.13.0 and safetensors 0.8.0.

Usage: python make_recurrent.py   (writes tests/fixtures/recurrent/)

<cell>_<uni|bi>.safetensors   parameters of two layers under torch.nn's names; x (T,B,C), lengths, h0, c0; output, h, c of
                              the whole batch and packed_output, packed_h, packed_c of rows of those lengths; and, of
                              packed_output.square().sum() + packed_h.sum() + packed_c.square().sum(), grad.<parameter>, grad.x, grad.h0,
                              grad.c0
"""
import pathlib

import torch
from safetensors.torch import save_file
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

OUT = pathlib.Path(__file__).parent.parent / "fixtures" / "recurrent"
STEPS, BATCH, WIDTH, HIDDEN, LAYERS = 6, 4, 5, 7, 2
LENGTHS = torch.tensor([3, 6, 1, 5])

CELLS = {
    "rnn_tanh": lambda **o: torch.nn.RNN(WIDTH, HIDDEN, LAYERS, nonlinearity="tanh", **o),
    "rnn_relu": lambda **o: torch.nn.RNN(WIDTH, HIDDEN, LAYERS, nonlinearity="relu", **o),
    "lstm": lambda **o: torch.nn.LSTM(WIDTH, HIDDEN, LAYERS, **o),
    "gru": lambda **o: torch.nn.GRU(WIDTH, HIDDEN, LAYERS, **o),
}


def make(cell, bidirectional):
    torch.manual_seed(len(cell) + bidirectional)
    module = CELLS[cell](bidirectional=bidirectional).double()
    lstm = cell == "lstm"
    x = torch.randn(STEPS, BATCH, WIDTH, dtype=torch.float64, requires_grad=True)
    h0 = torch.randn(LAYERS * (1 + bidirectional), BATCH, HIDDEN, dtype=torch.float64, requires_grad=True)
    c0 = torch.randn_like(h0).requires_grad_()
    start = (h0, c0) if lstm else h0
    named = dict(module.named_parameters())
    golden = named | {"x": x, "lengths": LENGTHS, "h0": h0, "c0": c0}

    output, state = module(x, start)
    golden |= {"output": output, "h": state[0] if lstm else state}
    if lstm:
        golden["c"] = state[1]
    packed, state = module(pack_padded_sequence(x, LENGTHS, enforce_sorted=False), start)
    output, _ = pad_packed_sequence(packed, total_length=STEPS)
    h = state[0] if lstm else state
    loss = output.square().sum() + h.sum()
    golden |= {"packed_output": output, "packed_h": h}
    if lstm:
        golden["packed_c"] = state[1]
        loss = loss + state[1].square().sum()
    loss.backward()
    golden |= {f"grad.{name}": p.grad for name, p in named.items()}
    golden |= {"grad.x": x.grad, "grad.h0": h0.grad}
    if lstm:
        golden["grad.c0"] = c0.grad
    OUT.mkdir(parents=True, exist_ok=True)
    tensors = {k: v.detach().float() if v.is_floating_point() else v for k, v in golden.items()}
    save_file({k: v.contiguous().clone() for k, v in tensors.items()},
              OUT / f"{cell}_{'bi' if bidirectional else 'uni'}.safetensors")


for name in CELLS:
    for both in (False, True):
        make(name, both)
