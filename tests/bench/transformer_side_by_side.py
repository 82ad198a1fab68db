"""Training and translation of a Transformer by langzoo-transformer, PyTorch, transformers and CTranslate2, in one run.

    python tests/bench/transformer_side_by_side.py train --data train.tsv [--preset iwslt-small] [--steps 60] [--dtypes float32,bfloat16]
    python tests/bench/transformer_side_by_side.py translate --data test.tsv --model DIR [--count 320] [--length 0]
    python tests/bench/transformer_side_by_side.py translate --data test.tsv --corpus train.tsv --shape opus --length 20

Needs torch, transformers, tokenizers, safetensors and ctranslate2 (written with 2.13.0, 5.23.0, 0.23, 0.8 and 4.8.5). Files:
source TAB target.

train: target tokens a second, end tokens counted, padding not. All begin with the same weights and see the same batches,
which tests/reference/train_transformer.py computes; without dropout their first losses must agree. "pytorch" is
torch.nn.Transformer, "transformers" MarianMTModel, both with logits of the labels alone, F.cross_entropy,
AdamW(fused=True) and clip_grad_norm_; in bfloat16 under torch.autocast. The best of the rounds, in which all take turns.

translate: sentences a second of greedy search and 4 beams, one sentence at a time and 32. DIR is a folder of langzoo-transformer
train with post-norm; without it a random one of --shape is made, over a vocabulary trained on --corpus, and --length forces the tokens
of every translation. Tokenisation is outside the time; langzoo's seconds have the making of the translations' text in them. transformers gets batches longest first, CTranslate2 sorts by itself.
"""
import argparse
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "reference"))

LONGEST = 128
SHAPES = {"opus": ["model.d_model=512", "model.encoder_layers=6", "model.decoder_layers=6", "model.encoder_attention_heads=8",
                   "model.decoder_attention_heads=8", "model.encoder_ffn_dim=2048", "model.decoder_ffn_dim=2048",
                   "model.activation_function=swish", "data.tokenizer=train:unigram:32000"]}
SIDES = {"train": ["pytorch", "transformers"], "translate": ["transformers", "ctranslate2"]}


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def clock_of(args):
    return time.process_time if args.clock == "processor" else time.perf_counter


def run_program(command):
    """Its last line of JSON, processor seconds, peak memory."""
    with tempfile.TemporaryFile("w+") as errors:
        with subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=errors, text=True) as process:
            out = process.stdout.read()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            errors.seek(0)
            sys.exit(errors.read())
    return json.loads(out.splitlines()[-1]), usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


# Training


def nn_transformer(config, weights):
    import torch
    import torch.nn as nn
    import torch.nn.functional as F

    width = config["d_model"]

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(config["vocab_size"], width)
            self.net = nn.Transformer(width, config["encoder_attention_heads"], config["encoder_layers"], config["decoder_layers"],
                                      config["encoder_ffn_dim"], config["dropout"], F.silu if config["activation_function"] == "swish"
                                      else config["activation_function"], batch_first=True)
            self.net.encoder.norm = self.net.decoder.norm = None  # of pre-norm models
            for m in self.net.modules():  # as the paper and Marian: dropout of the parts' outputs alone
                if isinstance(m, nn.MultiheadAttention):
                    m.dropout = config["attention_dropout"]
            for layer in [*self.net.encoder.layers, *self.net.decoder.layers]:
                layer.dropout.p = config["activation_dropout"]
            angles = torch.arange(config["max_position_embeddings"])[:, None] / 10000.0 ** (torch.arange(0, width, 2) / width)
            self.register_buffer("places", torch.cat([angles.sin(), angles.cos()], 1), persistent=False)

        def embed(self, ids):
            scale = width**0.5 if config["scale_embedding"] else 1.0
            return F.dropout(self.table(ids) * scale + self.places[: ids.shape[1]], config["dropout"], self.training)

        def forward(self, source, mask, inputs, labels):
            length = inputs.shape[1]
            causal = torch.ones(length, length, dtype=torch.bool).triu(1)
            out = self.net(self.embed(source), self.embed(inputs), tgt_mask=causal, src_key_padding_mask=~mask, memory_key_padding_mask=~mask,
                           tgt_is_causal=True)
            return F.linear(out[labels >= 0], self.table.weight)

        def load(self, w):
            mine = {"table.weight": w["model.shared.weight"]}
            for side in ("encoder", "decoder"):
                for i in range(config[side + "_layers"]):
                    to, of = f"net.{side}.layers.{i}.", f"model.{side}.layers.{i}."
                    parts = [("self_attn", "self_attn", "norm1", "self_attn_layer_norm")]
                    if side == "decoder":
                        parts.append(("multihead_attn", "encoder_attn", "norm2", "encoder_attn_layer_norm"))
                    last = "norm3" if side == "decoder" else "norm2"
                    for kind in ("weight", "bias"):
                        for attention, theirs, norm, their_norm in parts:
                            mine[f"{to}{attention}.in_proj_{kind}"] = torch.cat([w[f"{of}{theirs}.{p}_proj.{kind}"] for p in "qkv"])
                            mine[f"{to}{attention}.out_proj.{kind}"] = w[f"{of}{theirs}.out_proj.{kind}"]
                            mine[f"{to}{norm}.{kind}"] = w[f"{of}{their_norm}.{kind}"]
                        mine[f"{to}linear1.{kind}"], mine[f"{to}linear2.{kind}"] = w[f"{of}fc1.{kind}"], w[f"{of}fc2.{kind}"]
                        mine[f"{to}{last}.{kind}"] = w[f"{of}final_layer_norm.{kind}"]
            self.load_state_dict(mine)

    model = Model()
    model.load(weights)
    return model


