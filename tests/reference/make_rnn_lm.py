"""Golden language models of torch.nn (Embedding, RNN/LSTM/GRU, Linear), transformers' MarianForCausalLM and
torch.nn.AdaptiveLogSoftmaxWithLoss. Written with torch 2.13.0, transformers 5.23.0 and safetensors 0.8.0.

Usage: python make_rnn_lm.py   (writes tests/fixtures/rnn_lm/)

<variant>/config.json, model.safetensors   as RnnLm (TransformerLm) writes them
<variant>/golden.safetensors               ids, targets (B,T) with one -100; logits (B,T,V) of the second half, the first
                                           having been read before; h and c (L,B,H) behind it; loss of the second half,
                                           summed; and grad.<parameter> of that loss, the first half's states detached
adaptive.safetensors                       hidden (N,C), targets (N), the module's parameters, log_probabilities (N,V),
                                           loss (the sum), and grad.<parameter>, grad.hidden
"""
import json
import pathlib

import torch
from safetensors.torch import save_file

OUT = pathlib.Path(__file__).parent.parent / "fixtures" / "rnn_lm"
V, E, B, T = 11, 6, 3, 8


class Lm(torch.nn.Module):
    def __init__(self, cell, hidden, layers, tied):
        super().__init__()
        kind = {"rnn_tanh": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[cell]
        self.embedding = torch.nn.Embedding(V, E)
        self.rnn = kind(E, hidden, layers)
        self.output = torch.nn.Linear(hidden, V)
        if tied:
            self.output.weight = self.embedding.weight

    def forward(self, ids, state=None):
        y, state = self.rnn(self.embedding(ids.t()), state)
        return self.output(y).transpose(0, 1), state


def detached(state):
    return tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()


def write(name, config, model, golden, grads, dropped=()):
    folder = OUT / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    named = {k: p for k, p in model.named_parameters() if not any(d in k for d in dropped)}
    save_file({k: p.detach().contiguous() for k, p in named.items()}, folder / "model.safetensors")
    if grads:
        golden.update({f"grad.{k}": p.grad for k, p in named.items()})
    save_file({k: v.detach().contiguous() for k, v in golden.items()}, folder / "golden.safetensors")


def data():
    ids = torch.randint(V, (B, T))
    targets = torch.randint(V, (B, T))
    targets[1, T - 2] = -100
    return ids, targets


def recurrent(name, cell, hidden, layers, tied):
    model = Lm(cell, hidden, layers, tied)
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.4)
    ids, targets = data()
    half = T // 2
    _, state = model(ids[:, :half])
    logits, after = model(ids[:, half:], detached(state))
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets[:, half:].flatten(), reduction="sum")
    loss.backward()
    h, c = after if cell == "lstm" else (after, None)
    golden = dict(ids=ids, targets=targets, logits=logits, h=h, loss=loss)
    if c is not None:
        golden["c"] = c
    config = dict(architectures=["RnnLM"], model_type="rnn-lm", vocab_size=V, cell=cell, embedding_size=E,
                  hidden_size=hidden, layers=layers, tie_word_embeddings=tied, eos_token_id=1)
    write(name, config, model, golden, grads=True)


def transformer():
    from transformers import MarianConfig
    from transformers.models.marian.modeling_marian import MarianForCausalLM
    config = MarianConfig(vocab_size=V, d_model=8, decoder_layers=2, decoder_attention_heads=2, decoder_ffn_dim=12,
                          max_position_embeddings=16, activation_function="relu", scale_embedding=True, dropout=0.0,
                          pad_token_id=0, is_decoder=True, is_encoder_decoder=False, attn_implementation="eager")
    model = MarianForCausalLM(config).eval()
    for name, p in model.named_parameters():
        if "embed_positions" not in name:
            torch.nn.init.normal_(p, std=0.4)
    ids, targets = data()
    ids = ids.clamp_min(1)  # 0 is the padding there, whose embedding has no gradient
    logits = model(input_ids=ids).logits
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum")
    loss.backward()
    ours = dict(architectures=["TransformerLM"], model_type="transformer-lm", vocab_size=V, max_position_embeddings=16,
                d_model=8, decoder_layers=2, decoder_attention_heads=2, decoder_ffn_dim=12, activation_function="relu",
                normalize_before=False, position_embedding_type="sinusoidal", scale_embedding=True,
                tie_word_embeddings=True, dropout=0.0, eos_token_id=1)
    write("transformer", ours, model, dict(ids=ids, targets=targets, logits=logits, loss=loss), grads=True,
          dropped=("encoder_attn", "embed_positions", "lm_head"))


def adaptive():
    N, C, classes = 9, 16, 14
    module = torch.nn.AdaptiveLogSoftmaxWithLoss(C, classes, [4, 8], div_value=2.0, head_bias=True)
    hidden = torch.randn(N, C, requires_grad=True)
    targets = torch.tensor([0, 3, 4, 5, 7, 8, 11, 13, 2])
    loss = module(hidden, targets).loss * N
    loss.backward()
    golden = dict(hidden=hidden, targets=targets, loss=loss, log_probabilities=module.log_prob(hidden))
    golden["grad.hidden"] = hidden.grad
    for name, p in module.named_parameters():
        golden[name] = p
        golden[f"grad.{name}"] = p.grad
    save_file({k: v.detach().contiguous() for k, v in golden.items()}, OUT / "adaptive.safetensors")


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(5)
    recurrent("rnn", "rnn_tanh", 7, 1, False)
    recurrent("lstm", "lstm", 7, 2, False)
    recurrent("gru", "gru", 7, 2, False)
    recurrent("lstm_tied", "lstm", E, 2, True)
    transformer()
    adaptive()
