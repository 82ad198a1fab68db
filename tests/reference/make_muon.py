"""Golden steps of torch.optim.Muon, which computes its iteration in bfloat16. Written with torch 2.13.0 and safetensors
0.8.0.

Usage: python make_muon.py   (writes tests/fixtures/optim/muon.safetensors)

<case>.before.<parameter>, <case>.grad.<step>.<parameter>, <case>.after.<parameter>: values before the first of STEPS steps,
the gradients of each, and the values after the last. What the cases are, the test says too.
"""
import pathlib

import torch
from safetensors.torch import save_file

OUT = pathlib.Path(__file__).parent.parent / "fixtures" / "optim"
STEPS = 4
SHAPES = {"wide": (12, 19), "tall": (19, 12), "square": (16, 16)}
CASES = {"nesterov": {}, "plain": {"nesterov": False, "momentum": 0.8, "weight_decay": 0.3}}


def main():
    tensors = {}
    for number, (case, options) in enumerate(CASES.items()):
        torch.manual_seed(number)
        parameters = {name: torch.nn.Parameter(torch.randn(shape)) for name, shape in SHAPES.items()}
        tensors |= {f"{case}.before.{name}": p.detach().clone() for name, p in parameters.items()}
        optimizer = torch.optim.Muon(parameters.values(), lr=0.02, adjust_lr_fn="match_rms_adamw", **options)
        for step in range(STEPS):
            for name, p in parameters.items():
                p.grad = torch.randn(p.shape)
                tensors[f"{case}.grad.{step}.{name}"] = p.grad.clone()
            optimizer.step()
        tensors |= {f"{case}.after.{name}": p.detach().clone() for name, p in parameters.items()}
    OUT.mkdir(exist_ok=True)
    save_file(tensors, OUT / "muon.safetensors")


if __name__ == "__main__":
    main()