def marian(config, directory):
    import torch
    import transformers

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.m = transformers.MarianMTModel.from_pretrained(directory, dtype=torch.float32)
            for name in ("dropout", "attention_dropout", "activation_dropout"):
                for module in self.m.modules():
                    if isinstance(getattr(module, name, None), float):
                        setattr(module, name, config[name])

        def forward(self, source, mask, inputs, labels):
            out = self.m.model(input_ids=source, attention_mask=mask.long(), decoder_input_ids=inputs, use_cache=False)
            return self.m.lm_head(out.last_hidden_state[labels >= 0])

    return Model()


def train_python(args):
    """In a process of its own: the losses of the first steps or the speed of all, as JSON."""
    import torch
    import torch.nn.functional as F
    from safetensors.torch import load_file

    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)
    directory = pathlib.Path(args.directory)
    config = json.loads((directory / "config.json").read_text())
    if args.exact:
        config |= {"dropout": 0.0, "attention_dropout": 0.0, "activation_dropout": 0.0}
    weights = load_file(directory / "model.safetensors")
    model = nn_transformer(config, weights) if args.side == "pytorch" else marian(config, directory)
    del weights
    model.train()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-6, betas=(0.9, 0.98), eps=1e-9, weight_decay=0.0,
                                  fused=True)
    batches = torch.load(args.batches_file)
    losses = []

    def step(batch):
        labels = batch[3]
        with torch.autocast("cpu", torch.bfloat16, enabled=args.dtypes == "bfloat16"):
            logits = model(*batch)
        loss = F.cross_entropy(logits.float(), labels[labels >= 0], label_smoothing=0.1)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(loss.item())

    if args.exact:
        for batch in batches[:3]:
            step(batch)
        print(json.dumps(losses))
        return
    for batch in batches[:5]:
        step(batch)
    clock = clock_of(args)
    begin = clock()
    for batch in batches:
        step(batch)
    seconds = clock() - begin
    tokens = sum(int((batch[3] >= 0).sum()) for batch in batches)
    print(json.dumps({"speed": tokens / seconds, "memory": peak()}))


def langzoo_train(args, out, settings):
    command = [args.program, "train", "--data", args.data, "--valid", args.valid, "--preset", args.preset, "--out", str(out), "--threads", str(args.threads), "--json",
               "--set", "train.eval_every=0", "train.save_every=0", "data.translated=0", "train.label_smoothing_kind=uniform", *args.set, *settings]
    return run_program(command)


def python_train(args, side, directory, dtype, *flags):
    out = subprocess.run([sys.executable, __file__, "train", "--side", side, "--directory", str(directory), "--batches-file",
                          str(directory / "batches.pt"), "--threads", str(args.threads), "--dtypes", dtype, "--clock", args.clock, *flags],
                         capture_output=True, text=True)
    if out.returncode != 0:
        sys.exit(out.stderr)
    return json.loads(out.stdout.splitlines()[-1])


