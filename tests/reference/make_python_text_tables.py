"""Writes data/metrics/python_text_tables.inc: what Python's str.lower and the `regex` package know of characters.

Versions: Python 3.11 (Unicode 14), regex 2026.11.15.
Usage: python make_python_text_tables.py > ../../data/metrics/python_text_tables.inc

kTextClasses: \\p{P}, \\p{S}, \\p{N} of `regex`, with which sacreBLEU's tokenizer "intl" cuts. kLowerCase: the lower case
of characters, U+0130 and U+03A3 left out, which have rules of their own. kCasing: what the rule of the final sigma
ignores or takes for a letter with case, asked of str.lower itself.
"""

import sys

import regex

CHARACTERS = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def classes():
    patterns = {letter: regex.compile(rf"\p{{{letter}}}") for letter in "PSN"}
    return {ord(c): letter for c in CHARACTERS for letter, p in patterns.items() if p.match(c)}


def casing():
    """A sigma after a letter with case is final; after "1" it is not."""
    def final(before):
        return (before + "\u03A3").lower()[-1] == "\u03C2"
    kinds = {}
    for c in CHARACTERS:
        if final("1" + c):
            kinds[ord(c)] = "Cased"
        elif final("a" + c):
            kinds[ord(c)] = "Ignorable"
    return kinds


def ranges(kinds):
    """(first, last, kind) of neighbours of one kind."""
    found = []
    for c, kind in sorted(kinds.items()):
        if found and found[-1][1] == c - 1 and found[-1][2] == kind:
            found[-1] = (found[-1][0], c, kind)
        else:
            found.append((c, c, kind))
    return [f"{{0x{first:X}, 0x{last:X}, {kind}}}" for first, last, kind in found]


def lower_ranges():
    pairs = [(ord(c), ord(c.lower())) for c in CHARACTERS if len(c.lower()) == 1 and c.lower() != c and c != "\u03A3"]
    found = []
    for c, lower in pairs:
        difference = lower - c
        if found:
            first, last, step, same = found[-1]
            if same == difference and c - last <= 2 and (first == last or c - last == step):
                found[-1] = (first, c, c - last, difference)
                continue
        found.append((c, c, 1, difference))
    return [f"{{0x{first:X}, 0x{last:X}, {step}, {difference}}}" for first, last, step, difference in found]


def write(kind, name, items):
    print(f"constexpr {kind} {name}[] = {{")
    line = "   "
    for item in items:
        if len(line) + len(item) + 2 > 120:
            print(line)
            line = "   "
        line += f" {item},"
    print(line)
    print("};")


def main():
    print("// Written by tests/reference/make_python_text_tables.py; ranges are inclusive.")
    print("// clang-format off")
    write("ClassRange", "kTextClasses", ranges(classes()))
    write("LowerRange", "kLowerCase", lower_ranges())
    write("CasingRange", "kCasing", ranges(casing()))
    print("// clang-format on")


if __name__ == "__main__":
    sys.exit(main())
