#include "tokenizers/encoding.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

namespace langzoo {

namespace {

/// Bounds what overlapping or combined windows, or padding, can take (about 2 GiB).
constexpr std::size_t kMaxTokens = std::size_t{1} << 26;

/// Calls visit(array of `a`, the same array of `b`) for all parallel arrays.
template <class A, class B, class Visit>
void for_each_array(A& a, B& b, Visit&& visit) {
  visit(a.ids, b.ids);
  visit(a.offsets, b.offsets);
  visit(a.type_ids, b.type_ids);
  visit(a.word_ids, b.word_ids);
  visit(a.sequence_ids, b.sequence_ids);
  visit(a.special_tokens_mask, b.special_tokens_mask);
  visit(a.attention_mask, b.attention_mask);
  visit(a.tokens, b.tokens);
}

/// The tokens [begin, end) without the windows.
Encoding slice(const Encoding& encoding, std::size_t begin, std::size_t end) {
  Encoding result;
  for_each_array(result, encoding, [&](auto& to, const auto& from) {
    if (from.empty()) return;
    to.assign(from.begin() + static_cast<std::ptrdiff_t>(begin), from.begin() + static_cast<std::ptrdiff_t>(end));
  });
  return result;
}

/// Puts the tokens of `part` behind those of `encoding`, their names only where both have them; the windows of both
/// stay as they are.
void append(Encoding& encoding, const Encoding& part) {
  const bool named = encoding.tokens.size() == encoding.size() && part.tokens.size() == part.size();
  for_each_array(encoding, part, [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); });
  if (!named) encoding.tokens.clear();
}

Encoding concatenate(const Encoding& first, const Encoding& second) {
  Encoding result = slice(first, 0, first.size());
  append(result, second);
  return result;
}

/// The lengths that two sequences are cut to by Strategy::LongestFirst: the shorter one is left whole while it fits
/// into half of `max_length`.
std::pair<std::size_t, std::size_t> longest_first(std::size_t first, std::size_t second, std::size_t max_length) {
  const std::size_t half = max_length / 2;
  const std::size_t shorter = std::min(first, second);
  if (shorter <= half) {
    return first <= second ? std::pair(first, max_length - first) : std::pair(max_length - second, second);
  }
  return first <= second ? std::pair(half, max_length - half) : std::pair(max_length - half, half);
}

/// The tokens of all combinations of the parts' windows, or more than kMaxTokens.
std::size_t tokens_of_windows(const std::vector<Encoding>& parts) {
  std::size_t combinations = 1, length = 0;
  for (const Encoding& part : parts) {
    std::size_t longest = part.size();
    for (const Encoding& window : part.overflowing) longest = std::max(longest, window.size());
    length += longest;
    combinations = std::min(combinations * (1 + part.overflowing.size()), kMaxTokens + 1);
  }
  return combinations == 1 ? 0 : combinations * std::max<std::size_t>(length, 1);
}

}  // namespace

void truncate(Encoding& encoding, std::size_t max_length, std::size_t stride, Side side) {
  const std::size_t size = encoding.size();
  if (size <= max_length) return;
  if (max_length == 0) {
    Encoding whole = std::exchange(encoding, {});
    encoding.overflowing.push_back(std::move(whole));
    return;
  }
  if (stride >= max_length) {
    throw std::invalid_argument(
        fmt::format("truncation: a stride of {} needs windows longer than {} tokens (special tokens not counted)",
                    stride, max_length));
  }
  const std::size_t step = max_length - stride, windows = 1 + (size - max_length + step - 1) / step;
  if (stride > 0 && windows > kMaxTokens / max_length) {
    throw std::invalid_argument(
        fmt::format("truncation: a stride of {} cuts {} tokens into {} windows of {}, together more than {} tokens",
                    stride, size, windows, max_length, kMaxTokens));
  }
  Encoding first;
  for (std::size_t i = 0; i < windows; ++i) {
    const std::size_t shift = i * step, end = std::min(shift + max_length, size);
    Encoding window = side == Side::Right ? slice(encoding, shift, end) : slice(encoding, size - end, size - shift);
    if (i == 0) {
      first = std::move(window);
    } else {
      first.overflowing.push_back(std::move(window));
    }
  }
  encoding = std::move(first);
}

