"""Writes tests/fixtures/metrics/: scores of sacreBLEU, rouge-score, seqeval, scikit-learn, scipy and SQuAD's rules on
made-up texts.

Versions: Python 3.11 (Unicode 14), sacrebleu 2.6.0, rouge-score 0.1.2, seqeval 1.2.2, nltk 3.10.4, scikit-learn 1.9.1,
scipy 1.17.1, numpy 2.x. Usage: python make_metrics.py DIRECTORY

The inputs are not in the fixtures: `Texts` makes them from the atoms in texts.json and numbers of SplitMix64, and
tests/data/metrics/metric_texts.h makes the same ones.
"""

import collections
import json
import re
import string
import sys
import unicodedata
import warnings
from pathlib import Path

import numpy as np
import scipy.stats
import sklearn.metrics
from nltk.stem.porter import PorterStemmer
from rouge_score import rouge_scorer
from sacrebleu.metrics import BLEU, CHRF, TER
from sacrebleu.metrics.bleu import _get_tokenizer
from sacrebleu.significance import PairedTest
from seqeval import scheme as seqeval_scheme
from seqeval.metrics import accuracy_score
from seqeval.metrics.sequence_labeling import precision_recall_fscore_support
from seqeval.metrics.v1 import precision_recall_fscore_support as strict_scores

MASK = (1 << 64) - 1
STEP = 0x9E3779B97F4A7C15
CASES = 1000

ATOMS = """the a an The A cat cats sat on mat dog dogs running ran quickly generously flies dying news skies agreed
hopeful relational conditional 1 2 10 1,000.50 3.14 .5 5. 12-13 a-b - -- --- ... , . ; : ! ? ( ) [x] {y} "quoted" 'single'
don't it's cat's James' U.S. e.g., i.e. &quot; &amp; &lt; &gt; &amp;lt; &apos; <skipped> $5 50% 20€ £3 +1 a+b=c x*y |
a/b \\ ^ _ __init__ `code` ~ #tag @user foo@bar.com http://x.y/z?q=1&r=2 naïve café Ünïcödé Straße STRASSE ΟΔΟΣ
Σίσυφος ΣΑΣ Α.Σ. İstanbul IŞIK ıı ß ẞ ǅ Привет мир МОСКВА שלום عليكم ٣٫٥ ١٢٣ नमस्ते १२ 你好 世界 。 ， ！ 「引用」 《书》 北京， 东京は
ひらがな カタカナ ー ・ ｶﾅ ＡＢＣ １２３ （全角） ． ？ 한국어 안녕하세요 ㈜ ㎏ ㍿ ⿰ 豈 〇 𠀀 𝔘𝔫𝔦 😀 👩‍👩‍👧 🇫🇷 ½ ² Ⅳ ① № ™ © « » “ ” ‘ ’ – — … • ° × ÷ −
e\u0301 a\u0301 \u0301 \u200b \u200d \ufeff \ufffd \u00ad \u2060 \u0000 \u007f the\u200bcat KK Å ﬁ ĳ""".split()
SEPARATORS = ["  ", "\t", "\u00a0", "\u3000", "\u2003", "\u0085", "\u2028", "\x1c", "\x0b", "\n", "-\n", "\r"]
STEMS = """adopt agree allow angular bled bowdler caress ceas commun conform control critic deci defens depend digit e ee
effect electr enjoy fail feed fil fizz form gener go gyroscop happ hesit hiss homolog hop i ies inf inn log lying motor
y oper out pirat plaster pon predic prob prob rat rationa replac rev roll s sens siz spl sk succ tann theo tr troubl
val viet yy yyy z zz""".split()
SUFFIXES = """s es ies ss sses ed ing eed ied y ational tional enci anci izer bli abli alli entli eli ousli ization ation
ator alism iveness fulness ousness aliti iviti biliti fulli logi icate ative alize iciti ical ful ness al ance ence er ic
able ible ant ement ment ent ion sion tion ou ism ate iti ous ive ize e ll l 3 0x""".split()


class Random:
    """data/random/random.h."""

    def __init__(self, seed, stream):
        self.state = self.mix(self.mix((seed + STEP) & MASK) + stream & MASK)

    @staticmethod
    def mix(x):
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & MASK
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB & MASK
        return x ^ (x >> 31)

    def below(self, n):
        excess = (1 << 64) % n
        while True:
            self.state = self.state + STEP & MASK
            draw = self.mix(self.state)
            if draw >= excess:
                return draw % n


