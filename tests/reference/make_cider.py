"""CIDEr-D of made-up captions by another program: numpy vectors over the vocabulary of n-grams, no dictionaries of
counts. The definition is that of Vedantam et al. 2015 with the choices of coco-caption's ciderD script (corpus document
frequencies, sigma 6, lengths in 2-grams, the sum times 10). Writes tests/fixtures/metrics/cider.json.

numpy only."""
import json
import pathlib
import random

import numpy as np


def ngrams(words, n):
    return [tuple(words[i:i + n]) for i in range(len(words) - n + 1)]


def cider_d(captions, references):
    pictures = len(captions)
    total = np.zeros(pictures)
    for n in range(1, 5):
        names = sorted({g for text in [*captions, *(r for rs in references for r in rs)] for g in ngrams(text.split(), n)})
        place = {g: i for i, g in enumerate(names)}
        frequency = np.zeros(len(names))
        for texts in references:
            for g in {g for text in texts for g in ngrams(text.split(), n)}:
                frequency[place[g]] += 1
        weight = np.log(pictures) - np.log(np.maximum(1, frequency))

        def vector(text):
            v = np.zeros(len(names))
            for g in ngrams(text.split(), n):
                v[place[g]] += 1
            return v * weight

        for i, (caption, texts) in enumerate(zip(captions, references)):
            c = vector(caption)
            for text in texts:
                s = vector(text)
                product = np.sum(np.minimum(c, s) * s * (c != 0))
                norm = np.linalg.norm(c) * np.linalg.norm(s)
                length = max(0, len(caption.split()) - 1) - max(0, len(text.split()) - 1)
                total[i] += (product / norm if norm else product) * np.exp(-length ** 2 / 72) / len(texts)
    return 10 * total / 4


def main():
    rng = random.Random(7)
    words = "a two red blue small large circle square on the left of right".split()
    text = lambda: " ".join(rng.choice(words) for _ in range(rng.randint(0, 9)))
    captions, references = [], []
    for _ in range(40):
        references.append([text() for _ in range(rng.randint(1, 4))])
        base = rng.choice(references[-1]).split()
        for _ in range(rng.randint(0, 2)):
            if base:
                base[rng.randrange(len(base))] = rng.choice(words)
        captions.append(" ".join(base))
    scores = cider_d(captions, references)
    out = pathlib.Path(__file__).parent.parent / "fixtures" / "metrics" / "cider.json"
    out.write_text(json.dumps({"captions": captions, "references": references, "scores": list(scores)}, indent=0) + "\n")


if __name__ == "__main__":
    main()
