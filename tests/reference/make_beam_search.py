"""Golden beam searches. Written with torch 2.13.0, transformers 5.23.0 and numpy 2.4.6.

Usage: python make_beam_search.py   (writes tests/fixtures/generation/beam_search_{gpt,encoder_decoder}.json and
beam_search_processors_{gpt,encoder_decoder}.json)

Each case: settings under transformers' names, prompts or sources, and for each of them the hypotheses that transformers'
own beam search returns: new ids and sequence score. One beam is greedy search, here as there: make_marian.py has it.
The GPT is tests/fixtures/gpt/tiny; the encoder-decoder is the recurrent one below, its weights in the file.

The cases of beam_search_processors are settings of all logits processors, all prompts of one length: transformers
counts padding as tokens. A prefix is a `prefix_allowed_tokens_fn`, in cases without a repetition penalty, n-grams and
bad words, which there change a prefix's score and here do not.

A case where rounding decides is left out and counted: its ids must be the same in float64 and with noise of 1e-4 on the
logits. transformers lets n-grams reach into the padding, we do not: prompts are padded with an end token, which no beam
under way ends with, and where there is none or n = 1 all are equally long.
"""
import json
import pathlib

import torch
from torch import nn
from transformers import GenerationMixin, GPT2LMHeadModel, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput, Seq2SeqLMOutput

FIXTURES = pathlib.Path(__file__).parent.parent / "fixtures"
CASES = 200


class TinyConfig(PretrainedConfig):
    model_type = "tiny_recurrent"

    def __init__(self, vocab_size=41, width=8, **kwargs):
        super().__init__(is_encoder_decoder=True, **kwargs)
        self.vocab_size, self.width = vocab_size, width


class TinyEncoder(nn.Module):
    """Every source token is its embedding."""
    main_input_name = "input_ids"

    def __init__(self, embedding):
        super().__init__()
        self.embedding = embedding

    def forward(self, input_ids, attention_mask=None, **kwargs):
        return BaseModelOutput(last_hidden_state=self.embedding(input_ids))


class TinyRecurrent(PreTrainedModel, GenerationMixin):
    """s_t = tanh(W s_{t-1} + e(y_t)), s_0 = 0; c_t = softmax(s_t . h) h; logits = U [s_t; c_t] + b."""
    config_class = TinyConfig
    main_input_name = "input_ids"

    def __init__(self, config):
        super().__init__(config)
        self.source = nn.Embedding(config.vocab_size, config.width)
        self.target = nn.Embedding(config.vocab_size, config.width)
        self.recurrent = nn.Linear(config.width, config.width, bias=False)
        self.output = nn.Linear(2 * config.width, config.vocab_size)
        self.encoder = TinyEncoder(self.source)
        self.post_init()

    def get_encoder(self, *args, **kwargs):
        return self.encoder

    def forward(self, input_ids=None, attention_mask=None, decoder_input_ids=None, encoder_outputs=None, **kwargs):
        states = encoder_outputs[0]
        s = states.new_zeros(states.shape[0], self.config.width)
        for y in decoder_input_ids.unbind(1):
            s = torch.tanh(self.recurrent(s) + self.target(y))
        scores = (states @ s[:, :, None])[:, :, 0].masked_fill(attention_mask == 0, float("-inf"))
        context = (scores.softmax(-1)[:, None] @ states)[:, 0]
        return Seq2SeqLMOutput(logits=self.output(torch.cat([s, context], -1))[:, None])


def pick(generator, values):
    return values[torch.randint(len(values), (), generator=generator).item()]


