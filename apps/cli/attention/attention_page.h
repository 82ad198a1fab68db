/// One self-contained page on which a reader looks at attention: chooses text, kind, layer and head, and points at a
/// token to see where it looks and what looks at it.
#pragma once

#include <cstddef>
#include <string>

#include "apps/cli/attention/attention_maps.h"

namespace langzoo {

class AttentionPage {
 public:
  /// Weights that a page holds, at 2 bytes each.
  static constexpr std::size_t kMostWeights = std::size_t{1} << 23;

  /// Throws std::length_error where the page would hold more than kMostWeights, std::invalid_argument where a map's
  /// weights are not as many as its sizes say.
  void add(const AttentionMaps& maps);
  /// Texts so far.
  std::size_t size() const { return texts_; }

  std::string html(const std::string& title, const std::string& subtitle) const;

 private:
  std::string json_;  ///< the texts, behind each other
  std::size_t texts_ = 0, weights_ = 0;
};

}  // namespace langzoo
