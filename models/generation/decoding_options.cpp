#include "models/generation/decoding_options.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "models/generation/option_check.h"

namespace langzoo {
namespace {

bool holds(const std::vector<std::int32_t>& ids, std::int32_t id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

/// Calls `see(field, id)` for every token that is named, but end tokens and prefixes.
template <typename F>
void for_each_token(const DecodingOptions& options, const F& see) {
  for (const auto& words : options.bad_words_ids) {
    for (const auto id : words) see("bad_words_ids", id);
  }
  if (options.forced_bos_token_id) see("forced_bos_token_id", *options.forced_bos_token_id);
  for (const auto id : options.forced_eos_token_id) see("forced_eos_token_id", id);
  for (const auto id : options.suppress_tokens) see("suppress_tokens", id);
  for (const auto id : options.begin_suppress_tokens) see("begin_suppress_tokens", id);
}

}  // namespace

void DecodingOptions::validate() const {
  constexpr std::int64_t kLimit = std::numeric_limits<std::int32_t>::max();
  require_option(max_new_tokens >= 1 && max_new_tokens <= kLimit, "max_new_tokens", max_new_tokens, "at least 1");
  require_option(min_new_tokens >= 0 && min_new_tokens <= max_new_tokens, "min_new_tokens", min_new_tokens,
                 "between 0 and max_new_tokens");
  require_option(min_length >= 0, "min_length", min_length, "0 or more");
  require_option(num_return_sequences >= 1 && num_return_sequences <= kLimit, "num_return_sequences",
                 num_return_sequences, "at least 1");
  require_option(std::isfinite(repetition_penalty) && repetition_penalty > 0, "repetition_penalty", repetition_penalty,
                 "finite and positive");
  require_option(no_repeat_ngram_size >= 0, "no_repeat_ngram_size", no_repeat_ngram_size,
                 "positive, or 0 for no limit");
  for (const auto id : eos_token_ids) require_option(id >= 0, "eos_token_id", id, "a token's id");
  for (const auto& words : bad_words_ids) {
    if (words.empty()) throw std::invalid_argument("bad_words_ids holds an empty sequence; each must hold a token");
  }
  for_each_token(*this, [](const char* field, std::int32_t id) { require_option(id >= 0, field, id, "a token's id"); });
  const auto check_forced = [&](const char* field, const std::vector<std::int32_t>& forced) {
    const bool possible = forced.empty() || std::any_of(forced.begin(), forced.end(),
                                                        [&](auto id) { return !holds(suppress_tokens, id); });
    if (!possible) throw std::invalid_argument(fmt::format("{}: suppress_tokens forbids {}", field, forced.front()));
  };
  if (forced_bos_token_id) check_forced("forced_bos_token_id", {*forced_bos_token_id});
  check_forced("forced_eos_token_id", forced_eos_token_id);
  for (const auto& processor : processors) {
    if (!processor) throw std::invalid_argument("processors holds a null pointer");
  }
  const auto longest = max_new_tokens - (forced_eos_token_id.empty() ? 0 : 1);
  for (std::size_t i = 0; i < prefixes.size(); ++i) {
    if (std::ssize(prefixes[i]) > longest) {
      throw std::invalid_argument(fmt::format("prefixes: that of source {} has {} tokens; max_new_tokens is {}{}", i,
                                              prefixes[i].size(), max_new_tokens,
                                              longest < max_new_tokens ? ", of which the last is forced" : ""));
    }
    for (const auto id : prefixes[i]) {
      const char* const wrong = id < 0                       ? "is no token's id"
                                : holds(eos_token_ids, id)   ? "is an end token"
                                : holds(suppress_tokens, id) ? "suppress_tokens forbids"
                                                             : nullptr;
      if (wrong) {
        throw std::invalid_argument(fmt::format("prefixes: that of source {} holds {}, which {}", i, id, wrong));
      }
    }
  }
}

void DecodingOptions::check_vocabulary(std::int64_t vocabulary) const {
  const auto check = [&](const char* field, std::int32_t id) {
    if (id >= vocabulary) {
      throw std::invalid_argument(fmt::format("{}: {} is outside the model's vocabulary of {}", field, id, vocabulary));
    }
  };
  for_each_token(*this, check);
  for (const auto& prefix : prefixes) {
    for (const auto id : prefix) check("prefixes", id);
  }
}

}  // namespace langzoo
