"""BERT by langzoo-bert, transformers, CTranslate2 and ONNX Runtime, in one run on one machine.

    python tests/bench/encoder_side_by_side.py sentences --data TEXTS --vocab vocab.txt [--size base] [--count 320]
    python tests/bench/encoder_side_by_side.py square --vocab vocab.txt [--count 64]      8 x 128 tokens, no padding
    python tests/bench/encoder_side_by_side.py train --data TEXTS --vocab vocab.txt [--size base] [--steps 4]
    python tests/bench/encoder_side_by_side.py memory --data TEXTS --vocab vocab.txt [--size small] [--count 10000]

Needs torch, transformers, tokenizers, ctranslate2, onnx and onnxruntime (written with 2.13.0, 5.23.0, 0.23, 4.8.5, 1.23 and
1.32). TEXTS: a text a line. A random BertModel is used by all, which give its pooler's output; these must agree.
sentences takes them as they come, in batches of 32 that are padded to their longest, transformers and ONNX Runtime with a
mask, CTranslate2 with lengths. Tokenisation is inside the time of all. langzoo's is the time of its program, printing
included, less that of a run with one batch, of which the others' time is taken off as well. Everybody has a process of his
own, and all take turns; the best of the rounds counts. train: masked LM with 8 x 128 tokens, AdamW(fused=True) and clipping,
beside BertForMaskedLM; dropout 0.1. The exported ONNX graph is this file's own forward, as the exporter of torch
2.13 gives wrong results for transformers'.
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

SIZES = {  # width, layers, heads, feed-forward
    "base": (768, 12, 12, 3072),
    "small": (512, 4, 8, 2048),
    "tiny": (128, 2, 2, 512),
}
BATCH = {"sentences": 32, "square": 8, "memory": 32}
SIDES = {"transformers": "float32", "ctranslate2": "float32", "onnxruntime": "float32"}


def bert_config(size, vocab):
    import transformers

    width, layers, heads, inner = SIZES[size]
    return transformers.BertConfig(vocab_size=vocab, hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads,
                                   intermediate_size=inner)


def make_model(directory, size, vocab):
    import torch
    import transformers

    torch.manual_seed(1)
    words = pathlib.Path(vocab).read_text(encoding="utf-8").splitlines()
    directory.mkdir()
    transformers.BertModel(bert_config(size, len(words))).save_pretrained(directory)
    (directory / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    (directory / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer", "do_lower_case": true}\n')


def tokenizer_of(directory):
    import tokenizers

    tokenizer = tokenizers.BertWordPieceTokenizer(str(directory / "vocab.txt"), lowercase=True)
    tokenizer.enable_truncation(512)
    return tokenizer


def padded(tokenizer, texts):
    import numpy

    rows = [encoding.ids for encoding in tokenizer.encode_batch(texts)]
    longest = max(map(len, rows))
    ids = numpy.zeros((len(rows), longest), numpy.int64)
    mask = numpy.zeros_like(ids)
    for b, row in enumerate(rows):
        ids[b, :len(row)] = row
        mask[b, :len(row)] = 1
    return ids, mask


def with_transformers(directory, threads):
    import torch
    import transformers

    torch.set_num_threads(threads)
    model = transformers.BertModel.from_pretrained(directory).eval()
    tokenizer = tokenizer_of(directory)

    def embed(texts):
        ids, mask = map(torch.from_numpy, padded(tokenizer, texts))
        with torch.inference_mode():
            return model(ids, attention_mask=None if mask.all() else mask).pooler_output.numpy()

    return embed


def with_ctranslate2(directory, threads):
    import ctranslate2
    import numpy
    import transformers

    transformers.BertConfig.position_embedding_type = "absolute"  # CTranslate2 4.8 asks for what transformers 5 dropped
    tokens = (directory / "vocab.txt").read_text(encoding="utf-8").splitlines()

    class Converter(ctranslate2.converters.TransformersConverter):
        def load_tokenizer(self, tokenizer_class, path, **kwargs):
            class Names:  # the converter wants a tokenizer for the tokens' names only
                unk_token = "[UNK]"

                def get_vocab(self):
                    return {token: i for i, token in enumerate(tokens)}

            return Names()

    with tempfile.TemporaryDirectory() as scratch:
        Converter(str(directory)).convert(scratch + "/model", quantization="float32")
        encoder = ctranslate2.Encoder(scratch + "/model", device="cpu", compute_type="float32", inter_threads=1, intra_threads=threads)
    tokenizer = tokenizer_of(directory)

    def embed(texts):
        rows = [encoding.ids for encoding in tokenizer.encode_batch(texts)]
        return numpy.array(encoder.forward_batch(rows).pooler_output)

    return embed


def with_onnxruntime(directory, threads):
    import numpy
    import onnxruntime
    import torch
    import torch.nn.functional as F
    import transformers

    model = transformers.BertModel.from_pretrained(directory).eval()
    config = model.config

    class Plain(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.m = model

        def forward(self, ids, mask):
            e, heads = self.m.embeddings, config.num_attention_heads
            norm = lambda x, of: F.layer_norm(x, (config.hidden_size,), of.weight, of.bias, config.layer_norm_eps)
            x = e.word_embeddings(ids) + e.position_embeddings.weight[: ids.shape[1]] + e.token_type_embeddings.weight[0]
            x = norm(x, e.LayerNorm)
            bias = (1 - mask[:, None, None, :].float()) * -1e9
            split = lambda y: y.view(y.shape[0], y.shape[1], heads, -1).transpose(1, 2)
            for layer in self.m.encoder.layer:
                a = layer.attention
                q, k, v = (split(part(x)) for part in (a.self.query, a.self.key, a.self.value))
                weights = (q @ k.transpose(2, 3) / (config.hidden_size // heads) ** 0.5 + bias).softmax(-1)
                x = norm(a.output.dense((weights @ v).transpose(1, 2).flatten(2)) + x, a.output.LayerNorm)
                x = norm(layer.output.dense(F.gelu(layer.intermediate.dense(x))) + x, layer.output.LayerNorm)
            return torch.tanh(self.m.pooler.dense(x[:, 0]))

    ids = torch.randint(config.vocab_size, (3, 9))
    with tempfile.TemporaryDirectory() as scratch, torch.no_grad():
        axes = {0: "batch", 1: "length"}
        torch.onnx.export(Plain(), (ids, torch.ones_like(ids)), scratch + "/model.onnx", dynamo=False, opset_version=17,
                          input_names=["ids", "mask"], output_names=["pooled"], dynamic_axes={"ids": axes, "mask": axes})
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        session = onnxruntime.InferenceSession(scratch + "/model.onnx", options, providers=["CPUExecutionProvider"])
    del model
    tokenizer = tokenizer_of(directory)

    def embed(texts):
        ids, mask = padded(tokenizer, texts)
        return session.run(None, {"ids": ids, "mask": mask})[0]

    return embed


def run_side(args):
    """In a process of its own: one round a line of its input."""
    import numpy

    directory = pathlib.Path(args.directory)
    texts = pathlib.Path(args.data).read_text(encoding="utf-8").splitlines()
    embed = globals()["with_" + args.side](directory, args.threads)
    batch = BATCH[args.what]
    embed(texts[:batch])
    print("ready", flush=True)
    for _ in sys.stdin:
        clock = clock_of(args)
        begin = clock()
        for first in range(batch, len(texts), batch):
            found = embed(texts[first:first + batch])
        seconds = clock() - begin
        print(json.dumps({"seconds": seconds, "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
                          "last": numpy.asarray(found[-1], dtype=float).tolist()}), flush=True)


def clock_of(args):
    return time.process_time if args.clock == "processor" else time.perf_counter


def timed(args, command, out=subprocess.DEVNULL):
    """Seconds of the whole process, and its peak memory."""
    begin = time.perf_counter()
    with subprocess.Popen([str(part) for part in command], stdout=out, stderr=subprocess.PIPE) as process:
        errors = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(errors.decode())
    seconds = usage.ru_utime + usage.ru_stime if args.clock == "processor" else time.perf_counter() - begin
    return seconds, usage.ru_maxrss * 1024


def by_langzoo(args, directory, scratch, texts, dtype):
    few, out = scratch / "few.txt", scratch / "out.jsonl"
    few.write_text("\n".join(texts[:BATCH[args.what]]) + "\n", encoding="utf-8")
    command = [args.program, "embed", "--model", directory, "--pooling", "pooler", "--json", "--threads", args.threads, "--dtype", dtype,
               "--batch-size", BATCH[args.what], "--data"]
    with open(out, "wb") as file:
        seconds, memory = timed(args, [*command, scratch / "texts.txt"], file)
    started, _ = timed(args, [*command, few])
    last = json.loads(out.read_text().splitlines()[-1])["embedding"]
    return {"seconds": seconds - started, "memory": memory, "last": last}


def infer(args):
    scratch = pathlib.Path(args.scratch)
    directory = scratch / "model"
    make_model(directory, args.size, args.vocab)
    if args.what == "square":
        words = [w for w in pathlib.Path(args.vocab).read_text(encoding="utf-8").splitlines() if w.isascii() and w.isalpha() and len(w) > 2]
        texts = [" ".join(words[(7919 * (b + 1) + 131 * t) % len(words)] for t in range(126)) for b in range(args.count)]
    else:
        texts = [line.strip() for line in pathlib.Path(args.data).read_bytes().decode("utf-8", "replace").splitlines() if line.strip()]
        texts = (texts * (args.count // len(texts) + 1))[:args.count]
    texts = [" ".join(text.split()) for text in texts]
    (scratch / "texts.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")
    lengths = [len(e.ids) for e in tokenizer_of(directory).encode_batch(texts)]
    batch = BATCH[args.what]
    places = sum(max(lengths[i:i + batch]) * len(lengths[i:i + batch]) for i in range(0, len(texts), batch))
    print(f"{len(texts)} texts, {sum(lengths)} tokens, {100 * (1 - sum(lengths) / places):.0f} % of the batches is padding", flush=True)
    sides = {}
    for side in args.sides.split(","):
        process = subprocess.Popen([sys.executable, __file__, args.what, "--side", side, "--directory", str(directory), "--data",
                                    str(scratch / "texts.txt"), "--threads", str(args.threads), "--clock", args.clock], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        if process.stdout.readline().strip() != "ready":
            sys.exit(f"{side} failed")
        sides[side] = process
    best = {}
    for _ in range(args.rounds):
        for dtype in args.dtypes.split(","):
            keep(best, "langzoo " + dtype, by_langzoo(args, directory, scratch, texts, dtype))
        for side, process in sides.items():
            process.stdin.write("\n")
            process.stdin.flush()
            keep(best, side, json.loads(process.stdout.readline()))
    for process in sides.values():
        process.stdin.close()
        process.wait()
    tokens, ours = sum(lengths[batch:]), best["langzoo float32"]
    for name, found in best.items():
        apart = max(abs(a - b) for a, b in zip(found["last"], ours["last"]))
        print(f"{name:>18} {tokens / found['seconds']:8.0f} tokens/s {(len(texts) - batch) / found['seconds']:8.2f} texts/s"
              f"   langzoo / this {found['seconds'] / ours['seconds']:5.2f}   peak {found['memory'] / 2**20:6.0f} MiB"
              f"   apart {apart:.1e}", flush=True)
        if apart > (2e-4 if name != "langzoo bfloat16" else 0.1):
            sys.exit(f"{name} differs")


def keep(best, name, found):
    if name not in best or found["seconds"] < best[name]["seconds"]:
        best[name] = found


def train_python(args):
    """In a process of its own."""
    import torch
    import transformers

    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    vocab = len(pathlib.Path(args.vocab).read_text(encoding="utf-8").splitlines())
    model = transformers.BertForMaskedLM(bert_config(args.size, vocab)).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)

    def step():
        ids = torch.randint(vocab, (8, 128))
        hidden = torch.rand(8, 128) < 0.15
        labels = torch.where(hidden, ids, -100)
        with torch.autocast("cpu", torch.bfloat16, enabled=args.dtypes == "bfloat16"):
            loss = model(torch.where(hidden, 103, ids), labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.item()

    step()
    clock = clock_of(args)
    begin = clock()
    for _ in range(args.steps):
        step()
    print(json.dumps({"tokens_per_second": 1024 * args.steps / (clock() - begin),
                      "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))


def train(args):
    scratch = pathlib.Path(args.scratch)
    vocab = scratch / "vocabulary"
    vocab.mkdir()
    (vocab / "vocab.txt").write_bytes(pathlib.Path(args.vocab).read_bytes())
    with open(args.data, encoding="utf-8") as lines:
        (scratch / "valid.txt").write_text("".join(line for line, _ in zip(lines, range(8))), encoding="utf-8")
    width, layers, heads, inner = SIZES[args.size]
    best = {}
    for round in range(args.rounds):
        for dtype in args.dtypes.split(","):

            def run(steps):
                command = [args.program, "train", "--data", args.data, "--valid", scratch / "valid.txt", "--tokenizer", vocab, "--out",
                           scratch / f"{dtype}{round}{steps}", "--json", "--threads", args.threads, "--dtype", dtype, "--set",
                           f"model.hidden_size={width}", f"model.num_hidden_layers={layers}", f"model.num_attention_heads={heads}",
                           f"model.intermediate_size={inner}", "data.max_length=128", "train.batch_size=8", "train.learning_rate=1e-4",
                           "train.clip_norm=1", f"train.max_steps={steps}", "train.eval_every=0", "train.save_every=0"]
                with open(scratch / "out.json", "w+b") as out:
                    seconds, memory = timed(args, command, out)
                return json.loads((scratch / "out.json").read_text().splitlines()[-1])["tokens_per_second"], seconds, memory

            speed, seconds, memory = run(args.steps + 1)
            if args.clock == "processor":
                speed = 1024 * args.steps / (seconds - run(1)[1])
            best.setdefault("langzoo " + dtype, []).append((speed, memory))
        out = subprocess.run([sys.executable, __file__, "train", "--side", "transformers", "--vocab", args.vocab, "--size", args.size, "--steps",
                              str(args.steps), "--threads", str(args.threads), "--clock", args.clock], check=True, capture_output=True, text=True)
        found = json.loads(out.stdout.splitlines()[-1])
        best.setdefault("transformers", []).append((found["tokens_per_second"], found["memory"]))
    ours = max(best["langzoo float32"])[0]
    for name, entries in best.items():
        speed, memory = max(entries)
        print(f"{name:>18} {speed:8.0f} tokens/s   langzoo / this {ours / speed:5.2f}   peak {memory / 2**20:6.0f} MiB", flush=True)


def memory(args):
    scratch = pathlib.Path(args.scratch)
    args.what, args.rounds, args.dtypes, args.sides = "memory", 1, "float32", args.sides
    infer(args)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["sentences", "square", "train", "memory"])
    parser.add_argument("--program", default="build/release/bin/langzoo-bert")
    parser.add_argument("--data")
    parser.add_argument("--vocab")
    parser.add_argument("--size", choices=SIZES, default="base")
    parser.add_argument("--count", type=int)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dtypes", default="float32")
    parser.add_argument("--clock", choices=["wall", "processor"], default="wall")
    parser.add_argument("--sides", default=",".join(SIDES))
    parser.add_argument("--side", help=argparse.SUPPRESS)
    parser.add_argument("--directory", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side:
        return train_python(args) if args.what == "train" else run_side(args)
    args.count = args.count or {"sentences": 320, "square": 64, "memory": 10000, "train": 0}[args.what]
    with tempfile.TemporaryDirectory() as args.scratch:
        {"sentences": infer, "square": infer, "train": train, "memory": memory}[args.what](args)


if __name__ == "__main__":
    main()