class Texts:
    """A reference, two others, and a hypothesis that is more or less like the first."""

    def __init__(self, case):
        self.random = Random(7, case)
        kind = case % 10
        length = 100 + self.random.below(60) if case % 100 == 9 else 1 + self.random.below(25)
        words = self.words({0: 0, 1: 1}.get(kind, length))
        if kind < 3:
            hypothesis = self.edited(words)
        elif kind < 6:
            hypothesis = [] if kind == 3 else words if kind == 4 else self.words(length)
        else:
            hypothesis = self.moved(self.edited(words))
        others = [self.edited(words), self.moved(words)]
        self.hypothesis = self.joined(hypothesis)
        self.references = [self.joined(w) for w in [words, *others]]

    def word(self):
        if self.random.below(20) > 0:
            return ATOMS[self.random.below(len(ATOMS))]
        first, size = [(0, 0x3000), (0x3000, 0xA800), (0x10000, 0x10000)][self.random.below(3)]
        return chr(first + self.random.below(size))

    def words(self, n):
        return [self.word() for _ in range(n)]

    def edited(self, words):
        result = []
        for word in words:
            edit = self.random.below(10)
            if edit == 1:
                word = self.word()
            if edit == 2:
                result.append(self.word())
            if edit != 0:
                result.append(word)
        return result

    def moved(self, words):
        for _ in range(1 + self.random.below(3)):
            if len(words) < 2:
                break
            begin = self.random.below(len(words))
            end = begin + 1 + self.random.below(min(8, len(words) - begin))
            block, rest = words[begin:end], words[:begin] + words[end:]
            target = self.random.below(len(rest) + 1)
            words = rest[:target] + block + rest[target:]
        return words

    def joined(self, words):
        text = ""
        for i, word in enumerate(words):
            if i > 0:
                text += " " if self.random.below(12) > 0 else SEPARATORS[self.random.below(len(SEPARATORS))]
            text += word
        return text


def digest(texts):
    """FNV-1a over the texts, a zero byte behind each."""
    h = 0xCBF29CE484222325
    for text in texts:
        for byte in text.encode() + b"\0":
            h = (h ^ byte) * 0x100000001B3 & MASK
    return f"{h:016x}"


def digests(texts, size=100):
    return [digest(texts[i:i + size]) for i in range(0, len(texts), size)]


def references_of(case, texts, several):
    return texts.references if several else texts.references[:1]


BLEU_SETTINGS = [dict(tokenize=tokenize, smooth_method=method, smooth_value=value, lowercase=lowercase, references=n)
                 for n, (tokenize, (method, value), lowercase) in enumerate(
                     (t, m, c) for t in ["13a", "intl", "char", "zh", "none"]
                     for m in [("exp", None), ("floor", None), ("floor", 0.5), ("add-k", None), ("add-k", 0.25), ("none", None)]
                     for c in [False, True])]
for i, setting in enumerate(BLEU_SETTINGS):
    setting["references"] = [1, 3, 2][i % 3]
CHRF_SETTINGS = [dict(char_order=c, word_order=w, beta=b, lowercase=lc, whitespace=ws, eps_smoothing=eps, references=r)
                 for c, w, b, lc, ws, eps, r in
                 [(6, 0, 2, False, False, False, 1), (6, 2, 2, False, False, False, 1), (6, 2, 2, True, True, False, 3),
                  (6, 0, 1, False, False, True, 1), (4, 1, 3, True, False, True, 2), (1, 0, 2, False, True, False, 3),
                  (0, 2, 2, False, False, False, 1), (8, 3, 2, False, True, True, 3)]]
TER_SETTINGS = [dict(normalized=n, no_punct=p, asian_support=a, case_sensitive=c, references=r)
                for (n, p, a, c), r in zip(((n, p, a, c) for n in [False, True] for p in [False, True]
                                            for a in [False, True] for c in [False, True]), [1, 3, 1, 2] * 4)]


