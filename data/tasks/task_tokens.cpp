#include "data/tasks/task_tokens.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

namespace langzoo {

std::optional<TaskTokens> TaskTokens::of(const Tokenizer& tokenizer) {
  const auto start = tokenizer.token_to_id(kTaskTokens[0]), delimiter = tokenizer.token_to_id(kTaskTokens[1]),
             extract = tokenizer.token_to_id(kTaskTokens[2]);
  if (!start || !delimiter || !extract) return {};
  return TaskTokens{*start, *delimiter, *extract};
}

TokenRow TaskTokens::row(const Tokenizer& tokenizer, std::string_view text, std::string_view pair,
                         std::size_t most) const {
  const std::size_t around = pair.empty() ? 2 : 3;
  EncodeOptions options;
  options.add_special_tokens = false;
  options.own_padding = options.own_truncation = options.overflowing = false;
  if (most > 0) {
    if (most <= around)
      throw std::invalid_argument(
          fmt::format("{} tokens leave no room for a text between {}", most, pair.empty() ? "two" : "three"));
    options.truncation = Truncation{.max_length = most - around};
  }
  const auto encoded = pair.empty() ? tokenizer.encode(text, options) : tokenizer.encode_pair(text, pair, options);
  const auto second = std::find(encoded.sequence_ids.begin(), encoded.sequence_ids.end(), 1);
  const auto border = encoded.ids.begin() + (second - encoded.sequence_ids.begin());
  TokenRow row;
  row.ids.reserve(encoded.ids.size() + around);
  row.ids.push_back(start);
  row.ids.insert(row.ids.end(), encoded.ids.begin(), border);
  if (!pair.empty()) row.ids.push_back(delimiter);
  row.ids.insert(row.ids.end(), border, encoded.ids.end());
  row.ids.push_back(extract);
  row.cut = encoded.cut > 0;
  return row;
}

}  // namespace langzoo
