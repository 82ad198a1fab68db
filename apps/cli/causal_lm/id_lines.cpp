#include "apps/cli/causal_lm/id_lines.h"

#include <stdexcept>

#include <fmt/format.h>

#include "apps/cli/tokenizer/input.h"

namespace langzoo {

std::vector<TokenId> ids_of_line(const std::string& line, std::int64_t vocab_size, const std::string& where) {
  std::vector<TokenId> ids;
  try {
    ids = parse_ids(line);
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(fmt::format("{}: {}", where, error.what()));
  }
  for (const auto id : ids) {
    if (id < vocab_size) continue;
    throw std::runtime_error(fmt::format("{}: id {} is outside the model's vocabulary of {}", where, id, vocab_size));
  }
  return ids;
}

}  // namespace langzoo
