"""Writes tokenizers/normalizers/unicode_tables.inc: the properties of characters that Python's `tokenizers` normalizes by.

Versions: tokenizers 0.23.3. Usage: python make_normalizer_tables.py > ../../tokenizers/normalizers/unicode_tables.inc

The package's parts know Unicode of different versions (9 for the normalization forms, about 8 for the categories, 16 for
cases and graphemes), so each property is asked of the package itself, over all code points.
"""

import base64
import struct
import sys
import unicodedata

from tokenizers import Regex, normalizers

CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def ranges(code_points, gaps=frozenset()):
    """The code points as ranges, which may go over the code points of `gaps`."""
    first = last = None
    for c in code_points:
        if first is not None and all(gap in gaps for gap in range(last + 1, c)):
            last = c
            continue
        if first is not None:
            yield first, last
        first = last = c
    if first is not None:
        yield first, last


def print_table(declaration, items):
    print(f"constexpr {declaration} = {{")
    line = "   "
    for item in items:
        if len(line) + len(item) + 2 > 120:
            print(line)
            line = "   "
        line += f" {item},"
    print(line)
    print("};")


def print_ranges(name, comment, found):
    print(f"\n// {comment}")
    print_table(f"CodePointRange {name}[]", (f"{{0x{first:X}, 0x{last:X}}}" for first, last in found))


def removed_by(normalizer):
    return [c for c in CODE_POINTS if normalizer.normalize_str(chr(c)) == ""]


def bert(**options):
    off = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    return normalizers.BertNormalizer(**{**off, **options})


def print_inert():
    """Characters that the package neither decomposes nor reorders, though Unicode 14 or 16 does or may."""
    known = set(removed_by(normalizers.Replace(Regex(r"\P{Cn}"), "")))  # assigned in the newest version the package knows
    nfd, nfkd = normalizers.NFD().normalize_str, normalizers.NFKD().normalize_str
    marks = [chr(c) for c in (0x334, 0x93C, 0x3099, 0x94D, 0x5B0, 0x316, 0x301, 0x345)]  # of many combining classes
    listed, plain = [], set()
    for c in CODE_POINTS:
        character = chr(c)
        new = unicodedata.category(character) == "Cn"
        if unicodedata.combining(character) == 0 and unicodedata.normalize("NFKD", character) == character:
            plain.add(c)
            if not new or c not in known:
                continue
        text = "".join(mark + character + other + "a" for mark in marks for other in marks)
        if nfkd(character) == character and nfd(text) == text:
            listed.append(c)
    print_ranges("kInert", "Later than Unicode 9: neither decomposed nor reordered nor composed.", ranges(listed, plain))


def print_lowercase():
    lower = normalizers.Lowercase().normalize_str
    runs = []  # [first, last, step, difference]
    for c in CODE_POINTS:
        to = lower(chr(c))
        if len(to) > 1:
            assert (c, to) == (0x130, "i\u0307")  # handled by name
            continue
        difference = ord(to) - c
        if difference == 0:
            continue
        if runs and runs[-1][3] == difference:
            run = runs[-1]
            step = c - run[1]
            if step <= 2 and run[2] in (0, step):
                run[1], run[2] = c, step
                continue
        runs.append([c, c, 0, difference])
    print("\n// Every `step`-th character from first to last has a lower case that is `difference` away.")
    print_table("CaseRange kLowercase[]",
                (f"{{0x{first:X}, 0x{last:X}, {max(step, 1)}, {difference}}}" for first, last, step, difference in runs))


def charsmap(entries):
    """A Precompiled normalizer of a map from single bytes to single ASCII characters."""
    values = "".join(value + "\0" for _, value in entries).encode()
    units = [0] * 1024
    units[0] = 1 << 10  # the root's children are at 1 ^ byte, each with its leaf at 512 ^ byte
    for i, (byte, _) in enumerate(entries):
        node, leaf = 1 ^ byte, 512 + (1 ^ byte)
        units[node] = (512 << 10) | (1 << 8) | byte
        units[leaf] = (1 << 31) | (2 * i)
    blob = struct.pack("<I", 4 * len(units)) + struct.pack(f"<{len(units)}I", *units) + values
    return normalizers.Precompiled(blob)


def print_graphemes():
    """A joined pair of up to 5 bytes is normalized at once, by its first match: this shows what joins."""
    joined = charsmap([(b, "x") for b in [ord("a"), *range(0xC2, 0xF5)]]).normalize_str
    print_ranges("kJoinsPrevious", "Never apart from the character before (Extend, ZWJ, SpacingMark).",
                 ranges([c for c in CODE_POINTS if joined("a" + chr(c)) == "x"]))
    print_ranges("kJoinsNext", "Never apart from the character after (Prepend).",
                 ranges([c for c in CODE_POINTS if c < 0x10000 and joined(chr(c) + "a") == "x"]))
    print_ranges("kControl", "Apart from whatever is beside (Control), up to U+FFFF.",
                 ranges([c for c in CODE_POINTS if 0x80 <= c < 0x10000 and joined(chr(c) + "\u0301") != "x"]))


def main():
    print("// Written by tests/reference/make_normalizer_tables.py; ranges are inclusive.")
    print_ranges("kOther", "What BertNormalizer's clean_text removes (unassigned characters stay).",
                 ranges([c for c in removed_by(bert(clean_text=True))]))
    print_ranges("kNonspacingMarks", "What BertNormalizer's strip_accents removes.",
                 ranges(removed_by(bert(strip_accents=True))))
    print_ranges("kCombiningMarks", "What StripAccents removes.", ranges(removed_by(normalizers.StripAccents())))
    print_inert()
    print_lowercase()
    print_graphemes()


if __name__ == "__main__":
    sys.exit(main())
