"""Golden files of tests/models/word_vectors: python make_word_vectors.py (writes ../fixtures/word_vectors).

Made with gensim 4.4.0, scipy 1.17.1, numpy 2.4.6. The vectors are random; words are made up, some hard: bytes beyond ASCII, U+00A0, digits, case
variants. gensim writes the files of every format and judges the analogies and the pairs.
"""

import json
import pathlib
import shutil

import numpy as np
from gensim.models import KeyedVectors
from scipy import stats

out = pathlib.Path(__file__).parent.parent / "fixtures" / "word_vectors"
shutil.rmtree(out, ignore_errors=True)
out.mkdir(parents=True)

rng = np.random.default_rng(5)
hard = ["</s>", "the", "The", "2", "3.5", "na\u00efve", "\u4e2d\u6587", "a\u00a0b", "\u00a0", "nan", ",", "'s"]
syllables = ["ka", "lo", "mi", "re", "su", "ta"]
made_up = [a + b + c for a in syllables for b in syllables for c in syllables]
words = hard + list(rng.permutation(made_up))[:188]
values = rng.normal(size=(len(words), 6)).astype(np.float32)
values[3] = [1e-45, -0.0, 3.4028235e38, 1e-7, 123456.79, -1]
values[4] = 0

vectors = KeyedVectors(6)
vectors.add_vectors(words, values)
vectors.save_word2vec_format(str(out / "gensim.txt"), binary=False)
vectors.save_word2vec_format(str(out / "gensim.bin"), binary=True)
vectors.save_word2vec_format(str(out / "gensim.glove.txt"), binary=False, write_header=False)
(out / "words.json").write_text(json.dumps(words))
values.tofile(out / "values.f32")

# Analogies that random vectors answer now and then: d is b + c - a with noise; some words are unknown, some in capitals.
count, dim = 300, 12
names = list(rng.permutation(made_up))[: count // 2]
names = [name.capitalize() if i % 7 == 0 else name for i, name in enumerate(names)]
names += [name.upper() for name in names]
values = rng.normal(size=(count, dim)).astype(np.float32)
targets = iter(rng.permutation(np.arange(count // 2, count)))
sections = []
for title in ["first-section", "second section", "gram3-third"]:
    questions = []
    for _ in range(50):
        a, b, c = rng.choice(count // 2, 3, replace=False)
        d = next(targets)
        if rng.random() < 0.7:
            values[d] = values[b] / np.linalg.norm(values[b]) + values[c] / np.linalg.norm(values[c])
            values[d] -= values[a] / np.linalg.norm(values[a])
            values[d] += 0.4 * rng.normal(size=dim)
        question = [names[i] for i in (a, b, c, d)]
        if rng.random() < 0.1:
            question[rng.integers(4)] = "unheard-of"
        if rng.random() < 0.2:
            question = [word.upper() for word in question]
        questions.append(question)
    sections.append((title, questions))
vectors = KeyedVectors(dim)
vectors.add_vectors(names, values)
vectors.save_word2vec_format(str(out / "analogies.bin"), binary=True)
lines = []
for title, questions in sections:
    lines += [f": {title}"] + [" ".join(question) for question in questions]
(out / "analogies.txt").write_text("\n".join(lines) + "\n")

pairs = [(names[a], names[b], round(float(score), 1)) for a, b, score in
         zip(rng.integers(0, count, 80), rng.integers(0, count, 80), rng.uniform(0, 10, 80))]
pairs[7] = ("unheard-of", pairs[7][1], 5.0)
(out / "pairs.tsv").write_text("# a\tb\tscore\n" + "".join(f"{a}\t{b}\t{score}\n" for a, b, score in pairs))

goldens = []
for ignore_case in [True, False]:
    for restrict in [300, 220]:
        options = dict(restrict_vocab=restrict, case_insensitive=ignore_case)
        _, results = vectors.evaluate_word_analogies(str(out / "analogies.txt"), **options)
        pearson, spearman, missing = vectors.evaluate_word_pairs(str(out / "pairs.tsv"), **options)
        goldens.append({
            "ignore_case": ignore_case,
            "restrict_vocab": restrict,
            "sections": [{"name": r["section"], "correct": len(r["correct"]),
                          "covered": len(r["correct"]) + len(r["incorrect"])} for r in results[:-1]],
            "pearson": float(pearson[0]),
            "spearman": float(spearman[0]),
            "pairs_covered": len(pairs) - round(missing / 100 * len(pairs)),
        })
nearest = {name: vectors.most_similar(name, topn=5) for name in names[:5]}
(out / "goldens.json").write_text(json.dumps({"evaluations": goldens, "nearest": nearest}, indent=1) + "\n")

# scipy's correlations, ties and all.
cases = []
for n in [2, 3, 10, 200]:
    x, y = rng.normal(size=n), rng.normal(size=n)
    cases.append((x, y))
    cases.append((np.round(x), np.round(x + y)))
cases = [(x, y) for x, y in cases if len(set(x)) > 1 and len(set(y)) > 1]
(out.parent / "metrics").mkdir(exist_ok=True)
(out.parent / "metrics" / "correlations.json").write_text(json.dumps(
    [{"x": x.tolist(), "y": y.tolist(), "pearson": float(stats.pearsonr(x, y)[0]),
      "spearman": float(stats.spearmanr(x, y)[0]), "ranks": stats.rankdata(x).tolist()} for x, y in cases]) + "\n")
