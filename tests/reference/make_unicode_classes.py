"""Writes tokenizers/unicode_classes.inc: the letters (L) and numbers (N) of Unicode as Python's `tokenizers` classifies them.

Versions: tokenizers 0.23.3 (Unicode 16). Usage: python make_unicode_classes.py > ../../tokenizers/unicode_classes.inc

The classes are asked of the package itself, by which neighbours GPT-2's pre-tokenizer leaves a character with, so that
the pieces are the same whatever Unicode version the system's libraries know.
"""

import sys

from tokenizers import pre_tokenizers

split = pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str


def is_letter(c):
    return len(split("a" + c)) == 1


def is_number(c):
    return len(split("1" + c)) == 1


def ranges(test):
    first = None
    for cp in range(0x110001):
        inside = cp < 0x110000 and not 0xD800 <= cp < 0xE000 and test(chr(cp))
        if inside and first is None:
            first = cp
        elif not inside and first is not None:
            yield first, cp - 1
            first = None


def main():
    print("// Written by tests/reference/make_unicode_classes.py; ranges are inclusive.")
    for name, test in ("kLetters", is_letter), ("kNumbers", is_number):
        print(f"constexpr CodePointRange {name}[] = {{")
        line = "   "
        for first, last in ranges(test):
            item = f" {{0x{first:X}, 0x{last:X}}},"
            if len(line) + len(item) > 120:
                print(line)
                line = "   "
            line += item
        print(line)
        print("};")


if __name__ == "__main__":
    sys.exit(main())
