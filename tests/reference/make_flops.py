"""What training costs, as torch.utils.flop_counter counts it (forward and backward of one batch), of small Python models
that are equal to ours. Written with torch 2.13.0 and transformers 5.23.0.

Usage: python make_flops.py   (writes tests/fixtures/flops/flops.json)

A list of {name, model_type, architecture, config (as our config.json), rows, source, target, characters, flops}: `flops` of
`rows` rows of `source` and `target` tokens each, words having so many `characters`. Attention is computed in full, softmaxes aside; oneDNN's fused recurrent
layers are switched off, which the counter does not see.
"""
import json
import pathlib

import torch
import transformers as hf
from torch.utils.flop_counter import FlopCounterMode

OUT = pathlib.Path(__file__).parent.parent / "fixtures" / "flops"
V, B, S, T, W = 96, 2, 18, 24, 9


def count(run):
    counter = FlopCounterMode(display=False)
    with counter:
        run().backward()
    return counter.get_total_flops()


def ids(n=T):
    return torch.randint(3, V, (B, n))


def case(name, model_type, architecture, config, flops, source=0, target=T, characters=W):
    return dict(name=name, model_type=model_type, architecture=architecture, config=config, rows=B, source=source,
                target=target, characters=characters, flops=flops)


def of_transformers(name, model_type, config_class, model_class, shape, extra=None, source=0, target=T, inputs=None):
    config = config_class(**shape, **(extra or {}), attn_implementation="eager")
    model = model_class(config).train()
    inputs = inputs or dict(input_ids=ids(target), labels=ids(target))
    flops = count(lambda: model(**inputs).loss)
    return case(name, model_type, model_class.__name__, shape, flops, source, target)


class RecurrentLm(torch.nn.Module):
    def __init__(self, kind, layers, width):
        super().__init__()
        self.embedding = torch.nn.Embedding(V, 20)
        self.rnn = kind(20, width, layers, batch_first=True)
        self.output = torch.nn.Linear(width, V)

    def forward(self, x):
        return self.output(self.rnn(self.embedding(x))[0])


class FeedForwardLm(torch.nn.Module):
    def __init__(self, order, direct):
        super().__init__()
        self.embedding = torch.nn.Embedding(V, 20)
        self.hidden = torch.nn.Linear(order * 20, 40)
        self.output = torch.nn.Linear(40, V)
        self.direct = torch.nn.Linear(order * 20, V, bias=False) if direct else None
        self.order = order

    def forward(self, x):
        padded = torch.nn.functional.pad(x, (self.order - 1, 0))
        windows = self.embedding(padded.unfold(1, self.order, 1)).flatten(2)
        y = self.output(torch.tanh(self.hidden(windows)))
        return y + self.direct(windows) if self.direct else y


class RecurrentTranslator(torch.nn.Module):
    """An LSTM reads the source, both ways where told; an LSTM writes the target, step by step, with attention."""

    def __init__(self, attention, bidirectional, feeding, width=32, embedding=20):
        super().__init__()
        self.attention, self.feeding = attention, feeding
        side = width // 2 if bidirectional else width
        self.source = torch.nn.Embedding(V, embedding)
        self.target = torch.nn.Embedding(V, embedding)
        self.encoder = torch.nn.LSTM(embedding, side, batch_first=True, bidirectional=bidirectional)
        self.cell = torch.nn.LSTMCell(embedding + (width if feeding else 0), width)
        self.general = torch.nn.Linear(width, width, bias=False)
        self.query, self.key = torch.nn.Linear(width, 24, bias=False), torch.nn.Linear(width, 24, bias=False)
        self.score = torch.nn.Linear(24, 1, bias=False)
        self.mix = torch.nn.Linear(2 * width, width, bias=False)
        self.output = torch.nn.Linear(width, V)
        self.width = width

    def forward(self, x, y):
        states = self.encoder(self.source(x))[0]
        h = c = fed = states.new_zeros(B, self.width)
        outputs = []
        keys = self.general(states) if self.attention == "general" else self.key(states) if self.attention == "additive" else states
        for t in range(y.shape[1]):
            word = self.target(y[:, t])
            h, c = self.cell(torch.cat([word, fed], 1) if self.feeding else word, (h, c))
            if self.attention == "additive":
                scores = self.score(torch.tanh(keys + self.query(h).unsqueeze(1))).transpose(1, 2)
            else:
                scores = h.unsqueeze(1) @ keys.transpose(1, 2)
            context = (scores.softmax(2) @ states).squeeze(1)
            fed = torch.tanh(self.mix(torch.cat([context, h], 1)))
            outputs.append(fed)
        return self.output(torch.stack(outputs, 1))


