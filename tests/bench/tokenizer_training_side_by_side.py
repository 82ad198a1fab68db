"""Training of Python's `tokenizers`, `sentencepiece` and ours on the same files, in turns in one run, and what each gives.

Versions: tokenizers 0.23.3, sentencepiece 0.2.3.
Usage: python tokenizer_training_side_by_side.py BENCH TRAIN TEST [--models bytebpe,wordpiece,unigram] [--size 8000]
       [--threads 2] [--rounds 3] [--coverage 1.0]
BENCH is the program tokenizer_training_bench. Seconds are those of the training alone, memory is the peak of the whole
process; the best of the rounds counts. Byte-level merges are compared before anything is reported (WordPiece's ties are
a hash's chance in the reference: how many tokens differ is printed). Compression is that of TEST, line by line.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

REFERENCES = {"bytebpe": ["tokenizers"], "wordpiece": ["tokenizers"], "unigram": ["tokenizers", "sentencepiece"]}
SPECIAL = {"bytebpe": ["<|endoftext|>"], "wordpiece": ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
           "unigram": ["<unk>", "<s>", "</s>", "<pad>"]}


def train_tokenizers(model, size, coverage, out, file):
    import time

    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    options = {"vocab_size": size, "special_tokens": SPECIAL[model], "show_progress": False}
    if model == "bytebpe":
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        trainer = trainers.BpeTrainer(initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), **options)
    elif model == "wordpiece":
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer = trainers.WordPieceTrainer(**options)
    else:
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(),
                                                     normalizers.Replace(Regex(" {2,}"), " "), normalizers.Strip(left=False)])
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        tokenizer.decoder = decoders.Metaspace()
        trainer = trainers.UnigramTrainer(unk_token="<unk>", **options)
    start = time.perf_counter()
    tokenizer.train([file], trainer)
    print(f"in {time.perf_counter() - start:.3f} s")
    tokenizer.save(str(Path(out) / "tokenizer.json"))


def train_sentencepiece(model, size, coverage, out, file, threads):
    import time

    import sentencepiece

    start = time.perf_counter()
    sentencepiece.SentencePieceTrainer.train(input=file, model_prefix=str(Path(out) / "spiece"), vocab_size=size, pad_id=3,
                                             character_coverage=coverage, num_threads=threads, minloglevel=2)
    print(f"in {time.perf_counter() - start:.3f} s")


def tokens_of(out, lines):
    """How many tokens the lines take, and their characters."""
    if (out / "spiece.model").exists():
        import sentencepiece

        processor = sentencepiece.SentencePieceProcessor(model_file=str(out / "spiece.model"))
        return sum(len(ids) for ids in processor.encode(lines))
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(out / "tokenizer.json"))
    return sum(len(encoding.ids) for encoding in tokenizer.encode_batch(lines, add_special_tokens=False))


def measured(command, environment):
    done = subprocess.run(["/usr/bin/time", "-f", "%M KiB", *command], check=True, capture_output=True, text=True,
                          env=environment)
    return float(re.search(r"in ([\d.]+) s", done.stdout)[1]), int(re.findall(r"(\d+) KiB", done.stderr)[-1]) / 1024


def check(model, ours, theirs):
    def read(out):
        return json.loads((out / "tokenizer.json").read_text())["model"]

    if model == "bytebpe":
        pairs = [[m.split(" ") if isinstance(m, str) else m for m in read(out)["merges"]] for out in (ours, theirs)]
        assert pairs[0] == pairs[1], "the merges differ"
        return "equal merges"
    if model == "wordpiece":
        a, b = set(read(ours)["vocab"]), set(read(theirs)["vocab"])
        return f"{len(a - b)} of {len(a)} tokens differ"
    return ""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bench")
    parser.add_argument("train")
    parser.add_argument("test")
    parser.add_argument("--models", default="bytebpe,wordpiece,unigram")
    parser.add_argument("--size", type=int, default=8000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--coverage", type=float, default=1.0, help="sentencepiece's character_coverage")
    options = parser.parse_args()
    lines = Path(options.test).read_text().splitlines()
    characters = sum(map(len, lines))
    environment = {"RAYON_NUM_THREADS": str(options.threads), "TOKENIZERS_PARALLELISM": "true"}
    print(f"{'':24} {'seconds':>8} {'MiB':>7} {'characters a token':>19}")
    for model in options.models.split(","):
        with tempfile.TemporaryDirectory() as folder:
            outs, best = {}, {}
            for name in ["langzoo", *REFERENCES[model]]:
                outs[name] = Path(folder) / name
                outs[name].mkdir()
            for _ in range(options.rounds):
                for name, out in outs.items():
                    call = [model, str(options.size), str(options.threads), str(out), options.train]
                    if name == "langzoo":
                        seconds, memory = measured([options.bench, *call], environment)
                    else:
                        worker = [sys.executable, __file__, "--worker", name, str(options.coverage)]
                        seconds, memory = measured([*worker, *call], environment)
                    known = best.get(name, (seconds, memory))
                    best[name] = (min(known[0], seconds), min(known[1], memory))
            for name, out in outs.items():
                seconds, memory = best[name]
                told = check(model, outs["langzoo"], out) if name == "tokenizers" else ""
                print(f"{model + ' ' + name:24} {seconds:8.2f} {memory:7.0f} {characters / tokens_of(out, lines):19.4f}  {told}")


if __name__ == "__main__":
    if sys.argv[1] == "--worker":
        name, coverage, model, size, threads, out, file = sys.argv[2:]
        if name == "tokenizers":
            train_tokenizers(model, int(size), float(coverage), out, file)
        else:
            train_sentencepiece(model, int(size), float(coverage), out, file, int(threads))
    else:
        main()
