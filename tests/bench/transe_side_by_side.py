"""Ranks of held-out facts beside langzoo-ernie's: a plain TransE in PyTorch, entities by how often they stand in the
place asked for, and, of microworld, who knows how its facts are made.

    langzoo-ernie train --objective transe --preset transe --out run
    python tests/bench/transe_side_by_side.py run/data/train.tsv run/data/valid.tsv
    python tests/bench/transe_side_by_side.py conceptnet-excerpt.csv    # the tenth that langzoo-ernie holds out

Needs torch and numpy. Filtered ranks over heads and tails; of equal scores the mean place.
"""
import argparse
from collections import Counter, defaultdict

import numpy as np
import torch

SAYINGS = [["born_in", "lives_in", "works_for", "taught_by"], ["founded_in", "based_in", "part_of", "led_by"],
           ["built_in", "moored_in", "owned_by", "sailed_by"], ["printed_in", "set_in", "published_by", "written_by"]]


def read(path):
    triples = []
    for line in open(path, encoding="utf-8"):
        fields = line.rstrip("\n").split("\t")
        if len(fields) == 5:  # ConceptNet's assertions
            if not (fields[2].startswith("/c/") and fields[3].startswith("/c/")):
                continue
            concept = lambda uri: "/".join(uri.split("/")[:4])
            fields = [concept(fields[2]), fields[1][3:], concept(fields[3])]
        triples.append(tuple(fields))
    return list(dict.fromkeys(triples))


def split(triples):
    """A tenth, of names that stand elsewhere too."""
    times = Counter(name for h, _, t in triples for name in (h, t))
    known, held_out = [], []
    for i, (h, r, t) in enumerate(triples):
        aside = int((i + 1) * 0.1) > int(i * 0.1) and times[h] > 1 and times[t] > 1 and h != t
        if aside:
            times[h] -= 1
            times[t] -= 1
        (held_out if aside else known).append((h, r, t))
    return known, held_out


class Facts:
    def __init__(self, known, held_out):
        self.entities = {name: i for i, name in enumerate(dict.fromkeys(n for h, _, t in known + held_out for n in (h, t)))}
        self.relations = {name: i for i, name in enumerate(dict.fromkeys(r for _, r, _ in known + held_out))}
        ids = lambda triples: np.array([[self.entities[h], self.relations[r], self.entities[t]] for h, r, t in triples])
        self.known, self.held_out = ids(known), ids(held_out)
        self.tails, self.heads = defaultdict(set), defaultdict(set)
        for h, r, t in np.concatenate([self.known, self.held_out]):
            self.tails[h, r].add(t)
            self.heads[r, t].add(h)

    def show(self, name, distances):
        """distances(h, r, t) of all entities, where h or t is None."""
        ranks = []
        for h, r, t in self.held_out:
            for wanted, right, x in ((t, self.tails[h, r], distances(h, r, None)),
                                     (h, self.heads[r, t], distances(None, r, t))):
                own, x = x[wanted], x.copy()
                x[[other for other in right if other != wanted]] = np.inf
                ranks.append((x < own).sum() + ((x == own).sum() + 1) / 2)
        ranks = np.array(ranks)
        print(f"{name}: mean_rank {ranks.mean():.1f}, mean_reciprocal_rank {(1 / ranks).mean():.3f}, "
              f"hits_at_1 {(ranks <= 1).mean():.3f}, hits_at_10 {(ranks <= 10).mean():.3f}", flush=True)


def train(facts, norm, dim=100, margin=1.0, rate=0.01, epochs=300, batch=100, seed=1):
    generator, random = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    unit = lambda x: x / x.norm(dim=1, keepdim=True)
    table = lambda rows: unit((torch.rand(len(rows), dim, generator=generator) * 2 - 1) * 6 / dim**0.5).requires_grad_()
    e, q = table(facts.entities), table(facts.relations)
    optimizer, known = torch.optim.SGD([e, q], rate), set(map(tuple, facts.known))
    distance = lambda x: (e[x[:, 0]] + q[x[:, 1]] - e[x[:, 2]]).norm(norm, 1)
    for _ in range(epochs):
        order = facts.known[random.permutation(len(facts.known))]
        for right in (order[i:i + batch] for i in range(0, len(order), batch)):
            wrong = right.copy()
            for row, original in zip(wrong, right):
                while tuple(row) in known:
                    row[:] = original
                    row[0 if random.random() < 0.5 else 2] = random.integers(len(facts.entities))
            loss = (margin + distance(torch.from_numpy(right)) - distance(torch.from_numpy(wrong))).relu().sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                e.copy_(unit(e))
    e, q = e.detach().numpy(), q.detach().numpy()
    return lambda h, r, t: np.linalg.norm((e if h is None else e[h]) + q[r] - (e if t is None else e[t]), norm, axis=1)


