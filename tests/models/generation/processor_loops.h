/// The list of logits processors as loops that a reader can check.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <set>
#include <vector>

#include "models/generation/decoding_options.h"

namespace langzoo::test {

/// What is left of the logits (or log-probabilities) `x` of the token after `prompt` and `made`, for a source whose
/// hypotheses begin with `prefix`.
inline std::vector<double> processed_by_loops(std::vector<double> x, const std::vector<std::int32_t>& prompt,
                                              const std::vector<std::int32_t>& made,
                                              const std::vector<std::int32_t>& prefix, const DecodingOptions& o) {
  using Ids = std::vector<std::int32_t>;
  const auto raw = x;
  const auto new_tokens = std::ssize(made);
  auto ids = prompt;
  ids.insert(ids.end(), made.begin(), made.end());
  const auto forbid = [&](std::int32_t id) {
    if (static_cast<std::size_t>(id) < x.size()) x[id] = -INFINITY;
  };
  const auto force = [&](const Ids& forced) {
    std::fill(x.begin(), x.end(), -INFINITY);
    for (const auto id : forced) x[id] = 0;
  };
  const auto ends_with = [&](Ids::const_iterator begin, Ids::const_iterator end) {
    return end - begin <= std::ssize(ids) && std::equal(begin, end, ids.end() - (end - begin));
  };

  for (const auto id : std::set<std::int32_t>(ids.begin(), ids.end())) {
    x[id] = x[id] < 0 ? x[id] * o.repetition_penalty : x[id] / o.repetition_penalty;
  }
  const auto n = o.no_repeat_ngram_size;
  for (auto i = ids.begin(); n > 0 && ids.end() - i >= n; ++i) {
    if (ends_with(i, i + n - 1)) forbid(i[n - 1]);
  }
  for (const auto& word : o.bad_words_ids) {
    const bool is_end = word.size() == 1 && std::count(o.eos_token_ids.begin(), o.eos_token_ids.end(), word[0]) > 0;
    if (!is_end && ends_with(word.begin(), word.end() - 1)) forbid(word.back());
  }
  for (const auto id : o.eos_token_ids) {
    if (o.min_new_tokens > 0 ? new_tokens < o.min_new_tokens : std::ssize(ids) < o.min_length) forbid(id);
  }
  if (new_tokens < std::ssize(prefix)) {
    std::fill(x.begin(), x.end(), -INFINITY);
    x[prefix[new_tokens]] = raw[prefix[new_tokens]];
  }
  const bool bos_is_forced = o.forced_bos_token_id && prompt.size() == 1;
  if (bos_is_forced && new_tokens == 0) force({*o.forced_bos_token_id});
  if (!o.forced_eos_token_id.empty() && new_tokens == o.max_new_tokens - 1) force(o.forced_eos_token_id);
  for (const auto id : o.suppress_tokens) forbid(id);
  for (const auto id : o.begin_suppress_tokens) {
    if (new_tokens == (bos_is_forced ? 1 : 0)) forbid(id);
  }
  return x;
}

}  // namespace langzoo::test
