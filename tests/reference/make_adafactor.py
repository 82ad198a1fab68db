"""Golden steps of transformers' Adafactor. Written with torch 2.13.0, transformers 5.23.0 and safetensors 0.8.0.

Usage: python make_adafactor.py   (writes tests/fixtures/optim/adafactor.safetensors)

<case>.before.<parameter>, <case>.grad.<step>.<parameter>, <case>.after.<parameter>: values before the first of STEPS steps,
the gradients of each, and the values after the last. What the cases are, the test says too.
"""
import pathlib

import torch
from safetensors.torch import save_file
from transformers.optimization import Adafactor

OUT = pathlib.Path(__file__).parent.parent / "fixtures" / "optim"
STEPS = 4
SHAPES = {"matrix": (5, 19), "stack": (2, 3, 4), "wide": (2, 33), "vector": (7,)}
CASES = {
    "paper": {},
    "warmup": {"warmup_init": True},
    "t5_finetuning": {"lr": 1e-3, "relative_step": False},
    "momentum": {"lr": 3e-3, "relative_step": False, "beta1": 0.9, "weight_decay": 0.1},
    "absolute": {"lr": 2e-3, "relative_step": False, "scale_parameter": False, "clip_threshold": 0.5, "decay_rate": -0.5},
}


def main():
    tensors = {}
    for number, (case, options) in enumerate(CASES.items()):
        torch.manual_seed(number)
        parameters = {name: torch.nn.Parameter(torch.randn(shape)) for name, shape in SHAPES.items()}
        parameters["vector"].data.zero_()  # its root mean square counts as eps2
        tensors |= {f"{case}.before.{name}": p.detach().clone() for name, p in parameters.items()}
        optimizer = Adafactor(parameters.values(), **options)
        for step in range(STEPS):
            for name, p in parameters.items():
                p.grad = torch.randn(p.shape) * torch.rand(p.shape) ** 4
                tensors[f"{case}.grad.{step}.{name}"] = p.grad.clone()
            optimizer.step()
        tensors |= {f"{case}.after.{name}": p.detach().clone() for name, p in parameters.items()}
    OUT.mkdir(exist_ok=True)
    save_file(tensors, OUT / "adafactor.safetensors")


if __name__ == "__main__":
    main()
