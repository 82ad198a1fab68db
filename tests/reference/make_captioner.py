"""Golden captioners, from the equations written out in torch: each row alone, without padding, one step of a recurrent
decoder at a time. Written with torch 2.13.0 and safetensors 0.8.0.

Usage: python make_captioner.py   (writes tests/fixtures/captioner/)

<variant>/config.json, model.safetensors   as Captioner::save_pretrained writes them (weights in float32)
<variant>/golden.safetensors               source (B, 3 D D) bytes, decoder_input (B,T), labels (B,T) with -100 on padding;
                                           logits (B,T,V) and attention (B,T,P), computed in float64; loss, the sum over
                                           labels; and grad.<parameter> of that loss
"""
import json
import pathlib

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

OUT = pathlib.Path(__file__).parent.parent / "fixtures" / "captioner"
D, PATCH, C, HEADS, V, MOST = 8, 4, 8, 2, 9, 6
PARTS = (D // PATCH) ** 2
VARIANTS = {
    "show_attend_tell": dict(encoder="cnn", decoder="lstm", attention="additive", decoder_layers=2),
    "show_tell": dict(encoder="cnn", decoder="gru", attention="none", decoder_layers=1),
    "vit_transformer": dict(encoder="vit", decoder="transformer", attention="additive", encoder_layers=2,
                            decoder_layers=2),
}


class Model:
    def __init__(self, settings):
        self.c = c = settings
        self.p = {}
        if c["encoder"] == "vit":
            self.weight("encoder.convolutions.0", C, 3, PATCH, PATCH)
            for i in range(c["encoder_layers"]):
                self.attention_weights(f"encoder.layers.{i}.self_attn")
                self.feed_forward_weights(f"encoder.layers.{i}")
            self.norm_weights("encoder.layer_norm")
        else:
            self.weight("encoder.convolutions.0", C // 2, 3, 4, 4)
            self.weight("encoder.convolutions.1", C // 2, C // 2, 4, 4)
            self.weight("encoder.convolutions.2", C, C // 2, 3, 3)
            self.weight("encoder.convolutions.3", C, C, 3, 3)
        self.add("encoder.positions", PARTS, C)
        readout = C
        if c["decoder"] == "transformer":
            self.add("decoder.embed_tokens.weight", V, C)
            self.add("decoder.embed_positions.weight", MOST, C)
            for i in range(c["decoder_layers"]):
                self.attention_weights(f"decoder.layers.{i}.self_attn")
                self.attention_weights(f"decoder.layers.{i}.encoder_attn")
                self.feed_forward_weights(f"decoder.layers.{i}")
            self.norm_weights("decoder.layer_norm")
        else:
            attends = c["attention"] != "none"
            gates = 4 if c["decoder"] == "lstm" else 3
            self.add("decoder.embedding.weight", V, C)
            for i in range(c["decoder_layers"]):
                self.add(f"decoder.rnn.weight_ih_l{i}", gates * C, 2 * C)
                self.add(f"decoder.rnn.weight_hh_l{i}", gates * C, C)
                self.add(f"decoder.rnn.bias_ih_l{i}", gates * C)
                self.add(f"decoder.rnn.bias_hh_l{i}", gates * C)
            self.weight("decoder.bridge", c["decoder_layers"] * C, C)
            readout = 2 * C
            if attends:
                self.add("decoder.alignment.query.weight", C, C)
                self.add("decoder.alignment.key.weight", C, C)
                self.add("decoder.alignment.v", C)
                readout = 3 * C
        self.weight("output", V, readout)

    def add(self, name, *shape):
        self.p[name] = (0.5 * torch.randn(shape)).double().requires_grad_()

    def weight(self, name, *shape):
        self.add(name + ".weight", *shape)
        self.add(name + ".bias", shape[0])

    def norm_weights(self, name):
        self.add(name + ".weight", C)
        self.add(name + ".bias", C)

    def attention_weights(self, name):
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            self.weight(f"{name}.{part}", C, C)
        self.norm_weights(name + "_layer_norm")

    def feed_forward_weights(self, name):
        self.weight(name + ".fc1", 4 * C, C)
        self.weight(name + ".fc2", C, 4 * C)
        self.norm_weights(name + ".final_layer_norm")

    def linear(self, name, x):
        return x @ self.p[name + ".weight"].T + self.p[name + ".bias"]

    def norm(self, name, x):
        x = x - x.mean(-1, keepdim=True)
        x = x / torch.sqrt((x * x).mean(-1, keepdim=True) + 1e-5)
        return x * self.p[name + ".weight"] + self.p[name + ".bias"]

    def attend(self, name, x, memory, causal):
        """Of x (T,C) to memory (S,C), head by head; the weights are the heads' mean."""
        K = C // HEADS
        q, k, v = (self.linear(f"{name}.{part}", y) for part, y in
                   (("q_proj", x), ("k_proj", memory), ("v_proj", memory)))
        outputs, weights = [], []
        for h in range(HEADS):
            part = slice(h * K, (h + 1) * K)
            scores = q[:, part] @ k[:, part].T / K ** 0.5
            if causal:
                scores = scores.masked_fill(torch.ones_like(scores).triu(1).bool(), float("-inf"))
            weights.append(torch.softmax(scores, -1))
            outputs.append(weights[-1] @ v[:, part])
        return self.linear(name + ".out_proj", torch.cat(outputs, -1)), sum(weights) / HEADS

    def feed_forward(self, name, x):
        return self.linear(name + ".fc2", F.gelu(self.linear(name + ".fc1", x)))

    def encode(self, pixels):
        x = pixels.view(1, 3, D, D).double() / 127.5 - 1
        vit = self.c["encoder"] == "vit"
        steps = [(PATCH, 0)] if vit else [(2, 1), (2, 1), (1, 1), (1, 1)]
        for i, (stride, padding) in enumerate(steps):
            x = F.conv2d(x, self.p[f"encoder.convolutions.{i}.weight"], self.p[f"encoder.convolutions.{i}.bias"], stride,
                         padding)
            x = x if vit else torch.relu(x)
        x = torch.stack([x[0, :, i // (D // PATCH), i % (D // PATCH)] for i in range(PARTS)]) + self.p["encoder.positions"]
        if not vit:
            return x
        for i in range(self.c["encoder_layers"]):
            name = f"encoder.layers.{i}"
            y = self.norm(name + ".self_attn_layer_norm", x)
            x = x + self.attend(name + ".self_attn", y, y, causal=False)[0]
            x = x + self.feed_forward(name, self.norm(name + ".final_layer_norm", x))
        return self.norm("encoder.layer_norm", x)

    def cell(self, i, x, h, c):
        ax = self.p[f"decoder.rnn.weight_ih_l{i}"] @ x + self.p[f"decoder.rnn.bias_ih_l{i}"]
        ah = self.p[f"decoder.rnn.weight_hh_l{i}"] @ h + self.p[f"decoder.rnn.bias_hh_l{i}"]
        if self.c["decoder"] == "gru":
            (xr, xz, xn), (hr, hz, hn) = ax.chunk(3), ah.chunk(3)
            r, z = torch.sigmoid(xr + hr), torch.sigmoid(xz + hz)
            return (1 - z) * torch.tanh(xn + r * hn) + z * h, c
        i, f, g, o = (ax + ah).chunk(4)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c

    def recurrent(self, states, ids):
        p = self.p
        layers = [(h, torch.zeros(C).double()) for h in
                  torch.tanh(self.linear("decoder.bridge", states.mean(0))).split(C)]
        logits, attention = [], []
        for token in ids:
            y = x = p["decoder.embedding.weight"][token]
            context = states.mean(0)
            if self.c["attention"] != "none":
                query = p["decoder.alignment.query.weight"] @ layers[0][0]
                scores = torch.stack([p["decoder.alignment.v"] @ torch.tanh(query + p["decoder.alignment.key.weight"] @ s)
                                      for s in states])
                weights = torch.softmax(scores, 0)
                context = weights @ states
                attention.append(weights)
            for i in range(self.c["decoder_layers"]):
                layers[i] = self.cell(i, torch.cat([context, x]), *layers[i])
                x = layers[i][0]
            read = [x, context, y] if attention else [context, x]
            logits.append(self.linear("output", torch.cat(read)))
        return torch.stack(logits), torch.stack(attention) if attention else None

    def transformer(self, states, ids):
        p = self.p
        x = torch.stack([p["decoder.embed_tokens.weight"][token] + p["decoder.embed_positions.weight"][t]
                         for t, token in enumerate(ids)])
        looked = []
        for i in range(self.c["decoder_layers"]):
            name = f"decoder.layers.{i}"
            y = self.norm(name + ".self_attn_layer_norm", x)
            x = x + self.attend(name + ".self_attn", y, y, causal=True)[0]
            read, weights = self.attend(name + ".encoder_attn", self.norm(name + ".encoder_attn_layer_norm", x), states,
                                        causal=False)
            looked.append(weights)
            x = x + read
            x = x + self.feed_forward(name, self.norm(name + ".final_layer_norm", x))
        return self.linear("output", self.norm("decoder.layer_norm", x)), looked[-2]

    def row(self, pixels, ids):
        states = self.encode(pixels)
        return self.transformer(states, ids) if self.c["decoder"] == "transformer" else self.recurrent(states, ids)


def make(name, settings):
    torch.manual_seed(sum(map(ord, name)))
    model = Model(settings)
    lengths = [5, 2, 4]
    B, T = len(lengths), max(lengths)
    source = torch.randint(0, 256, (B, 3 * D * D))
    decoder_input = torch.zeros(B, T, dtype=torch.int64)
    labels = torch.full_like(decoder_input, -100)
    logits, attention = torch.zeros(B, T, V).double(), torch.zeros(B, T, PARTS).double()
    loss = 0
    for b, t in enumerate(lengths):
        words = torch.randint(3, V, (t - 1,))
        decoder_input[b, :t] = torch.cat([torch.tensor([1]), words])
        labels[b, :t] = torch.cat([words, torch.tensor([2])])
        row, weights = model.row(source[b], decoder_input[b, :t].tolist())
        logits[b, :t] = row.detach()
        if weights is not None:
            attention[b, :t] = weights.detach()
        loss = loss + F.cross_entropy(row, labels[b, :t].clone(), reduction="sum")
    loss.backward()
    golden = dict(source=source.to(torch.uint8), decoder_input=decoder_input, labels=labels, logits=logits.float(),
                  loss=loss.detach().float())
    if settings["attention"] != "none":
        golden["attention"] = attention.float()
    golden |= {f"grad.{k}": (torch.zeros_like(p) if p.grad is None else p.grad).float() for k, p in model.p.items()}
    directory = OUT / name
    directory.mkdir(parents=True, exist_ok=True)
    save_file({k: v.detach().float().contiguous() for k, v in model.p.items()}, directory / "model.safetensors",
              metadata={"format": "pt"})
    save_file({k: v.contiguous() for k, v in golden.items()}, directory / "golden.safetensors")
    config = {"model_type": "captioner", "architectures": ["ImageCaptioner"], "vocab_size": V, "image_size": D,
              "patch_size": PATCH, "hidden_size": C, "num_heads": HEADS, "dropout": 0.0, "max_position_embeddings": MOST,
              "decoder_start_token_id": 1, "eos_token_id": 2} | settings
    (directory / "config.json").write_text(json.dumps(config, indent=2) + "\n")


if __name__ == "__main__":
    for variant in VARIANTS.items():
        make(*variant)
