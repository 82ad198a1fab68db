#include "tokenizers/normalizers/normalized_text.h"

#include <algorithm>
#include <array>
#include <limits>
#include <stdexcept>

#include <fmt/format.h>

#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

bool continues_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
}

/// The length of the character at text[at].
std::size_t length_at(std::string_view text, std::size_t at) {
  std::size_t end = at + 1;
  while (end < text.size() && continues_character(text[end])) ++end;
  return end - at;
}

}  // namespace

NormalizedText::NormalizedText(std::string_view text, std::size_t begin)
    : text_(text), original_{begin, begin + text.size()} {}

void NormalizedText::check(std::size_t begin, std::size_t end) const {
  const auto is_border = [&](std::size_t at) {
    return at == text_.size() || (at < text_.size() && !continues_character(text_[at]));
  };
  if (begin > end || !is_border(begin) || !is_border(end)) {
    throw std::out_of_range(
        fmt::format("[{}, {}) is no range of characters in a text of {} bytes", begin, end, text_.size()));
  }
}

void NormalizedText::check_size(std::size_t size) const {
  if (size <= max_size()) return;
  throw std::runtime_error(
      fmt::format("normalizing makes more than {} bytes of {}", max_size(), original_.end - original_.begin));
}

void NormalizedText::spell_out_origins() {
  if (!origins_.empty() || text_.empty()) return;
  if (text_.size() > std::numeric_limits<std::uint32_t>::max()) {
    throw std::out_of_range("a part of a text that is normalized has more than 4 GiB");
  }
  origins_.resize(text_.size());
  for (std::size_t at = 0; at < text_.size();) {
    const std::size_t end = at + length_at(text_, at);
    const Origin origin{static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(end)};
    while (at < end) origins_[at++] = origin;
  }
}

Offset NormalizedText::original(std::size_t begin, std::size_t end) const {
  if (begin > end || end > text_.size()) {
    throw std::out_of_range(fmt::format("[{}, {}) is no range in a text of {} bytes", begin, end, text_.size()));
  }
  Offset local{begin, end};
  if (begin != end && !origins_.empty()) {
    local = {origins_[begin].begin, origins_[end - 1].end};
  } else if (begin != end) {
    while (local.begin > 0 && continues_character(text_[local.begin])) --local.begin;
    while (local.end < text_.size() && continues_character(text_[local.end])) ++local.end;
  }
  return {std::min(original_.begin + local.begin, original_.end), std::min(original_.begin + local.end, original_.end)};
}

void NormalizedText::transform(std::size_t begin, std::size_t end, std::span<const Char> chars, std::size_t dropped) {
  check(begin, end);
  // As long as each character takes the place of one of the same length, the origins stay.
  std::string out;
  out.reserve(end - begin);
  std::size_t at = begin, next = 0;
  if (dropped == 0) {
    for (; next < chars.size() && at < end && chars[next].change == 0; ++next) {
      const std::size_t size = out.size();
      append_utf8(out, chars[next].code_point);
      const std::size_t length = length_at(text_, at);
      if (out.size() - size != length) {
        out.resize(size);
        break;
      }
      at += length;
    }
    if (next == chars.size() && at == end) {
      std::copy(out.begin(), out.end(), text_.begin() + static_cast<std::ptrdiff_t>(begin));
      return;
    }
  }
  spell_out_origins();
  const auto skip = [&](std::size_t count) {
    for (; count > 0; --count) {
      if (at >= end) throw std::out_of_range("a replacement stands for more characters than there are");
      at += length_at(text_, at);
    }
  };
  const std::size_t kept = at;  // up to here the origins stay
  std::vector<Origin> origins;
  origins.reserve(end - kept);
  skip(dropped);
  for (; next < chars.size(); ++next) {
    const auto [code_point, change] = chars[next];
    Origin origin{0, 0};
    if (change > 0) {
      if (at > 0) origin = origins_[at - 1];
    } else {
      const std::size_t from = at;
      skip(1 + static_cast<std::size_t>(-static_cast<long>(change)));
      origin = origins_[from];
    }
    const std::size_t size = out.size();
    append_utf8(out, code_point);
    origins.insert(origins.end(), out.size() - size, origin);
  }
  check_size(text_.size() - (end - begin) + out.size());
  const auto index = [](std::size_t i) { return static_cast<std::ptrdiff_t>(i); };
  text_.replace(begin, end - begin, out);
  const std::size_t common = std::min(origins.size(), end - kept);
  std::copy_n(origins.begin(), common, origins_.begin() + index(kept));
  if (origins.size() > common) {
    origins_.insert(origins_.begin() + index(end), origins.begin() + index(common), origins.end());
  } else {
    origins_.erase(origins_.begin() + index(kept + common), origins_.begin() + index(end));
  }
}

