"""A small random ELMo in the released form, and its layers by the equations of Peters et al. 2018 and of bilm-tf's
options, written out in PyTorch. Written with torch 2.13.0, h5py 3.16.0 and safetensors 0.8.0.

Usage: python make_elmo.py   (writes tests/fixtures/elmo/)

<variant>/options.json, weights.hdf5   as bilm-tf's dump_weights writes them
<variant>/golden.safetensors           layers.<i> (L+1,T,2P) of sentence i; mixture.<i> (T,2P) with weights w and gamma
<variant>/sentences.json               a list of lists of words
"""
import json
import pathlib

import h5py
import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

OUT = pathlib.Path(__file__).parent.parent / "fixtures" / "elmo"
SENTENCES = [["The", "cat", "sat"], ["Über", "naïve", "x"], ["a" * 30, "the", "the", ".", "日本"], []]
BOS, EOS, BOW, EOW, PAD = 256, 257, 258, 259, 260


def characters(codes, most):
    """The codes of a token between its begin and its end, filled up."""
    row = [BOW] + list(codes)[: most - 2] + [EOW]
    return row + [PAD] * (most - len(row))


def tensor(f, name):
    return torch.from_numpy(f[name][...]).double()


def token_layer(f, options, chars):
    """Shapes: (T,M) -> (T,P)."""
    cnn = options["char_cnn"]
    x = tensor(f, "char_embed")[chars]  # (T,M,C)
    pooled = []
    for i, (width, count) in enumerate(cnn["filters"]):
        w, b = tensor(f, f"CNN/W_cnn_{i}")[0], tensor(f, f"CNN/b_cnn_{i}")  # (width,C,count)
        places = [torch.einsum("twc,wcn->tn", x[:, s : s + width], w) for s in range(x.shape[1] - width + 1)]
        pooled.append(torch.stack(places).max(0).values + b)
    y = torch.cat(pooled, 1)
    y = y.relu() if cnn["activation"] == "relu" else y.tanh()
    for i in range(cnn.get("n_highway") or 0):
        p = {k: tensor(f, f"CNN_high_{i}/{k}") for k in ("W_carry", "b_carry", "W_transform", "b_transform")}
        carry = torch.sigmoid(y @ p["W_carry"] + p["b_carry"])
        y = carry * F.relu(y @ p["W_transform"] + p["b_transform"]) + (1 - carry) * y
    if y.shape[1] != options["lstm"]["projection_dim"]:
        y = y @ tensor(f, "CNN_proj/W_proj") + tensor(f, "CNN_proj/b_proj")
    return y


def clip(x, most):
    return x if most is None else x.clamp(-most, most)


def lstm(f, name, options, x):
    """TensorFlow's LSTMCell: gates i, j, f, o, 1 added to f. Shapes: (T,P) -> (T,P)."""
    kernel, bias = tensor(f, name + "W_0"), tensor(f, name + "B")
    projection = tensor(f, name + "W_P_0") if name + "W_P_0" in f else None
    h = torch.zeros(kernel.shape[0] - x.shape[1], dtype=x.dtype)
    c = torch.zeros(bias.shape[0] // 4, dtype=x.dtype)
    out = []
    for step in x:
        i, j, forget, o = (torch.cat([step, h]) @ kernel + bias).chunk(4)
        c = clip(torch.sigmoid(forget + 1) * c + torch.sigmoid(i) * torch.tanh(j), options["cell_clip"])
        h = torch.sigmoid(o) * torch.tanh(c)
        if projection is not None:
            h = clip(h @ projection, options["proj_clip"])
        out.append(h)
    return torch.stack(out)


def layers(f, options, words):
    most = options["char_cnn"]["max_characters_per_token"]
    rows = [[BOS]] + [list(word.encode("utf-8")) for word in words] + [[EOS]]
    x = token_layer(f, options, torch.tensor([characters(row, most) for row in rows]))
    result = [torch.cat([x, x], 1)]
    own = options["lstm"]
    sides = [x, x.flip(0)]
    for layer in range(own["n_layers"]):
        for d in (0, 1):
            y = lstm(f, f"RNN_{d}/RNN/MultiRNNCell/Cell{layer}/LSTMCell/", own, sides[d])
            sides[d] = y + sides[d] if own["use_skip_connections"] and layer > 0 else y
        result.append(torch.cat([sides[0], sides[1].flip(0)], 1))
    return torch.stack(result)[:, 1:-1]


def write(name, options, scale):
    folder = OUT / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "options.json").write_text(json.dumps(options) + "\n")
    (folder / "sentences.json").write_text(json.dumps(SENTENCES, ensure_ascii=False) + "\n")
    random = np.random.default_rng(7)
    lstm_options, cnn = options["lstm"], options["char_cnn"]
    C, P, H = cnn["embedding"]["dim"], lstm_options["projection_dim"], lstm_options["dim"]
    filters = sum(n for _, n in cnn["filters"])
    with h5py.File(folder / "weights.hdf5", "w") as f:

        def add(path, *shape):
            f.create_dataset(path, data=(random.standard_normal(shape) * scale).astype(np.float32))

        add("char_embed", 261, C)
        for i, (width, count) in enumerate(cnn["filters"]):
            add(f"CNN/W_cnn_{i}", 1, width, C, count)
            add(f"CNN/b_cnn_{i}", count)
        for i in range(cnn.get("n_highway") or 0):
            for gate in ("carry", "transform"):
                add(f"CNN_high_{i}/W_{gate}", filters, filters)
                add(f"CNN_high_{i}/b_{gate}", filters)
        if filters != P:
            add("CNN_proj/W_proj", filters, P)
            add("CNN_proj/b_proj", P)
        for d in (0, 1):
            for layer in range(lstm_options["n_layers"]):
                root = f"RNN_{d}/RNN/MultiRNNCell/Cell{layer}/LSTMCell/"
                add(root + "W_0", 2 * P, 4 * H)
                add(root + "B", 4 * H)
                if P < H:
                    add(root + "W_P_0", H, P)
    golden = {"w": torch.tensor([0.3, -0.5, 1.1])[: lstm_options["n_layers"] + 1], "gamma": torch.tensor([1.7])}
    with h5py.File(folder / "weights.hdf5", "r") as f:
        for i, words in enumerate(SENTENCES):
            all_layers = layers(f, options, words)
            share = torch.softmax(golden["w"].double(), 0)
            golden[f"layers.{i}"] = all_layers.float().contiguous()
            golden[f"mixture.{i}"] = (1.7 * (share[:, None, None] * all_layers).sum(0)).float().contiguous()
    save_file(golden, folder / "golden.safetensors")


def main():
    write(
        "projected",  # as released, but for its sizes; clipping is felt
        {
            "lstm": {"use_skip_connections": True, "projection_dim": 6, "cell_clip": 0.5, "proj_clip": 0.4, "dim": 8,
                     "n_layers": 2},
            "char_cnn": {"activation": "relu", "filters": [[1, 4], [2, 4], [3, 5]], "n_highway": 2,
                         "embedding": {"dim": 4}, "n_characters": 262, "max_characters_per_token": 20},
        },
        0.7,
    )
    write(
        "plain",  # no projections, highway, skip or clipping
        {
            "lstm": {"use_skip_connections": False, "projection_dim": 6, "cell_clip": None, "proj_clip": None, "dim": 6,
                     "n_layers": 1},
            "char_cnn": {"activation": "tanh", "filters": [[1, 2], [3, 4]], "embedding": {"dim": 3},
                         "n_characters": 261, "max_characters_per_token": 12},
            "dropout": 0.1,
        },
        0.9,
    )


if __name__ == "__main__":
    main()