def frequency(facts):
    at_tail, at_head, all_ = Counter(), Counter(), Counter()
    for h, r, t in facts.known:
        at_tail[r, t] += 1
        at_head[r, h] += 1
        all_.update((h, t))
    entities = range(len(facts.entities))
    return lambda h, r, t: -np.array([(at_tail if t is None else at_head)[r, i] + 1e-4 * all_[i] for i in entities])


def maker(facts, one_tail):
    """Who knows how microworld is made and guesses homes from the known facts. one_tail: and that a head has one tail of
    each relation, so that heads whose tail is known are out."""
    names = {i: r for r, i in facts.relations.items()}
    place = {r: (kind, saying) for kind, relations in enumerate(SAYINGS) for saying, r in enumerate(relations)}
    country = {h: t for h, r, t in facts.known if names[r] == "lies_in"}
    towns = sorted(country)
    number, count = {t: i for i, t in enumerate(towns)}, len(towns)
    near = np.array([[country[a] == country[b] for b in towns] for a in towns], float)
    near = 0.25 * near / near.sum(1, keepdims=True) + 0.75 * np.eye(count)
    kind, told, named = {}, defaultdict(dict), defaultdict(list)
    for h, r, t in facts.known:
        if names[r] in place:
            kind[h], saying = place[names[r]]
            told[h][saying] = t
            if saying >= 2:
                named[t].append(h)
    homes = {x: np.full(count, 1 / count) for x in kind}
    for _ in range(15):
        new = {}
        for x in kind:
            logs = np.zeros(count)
            for saying, t in told[x].items():
                if saying >= 2:
                    logs += np.log(0.2 / count + 0.8 * homes[t])
                else:
                    moves = saying == 0 or kind[x] == 0
                    logs += np.log((near if moves else np.eye(count))[:, number[t]] + 1e-6)
            for h in named[x]:
                logs += np.log(0.2 / count + 0.8 * homes[h])
            p = np.exp(logs - logs.max())
            new[x] = p / p.sum()
        homes = new
    of_kind = [[x for x in sorted(kind) if kind[x] == k] for k in range(4)]

    def tails(h, r):
        saying, x = place[names[r]][1], np.zeros(len(facts.entities))
        if saying <= 1:
            x[towns] = (homes[h] @ near if saying == 0 or kind[h] == 0 else homes[h]) + 1e-9
        else:
            others = of_kind[1 if saying == 2 else 0]
            theirs = np.array([homes[y] for y in others])
            x[others] = 0.2 / len(others) + 0.8 * (theirs / (theirs.sum(0) + 1e-9)) @ homes[h]
        x[h] = 0
        return x

    asked = {r for r in facts.held_out[:, 1]}
    scores = {(h, r): tails(h, r) for r in asked for h in of_kind[place[names[r]][0]]}
    has = {(h, r) for h, r, _ in facts.known}

    def distances(h, r, t):
        if t is None:
            return -scores[h, r]
        x = np.zeros(len(facts.entities))
        for y in of_kind[place[names[r]][0]]:
            x[y] = scores[y, r][t] * (1e-6 if one_tail and (y, r) in has else 1)
        return -x

    return distances


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("known")
    parser.add_argument("held_out", nargs="?")
    parser.add_argument("--epochs", type=int, default=300)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    known = read(arguments.known)
    facts = Facts(*((known, read(arguments.held_out)) if arguments.held_out else split(known)))
    print(f"{len(facts.known)} facts of {len(facts.entities)} entities, {len(facts.held_out)} held out")
    facts.show("frequency", frequency(facts))
    if "lies_in" in facts.relations:
        facts.show("who knows how they are made", maker(facts, False))
        facts.show("and that a head has one tail", maker(facts, True))
    for norm in (2, 1):
        facts.show(f"PyTorch, L{norm}", train(facts, norm, epochs=arguments.epochs))
