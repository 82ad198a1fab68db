/// Replaces what a string or a regular expression matches.
#pragma once

#include <optional>
#include <string>

#include "tokenizers/normalizers/normalizer.h"
#include "tokenizers/regex.h"

namespace langzoo {

/// Also what the decoder of that name works with.
class ReplaceNormalizer : public Normalizer {
 public:
  /// Every `pattern`, as it stands, becomes `content`.
  ReplaceNormalizer(std::string pattern, std::string content);
  /// Every match becomes `content`, as it stands.
  ReplaceNormalizer(Regex pattern, std::string content);

  using Normalizer::normalize;
  void normalize(NormalizedText& text) const override;
  std::string to_json() const override;
  bool cuts_at_borders() const override { return cuts_; }
  bool keeps_borders() const override { return keeps_; }

 private:
  std::string pattern_;         // empty where there is a regex
  std::optional<Regex> regex_;  // also for an empty string, which matches between any two characters
  std::string content_;
  bool cuts_ = false, keeps_ = false;
};

}  // namespace langzoo
