/// Tokens to read.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "tokenizers/tokenizer.h"

namespace langzoo {

/// Without the blank before a word, and something to see in every case.
std::vector<std::string> shown_tokens(const Tokenizer& tokenizer, std::span<const TokenId> ids);

}  // namespace langzoo
