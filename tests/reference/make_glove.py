"""Writes tests/fixtures/glove/golden.safetensors: two passes of GloVe's own C program over a few entries.

Versions: github.com/stanfordnlp/GloVe 52f7dbc, built with its Makefile; safetensors 0.8.0, numpy 2.4.6.
Usage: python make_glove.py GLOVE (its program build/glove)
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

OUT = Path(__file__).resolve().parent.parent / "fixtures" / "glove"
WORDS, DIM, ENTRIES, PASSES = 7, 23, 60, 2


def named(prefix, words, contexts):
    """The program's rows hold a vector and its bias: (2 V, C + 1) float64, words first."""
    return {f"{prefix}.{name}": np.ascontiguousarray(part.astype(np.float32))
            for name, part in [("embeddings", words[:, :DIM]), ("biases", words[:, DIM]),
                               ("context_embeddings", contexts[:, :DIM]), ("context_biases", contexts[:, DIM])]}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("glove")
    program = parser.parse_args().glove

    random = np.random.default_rng(1)
    # Representable in float32; a vector of the first word is so large that its gradients are clipped.
    parameters = random.uniform(-0.5, 0.5, (2 * WORDS, DIM + 1)).astype(np.float32).astype(np.float64)
    parameters[0] *= 40
    squares = random.uniform(1, 3, (2 * WORDS, DIM + 1)).astype(np.float32).astype(np.float64)
    entries = np.zeros(ENTRIES, dtype=[("row", "<i4"), ("column", "<i4"), ("count", "<f8")])
    entries["row"] = random.integers(0, WORDS, ENTRIES)
    entries["column"] = random.integers(0, WORDS, ENTRIES)
    entries["count"] = np.exp(random.uniform(-3, 6, ENTRIES)).astype(np.float32)  # 0.05 to 400: on both sides of x_max
    shifted = entries.copy()
    shifted["row"] += 1
    shifted["column"] += 1

    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "vocab.txt").write_text("".join(f"w{i} 1\n" for i in range(WORDS)))
        (folder / "entries.bin").write_bytes(shifted.tobytes())
        (folder / "parameters.bin").write_bytes(parameters.tobytes())
        (folder / "squares.bin").write_bytes(squares.tobytes())
        arguments = {"input-file": "entries.bin", "vocab-file": "vocab.txt", "save-file": "after", "gradsq-file": "after_squares",
                     "init-param-file": "parameters.bin", "load-init-param": 1, "init-gradsq-file": "squares.bin",
                     "load-init-gradsq": 1, "save-gradsq": 1, "binary": 1, "vector-size": DIM, "iter": PASSES,
                     "threads": 1, "verbose": 0, "seed": 1}
        command = [str(Path(program).resolve())] + [str(x) for key, value in arguments.items() for x in (f"-{key}", value)]
        subprocess.run(command, cwd=folder, check=True)
        after = np.fromfile(folder / "after.bin").reshape(2 * WORDS, DIM + 1)
        after_squares = np.fromfile(folder / "after_squares.bin").reshape(2 * WORDS, DIM + 1)

    tensors = {"rows": entries["row"].copy(), "columns": entries["column"].copy(),
               "counts": entries["count"].astype(np.float32)}
    for prefix, table in [("before", parameters), ("before_squares", squares), ("after", after),
                          ("after_squares", after_squares)]:
        tensors |= named(prefix, table[:WORDS], table[WORDS:])
    assert np.abs(after - parameters).max() > 0.1
    OUT.mkdir(parents=True, exist_ok=True)
    save_file(tensors, OUT / "golden.safetensors")


main()