class Tagger(torch.nn.Module):
    """Words and their characters, read in both directions; a label for each word, or for what attention makes of all."""

    def __init__(self, characters, projection=0, classifies=False):
        super().__init__()
        self.embedding, self.letters = torch.nn.Embedding(V, 20), torch.nn.Embedding(V, 6)
        self.conv = torch.nn.Conv1d(6, 14, 3, padding=1) if characters == "cnn" else None
        self.reader = torch.nn.LSTM(6, 7, batch_first=True, bidirectional=True) if characters == "lstm" else None
        self.rnn = torch.nn.LSTM(34, 16, 2, batch_first=True, bidirectional=True)
        self.projection = torch.nn.Linear(32, projection) if projection else None
        self.attention = torch.nn.Linear(32, 32) if classifies else None
        self.vector = torch.nn.Linear(32, 1, bias=False)
        self.output = torch.nn.Linear(projection or 32, 2)

    def forward(self, x, letters):
        letters = self.letters(letters).flatten(0, 1)
        if self.conv:
            words = self.conv(letters.transpose(1, 2)).max(2).values
        else:
            words = self.reader(letters)[1][0].transpose(0, 1).flatten(1)
        h = self.rnn(torch.cat([self.embedding(x), words.view(B, T, -1)], 2))[0]
        if self.attention:
            weights = self.vector(torch.tanh(self.attention(h))).softmax(1)
            return self.output((weights.transpose(1, 2) @ h).squeeze(1))
        return self.output(torch.tanh(self.projection(h)) if self.projection else h)


class ProjectedLstm(torch.nn.Module):
    def __init__(self, width, cells):
        super().__init__()
        self.cells = cells
        self.input, self.state = torch.nn.Linear(width, 4 * cells), torch.nn.Linear(width, 4 * cells, bias=False)
        self.projection = torch.nn.Linear(cells, width, bias=False)

    def forward(self, x):
        h, c, states = x.new_zeros(B, x.shape[2]), x.new_zeros(B, self.cells), []
        for t in range(x.shape[1]):
            i, g, f, o = (self.input(x[:, t]) + self.state(h)).chunk(4, 1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = self.projection(o.sigmoid() * c.tanh())
            states.append(h)
        return torch.stack(states, 1)


class Elmo(torch.nn.Module):
    """Convolutions over characters, one highway layer, a projection, two layers a direction, one output layer."""

    def __init__(self, filters, width, cells):
        super().__init__()
        self.letters = torch.nn.Embedding(V, 6)
        self.convolutions = torch.nn.ModuleList(torch.nn.Conv1d(6, n, size) for size, n in filters)
        total = sum(n for _, n in filters)
        self.carry, self.transform = torch.nn.Linear(total, total), torch.nn.Linear(total, total)
        self.projection = torch.nn.Linear(total, width)
        self.directions = torch.nn.ModuleList(
            torch.nn.Sequential(ProjectedLstm(width, cells), ProjectedLstm(width, cells)) for _ in range(2))
        self.output = torch.nn.Linear(width, V)

    def forward(self, letters):
        x = self.letters(letters).flatten(0, 1).transpose(1, 2)
        x = torch.cat([conv(x).max(2).values for conv in self.convolutions], 1)
        carry = torch.sigmoid(self.carry(x))
        x = self.projection(carry * torch.relu(self.transform(x)) + (1 - carry) * x).view(B, T, -1)
        return torch.cat([self.output(direction(y)) for direction, y in zip(self.directions, (x, x.flip(1)))], 1)


def loss_of(logits, labels):
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())


