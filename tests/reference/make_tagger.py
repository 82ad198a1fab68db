"""Golden recurrent taggers and classifiers of torch.nn and pytorch-crf. Written with torch 2.13.0, pytorch-crf 0.7.2 and
safetensors 0.8.0.

Usage: python make_tagger.py   (writes tests/fixtures/tagger/)

<variant>/config.json, model.safetensors   as the taggers write them
<variant>/golden.safetensors               ids, mask (B,T), characters (B,T,W), features (J,B,T,C) where there are some;
                                           labels (B,T), -100 on padding, or (B); logits; loss, summed; best (B,T), -1
                                           on padding, of a CRF; grad.<parameter>
"""
import json
import pathlib

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torchcrf import CRF

OUT = pathlib.Path(__file__).parent.parent / "fixtures" / "tagger"
V, E, H, A, CE, CH, W, J, C, N = 9, 5, 4, 6, 3, 4, 5, 3, 2, 4
LENGTHS = torch.tensor([3, 6, 1])
B, T = len(LENGTHS), int(LENGTHS.max())


class Characters(nn.Module):
    def __init__(self, recurrent):
        super().__init__()
        self.embedding = nn.Embedding(A + 2, CE, padding_idx=0)
        if recurrent:
            self.rnn = nn.LSTM(CE, CH // 2, bidirectional=True)
        else:
            self.conv = nn.Conv1d(CE, CH, 3, padding=1)

    def word(self, ids):
        x = self.embedding(ids[ids != 0])
        if hasattr(self, "rnn"):
            return self.rnn(x.unsqueeze(1))[1][0].flatten()
        return self.conv(x.t().unsqueeze(0)).amax(2).tanh().flatten()

    def forward(self, ids):
        rows = [self.word(w) if (w != 0).any() else torch.zeros(CH) for w in ids.flatten(0, 1)]
        return torch.stack(rows).view(*ids.shape[:2], CH)


class Mixture(nn.Module):
    def __init__(self):
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(J))
        self.gamma = nn.Parameter(torch.ones(1))

    def forward(self, layers):
        return self.gamma * sum(w * x for w, x in zip(self.weights.softmax(0), layers))


class Model(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.embedding = nn.Embedding(V, E)
        width = E
        if config["characters"] != "none":
            self.characters = Characters(config["characters"] == "lstm")
            width += CH
        if "feature_width" in config:
            self.mixture = Mixture()
            width += C
        kind = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn_tanh": nn.RNN}[config["cell"]]
        self.rnn = kind(width, H, config["layers"], bidirectional=config["bidirectional"])
        width = H * (1 + config["bidirectional"])
        if config.get("projection_size"):
            self.projection = nn.Linear(width, config["projection_size"])
        if config.get("pooling") == "attention":
            self.attention = nn.Linear(width, width)
            self.attention_vector = nn.Linear(width, 1, bias=False)
        self.output = nn.Linear(config.get("projection_size") or width, N)
        if config.get("crf"):
            self.crf = CRF(N, batch_first=True)
        self.config = config

    def forward(self, ids, characters, features):
        parts = [self.embedding(ids)]
        if hasattr(self, "characters"):
            parts.append(self.characters(characters))
        if hasattr(self, "mixture"):
            parts.append(self.mixture(features))
        packed = pack_padded_sequence(torch.cat(parts, -1).transpose(0, 1), LENGTHS, enforce_sorted=False)
        output, state = self.rnn(packed)
        hidden = pad_packed_sequence(output, total_length=T)[0].transpose(0, 1)
        if "pooling" not in self.config:
            if hasattr(self, "projection"):
                hidden = self.projection(hidden).tanh()
            return self.output(hidden)
        state = state[0] if self.config["cell"] == "lstm" else state
        directions = 1 + self.config["bidirectional"]
        rows = [self.pooled(hidden[b, :n], state[-directions:, b].flatten()) for b, n in enumerate(LENGTHS)]
        return self.output(torch.stack(rows))

    def pooled(self, h, last):
        kind = self.config["pooling"]
        if kind == "attention":
            return (self.attention_vector(self.attention(h).tanh()).softmax(0) * h).sum(0)
        return {"last": last, "mean": h.mean(0), "max": h.amax(0)}[kind]


def make(name, seed, **config):
    torch.manual_seed(seed)
    config = dict(model_type="tagger", vocab_size=V, embedding_size=E, hidden_size=H, layers=1, bidirectional=True,
                  cell="lstm", characters="none", dropout=0.0) | config
    tags = "pooling" not in config
    config["architectures"] = ["TaggerForTokenClassification" if tags else "TaggerForSequenceClassification"]
    config["id2label"] = {str(i): t for i, t in enumerate(["O", "B-X", "I-X", "B-Y"] if tags else "abcd")}
    if config["characters"] != "none":
        config |= dict(character_embedding_size=CE, character_hidden_size=CH, alphabet=list("etaoin"))
    if config.pop("has_features", False):
        config |= dict(features="elmo:nowhere", feature_layers=J, feature_width=C)
    model = Model(config)
    for p in model.parameters():
        nn.init.normal_(p, std=0.5)
    mask = torch.arange(T) < LENGTHS.unsqueeze(1)
    ids = torch.randint(V, (B, T)) * mask
    characters = torch.zeros(B, T, W, dtype=torch.long)
    for b, t in mask.nonzero().tolist():
        n = int(torch.randint(1, W + 1, ()))
        characters[b, t, :n] = torch.randint(1, A + 2, (n,))
    features = torch.randn(J, B, T, C) * mask.unsqueeze(-1)
    logits = model(ids, characters, features)
    golden = dict(ids=ids, mask=mask.long(), logits=logits * mask.unsqueeze(-1) if tags else logits)
    if tags:
        labels = torch.randint(N, (B, T)).masked_fill(~mask, -100)
        if config.get("crf"):
            loss = -model.crf(logits, labels.clamp_min(0), mask, reduction="sum")
            golden["best"] = torch.tensor([y + [-1] * (T - len(y)) for y in model.crf.decode(logits, mask)])
        else:
            loss = nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum")
    else:
        labels = torch.randint(N, (B,))
        loss = nn.functional.cross_entropy(logits, labels, reduction="sum")
    loss.backward()
    golden |= dict(labels=labels, loss=loss)
    if config["characters"] != "none":
        golden["characters"] = characters
    if "feature_width" in config:
        golden["features"] = features
    golden |= {f"grad.{k}": p.grad for k, p in model.named_parameters()}
    folder = OUT / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    save_file({k: p.detach().contiguous() for k, p in model.named_parameters()}, folder / "model.safetensors")
    save_file({k: v.detach().contiguous().clone() for k, v in golden.items()}, folder / "golden.safetensors")


make("crf_cnn", 1, characters="cnn", crf=True, crf_constraints="none", projection_size=3)
make("crf_lstm", 2, characters="lstm", crf=True, crf_constraints="none", layers=2, has_features=True)
make("softmax_gru", 3, cell="gru", layers=2)
make("last", 4, pooling="last", layers=2)
make("mean", 5, pooling="mean", cell="rnn_tanh", bidirectional=False)
make("max", 6, pooling="max", characters="cnn")
make("attention", 7, pooling="attention", cell="gru")
