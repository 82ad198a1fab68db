/// What holds for every tokenizer and text, however hostile.
#pragma once

#include <string>
#include <vector>

#include "tests/support/fuzz.h"
#include "tokenizers/tokenizer.h"

namespace langzoo::test {

/// Text for a tokenizer: words, any characters, bytes that are not UTF-8, long words, runs of combining marks, white
/// space, and strings of `vocabulary`; of about `size` bytes.
std::string random_text(const std::vector<std::string>& vocabulary, std::size_t size, FuzzRandom& random);

/// Throws std::logic_error.
void require(bool holds, const char* what);

/// Encodes random texts and pairs, with and without windows, padding, sampling and threads, and decodes; saves, loads,
/// and compares. std::logic_error where two ways give different ids, offsets leave the text, or loading fails.
void exercise(const Tokenizer& tokenizer, FuzzRandom& random);

}  // namespace langzoo::test