def translation(cases):
    """Sentence scores, the settings taking turns, and the score of the whole corpus under each."""
    goldens = {}
    for name, kind, settings in [("bleu", BLEU, BLEU_SETTINGS), ("chrf", CHRF, CHRF_SETTINGS), ("ter", TER, TER_SETTINGS)]:
        golden = {"settings": settings, "sentences": [], "corpora": [], "signatures": []}
        made = [{k: v for k, v in s.items() if k != "references"} for s in settings]
        for case, texts in enumerate(cases):
            which = case % len(settings)
            options = dict(made[which], effective_order=True) if kind is BLEU else made[which]
            score = kind(**options).sentence_score(texts.hypothesis, texts.references[:settings[which]["references"]])
            golden["sentences"].append(score.score)
        for options, setting in zip(made, settings):
            metric = kind(force=True, **options) if kind is BLEU else kind(**options)
            some = cases[:200] if kind is TER else cases
            score = metric.corpus_score([t.hypothesis for t in some],
                                        [[t.references[r] for t in some] for r in range(setting["references"])])
            fields = {"score": score.score}
            if kind is BLEU:
                fields.update(precisions=score.precisions, bp=score.bp, sys_len=score.sys_len, ref_len=score.ref_len,
                              counts=score.counts, totals=score.totals)
            golden["corpora"].append(fields)
            golden["signatures"].append(str(metric.get_signature()))
        goldens[name] = golden
    texts = [t for c in cases for t in [c.hypothesis, *c.references]]
    goldens["tokens"] = {name: digests([" ".join(tokenizer(t.rstrip()).split()) for t in texts], 400)
                         for name in ["13a", "intl", "char", "zh", "none"] for tokenizer in [_get_tokenizer(name)()]}
    return goldens


def significance(cases):
    """Of a system and a slightly better one. Random numbers differ, so the tests compare with a tolerance."""
    some = [c for c in cases if len(c.references[0]) > 20][:300]
    references = [[c.references[0] for c in some]]
    base = [c.hypothesis for c in some]
    goldens = {"systems": {}}
    for name, every in [("close", 40), ("far", 5)]:
        better = [c.references[0] if i % every == 0 else c.hypothesis for i, c in enumerate(some)]
        for test, samples in [("bs", 2000), ("ar", 2000)]:
            metrics = {"BLEU": BLEU(references=references), "chrF2": CHRF(references=references)}
            result = PairedTest([("base", base), ("better", better)], metrics, None, test_type=test, n_samples=samples)()[1]
            for metric in ["BLEU", "chrF2"]:
                first, second = result[metric]
                goldens["systems"][f"{name}.{test}.{metric}"] = {
                    "every": every, "test": test, "metric": metric, "p_value": second.p_value,
                    "score": [first.score, second.score]}
                if test == "bs":
                    goldens["systems"][f"{name}.{test}.{metric}"].update(
                        mean=[float(first.mean), float(second.mean)], ci=[float(first.ci), float(second.ci)])
    return goldens


def rouge(cases):
    types = ["rouge1", "rouge2", "rougeL"]
    scores = []
    for case, texts in enumerate(cases):
        scorer = rouge_scorer.RougeScorer(types, use_stemmer=case % 2 == 1)
        result = scorer.score_multi(texts.references[:1 + case % 3], texts.hypothesis)
        scores.append([round(float(v), 12) for t in types for v in result[t]])
    stemmer = PorterStemmer()
    words = [a + b + c for a in STEMS for b in ["", "u", "ial"] for c in SUFFIXES]
    words += ["sky", "skies", "dying", "lying", "tying", "news", "innings", "inning", "outings", "cannings", "howe",
              "proceed", "exceed", "succeed", "died", "dies", "spied", "ties", "flies", "allialli", "geologi", "y" * 40]
    return {"scores": scores, "words": digests(words, 500), "stems": digests([stemmer.stem(w) for w in words], 500),
            "stem_parts": [STEMS, ["", "u", "ial"], SUFFIXES], "more_words": words[-22:]}