def main():
    torch.manual_seed(1)
    cases = []
    gpt2 = dict(vocab_size=V, n_positions=32, n_embd=32, n_layer=3, n_head=4)
    cases.append(of_transformers("gpt2", "gpt2", hf.GPT2Config, hf.GPT2LMHeadModel, gpt2))
    cases.append(of_transformers("openai-gpt", "openai-gpt", hf.OpenAIGPTConfig, hf.OpenAIGPTLMHeadModel, gpt2))
    neo = dict(vocab_size=V, max_position_embeddings=32, hidden_size=32, num_layers=2, num_heads=4,
               attention_types=[[["global", "local"], 1]], window_size=8, intermediate_size=72)
    cases.append(of_transformers("gpt-neo", "gpt_neo", hf.GPTNeoConfig, hf.GPTNeoForCausalLM, neo))

    bert = dict(vocab_size=V, max_position_embeddings=32, hidden_size=32, num_hidden_layers=3, num_attention_heads=4,
                intermediate_size=80)
    cases.append(of_transformers("bert", "bert", hf.BertConfig, hf.BertForMaskedLM, bert))
    cases.append(of_transformers("bert tagging", "bert", hf.BertConfig, hf.BertForTokenClassification, bert,
                                 inputs=dict(input_ids=ids(), labels=torch.randint(0, 2, (B, T)))))
    cases.append(of_transformers("bert classification", "bert", hf.BertConfig, hf.BertForSequenceClassification, bert,
                                 inputs=dict(input_ids=ids(), labels=torch.randint(0, 2, (B,)))))
    cases.append(of_transformers("roberta", "roberta", hf.RobertaConfig, hf.RobertaForMaskedLM,
                                 dict(bert, max_position_embeddings=40)))
    cases.append(of_transformers("albert", "albert", hf.AlbertConfig, hf.AlbertForMaskedLM, dict(bert, embedding_size=16)))
    cases.append(of_transformers("electra generator", "electra", hf.ElectraConfig, hf.ElectraForMaskedLM,
                                 dict(bert, embedding_size=16)))
    distil = dict(vocab_size=V, max_position_embeddings=32, dim=32, n_layers=3, n_heads=4, hidden_dim=80)
    cases.append(of_transformers("distilbert", "distilbert", hf.DistilBertConfig, hf.DistilBertForMaskedLM, distil))

    pairs = dict(input_ids=ids(S), labels=ids(T))
    t5 = dict(vocab_size=V, d_model=32, d_kv=12, d_ff=72, num_layers=2, num_heads=3, decoder_start_token_id=0)
    cases.append(of_transformers("t5", "t5", hf.T5Config, hf.T5ForConditionalGeneration, t5, source=S, inputs=pairs))
    cases.append(of_transformers("t5 gated", "t5", hf.T5Config, hf.T5ForConditionalGeneration,
                                 dict(t5, feed_forward_proj="gated-gelu", num_decoder_layers=3), source=S, inputs=pairs))
    marian = dict(vocab_size=V, max_position_embeddings=32, d_model=32, encoder_layers=2, decoder_layers=3,
                  encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=64, decoder_ffn_dim=72,
                  decoder_start_token_id=1, pad_token_id=1, eos_token_id=0, forced_eos_token_id=0)
    cases.append(of_transformers("marian", "marian", hf.MarianConfig, hf.MarianMTModel, marian, source=S, inputs=pairs))
    decoder = hf.MarianConfig(**marian, is_decoder=True, attn_implementation="eager")
    model = hf.MarianForCausalLM(decoder)
    flops = count(lambda: model(input_ids=ids(), labels=ids(), use_cache=False).loss)
    cases.append(case("transformer-lm", "transformer-lm", "TransformerLM",
                      dict(vocab_size=V, max_position_embeddings=32, d_model=32, decoder_layers=3,
                           decoder_attention_heads=4, decoder_ffn_dim=72), flops))

    with torch.backends.mkldnn.flags(enabled=False):
        for cell, kind in [("rnn_tanh", torch.nn.RNN), ("lstm", torch.nn.LSTM), ("gru", torch.nn.GRU)]:
            lm, x, y = RecurrentLm(kind, 2, 36), ids(), ids()
            shape = dict(vocab_size=V, cell=cell, embedding_size=20, hidden_size=36, layers=2)
            cases.append(case(cell, "rnn-lm", "RnnLM", shape, count(lambda: loss_of(lm(x), y))))
        for direct in [False, True]:
            lm, x, y = FeedForwardLm(4, direct), ids(), ids()
            shape = dict(vocab_size=V, order=4, embedding_size=20, hidden_size=40, direct=direct)
            cases.append(case(f"ar direct {direct}", "ar-lm", "ArLM", shape, count(lambda: loss_of(lm(x), y))))
        for attention, both, feeding in [("dot", True, False), ("general", False, True),
                                         ("additive", True, False)]:
            model, x, y, z = RecurrentTranslator(attention, both, feeding), ids(S), ids(T), ids(T)
            shape = dict(source_vocab_size=V, target_vocab_size=V, embedding_size=20, hidden_size=32,
                         encoder="bidirectional" if both else "forward", attention=attention, attention_size=24,
                         input_feeding=feeding, output="tanh")
            if both:
                shape["encoder_hidden_size"] = 16
            cases.append(case(f"seq2seq {attention}", "seq2seq", "Seq2Seq", shape,
                              count(lambda: loss_of(model(x, y), z)), S, T))
        for characters, projection, classifies in [("cnn", 12, False), ("lstm", 0, True)]:
            tagger, x, letters = Tagger(characters, projection, classifies), ids(), torch.randint(3, V, (B, T, W))
            labels = torch.randint(0, 2, (B,) if classifies else (B, T))
            shape = dict(vocab_size=V, embedding_size=20, hidden_size=16, layers=2, characters=characters,
                         character_embedding_size=6, character_hidden_size=14)
            shape |= dict(pooling="attention") if classifies else dict(projection_size=projection)
            head = "TaggerForSequenceClassification" if classifies else "TaggerForTokenClassification"
            flops = count(lambda: torch.nn.functional.cross_entropy(tagger(x, letters).flatten(0, -2), labels.flatten()))
            cases.append(case(f"tagger {characters}", "tagger", head, shape, flops))
    filters = [[1, 8], [3, 16]]
    elmo, letters, y = Elmo(filters, 12, 20), torch.randint(3, V, (B, T, W)), torch.randint(3, V, (B, 2 * T))
    shape = dict(vocab_size=V, character_size=6, max_characters=W, filters=filters, highway_layers=1, projection_size=12,
                 hidden_size=20, layers=2)
    cases.append(case("elmo", "elmo", "ElmoLM", shape, count(lambda: loss_of(elmo(letters), y))))
    OUT.mkdir(parents=True, exist_ok=True)
    text = ",\n".join(" " + json.dumps(c) for c in cases)
    (OUT / "flops.json").write_text(f"[\n{text}\n]\n")
    for c in cases:
        print(f"{c['name']:<22}{c['flops']:>12}")


main()