def batches_of(args, first, run):
    """Of all steps, as langzoo takes them."""
    import math

    from tokenizers import Tokenizer
    from train_transformer import BatchOrder, Data

    t = run["train"]
    data = Data(args.data, Tokenizer.from_file(str(first / "tokenizer.json")), run["model"], [run["data"]["max_source"], run["data"]["max_target"]])
    lengths = [(len(source), len(target)) for source, target in data.pairs]
    sources, targets = (sum(length[i] for length in lengths) for i in (0, 1))
    order = BatchOrder(lengths, {"sentences": 0, "source_tokens": math.ceil(2.0 * t["batch_tokens"] * sources / targets),
                                 "target_tokens": t["batch_tokens"]}, t["seed"])
    return [data.batch(order.examples(*divmod(i, order.batches))) for i in range(args.steps)]


def train(args):
    import torch

    scratch = pathlib.Path(args.scratch)
    first = scratch / "first"
    args.valid = str(scratch / "valid.tsv")  # or a part of the data would be set aside
    with open(args.data, encoding="utf-8") as lines:
        pathlib.Path(args.valid).write_text("".join(line for line, _ in zip(lines, range(64))), encoding="utf-8")
    langzoo_train(args, first, ["train.max_steps=1", "train.learning_rate=1e-30"])
    run = json.loads((first / "run.json").read_text())
    batches = batches_of(args, first, run)
    torch.save(batches, first / "batches.pt")
    tokens = sum(int((b[3] >= 0).sum()) for b in batches)
    places = sum(b[3].numel() for b in batches)
    print(f"{args.steps} steps of {tokens / args.steps:.0f} target tokens, {100 * (1 - tokens / places):.1f} % padding", flush=True)
    same = [f"data.tokenizer={first}", "train.log_every=1", "train.learning_rate=1e-6", "train.schedule=constant", "train.warmup_steps=0"]
    langzoo_train(args, scratch / "exact", [*same, "train.max_steps=3", "model.dropout=0"])
    ours = [e["loss"] for e in map(json.loads, open(scratch / "exact" / "metrics.jsonl")) if "loss" in e]
    for side in args.sides or SIDES["train"]:
        theirs = python_train(args, side, first, "float32", "--exact")
        apart = max(abs(a - b) for a, b in zip(ours, theirs))
        if apart > 1e-3:
            sys.exit(f"{side}: losses {theirs}, ours {ours}")
    found = {}
    for i in range(args.rounds):
        for dtype in args.dtypes.split(","):
            of = lambda steps: langzoo_train(args, scratch / f"{dtype}{i}-{steps}", [f"data.tokenizer={first}", f"train.max_steps={steps}",
                                                                                     "train.log_every=1000", f"train.dtype={dtype}"])
            mine, seconds, memory = of(args.steps)
            speed = mine["tokens_per_second"]
            if args.clock == "processor":
                speed = sum(int((b[3] >= 0).sum()) for b in batches[2:]) / (seconds - of(2)[1])
            found.setdefault(("langzoo", dtype), []).append((speed, memory))
            for side in args.sides or SIDES["train"]:
                theirs = python_train(args, side, first, dtype)
                found.setdefault((side, dtype), []).append((theirs["speed"], theirs["memory"]))
    for (side, dtype), entries in found.items():
        speed, memory = max(entries)
        ours = max(found["langzoo", dtype])[0]
        print(f"{side:>13} {dtype:>9} {speed:8.0f} target tokens/s   langzoo / this {ours / speed:5.2f}   peak {memory / 2**20:6.0f} MiB",
              flush=True)


# Translation


def lengths_of(args):
    return {"min": args.length, "max": args.length} if args.length else {"min": 0, "max": LONGEST}


def sources_of(args):
    directory = pathlib.Path(args.directory)
    config = json.loads((directory / "config.json").read_text())
    if (directory / "spiece.model").exists():
        import sentencepiece

        encode = sentencepiece.SentencePieceProcessor(model_file=str(directory / "spiece.model")).encode
    else:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
        encode = lambda text: tokenizer.encode(text, add_special_tokens=False).ids
    lines = pathlib.Path(args.data).read_text(encoding="utf-8").splitlines()
    return [encode(line.split("\t")[0]) + [config["eos_token_id"]] for line in lines], config


