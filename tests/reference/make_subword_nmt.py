#!/usr/bin/env python3
"""Goldens of subword-nmt: subword_nmt.codes, learned from our own corpus, and subword_nmt.json, lines and their segmentation.

Made with subword-nmt 0.3.8. Deterministic.
"""

import io
import json
import pathlib

from subword_nmt.apply_bpe import BPE
from subword_nmt.learn_bpe import learn_bpe

from make_tokenizers import adversarial, corpus

OUT = pathlib.Path(__file__).parent.parent / "fixtures" / "tokenizers"


def main():
    lines = [" ".join(line.split()) for line in corpus()[:300]]
    codes = io.StringIO()
    learn_bpe(io.StringIO("\n".join(lines)), codes, 200)
    # A repeated merge: the first counts.
    text = codes.getvalue() + codes.getvalue().splitlines()[3] + "\n"
    (OUT / "subword_nmt.codes").write_text(text)
    bpe = BPE(io.StringIO(text))
    tested = lines[:60] + ["", "a", "é", "éa aé", "  two  spaces ", "Unknown CHARACTERS", "河水 👍🏽 e\u0301", "the</w> </w>", "lamp" * 40, "a@@ b"]
    tested += [t for t in adversarial() if not set(t) & set("\r\n")][:80]
    cases = [{"line": t, "segmented": bpe.segment(t)} for t in tested]
    (OUT / "subword_nmt.json").write_text(json.dumps(cases, ensure_ascii=False, indent=0) + "\n")


if __name__ == "__main__":
    main()
