"""Training and beam search of recurrent encoder-decoders by langzoo and by equal PyTorch programs, in one run.

Usage: python seq2seq_side_by_side.py PATH_TO/seq2seq_bench [--variants plain,general,...] [--hidden 512] [--vocabulary 8000]
       [--layers 1] [--batch 64] [--length 25] [--batches 6] [--rounds 3] [--padded] [--beam]

Needs torch and safetensors (written with 2.13.0 and 0.8.0). Variants:

    plain           LSTM encoder and decoder, the last state alone
    general         the same with Luong's general attention and tanh(W_c [c; h]), no input feeding
    input_feeding   with it: the decoder steps through an LSTMCell
    additive        bidirectional GRU encoder, Bahdanau's attention before each step of a GRUCell

The PyTorch programs use torch.nn.LSTM and GRU over whole sequences wherever the architecture lets them, all logits as one
product, F.cross_entropy, torch.optim.Adam(fused=True) and clip_grad_norm_. Both sides start from the same weights and
see the same batches; their first losses (and translations) must agree, or this stops. Sentences are of equal length unless
--padded (then lengths vary, right-padded; PyTorch's encoder gets them packed, and its speed falls). Threads: 2. Prints target
tokens a second, the best of the rounds, in which the two take turns, and the ratios. --beam: beam search of 5 beams instead,
PyTorch's a batched loop of tensor operations over all sentences and beams.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

VARIANTS = {
    "plain": dict(),
    "general": dict(attention="general", output="tanh"),
    "input_feeding": dict(attention="general", output="tanh", input_feeding=True),
    "additive": dict(attention="additive", attention_query="previous", encoder="bidirectional", bridge="tanh", cell="gru",
                     output="concat"),
}


class PyTorchModel(nn.Module):
    """The same parameters under the same names."""

    def __init__(self, c):
        super().__init__()
        self.c = c
        D, H, L = c["embedding_size"], c["hidden_size"], c["decoder_layers"]
        rnn = nn.GRU if c["cell"] == "gru" else nn.LSTM
        self.before = c["attention_query"] == "previous"
        E, both = c.get("encoder_hidden_size") or H, c["encoder"] == "bidirectional"
        C = 2 * E if both else E
        self.encoder = nn.ModuleDict({"embedding": nn.Embedding(c["source_vocab_size"], D),
                                      "rnn": rnn(D, E, L, bidirectional=both)})
        width = D + (H if c["input_feeding"] else C if self.before else 0)
        parts = {"embedding": nn.Embedding(c["target_vocab_size"], D), "rnn": rnn(width, H, L)}
        if c["bridge"] == "tanh":
            parts["bridge"] = nn.Linear(E, L * H)
        if c["attention"] == "general":
            parts["alignment"] = nn.ModuleDict({"key": nn.Linear(C, H, bias=False)})
        if c["attention"] == "additive":
            A = c["attention_size"]
            parts["alignment"] = nn.ModuleDict({"query": nn.Linear(H, A, bias=False), "key": nn.Linear(C, A, bias=False)})
            parts["alignment"].v = nn.Parameter(torch.empty(A).uniform_(-0.1, 0.1))
        if c["output"] == "tanh":
            parts["attentional"] = nn.Linear(C + H, H, bias=False)
        self.decoder = nn.ModuleDict(parts)
        R = H + C + D if self.before else H
        self.output = nn.Linear(R, c["target_vocab_size"])
        for p in self.parameters():
            nn.init.uniform_(p, -0.1, 0.1)

    def encode(self, source, lengths):
        x = self.encoder["embedding"](source.t())
        if lengths.min() < source.shape[1]:
            packed = nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
            out, state = self.encoder["rnn"](packed)
            out, _ = nn.utils.rnn.pad_packed_sequence(out, total_length=source.shape[1])
        else:
            out, state = self.encoder["rnn"](x)
        if self.c["bridge"] == "tanh":
            h = torch.tanh(self.decoder["bridge"](state[-1]))
            state = h.view(h.shape[0], self.c["decoder_layers"], -1).transpose(0, 1).contiguous()
        elif self.c["encoder"] == "bidirectional":  # both directions' states side by side
            state = tuple(torch.cat([s[0::2], s[1::2]], -1) for s in state)
        memory = None
        if self.c["attention"] != "none":
            values = out.transpose(0, 1)
            mask = torch.arange(source.shape[1])[None] >= lengths[:, None]
            memory = (values, self.decoder["alignment"]["key"](values), mask[:, None])
        return memory, state

    def attend(self, query, memory):
        """query (B,T,H)"""
        values, keys, mask = memory
        if self.c["attention"] == "general":
            scores = query @ keys.transpose(1, 2)
        else:
            a = self.decoder["alignment"]
            scores = torch.tanh(a["query"](query)[:, :, None] + keys[:, None]) @ a.v
        return F.softmax(scores.masked_fill(mask, float("-inf")), -1) @ values

    def decode(self, ids, state, memory, fed=None):
        """Readouts (B,T,R)."""
        y = self.decoder["embedding"](ids.t())
        rnn = self.decoder["rnn"]
        if self.before:
            contexts, states = [], []
            for step in y:
                context = self.attend(state[0][:, None], memory)[:, 0]
                out, state = rnn(torch.cat([context, step], -1)[None], state)
                contexts.append(context)
                states.append(out[0])
            return torch.cat([torch.stack(states), torch.stack(contexts), y], -1).transpose(0, 1), state, fed
        if self.c["input_feeding"]:
            readouts = []
            fed = torch.zeros_like(state[0][0]) if fed is None else fed
            for step in y:
                out, state = rnn(torch.cat([fed, step], -1)[None], state)
                h = out[0]
                context = self.attend(h[:, None], memory)[:, 0]
                fed = torch.tanh(self.decoder["attentional"](torch.cat([context, h], -1)))
                readouts.append(fed)
            return torch.stack(readouts, 1), state, fed
        out, state = rnn(y, state)
        out = out.transpose(0, 1)
        if memory is None:
            return out, state, fed
        context = self.attend(out, memory)
        return torch.tanh(self.decoder["attentional"](torch.cat([context, out], -1))), state, fed

    def forward(self, source, lengths, ids, labels):
        memory, state = self.encode(source, lengths)
        readouts, _, _ = self.decode(ids, state, memory)
        return F.cross_entropy(self.output(readouts).flatten(0, 1), labels.flatten(), ignore_index=-100)

    @torch.inference_mode()
    def beam_search(self, source, lengths, beams, length):
        """Token ids (B,length) of the best beam; no end token."""
        search = Beams(self, source, lengths, beams)
        for _ in range(length):
            scores, rows, tokens = search.best(beams)
            search.advance(scores, rows.flatten(), tokens)
        return search.ids.view(len(source), beams, -1)[:, 0, 1:]


class Beams:
    """The beams of a batch of sources: ids (B beams, T) with the start token, scores (B,beams)."""

    def __init__(self, model, source, lengths, beams):
        self.model = model
        self.memory, state = model.encode(source, lengths)
        B = len(source)
        self.state = self.of_states(state, lambda s: s.repeat_interleave(beams, 1))
        self.memory = tuple(m.repeat_interleave(beams, 0) for m in self.memory) if self.memory else None
        self.scores = torch.full((B, beams), float("-inf"))
        self.scores[:, 0] = 0
        self.ids = torch.full((B * beams, 1), model.c["decoder_start_token_id"])
        self.fed, self.offset = None, (torch.arange(B) * beams)[:, None]

    @staticmethod
    def of_states(state, change):
        return tuple(map(change, state)) if isinstance(state, tuple) else change(state)

    def best(self, count):
        """The likeliest continuations: log-probabilities, rows that they continue, and tokens, each (B,count)."""
        readout, self.state, self.fed = self.model.decode(self.ids[:, -1:], self.state, self.memory, self.fed)
        logits = self.model.output(readout[:, -1])
        log_p = F.log_softmax(logits, -1).view(*self.scores.shape, -1)
        totals, best = (self.scores[..., None] + log_p).flatten(1).topk(count)
        return totals, best // logits.shape[-1] + self.offset, best % logits.shape[-1]

    def advance(self, scores, rows, tokens):
        """Goes on with rows (B beams) and tokens (B,beams)."""
        self.scores = scores
        self.ids = torch.cat([self.ids[rows], tokens.view(-1, 1)], 1)
        self.state = self.of_states(self.state, lambda s: s[:, rows])
        self.fed = self.fed[rows] if self.fed is not None else None


def run_python(directory, args):
    torch.set_num_threads(2)
    torch.set_flush_denormal(True)
    config = json.loads((directory / "config.json").read_text())
    model = PyTorchModel(config)
    model.load_state_dict(load_file(directory / "model.safetensors"))
    data = load_file(directory / "data.safetensors")
    if args.beam:
        batch = data["source"][0], data["source_lengths"][0]
        best = 1e9
        for _ in range(args.repeat):
            begin = time.perf_counter()
            ids = model.beam_search(*batch, 5, args.length)
            best = min(best, time.perf_counter() - begin)
        return {"ids": ids.tolist(), "tokens_per_second": ids.numel() / best}
    adam = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)

    def step(i):
        adam.zero_grad(set_to_none=True)
        loss = model(data["source"][i], data["source_lengths"][i], data["decoder_input"][i], data["labels"][i])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        adam.step()
        return loss.item()

    batches = len(data["source"])
    losses = [step(i % batches) for i in range(5)]
    best = 1e9
    for _ in range(args.repeat):
        begin = time.perf_counter()
        for i in range(batches):
            step(i)
        best = min(best, time.perf_counter() - begin)
    return {"losses": losses, "tokens_per_second": int((data["labels"] != -100).sum()) / best}


def prepare(directory, variant, args):
    torch.manual_seed(1)
    V, B, T = args.vocabulary, args.batch, args.length
    config = dict(model_type="seq2seq", source_vocab_size=V, target_vocab_size=V, embedding_size=args.hidden,
                  hidden_size=args.hidden, attention_size=args.hidden, encoder_layers=args.layers,
                  decoder_layers=args.layers, decoder_start_token_id=1, cell="lstm", encoder="forward", bridge="state",
                  attention="none", attention_query="current", input_feeding=False, output="hidden",
                  eos_token_id=None) | VARIANTS[variant]
    (directory / "config.json").write_text(json.dumps(config))
    save_file(dict(PyTorchModel(config).state_dict()), directory / "model.safetensors")
    N = args.batches
    longest = lambda: torch.randint(T // 2, T + 1, (N, B)) if args.padded else torch.full((N, B), T)
    source_lengths, target_lengths = longest(), longest()
    source_lengths[:, 0] = target_lengths[:, 0] = T
    labels = torch.randint(3, V, (N, B, T))
    decoder_input = torch.cat([torch.ones(N, B, 1, dtype=torch.int64), labels[..., :-1]], -1)
    labels[torch.arange(T) >= target_lengths[..., None]] = -100
    source = torch.randint(3, V, (N, B, T))
    source[torch.arange(T) >= source_lengths[..., None]] = 0
    save_file(dict(source=source, source_lengths=source_lengths, decoder_input=decoder_input, labels=labels),
              directory / "data.safetensors")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bench")
    parser.add_argument("--variants", default="plain,general,input_feeding,additive")
    for name, value in dict(hidden=512, vocabulary=8000, layers=1, batch=64, length=25, batches=6, rounds=3,
                            repeat=1).items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--padded", action="store_true")
    parser.add_argument("--beam", action="store_true")
    parser.add_argument("--python", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.python:
        return print(json.dumps(run_python(pathlib.Path(args.python), args)))
    what = "new" if args.beam else "target"
    for variant in args.variants.split(","):
        with tempfile.TemporaryDirectory() as scratch:
            prepare(pathlib.Path(scratch), variant, args)
            ours = [args.bench, "translate" if args.beam else "train", "--model", scratch, "--data",
                    f"{scratch}/data.safetensors", "--repeat", str(args.repeat), "--new", str(args.length)]
            theirs = [sys.executable, __file__, *sys.argv[1:], "--python", scratch]
            best = [0.0, 0.0]
            for _ in range(args.rounds):
                results = [json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
                           for command in (ours, theirs)]
                if args.beam:
                    same = sum(a == b for a, b in zip(results[0]["ids"], results[1]["ids"]))
                    if same < 0.9 * args.batch:  # ties that rounding decides
                        sys.exit(f"{variant}: only {same} of {args.batch} translations agree")
                else:
                    for a, b in zip(results[0]["losses"], results[1]["losses"]):
                        if abs(a - b) > 1e-3 * abs(b):
                            sys.exit(f"{variant}: losses differ: {results}")
                best = [max(b, r["tokens_per_second"]) for b, r in zip(best, results)]
        print(f"{variant:14} langzoo {best[0]:8.0f}  PyTorch {best[1]:8.0f} {what} tokens/s  ratio {best[0] / best[1]:.2f}",
              flush=True)


if __name__ == "__main__":
    main()