def normalized(answer):
    """SQuAD's rules: lower case, no punctuation, no articles, single spaces."""
    answer = "".join(c for c in answer.lower() if c not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", answer).split())


def token_f1(answer, reference):
    words, reference_words = normalized(answer).split(), normalized(reference).split()
    common = sum((collections.Counter(words) & collections.Counter(reference_words)).values())
    if common == 0:
        return 0.0
    precision, recall = common / len(words), common / len(reference_words)
    return 2 * precision * recall / (precision + recall)


def squad(cases):
    exact, f1 = "", []
    for case, texts in enumerate(cases):
        references = texts.references[:1 + case % 3]
        exact += str(int(any(normalized(texts.hypothesis) == normalized(r) for r in references)))
        f1.append(round(max(token_f1(texts.hypothesis, r) for r in references), 12))
    return {"exact": exact, "f1": f1,
            "normalized": digests([normalized(t) for c in cases for t in [c.hypothesis, *c.references]], 400)}


def rouge_sentences(cases):
    """ROUGE-Lsum. Sentences end at a separator that no atom has; three cases make one text."""
    scores = []
    for case in range(0, len(cases) - 2, 3):
        some = cases[case:case + 3]
        hypothesis = "<n>".join(t.hypothesis for t in some)
        references = ["<n>".join(t.references[r] for t in some[r:] + some[:r]) for r in range(1 + case % 2)]
        scorer = rouge_scorer.RougeScorer(["rougeLsum"], use_stemmer=case % 4 == 1)
        as_lines = [t.replace("\n", " ").replace("<n>", "\n") for t in [hypothesis, *references]]
        scores.append([round(float(v), 12) for v in scorer.score_multi(as_lines[1:], as_lines[0])["rougeLsum"]])
    return {"scores": scores}


def squad_questions(cases):
    """Rajpurkar, Jia and Liang (2018): questions without an answer, and thresholds of the probability of none."""
    goldens = []
    for first in range(0, len(cases), 20):
        random = Random(19, first)
        exact, f1, answerable, predictions, chances = [], [], [], [], []
        for texts in cases[first:first + 20]:
            answers = [] if random.below(3) == 0 else texts.references[:1 + random.below(3)]
            prediction = "" if random.below(4) == 0 else texts.hypothesis
            chances.append(random.below(9) / 8)
            answerable.append(bool(answers))
            predictions.append(prediction)
            wanted = [a for a in answers if normalized(a)] or [""]
            exact.append(max(int(normalized(prediction) == normalized(a)) for a in wanted))
            f1.append(max(token_f1(prediction, a) if normalized(a) and normalized(prediction)
                          else float(normalized(a) == normalized(prediction)) for a in wanted))
        row = []
        for threshold in [1, 0.5]:
            kept = [[float(not a) if p > threshold else v for v, p, a in zip(values, chances, answerable)]
                    for values in [exact, f1]]
            for wanted in [[True, False], [True], [False]]:
                for values in kept:
                    part = [v for v, a in zip(values, answerable) if a in wanted]
                    row.append(100 * sum(part) / len(part) if part else 0)
        for values in [exact, f1]:
            score = best = answerable.count(False)
            threshold = 0
            for i in sorted(range(len(values)), key=lambda i: chances[i]):
                score += values[i] if answerable[i] else -1 if predictions[i] else 0
                if score > best:
                    best, threshold = score, chances[i]
            row += [100 * best / len(values), threshold]
        goldens.append([round(float(v), 10) for v in row])
    return {"scores": goldens}


SCHEMES = {"IOB1": "IOB", "IOB2": "IOB", "IOE1": "IOE", "IOE2": "IOE", "IOBES": "IOBES", "BILOU": "BILOU", "any": "OBIES"}


def entities():
    """Tags of up to 5 sentences, noise in the predictions; the schemes take turns."""
    names, scores = list(SCHEMES), []
    types = ["PER", "LOC", "A-B", "-", ""]
    for case in range(CASES):
        random = Random(17, case)
        name = names[case % len(names)]
        noise = 1 + random.below(10)

        def tag():
            letter = SCHEMES[name][random.below(len(SCHEMES[name]))]
            of = types[random.below(2 if random.below(8) else len(types))]
            return letter if letter == "O" or not of else f"{letter}-{of}"

        truth = [[tag() for _ in range(random.below(12))] for _ in range(1 + random.below(5))]
        predicted = [[tag() if random.below(noise) == 0 else t for t in sentence] for sentence in truth]
        row = [accuracy_score(truth, predicted) if any(truth) else 0]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for average in ["micro", "macro", "weighted", None]:
                if name == "any":
                    values = precision_recall_fscore_support(truth, predicted, average=average)
                else:
                    values = strict_scores(truth, predicted, average=average, scheme=getattr(seqeval_scheme, name))
                if average is None:
                    row.append(len(values[0]))
                row += [np.sum(v) for v in values]
        scores.append([0 if np.isnan(v) else round(float(v), 10) for v in row])
    return {"schemes": SCHEMES, "types": types, "scores": scores}


def labels_and_numbers():
    """Labels of up to 8 classes and numbers with ties. What correlates has all its digits."""
    scores, correlations = [], []
    for case in range(CASES):
        random = Random(11, case)
        n, classes, noise = 1 + random.below(60), 1 + random.below(8), 1 + random.below(10)
        truth = [random.below(classes) for _ in range(n)]
        predicted = [random.below(classes) if random.below(noise) > 0 else t for t in truth]
        truth, predicted = [[f"c{x}" for x in side] for side in [truth, predicted]]
        row = [sklearn.metrics.accuracy_score(truth, predicted), sklearn.metrics.matthews_corrcoef(truth, predicted)]
        for average in ["micro", "macro", "weighted"]:
            row += sklearn.metrics.precision_recall_fscore_support(truth, predicted, average=average, zero_division=0)[:3]
        each = sklearn.metrics.precision_recall_fscore_support(truth, predicted, zero_division=0)
        row += [float(sum(values)) for values in each[:3]]
        scores.append([float(v) if i == 1 else round(float(v), 10) for i, v in enumerate(row)])
        n = 3 + random.below(40)
        x = [random.below(20) / 7 for _ in range(n)]
        y = [random.below(20) / 3 + (v if case % 2 else 0) for v in x]
        pair = [scipy.stats.pearsonr(x, y).statistic, scipy.stats.spearmanr(x, y).statistic]
        correlations.append([None if np.isnan(v) else float(v) for v in pair])
    return {"classification": scores, "correlation": correlations}


def multi_label():
    """Examples with up to four of up to six labels."""
    from sklearn.preprocessing import MultiLabelBinarizer
    rows = []
    for case in range(200):
        random = Random(23, case)
        n, classes, noise = 1 + random.below(30), 2 + random.below(5), 1 + random.below(6)
        draw = lambda: [f"c{random.below(classes)}" for _ in range(random.below(5))]
        truth = [draw() for _ in range(n)]
        predicted = [draw() if random.below(noise) > 0 else t for t in truth]
        binarizer = MultiLabelBinarizer().fit(truth + predicted)
        if len(binarizer.classes_) < 2:  # no matrix of labels to scikit-learn
            rows.append(None)
            continue
        y, found = binarizer.transform(truth), binarizer.transform(predicted)
        row = [sklearn.metrics.accuracy_score(y, found), sklearn.metrics.hamming_loss(y, found)]
        for average in ["micro", "macro", "weighted", "samples"]:
            row += sklearn.metrics.precision_recall_fscore_support(y, found, average=average, zero_division=0)[:3]
        rows.append([round(float(v), 10) for v in row])
    return rows


def characters():
    """What is said of every character; of those without a meaning in Unicode 14 \\w is left open."""
    import regex
    everything = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    patterns = {k: regex.compile(rf"\p{{{k}}}") for k in "PSN"}
    unassigned, first = [], None
    for c in [*everything, None]:
        open_ = c is not None and unicodedata.category(c) == "Cn"
        if open_ and first is None:
            first = ord(c)
        if not open_ and first is not None:
            unassigned.append([first, last])
            first = None
        last = ord(c) if c is not None else None
    return {"class": digest([next((k for k, p in patterns.items() if p.match(c)), "-") for c in everything]),
            "space": digest([str(int(c.isspace())) for c in everything]),
            "lower": digest([c.lower() for c in everything]),
            "sigma": digest([f"a{c}\u03A3 1{c}\u03A3 a\u03A3{c}b a\u03A3{c}1".lower() for c in everything]),
            "unassigned": unassigned,
            "articles": digest([normalized(f"x{c}a{c}b") for c in everything if unicodedata.category(c) != "Cn"])}


def main(directory):
    directory = Path(directory)
    cases = [Texts(case) for case in range(CASES)]
    texts = [t for c in cases for t in [c.hypothesis, *c.references]]
    fixtures = {"texts": {"atoms": ATOMS, "separators": SEPARATORS, "digests": digests(texts, 400)},
                "translation": translation(cases), "significance": significance(cases), "rouge": rouge(cases),
                "rouge_sentences": rouge_sentences(cases), "squad": squad(cases),
                "squad_questions": squad_questions(cases), "entities": entities(),
                "labels_and_numbers": labels_and_numbers(), "multi_label": multi_label(), "characters": characters()}
    for name, fixture in fixtures.items():
        (directory / f"{name}.json").write_text(json.dumps(fixture, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
