/// Ends a row where a given text appears, and lets its text out piece by piece for a terminal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace langzoo {

/// The text of some ids (a tokenizer's decode). Ids that end inside a UTF-8 character may give its bytes or U+FFFD.
using DecodeIds = std::function<std::string(std::span<const std::int32_t>)>;

/// Follows one row. Ids are decoded a few at a time, together with those before them, because what a token looks like
/// can depend on its neighbours (a word's first blank, a character spread over several tokens).
class StopStrings {
 public:
  /// Throws std::invalid_argument for an empty stop text. Without any, this only turns ids into text.
  StopStrings(std::vector<std::string> stops, DecodeIds decode);

  /// Takes the next id; true once a stop text has appeared. Further ids are ignored.
  bool append(std::int32_t id);

  /// No further id comes: what was held back belongs to the text.
  void finish();

  /// The text that became certain since the last call: it holds no beginning of a stop text, no part of a character.
  std::string take();

  /// All the text so far, cut before the stop text that came first.
  const std::string& text() const { return text_; }
  /// Whether a stop text has appeared.
  bool stopped() const { return stopped_; }

 private:
  void extend(std::string_view piece);
  std::size_t held_back() const;

  std::vector<std::string> stops_;
  DecodeIds decode_;
  std::vector<std::int32_t> ids_;  ///< the window: ids known by their text, then those that are not yet
  std::size_t known_ = 0;          ///< how many of the window's ids are in `text_`
  std::string text_;
  std::size_t taken_ = 0;  ///< bytes of `text_` that take() has given
  bool stopped_ = false, finished_ = false;
};

/// For BeamSearchOptions::is_complete: whether the last of the new ids completes one of the `stops`, what is before
/// them holding none. Only as many ids are decoded as the longest stop text has bytes, and a few more.
std::function<bool(std::span<const std::int32_t>)> stop_check(std::vector<std::string> stops, DecodeIds decode);

}  // namespace langzoo