void truncate(std::vector<Encoding>& sequences, const Truncation& truncation, std::size_t added) {
  if (truncation.max_length < added) {
    throw std::invalid_argument(
        fmt::format("truncation: max_length is {}, but {} special tokens are added", truncation.max_length, added));
  }
  const std::size_t max_length = truncation.max_length - added;
  const auto cut = [&](std::size_t sequence, std::size_t length) {
    truncate(sequences[sequence], length, truncation.stride, truncation.side);
  };
  if (max_length == 0) {
    for (std::size_t i = 0; i < sequences.size(); ++i) cut(i, 0);
    return;
  }
  std::size_t total = 0;
  for (const Encoding& sequence : sequences) total += sequence.size();
  if (total <= max_length) return;

  if (truncation.strategy == Truncation::Strategy::LongestFirst) {
    if (sequences.size() == 1) return cut(0, max_length);
    const auto [first, second] = longest_first(sequences[0].size(), sequences[1].size(), max_length);
    cut(0, first);
    cut(1, second);
    return;
  }
  const bool second = truncation.strategy == Truncation::Strategy::OnlySecond;
  if (second && sequences.size() < 2) {
    throw std::invalid_argument(fmt::format(
        "truncation: only the second text may be cut, but there is one text of {} tokens for {}", total, max_length));
  }
  const std::size_t size = sequences[second].size(), excess = total - max_length;
  if (size <= excess) {
    throw std::invalid_argument(
        fmt::format("truncation: only the {} text may be cut, but it has {} tokens and {} have to go",
                    second ? "second" : "first", size, excess));
  }
  cut(second, size - excess);
}

void pad(Encoding& encoding, std::size_t length, const Padding& padding) {
  for (Encoding& window : encoding.overflowing) pad(window, length, padding);
  if (encoding.size() >= length) return;
  const std::size_t count = length - encoding.size();
  const bool has_tokens = encoding.tokens.size() == encoding.size();
  const auto fill = [&](auto& array, const auto& value) {
    array.insert(padding.side == Side::Left ? array.begin() : array.end(), count, value);
  };
  if (has_tokens) fill(encoding.tokens, padding.pad_token);
  fill(encoding.ids, padding.pad_id);
  fill(encoding.offsets, Offset{});
  fill(encoding.type_ids, padding.pad_type_id);
  fill(encoding.word_ids, Encoding::kNoWord);
  fill(encoding.sequence_ids, Encoding::kNoSequence);
  fill(encoding.special_tokens_mask, std::uint8_t{1});
  fill(encoding.attention_mask, std::uint8_t{0});
}

void pad(std::span<Encoding> encodings, const Padding& padding) {
  std::size_t length = padding.length.value_or(0);
  if (!padding.length) {
    for (const Encoding& encoding : encodings) length = std::max(length, encoding.size());
  }
  const std::size_t multiple = padding.pad_to_multiple_of;
  if (length > kMaxTokens || multiple > kMaxTokens) {
    throw std::invalid_argument(
        fmt::format("padding: to {} tokens, a multiple of {}, is more than {}", length, multiple, kMaxTokens));
  }
  if (multiple > 0 && length % multiple > 0) length += multiple - length % multiple;
  for (Encoding& encoding : encodings) pad(encoding, length, padding);
}

Encoding join(std::vector<Encoding> parts) {
  if (parts.empty()) return {};
  if (tokens_of_windows(parts) > kMaxTokens) {
    throw std::invalid_argument(fmt::format(
        "truncation: the combinations of both texts' windows are more than {} tokens (EncodeOptions::overflowing)",
        kMaxTokens));
  }
  Encoding whole = std::move(parts[0]);
  for (std::size_t i = 1; i < parts.size(); ++i) {
    Encoding& part = parts[i];
    if (part.overflowing.empty()) {
      for (Encoding& window : whole.overflowing) append(window, part);
    } else {
      std::vector<Encoding> windows;
      for (const Encoding& window : whole.overflowing) {
        windows.push_back(concatenate(window, part));
        for (const Encoding& other : part.overflowing) windows.push_back(concatenate(window, other));
      }
      for (const Encoding& other : part.overflowing) windows.push_back(concatenate(whole, other));
      whole.overflowing = std::move(windows);
    }
    append(whole, part);
  }
  return whole;
}

}  // namespace langzoo
