"""Golden recurrent encoder-decoders, from the papers' equations written out in torch: each row alone, one step at a time,
without padding. Written with torch 2.13.0 and safetensors 0.8.0.

Usage: python make_seq2seq.py   (writes tests/fixtures/seq2seq/)

<variant>/config.json, model.safetensors   as Seq2Seq::save_pretrained writes them (weights in float32)
<variant>/golden.safetensors               source (B,S) right-padded, source_lengths, decoder_input (B,T), labels (B,T)
                                           with -100 on padding; logits (B,T,V) and attention (B,T,S), computed in float64;
                                           loss, the sum over labels; and grad.<parameter> of that loss
"""
import json
import pathlib

import torch
from safetensors.torch import save_file

OUT = pathlib.Path(__file__).parent.parent / "fixtures" / "seq2seq"

D, H, M, A = 4, 6, 5, 5  # embedding, hidden, maxout, attention widths
BASE = dict(source_vocab_size=11, target_vocab_size=9, embedding_size=D, hidden_size=H, maxout_size=M, attention_size=A,
            decoder_start_token_id=1, eos_token_id=2, pad_token_id=0)
BEFORE = dict(attention="additive", attention_query="previous", encoder="bidirectional", bridge="tanh", cell="gru")
VARIANTS = {
    "plain": dict(reverse_source=True, encoder_layers=2, decoder_layers=2),
    "peeky": dict(peeky=True, output="concat", recurrent_bias=False, bridge="hidden"),
    "bahdanau": dict(BEFORE, output="maxout", encoder_hidden_size=4),
    "additive": dict(BEFORE, output="concat"),
    "luong_dot": dict(attention="dot", output="concat", bridge="hidden", recurrent_bias=False, reverse_source=True),
    "luong_general": dict(attention="general", output="tanh", output_bias=False, encoder="bidirectional",
                          encoder_hidden_size=H // 2),
    "luong_concat": dict(attention="additive", output="tanh", cell="rnn_tanh", encoder_layers=2, decoder_layers=2),
    "local_p": dict(attention="general", output="tanh", attention_window=2),
    "input_feeding": dict(attention="general", output="tanh", input_feeding=True, encoder_layers=3, decoder_layers=3,
                          residual_from=2),
    "gnmt": dict(attention="additive", attention_query="previous", encoder="gnmt", encoder_layers=3, decoder_layers=3,
                 residual_from=3),
    "shared_tied": dict(shared_embeddings=True, tie_word_embeddings=True, source_vocab_size=9, embedding_size=H,
                        cell="gru", encoder="bidirectional", encoder_layers=2, decoder_layers=2),
}
DEFAULTS = dict(cell="lstm", recurrent_bias=True, encoder="forward", reverse_source=False, residual_from=0,
                bridge="state", attention="none", attention_window=0, attention_query="current", input_feeding=False,
                peeky=False, output="hidden", output_bias=True, encoder_layers=1, decoder_layers=1,
                encoder_hidden_size=None, shared_embeddings=False, tie_word_embeddings=False)
GATES = {"rnn_tanh": 1, "rnn_relu": 1, "lstm": 4, "gru": 3}


class Model:
    def __init__(self, **settings):
        self.c = c = {**DEFAULTS, **BASE, **settings}
        self.p = {}
        self.E = E = c["encoder_hidden_size"] or H
        C = self.C = 2 * E if c["encoder"] == "bidirectional" else E
        self.d = d = c["embedding_size"]
        self.add("encoder.embedding.weight", c["source_vocab_size"], d)
        if c["encoder"] == "gnmt":
            self.add_rnn("encoder.rnn", d, E, 1, 2)
            self.add_rnn("encoder.upper", 2 * E, E, c["encoder_layers"] - 1, 1)
        else:
            self.add_rnn("encoder.rnn", d, E, c["encoder_layers"], 2 if c["encoder"] == "bidirectional" else 1)
        if not c["shared_embeddings"]:
            self.add("decoder.embedding.weight", c["target_vocab_size"], d)
        context = E if c["peeky"] else H if c["input_feeding"] else C if c["attention_query"] == "previous" else 0
        self.add_rnn("decoder.rnn", d, H, c["decoder_layers"], 1, context, everywhere=not c["input_feeding"])
        if c["bridge"] == "tanh":
            self.add("decoder.bridge.weight", c["decoder_layers"] * H, E)
            self.add("decoder.bridge.bias", c["decoder_layers"] * H)
        if c["attention"] == "general":
            self.add("decoder.alignment.key.weight", H, C)
        if c["attention"] == "additive":
            self.add("decoder.alignment.query.weight", A, H)
            self.add("decoder.alignment.key.weight", A, C)
            self.add("decoder.alignment.v", A)
        if c["attention_window"]:
            self.add("decoder.alignment.position.weight", H, H)
            self.add("decoder.alignment.position_v", H)
        if c["output"] == "tanh":
            self.add("decoder.attentional.weight", H, C + H)
        if c["output"] == "maxout":
            self.add("decoder.maxout.weight", 2 * M, H + d + C)
            self.add("decoder.maxout.bias", 2 * M)
        R = {"hidden": H, "tanh": H, "maxout": M, "concat": E + H if c["peeky"] else C + H}[c["output"]]
        if c["output"] == "concat" and c["attention_query"] == "previous":
            R += d
        if not c["tie_word_embeddings"]:
            self.add("output.weight", c["target_vocab_size"], R)
        if c["output_bias"]:
            self.add("output.bias", c["target_vocab_size"])

    def add(self, name, *shape):
        self.p[name] = (0.5 * torch.randn(shape)).double().requires_grad_()

    def add_rnn(self, name, width, hidden, layers, directions, context=0, everywhere=True):
        g = GATES[self.c["cell"]]
        for layer in range(layers):
            x = (width if layer == 0 else directions * hidden) + (context if layer == 0 or everywhere else 0)
            for suffix in ("", "_reverse")[:directions]:
                end = f"_l{layer}{suffix}"
                self.add(f"{name}.weight_ih{end}", g * hidden, x)
                self.add(f"{name}.weight_hh{end}", g * hidden, hidden)
                self.add(f"{name}.bias_ih{end}", g * hidden)
                if self.c["recurrent_bias"]:
                    self.add(f"{name}.bias_hh{end}", g * hidden)

    def cell(self, name, end, x, state):
        h, c = state
        w = lambda part: self.p.get(f"{name}.{part}{end}", torch.zeros((), dtype=torch.float64))
        ax = w("weight_ih") @ x + w("bias_ih")
        ah = w("weight_hh") @ h + w("bias_hh")
        if self.c["cell"] == "rnn_tanh":
            return torch.tanh(ax + ah), c
        if self.c["cell"] == "gru":
            (xr, xz, xn), (hr, hz, hn) = ax.chunk(3), ah.chunk(3)
            r, z = torch.sigmoid(xr + hr), torch.sigmoid(xz + hz)
            n = torch.tanh(xn + r * hn)
            return (1 - z) * n + z * h, c
        i, f, g, o = (ax + ah).chunk(4)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c

    def encoder_layer(self, name, end, xs, E):
        state = (torch.zeros(E).double(), torch.zeros(E).double())
        outputs = []
        for x in xs:
            state = self.cell(name, end, x, state)
            outputs.append(state[0])
        return outputs, state

    def encode(self, ids):
        """States, in order of reading; the last state of each layer, backward ones beside."""
        c, last = self.c, []
        xs = [self.p["encoder.embedding.weight"][i] for i in (reversed(ids) if c["reverse_source"] else ids)]
        for layer in range(c["encoder_layers"]):
            gnmt = c["encoder"] == "gnmt"
            if c["encoder"] == "bidirectional" or (gnmt and layer == 0):
                f, forward = self.encoder_layer("encoder.rnn", f"_l{layer}", xs, self.E)
                b, backward = self.encoder_layer("encoder.rnn", f"_l{layer}_reverse", xs[::-1], self.E)
                ys = [torch.cat(pair) for pair in zip(f, b[::-1])]
                last.append((forward, backward))
            else:
                name, end = ("encoder.upper", f"_l{layer - 1}") if gnmt else ("encoder.rnn", f"_l{layer}")
                ys, state = self.encoder_layer(name, end, xs, self.E)
                last.append((state, state))
            residual = 0 < c["residual_from"] <= layer + 1
            xs = [x + y for x, y in zip(xs, ys)] if residual else ys
        return torch.stack(xs), last

    def attend(self, query, states):
        c, S = self.c, len(states)
        if c["attention"] == "dot":
            scores = torch.stack([query @ s for s in states])
        elif c["attention"] == "general":
            scores = torch.stack([query @ self.p["decoder.alignment.key.weight"] @ s for s in states])
        else:
            scores = torch.stack([self.p["decoder.alignment.v"] @ torch.tanh(
                self.p["decoder.alignment.query.weight"] @ query + self.p["decoder.alignment.key.weight"] @ s)
                for s in states])
        if c["attention_window"]:
            D = c["attention_window"]
            place = S * torch.sigmoid(self.p["decoder.alignment.position_v"] @ torch.tanh(
                self.p["decoder.alignment.position.weight"] @ query))
            s = torch.arange(S).double()
            inside = (s - place).abs() <= D
            weights = torch.zeros(S).double()
            weights = weights.masked_scatter(inside, torch.softmax(scores[inside], 0))
            weights = weights * torch.exp(-(s - place) ** 2 / (2 * (D / 2) ** 2))
        else:
            weights = torch.softmax(scores, 0)
        return sum(w * s for w, s in zip(weights, states)), weights

    def start(self, last):
        c = self.c
        zeros = torch.zeros(H).double()
        if c["bridge"] == "tanh":
            all_layers = torch.tanh(self.p["decoder.bridge.weight"] @ last[-1][1][0] + self.p["decoder.bridge.bias"])
            return [(h, zeros) for h in all_layers.split(H)]
        result = []
        for forward, backward in last:
            if c["encoder"] == "bidirectional" and 2 * self.E == H:
                h, cell = torch.cat([forward[0], backward[0]]), torch.cat([forward[1], backward[1]])
            else:
                h, cell = backward
            result.append((h, cell if c["bridge"] == "state" else zeros))
        return result

    def row(self, source, decoder_input):
        """Logits (T,V) and attention (T,S) of one row."""
        c = self.c
        states, last = self.encode(source)
        layers = self.start(last)
        summary = last[-1][1][0]
        embedding = self.p["encoder.embedding.weight" if c["shared_embeddings"] else "decoder.embedding.weight"]
        matrix = embedding if c["tie_word_embeddings"] else self.p["output.weight"]
        fed = torch.zeros(H).double()
        logits, attention = [], []
        for token in decoder_input:
            y = embedding[token]
            previous = layers[0][0]
            context = weights = None
            if c["attention_query"] == "previous":
                context, weights = self.attend(previous, states)
            joined = summary if c["peeky"] else fed if c["input_feeding"] else context
            x = y
            for layer in range(c["decoder_layers"]):
                room = joined is not None and (layer == 0 or not c["input_feeding"])
                layers[layer] = self.cell("decoder.rnn", f"_l{layer}", torch.cat([joined, x]) if room else x,
                                          layers[layer])
                h = layers[layer][0]
                x = x + h if 0 < c["residual_from"] <= layer + 1 else h
            if c["attention"] != "none" and c["attention_query"] == "current":
                context, weights = self.attend(x, states)
            if c["output"] == "tanh":
                readout = fed = torch.tanh(self.p["decoder.attentional.weight"] @ torch.cat([context, x]))
            elif c["output"] == "maxout":
                t = self.p["decoder.maxout.weight"] @ torch.cat([previous, y, context]) + self.p["decoder.maxout.bias"]
                readout = torch.stack([torch.maximum(t[2 * i], t[2 * i + 1]) for i in range(M)])
            elif c["output"] == "concat":
                readout = torch.cat([summary, x] if c["peeky"] else
                                    [x, context, y] if c["attention_query"] == "previous" else [context, x])
            else:
                readout = x
            logits.append(matrix @ readout + (self.p["output.bias"] if c["output_bias"] else 0))
            if weights is not None:
                attention.append(weights.flip(0) if c["reverse_source"] else weights)
        return torch.stack(logits), torch.stack(attention) if attention else None


def make(name, settings):
    torch.manual_seed(sum(map(ord, name)))
    model = Model(**settings)
    c = model.c
    lengths, targets = [4, 6, 1], [5, 3, 4]
    S, T = max(lengths), max(targets)
    source = torch.zeros(len(lengths), S, dtype=torch.int64)
    decoder_input = torch.zeros(len(targets), T, dtype=torch.int64)
    labels = torch.full_like(decoder_input, -100)
    logits = torch.zeros(len(targets), T, c["target_vocab_size"]).double()
    attention = torch.zeros(len(targets), T, S).double()
    loss = 0
    for b, (n, t) in enumerate(zip(lengths, targets)):
        source[b, :n] = torch.randint(3, c["source_vocab_size"], (n,))
        words = torch.randint(3, c["target_vocab_size"], (t - 1,))
        decoder_input[b, :t] = torch.cat([torch.tensor([1]), words])
        labels[b, :t] = torch.cat([words, torch.tensor([2])])
        row, weights = model.row(source[b, :n].tolist(), decoder_input[b, :t].tolist())
        logits[b, :t] = row.detach()
        if weights is not None:
            attention[b, :t, :n] = weights.detach()
        loss = loss + torch.nn.functional.cross_entropy(row, labels[b, :t].clone(), reduction="sum")
    loss.backward()
    golden = dict(source=source, source_lengths=torch.tensor(lengths), decoder_input=decoder_input, labels=labels,
                  logits=logits.float(), loss=loss.detach().float())
    if c["attention"] != "none":
        golden["attention"] = attention.float()
    golden |= {f"grad.{k}": (torch.zeros_like(p) if p.grad is None else p.grad).float() for k, p in model.p.items()}
    directory = OUT / name
    directory.mkdir(parents=True, exist_ok=True)
    save_file({k: v.detach().float().contiguous() for k, v in model.p.items()}, directory / "model.safetensors",
              metadata={"format": "pt"})
    save_file({k: v.contiguous() for k, v in golden.items()}, directory / "golden.safetensors")
    config = {"model_type": "seq2seq", "architectures": ["Seq2Seq"], "dtype": "float32"} | c
    (directory / "config.json").write_text(json.dumps(config, indent=2) + "\n")


for variant, settings in VARIANTS.items():
    make(variant, settings)
