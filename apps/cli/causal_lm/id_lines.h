/// Sequences of ids, one a line.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tokenizers/encoding.h"

namespace langzoo {

/// The ids of a line as langzoo-tokenizer writes and reads them (parse_ids). Throws std::runtime_error, `where` in
/// front, for what is no id and for ids that a model of `vocab_size` tokens does not have.
std::vector<TokenId> ids_of_line(const std::string& line, std::int64_t vocab_size, const std::string& where);

}  // namespace langzoo
