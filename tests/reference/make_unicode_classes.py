"""Writes tokenizers/unicode_classes.inc: the classes of characters as Python's `tokenizers` has them.

Versions: tokenizers 0.23.3. Usage: python make_unicode_classes.py > ../../tokenizers/unicode_classes.inc

The classes are asked of the package itself, by which neighbours a pre-tokenizer leaves a character with, so that words
are the same whatever Unicode version the system's libraries know. The package's own parts differ in theirs: letters (L),
numbers (N) and word characters (\\w) are Unicode 16's, numeric ones (N again, of another library) Unicode 17's,
punctuation (P) is Unicode 8's and all of ASCII's that is no letter or digit. White space has been the same in all.
"""

import sys

from tokenizers import pre_tokenizers

gpt2 = pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str
words = pre_tokenizers.Whitespace().pre_tokenize_str
digits = pre_tokenizers.Digits().pre_tokenize_str
punctuation = pre_tokenizers.Punctuation().pre_tokenize_str
spaces = pre_tokenizers.WhitespaceSplit().pre_tokenize_str


def is_letter(c):
    return len(gpt2("a" + c)) == 1


def is_number(c):
    return len(gpt2("1" + c)) == 1


def is_word(c):
    return words("a" + c)[0][0] == "a" + c


def is_numeric(c):
    return len(digits("a" + c)) == 2


def is_punctuation(c):
    return len(punctuation("a" + c)) == 2


def is_white_space(c):
    return spaces("a" + c)[0][0] == "a"


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
    classes = {"kLetters": is_letter, "kNumbers": is_number, "kWhiteSpace": is_white_space, "kWord": is_word,
               "kNumeric": is_numeric, "kPunctuation": is_punctuation}
    for name, test in classes.items():
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
