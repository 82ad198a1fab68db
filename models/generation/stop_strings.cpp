#include "models/generation/stop_strings.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace langzoo {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

/// Whether `text` ends inside a UTF-8 character, or in the sign that stands for one.
bool ends_inside_character(std::string_view text) {
  if (text.ends_with(kReplacement)) return true;
  for (std::size_t back = 1; back <= std::min<std::size_t>(text.size(), 3); ++back) {
    const auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if (byte < 0x80) return false;
    if (byte >= 0xC0) return back < (byte >= 0xF0 ? 4U : byte >= 0xE0 ? 3U : 2U);
  }
  return false;
}

void check_stops(const std::vector<std::string>& stops) {
  for (const auto& stop : stops) {
    if (stop.empty()) throw std::invalid_argument("a stop text is empty");
  }
}

/// A character has at most four bytes, so no valid text stays unfinished for longer than this many ids.
constexpr std::size_t kPatience = 8;

}  // namespace

StopStrings::StopStrings(std::vector<std::string> stops, DecodeIds decode)
    : stops_(std::move(stops)), decode_(std::move(decode)) {
  check_stops(stops_);
}

bool StopStrings::append(std::int32_t id) {
  if (stopped_ || finished_) return stopped_;
  ids_.push_back(id);
  const auto all = decode_(ids_);
  if (ends_inside_character(all) && ids_.size() - known_ < kPatience) return false;
  const auto before = decode_(std::span(ids_).first(known_)).size();
  if (before > 0 && all.size() == before) {  // a skipped token: what was before it stays the context
    ids_.resize(known_);
    return false;
  }
  extend(std::string_view(all).substr(std::min(before, all.size())));
  ids_.erase(ids_.begin(), ids_.begin() + static_cast<std::ptrdiff_t>(known_));
  known_ = ids_.size();
  return stopped_;
}

void StopStrings::finish() {
  if (!stopped_ && !finished_ && known_ < ids_.size()) {
    const auto all = decode_(ids_);
    const auto before = decode_(std::span(ids_).first(known_)).size();
    extend(std::string_view(all).substr(std::min(before, all.size())));
  }
  finished_ = true;
}

/// Adds a piece and cuts at the earliest stop text; only one that reaches into the piece can be new.
void StopStrings::extend(std::string_view piece) {
  const auto old = text_.size();
  text_ += piece;
  auto cut = std::string::npos;
  for (const auto& stop : stops_) cut = std::min(cut, text_.find(stop, old - std::min(old, stop.size() - 1)));
  if (cut == std::string::npos) return;
  text_.resize(cut);
  stopped_ = true;
}

/// Length of the longest end of the text that begins a stop text.
std::size_t StopStrings::held_back() const {
  std::size_t held = 0;
  for (const auto& stop : stops_) {
    for (auto n = std::min(stop.size() - 1, text_.size()); n > held; --n) {
      if (std::string_view(text_).ends_with(std::string_view(stop).substr(0, n))) held = n;
    }
  }
  return held;
}

std::string StopStrings::take() {
  const auto end = text_.size() - (stopped_ || finished_ ? 0 : held_back());
  if (end <= taken_) return {};
  auto piece = text_.substr(taken_, end - taken_);
  taken_ = end;
  return piece;
}

std::function<bool(std::span<const std::int32_t>)> stop_check(std::vector<std::string> stops, DecodeIds decode) {
  check_stops(stops);
  std::size_t longest = 0;
  for (const auto& stop : stops) longest = std::max(longest, stop.size());
  return [stops = std::move(stops), decode = std::move(decode), longest](std::span<const std::int32_t> ids) {
    const auto text = decode(ids.last(std::min(ids.size(), longest + kPatience)));
    return std::any_of(stops.begin(), stops.end(), [&](const auto& stop) { return text.find(stop) != text.npos; });
  };
}

}  // namespace langzoo
