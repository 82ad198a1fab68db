#!/usr/bin/env python3
"""Two ranks in two network namespaces beside one rank, each with one thread: speed, efficiency, bytes sent.

    python3 tests/bench/distributed_side_by_side.py [--bin build/release/bin] [--rounds 3] [--steps 20] [--batch 8]
        [--bandwidth 1000]

Needs ip and root for the namespaces (iproute2); without them both ranks talk over the loopback address, and bytes are
not counted. --bandwidth shapes both ends of the link to so many Mbit/s by tc's token bucket, where the kernel has it.
A GPT of 10 million parameters reads --batch sequences of 128 tokens a rank and step. Efficiency is the tokens a second of
two ranks over twice those of one, in the same run and round about: the middle of the rounds, which alternate, is reported.
Beside it stands what two processes reach that exchange nothing: what they share, memory and power, is nobody's to save.
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

MODEL = ["model.n_layer=5", "model.n_head=6", "model.n_embd=384", "model.n_positions=128", "model.embd_pdrop=0",
         "model.resid_pdrop=0", "model.attn_pdrop=0"]
ADDRESSES = ["10.199.7.1", "10.199.7.2"]
SPACES = ["langzoo-a", "langzoo-b"]


def run(*command, check=True):
    return subprocess.run(command, check=check, capture_output=True, text=True)


class Hosts:
    """Two namespaces joined by a veth pair, or this machine alone."""

    def __init__(self, bandwidth):
        self.apart = False
        try:
            for space in SPACES:
                run("ip", "netns", "add", space)
            run("ip", "link", "add", "langzoo0", "netns", SPACES[0], "type", "veth", "peer", "name", "langzoo1", "netns",
                SPACES[1])
            for i, space in enumerate(SPACES):
                run("ip", "-n", space, "addr", "add", f"{ADDRESSES[i]}/24", "dev", f"langzoo{i}")
                run("ip", "-n", space, "link", "set", f"langzoo{i}", "up")
                run("ip", "-n", space, "link", "set", "lo", "up")
                if bandwidth:
                    run("ip", "netns", "exec", space, "tc", "qdisc", "add", "dev", f"langzoo{i}", "root", "tbf", "rate",
                        f"{bandwidth}mbit", "burst", "1mbit", "latency", "50ms")
            self.apart = True
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"no network namespaces ({getattr(error, 'stderr', '') or error}): over loopback", file=sys.stderr)
            self.close()

    def close(self):
        if shutil.which("ip"):
            for space in SPACES:
                run("ip", "netns", "del", space, check=False)

    def address(self):
        return ADDRESSES[0] if self.apart else "127.0.0.1"

    def prefix(self, rank):
        return ["ip", "netns", "exec", SPACES[rank]] if self.apart else []

    def sent(self, rank):
        if not self.apart:
            return 0
        text = run("ip", "-n", SPACES[rank], "-s", "-j", "link", "show", f"langzoo{rank}").stdout
        return json.loads(text)[0]["stats64"]["tx"]["bytes"]


def train(hosts, program, text, world, options, port, more, alone=False):
    """Tokens a second of all, bytes that rank 0 sent, parameters. `alone`: processes, not ranks."""
    with tempfile.TemporaryDirectory() as out:
        command = [program, "train", "--data", text, "--tokenizer", "train:bytebpe:1024", "--json",
                   "--threads", "1", "--set", *MODEL, "data.valid_fraction=0", f"train.batch_size={options.batch}",
                   "data.context=128", f"train.max_steps={options.steps}", "train.save_every=0", "train.log_every=1000000", *more]
        before = hosts.sent(0)
        ranks = []
        for rank in range(world):
            environment = dict(os.environ, OMP_NUM_THREADS="1")
            if world > 1 and not alone:
                environment |= {"RANK": str(rank), "WORLD_SIZE": str(world), "MASTER_ADDR": hosts.address(),
                                "MASTER_PORT": str(port)}
            run_out = ["--out", f"{out}/run{rank if alone else ''}"]  # ranks share one
            ranks.append(subprocess.Popen(hosts.prefix(rank) + command + run_out, env=environment, stdout=subprocess.PIPE,
                                          stderr=subprocess.PIPE, text=True))
        texts = [rank.communicate() for rank in ranks]
        for rank, (_, err) in zip(ranks, texts):
            if rank.returncode != 0:
                sys.exit(f"a rank failed: {err}")
        speeds = [json.loads(text)["tokens_per_second"] for text, _ in texts if text]
        weights = next(pathlib.Path(out).glob("run*/model.safetensors"))
        parameters = weights.stat().st_size // 4
        return sum(speeds), hosts.sent(0) - before, parameters


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default="build/release/bin")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch", type=int, default=8, help="sequences of 128 tokens a rank and step")
    parser.add_argument("--bandwidth", type=int, default=0, help="Mbit/s; 0: as fast as it goes")
    parser.add_argument("--set", nargs="*", default=[], help="settings of the two ranks: train.shard_optimizer=true")
    options = parser.parse_args()
    program = str(pathlib.Path(options.bin, "langzoo-gpt").resolve())
    hosts = Hosts(options.bandwidth)
    try:
        with tempfile.TemporaryDirectory() as folder:
            text = folder + "/text.txt"
            lines = [f"{a} times {b} is {a * b}, and {a} and {b} are {a + b}.\n" for a in range(200) for b in range(100)]
            pathlib.Path(text).write_text("".join(lines))
            efficiencies, bounds = [], []
            for number in range(options.rounds):
                one, _, parameters = train(hosts, program, text, 1, options, 0, [])
                apart, _, _ = train(hosts, program, text, 2, options, 0, [], alone=True)
                two, sent, _ = train(hosts, program, text, 2, options, 29610 + number, options.set)
                efficiencies.append(two / (2 * one))
                bounds.append(apart / (2 * one))
                expected = (options.steps + 1) * 4 * parameters  # gradients of each step, and the weights to begin with
                print(f"{parameters / 1e6:.1f}M parameters  one rank {one:.0f} tokens/s  two {two:.0f}  efficiency "
                      f"{efficiencies[-1]:.3f}  without exchange {bounds[-1]:.3f}  rank 0 sent {sent / 1e6:.0f} MB, as computed {expected / 1e6:.0f} MB")
            middle = [sorted(values)[options.rounds // 2] for values in (efficiencies, bounds)]
            print(f"{128 * options.batch} tokens a rank and step, middle of {options.rounds}: {middle[0]:.3f}, without exchange {middle[1]:.3f}"
                  f"{'' if hosts.apart else ' (loopback)'}")
    finally:
        hosts.close()


if __name__ == "__main__":
    main()