def with_transformers(args):
    import torch
    import transformers

    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)
    sources, config = sources_of(args)
    model = transformers.MarianMTModel.from_pretrained(args.directory, dtype=torch.float32).eval()
    order = sorted(range(len(sources)), key=lambda i: -len(sources[i]))
    lengths, end = lengths_of(args), config["eos_token_id"]
    pad_id = end if config["pad_token_id"] is None else config["pad_token_id"]

    @torch.inference_mode()
    def translate(batch, beams):
        found = [None] * len(sources)
        for first in range(0, len(order), batch):
            rows = order[first:first + batch]
            pad = torch.nn.utils.rnn.pad_sequence([torch.tensor(sources[i]) for i in rows], True, pad_id)
            mask = torch.arange(pad.shape[1]) < torch.tensor([len(sources[i]) for i in rows])[:, None]
            out = model.generate(pad, attention_mask=mask.long(), num_beams=beams, do_sample=False, min_new_tokens=lengths["min"],
                                 max_new_tokens=lengths["max"], max_length=None, pad_token_id=pad_id)
            for i, row in zip(rows, out[:, 1:].tolist()):
                found[i] = row[:row.index(end) + 1] if end in row else row
        return found

    return translate


def with_ctranslate2(args):
    import ctranslate2
    import transformers

    sources, config = sources_of(args)
    names = [f"t{i}" for i in range(config["vocab_size"])]
    names[config["eos_token_id"]] = "</s>"
    pad = config["pad_token_id"]

    class Converter(ctranslate2.converters.TransformersConverter):
        def load_tokenizer(self, tokenizer_class, path, **kwargs):
            class Names:  # the converter wants a tokenizer for the tokens' names only
                eos_token, unk_token = "</s>", names[1]

                def get_vocab(self):
                    return {name: i for i, name in enumerate(names)}

            return Names()

    from ctranslate2.converters import transformers as loaders

    class Loader(loaders.MarianMTLoader):  # padding and the first token may be any id, and have any embedding
        _remove_pad_weights = lambda self, spec: None
        get_vocabulary = loaders.BartLoader.get_vocabulary
        set_decoder = loaders.BartLoader.set_decoder

        def set_config(self, spec, model, tokenizer):
            super().set_config(spec, model, tokenizer)
            spec.decoder_start_token = names[config["decoder_start_token_id"]]

    loaders._MODEL_LOADERS["MarianConfig"] = Loader()
    with tempfile.TemporaryDirectory() as scratch:
        Converter(args.directory).convert(scratch + "/model", quantization="float32")
        translator = ctranslate2.Translator(scratch + "/model", device="cpu", compute_type="float32", inter_threads=1, intra_threads=args.threads)
    rows, lengths = [[names[i] for i in source[:-1]] for source in sources], lengths_of(args)
    ids = {name: i for i, name in enumerate(names)}

    def translate(batch, beams):
        out = translator.translate_batch(rows, max_batch_size=batch, batch_type="examples", beam_size=beams, return_scores=False,
                                         min_decoding_length=lengths["min"], max_decoding_length=lengths["max"],
                                         suppress_sequences=None if pad is None else [[names[pad]]])
        return [[ids[name] for name in result.hypotheses[0]] + [config["eos_token_id"]] for result in out]

    return translate


def translate_python(args):
    """In a process of its own: a setting a line of its input."""
    translate = globals()["with_" + args.side](args)
    translate(32, 1)
    print("ready", flush=True)
    for line in sys.stdin:
        batch, beams = map(int, line.split())
        clock = clock_of(args)
        begin = clock()
        found = translate(batch, beams)
        print(json.dumps({"seconds": clock() - begin, "memory": peak(), "ids": found}), flush=True)


def by_langzoo(args, batch, beams, dtype):
    command = [args.program, "eval", "--model", args.directory, "--data", args.data, "--num-beams", beams, "--batch-size", batch,
               "--max-new-tokens", lengths_of(args)["max"], "--threads", args.threads, "--dtype", dtype, "--json"]
    if args.length:
        command += ["--min-new-tokens", args.length]
    found, seconds, memory = run_program(command)
    if args.clock == "processor":
        command[command.index("--data") + 1] = args.data + ".one.tsv"
        seconds -= run_program(command)[1]
        return {"seconds": seconds * args.count / (args.count - 1), "memory": memory}
    return {"seconds": found["seconds"], "memory": memory}