def random_settings(generator, most_new, ends, eos_counts):
    num_beams = pick(generator, range(2, 9))
    eos = torch.randperm(ends, generator=generator)[:pick(generator, eos_counts)].tolist()
    max_new = pick(generator, range(1, most_new + 1))
    return dict(num_beams=num_beams, num_return_sequences=pick(generator, range(1, num_beams + 1)), eos_token_id=eos,
                max_new_tokens=max_new, min_new_tokens=pick(generator, [0, 0, 0, max_new // 2]),
                length_penalty=pick(generator, [1.0, 1.0, 0.0, -0.7, 0.4, 2.0]),
                early_stopping=pick(generator, [False, True, "never"]),
                no_repeat_ngram_size=pick(generator, [0, 0, 0, 1, 2, 3]),
                repetition_penalty=pick(generator, [1.0, 1.0, 1.3, 0.8]))


def padding(settings):
    """The id to pad with; None where padding would matter to transformers."""
    n = settings["no_repeat_ngram_size"]
    if n == 1 or (n > 0 and not settings["eos_token_id"]):
        return None
    return settings["eos_token_id"][0] if settings["eos_token_id"] else 0


def random_processors(generator, vocabulary, ends, settings, sources):
    """More settings, and the tokens that the hypotheses of each source must begin with."""
    draw = lambda *values: pick(generator, values)
    some = lambda count, below: torch.randint(0, below, (count,), generator=generator).tolist()
    prefixes = []
    if draw(0, 0, 0, 1):
        settings |= dict(no_repeat_ngram_size=0, repetition_penalty=1.0)
        real = [i for i in range(vocabulary) if i not in settings["eos_token_id"]]
        most = min(3, settings["max_new_tokens"] - 1)
        prefixes = [[draw(*real) for _ in range(draw(*range(most + 1)))] for _ in range(sources)]
    elif draw(0, 1):
        words = [some(draw(1, 2, 2, 3), min(ends + 2, vocabulary)) for _ in range(draw(1, 4, 12))]
        settings["bad_words_ids"] = words + [[vocabulary - 1]]
    if draw(0, 0, 1):
        settings["min_length"] = draw(2, 5, 9)
    if not prefixes and draw(0, 0, 1):
        settings["forced_bos_token_id"] = draw(*range(vocabulary))
    if draw(0, 0, 1):
        settings["forced_eos_token_id"] = some(1, vocabulary)
    if not prefixes and draw(0, 0, 1):
        forced = {settings.get("forced_bos_token_id"), *settings.get("forced_eos_token_id", [])}
        settings["suppress_tokens"] = [i for i in some(draw(2, 5), vocabulary) if i not in forced]
    if not prefixes and draw(0, 1):
        settings["begin_suppress_tokens"] = some(draw(1, 5), vocabulary)
    return settings, prefixes


def search(model, settings, pad, prefixes=(), **inputs):
    """[(new ids, score)] of each source, best first."""
    eos = settings["eos_token_id"]
    prompt = 1 if model.config.is_encoder_decoder else inputs["input_ids"].shape[1]

    def allowed(source, ids):
        place = len(ids) - prompt
        return [prefixes[source][place]] if place < len(prefixes[source]) else list(range(model.config.vocab_size))

    with torch.no_grad():
        out = model.generate(
            **inputs, **(settings | dict(eos_token_id=eos or None, min_new_tokens=settings["min_new_tokens"] or None)),
            pad_token_id=pad, do_sample=False,
            return_dict_in_generate=True, output_scores=True, prefix_allowed_tokens_fn=allowed if prefixes else None,
            custom_generate=lambda model, *args, **kwargs: model._beam_search(*args, **kwargs))
    count = settings["num_return_sequences"]
    rows = []
    for ids, score in zip(out.sequences[:, prompt:].tolist(), out.sequences_scores.tolist()):
        end = next((i + 1 for i, id in enumerate(ids) if id in eos), len(ids))
        rows.append((ids[:end], score))
    return [rows[i:i + count] for i in range(0, len(rows), count)]


def is_stable(model, expected, run):
    """Whether the ids survive float64 and noise on the logits."""
    ids = [[h for h, _ in source] for source in expected]
    same = lambda: [[h for h, _ in source] for source in run()] == ids
    model.double()
    stable = same()
    model.float()
    noise = torch.Generator().manual_seed(0)

    def disturb(module, args, output):
        output.logits = output.logits + 1e-4 * torch.randn(output.logits.shape, generator=noise)
        return output

    handle = model.register_forward_hook(disturb)
    stable = stable and all(same() for _ in range(5))
    handle.remove()
    return stable


def make(name, model, cases_of, extra, count=CASES):
    generator = torch.Generator().manual_seed(6)
    cases, skipped = [], 0
    while len(cases) < count:
        settings, recorded, pad, inputs = cases_of(generator)
        run = lambda: search(model, settings, pad, **inputs)
        expected = run()
        if not is_stable(model, expected, run) or any(s < -1e6 for source in expected for _, s in source):
            skipped += 1
            continue
        cases.append(dict(settings=settings, **recorded,
                          ids=[[h for h, _ in source] for source in expected],
                          scores=[[float(f"{s:.7g}") for _, s in source] for source in expected]))
    text = json.dumps(extra | dict(cases=cases), separators=(",", ":"))
    (FIXTURES / "generation" / f"beam_search_{name}.json").write_text(text + "\n")
    print(name, len(text), "bytes,", skipped, "left out")


def gpt_case(generator, vocabulary, positions):
    settings = random_settings(generator, 12, vocabulary, [0, 1, 2, 4, 8])
    pad = padding(settings)
    lengths = [pick(generator, range(1, 9)) for _ in range(pick(generator, [1, 2, 3]))]
    if pad is None:
        lengths = [lengths[0]] * len(lengths)
    real = [i for i in range(vocabulary) if i not in settings["eos_token_id"]]
    prompts = [[pick(generator, real) for _ in range(n)] for n in lengths]
    width = max(lengths)
    ids = torch.tensor([[pad or 0] * (width - len(p)) + p for p in prompts])
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
    return settings, dict(prompts=prompts), pad or 0, dict(input_ids=ids, attention_mask=mask)


def encoder_decoder_case(generator, vocabulary):
    settings = random_settings(generator, 10, 6, [0, 1, 2, 3])
    lengths = [pick(generator, range(1, 7)) for _ in range(pick(generator, [1, 2, 3]))]
    sources = [[pick(generator, range(vocabulary)) for _ in range(n)] for n in lengths]
    width = max(lengths)
    ids = torch.tensor([s + [0] * (width - len(s)) for s in sources])
    mask = torch.tensor([[1] * len(s) + [0] * (width - len(s)) for s in sources])
    start = pick(generator, range(vocabulary))
    inputs = dict(input_ids=ids, attention_mask=mask, use_cache=False, decoder_start_token_id=start)
    return settings, dict(sources=sources, start=start), (settings["eos_token_id"] or [0])[0], inputs


def processors_gpt_case(generator, vocabulary):
    settings = random_settings(generator, 12, vocabulary, [0, 1, 2, 4])
    sources, length = pick(generator, [1, 2, 3]), pick(generator, [1, 1, 2, 5])
    settings, prefixes = random_processors(generator, vocabulary, vocabulary, settings, sources)
    prompts = [torch.randint(0, vocabulary, (length,), generator=generator).tolist() for _ in range(sources)]
    inputs = dict(input_ids=torch.tensor(prompts), prefixes=prefixes)
    inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
    return settings, dict(prompts=prompts, prefixes=prefixes), 0, inputs


def processors_encoder_decoder_case(generator, vocabulary):
    settings, recorded, pad, inputs = encoder_decoder_case(generator, vocabulary)
    settings, prefixes = random_processors(generator, vocabulary, 6, settings, len(recorded["sources"]))
    return settings, recorded | dict(prefixes=prefixes), pad, inputs | dict(prefixes=prefixes)


def main():
    gpt = GPT2LMHeadModel.from_pretrained(FIXTURES / "gpt" / "tiny").eval()
    gpt.generation_config.eos_token_id = gpt.generation_config.bos_token_id = None
    make("gpt", gpt, lambda g: gpt_case(g, gpt.config.vocab_size, gpt.config.n_positions), {})
    make("processors_gpt", gpt, lambda g: processors_gpt_case(g, gpt.config.vocab_size), {}, 150)

    torch.manual_seed(4)
    tiny = TinyRecurrent(TinyConfig(bos_token_id=0, pad_token_id=0, decoder_start_token_id=0)).eval()
    weights = {}
    with torch.no_grad():
        for key in ("source", "target", "recurrent", "output"):
            weight = getattr(tiny, key).weight
            weight.copy_((torch.randn_like(weight) * {"recurrent": 0.5}.get(key, 1.0)).mul(1000).round().div(1000))
            weights[key] = [[round(x, 3) for x in row] for row in weight.tolist()]
        tiny.output.bias.copy_((torch.arange(tiny.config.vocab_size) < 6) * 1.5)  # end tokens are among them
        weights["bias"] = tiny.output.bias.tolist()
    make("encoder_decoder", tiny, lambda g: encoder_decoder_case(g, tiny.config.vocab_size), dict(weights=weights))
    make("processors_encoder_decoder", tiny,
         lambda g: processors_encoder_decoder_case(g, tiny.config.vocab_size), {}, 150)


main()