void NormalizedText::replace(std::span<const Offset> ranges, std::string_view with) {
  if (ranges.empty()) return;
  for (const Offset& range : ranges) check(range.begin, range.end);
  if (std::all_of(ranges.begin(), ranges.end(), [&](const Offset& r) { return r.end - r.begin == with.size(); }) &&
      with.size() == length_at(with, 0)) {
    // One character for another of the same length.
    const auto is_character = [&](const Offset& r) { return length_at(text_, r.begin) == with.size(); };
    if (std::all_of(ranges.begin(), ranges.end(), is_character)) {
      for (const Offset& r : ranges) text_.replace(r.begin, with.size(), with);
      return;
    }
  }
  check_size(text_.size() + ranges.size() * with.size());
  spell_out_origins();
  std::string text;
  std::vector<Origin> origins;
  text.reserve(text_.size() + ranges.size() * with.size());
  origins.reserve(text.capacity());
  std::size_t at = 0;
  const auto keep_up_to = [&](std::size_t end) {
    if (end < at) throw std::out_of_range("the ranges to replace overlap");
    text.append(text_, at, end - at);
    origins.insert(origins.end(), origins_.begin() + static_cast<std::ptrdiff_t>(at),
                   origins_.begin() + static_cast<std::ptrdiff_t>(end));
  };
  for (const Offset& range : ranges) {
    keep_up_to(range.begin);
    text += with;
    origins.insert(origins.end(), with.size(), range.end > 0 ? origins_[range.end - 1] : Origin{0, 0});
    at = range.end;
  }
  keep_up_to(text_.size());
  text_.swap(text);
  origins_.swap(origins);
}

void NormalizedText::replace(std::size_t begin, std::size_t end, std::string_view with) {
  const Offset range{begin, end};
  replace({&range, 1}, with);
}

void NormalizedText::prepend(std::string_view prefix) {
  if (text_.empty() || prefix.empty()) return;
  check_size(text_.size() + prefix.size());
  spell_out_origins();
  text_.insert(0, prefix);
  origins_.insert(origins_.begin(), prefix.size(), Origin(origins_.front()));
}

void NormalizedText::append(std::string_view suffix) {
  if (suffix.empty()) return;
  check_size(text_.size() + suffix.size());
  const bool was_empty = text_.empty();
  spell_out_origins();
  text_ += suffix;
  origins_.insert(origins_.end(), suffix.size(), was_empty ? Origin{0, 0} : Origin(origins_.back()));
}

NormalizedText NormalizedText::slice(std::size_t begin, std::size_t end) const {
  NormalizedText part;
  part.original_ = original(begin, end);
  part.text_ = text_.substr(begin, end - begin);
  if (!origins_.empty() && begin != end) {
    part.origins_.assign(origins_.begin() + static_cast<std::ptrdiff_t>(begin),
                         origins_.begin() + static_cast<std::ptrdiff_t>(end));
    const auto shift = static_cast<std::uint32_t>(part.original_.begin - original_.begin);
    for (Origin& origin : part.origins_) {
      origin.begin -= shift;
      origin.end -= shift;
    }
  }
  return part;
}

}  // namespace langzoo