def ids_by_langzoo(args, batch, beams):
    command = [args.program, "translate", "--model", args.directory, "--num-beams", str(beams), "--batch-size", str(batch), "--json",
               "--max-new-tokens", str(lengths_of(args)["max"]), "--threads", str(args.threads)]
    if args.length:
        command += ["--min-new-tokens", str(args.length)]
    lines = pathlib.Path(args.data).read_text(encoding="utf-8").splitlines()
    out = subprocess.run(command, input="".join(line.split("\t")[0] + "\n" for line in lines), capture_output=True, text=True)
    if out.returncode != 0:
        sys.exit(out.stderr)
    return [json.loads(line)["ids"] for line in out.stdout.splitlines()]


def translate(args):
    scratch = pathlib.Path(args.scratch)
    lines = pathlib.Path(args.data).read_text(encoding="utf-8").splitlines()
    args.data = str(scratch / "pairs.tsv")
    pathlib.Path(args.data).write_text("".join(line + "\n" for line in lines[:args.count]), encoding="utf-8")
    pathlib.Path(args.data + ".one.tsv").write_text(lines[0] + "\n", encoding="utf-8")
    args.directory = args.model
    if not args.model:
        args.directory = str(scratch / "model")
        pairs, args.data, args.valid = args.data, args.corpus, args.data
        langzoo_train(args, args.directory, [*SHAPES[args.shape], "train.max_steps=1", "train.learning_rate=1e-30"])
        args.data = pairs
    sides = {}
    for side in args.sides or SIDES["translate"]:
        process = subprocess.Popen([sys.executable, __file__, "translate", "--side", side, "--directory", args.directory, "--data", args.data,
                                    "--threads", str(args.threads), "--length", str(args.length), "--clock", args.clock], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=open(scratch / side, "w"), text=True)
        if process.stdout.readline().strip() != "ready":
            sys.exit((scratch / side).read_text())
        sides[side] = process
    for beams in map(int, args.beams.split(",")):
        for batch in map(int, args.batches.split(",")):
            best = {}

            def keep(name, found):
                if name not in best or found["seconds"] < best[name]["seconds"]:
                    best[name] = found

            for _ in range(args.rounds):
                for dtype in args.dtypes.split(","):
                    keep("langzoo " + dtype, by_langzoo(args, batch, beams, dtype))
                for side, process in sides.items():
                    process.stdin.write(f"{batch} {beams}\n")
                    process.stdin.flush()
                    keep(side, json.loads(process.stdout.readline()))
            ids = ids_by_langzoo(args, batch, beams)
            ours = best["langzoo float32"]["seconds"]
            for name, found in best.items():
                equal = f"equal {sum(a[:-1] == b[:len(a) - 1] for a, b in zip(ids, found['ids']))} of {len(ids)}" if "ids" in found else ""
                print(f"beams {beams} batch {batch:3} {name:>17} {len(ids) / found['seconds']:8.1f} sentences/s   langzoo / this "
                      f"{found['seconds'] / ours:5.2f}   peak {found['memory'] / 2**20:5.0f} MiB   {equal}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=SIDES)
    parser.add_argument("--program", default="build/release/bin/langzoo-transformer")
    parser.add_argument("--data")
    parser.add_argument("--model")
    parser.add_argument("--corpus")
    parser.add_argument("--shape", choices=SHAPES, default="opus")
    parser.add_argument("--preset", default="iwslt-small")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--count", type=int, default=320)
    parser.add_argument("--length", type=int, default=0)
    parser.add_argument("--batches", default="1,32")
    parser.add_argument("--beams", default="1,4")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dtypes", default="float32")
    parser.add_argument("--clock", choices=["wall", "processor"], default="wall")
    parser.add_argument("--sides", nargs="*")
    parser.add_argument("--set", nargs="*", default=[])
    parser.add_argument("--side", help=argparse.SUPPRESS)
    parser.add_argument("--directory", help=argparse.SUPPRESS)
    parser.add_argument("--batches-file", help=argparse.SUPPRESS)
    parser.add_argument("--exact", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side:
        return train_python(args) if args.what == "train" else translate_python(args)
    with tempfile.TemporaryDirectory() as args.scratch:
        train(args) if args.what == "train" else translate(args)


if __name__ == "__main__":
    main()
