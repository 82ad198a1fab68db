"""Golden n-gram models: the equations of Chen and Goodman (1999), written out over dictionaries of counts.

    python make_ngrams.py [OUT]

Nothing is shared with the library but the equations: counts are recounted from the text for every order, sums are taken
over all n-grams of a history. Needs Python alone. Writes text.txt and models.json: for each model the log10 probability
and log10 back-off weight of every n-gram, and of some histories the probability of every word.
"""
import json
import math
import pathlib
import random
import sys
from collections import Counter, defaultdict

START, END, UNKNOWN = "<s>", "</s>", "<unk>"
SEED = 4


def make_text():
    """Zipf's law with habits, so that every order's counts of counts give discounts."""
    rng = random.Random(SEED)
    words = ["w%d" % i for i in range(60)]
    weights = [1 / (i + 1) ** 1.15 for i in range(60)]
    lines = []
    for _ in range(105):
        line = rng.choices(words, weights)
        while rng.random() < 0.86:
            habit = words[(words.index(line[-1]) * 7 + 3) % 60]
            line.append(habit if rng.random() < 0.55 else rng.choices(words, weights)[0])
        lines.append(" ".join(line))
    lines[7] = ""
    return lines


class Model:
    def __init__(self, lines, order, smoothing, k=0.5, factor=0.4):
        self.order, self.smoothing, self.k, self.factor = order, smoothing, k, factor
        raw = Counter()
        for line in lines:
            words = [START] + line.split() + [END]
            for end in range(1, len(words)):
                for n in range(1, order + 1):
                    if end - n + 1 >= 0:
                        raw[tuple(words[end - n + 1:end + 1])] += 1
        self.words = sorted({gram[0] for gram in raw if len(gram) == 1} | {END, UNKNOWN})
        before = defaultdict(set)
        for gram in raw:
            if len(gram) > 1:
                before[gram[1:]].add(gram[0])
        kneser_ney = smoothing in ("modified_kneser_ney", "kneser_ney")
        self.counts = [dict() for _ in range(order + 1)]
        for gram, count in raw.items():
            keeps = not kneser_ney or len(gram) == order or gram[0] == START
            self.counts[len(gram)][gram] = count if keeps else len(before[gram])
        self.following = defaultdict(dict)
        for counts in self.counts:
            for gram, count in counts.items():
                self.following[gram[:-1]][gram[-1]] = count
        self.discounts = [None]
        for n in range(1, order + 1):
            of = Counter(self.counts[n].values())
            y = of[1] / (of[1] + 2 * of[2])
            if smoothing == "kneser_ney":
                self.discounts.append([0, y, y, y])
            elif smoothing == "modified_kneser_ney":
                self.discounts.append([0] + [j - (j + 1) * y * of[j + 1] / of[j] for j in (1, 2, 3)])

    def gamma(self, history):
        counts = self.following[history].values()
        discount = self.discounts[len(history) + 1]
        return sum(discount[min(count, 3)] for count in counts) / sum(counts)

    def cut(self, history):
        return history[max(0, len(history) - self.order + 1):]

    def probability(self, history, word):
        """Of a history of at most order - 1 words."""
        counts = self.following.get(history, {})
        count, total = counts.get(word, 0), sum(counts.values())
        if self.smoothing == "add_k":
            return (count + self.k) / (total + self.k * len(self.words))
        if self.smoothing in ("stupid_backoff", "none"):
            if count:
                return count / total
            factor = self.factor if self.smoothing == "stupid_backoff" else 0
            return factor * self.probability(history[1:], word) if history else 0.0
        lower = self.probability(history[1:], word) if history else 1 / len(self.words)
        if not total:
            return lower
        discounted = count - self.discounts[len(history) + 1][min(count, 3)]
        return discounted / total + self.gamma(history) * lower


def log10(p):
    return round(math.log10(p), 6) if p > 0 else None


def main():
    out = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent / "fixtures" / "ngram")
    out.mkdir(parents=True, exist_ok=True)
    lines = make_text()
    (out / "text.txt").write_text("".join(line + "\n" for line in lines))
    models = []
    rng = random.Random(3)
    for smoothing, orders in [("modified_kneser_ney", range(1, 6)), ("kneser_ney", (1, 3)), ("add_k", (1, 2, 3)),
                              ("stupid_backoff", (1, 3)), ("none", (2, 3))]:
        for order in orders:
            model = Model(lines, order, smoothing)
            saved = {"order": order, "smoothing": smoothing}
            if "kneser_ney" in smoothing:
                grams = {}
                for counts in model.counts[1:]:
                    for gram in counts:
                        p = model.probability(gram[:-1], gram[-1])
                        backoff = log10(model.gamma(gram)) if len(gram) < order and gram in model.following else 0
                        grams[" ".join(gram)] = [log10(p), backoff]
                saved["ngrams"] = grams
                saved["discounts"] = [discount[1:] for discount in model.discounts[1:]]
            histories = [()] if order == 1 else [(START,), (START, "w0"), (START, "w0", "w3", "w24", "w51"),
                                                 (START, "w50", "w49"), (START, UNKNOWN, "w0", "w1")]
            for _ in range(1):
                words = [START] + rng.choice(lines).split()
                histories.append(tuple(words[:rng.randrange(1, len(words) + 1)]))
            if order == 1:
                histories = histories[:1]
            saved["histories"] = [
                {"history": list(history),
                 "log10": {word: log10(model.probability(model.cut(history), word)) for word in model.words}}
                for history in histories]
            models.append(saved)
    (out / "models.json").write_text(json.dumps(models, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
