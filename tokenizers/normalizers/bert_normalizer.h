/// BERT's basic cleaning (Devlin et al. 2018; reference: BasicTokenizer of google-research/bert).
#pragma once

#include <optional>
#include <string>

#include "tokenizers/normalizers/normalizer.h"

namespace langzoo {

struct BertNormalizerOptions {
  bool clean_text = true;             // control characters go, white space becomes a space
  bool handle_chinese_chars = true;   // spaces around ideographs
  std::optional<bool> strip_accents;  // none: where `lowercase` is set
  bool lowercase = true;
  bool operator==(const BertNormalizerOptions&) const = default;
};

class BertNormalizer : public Normalizer {
 public:
  explicit BertNormalizer(BertNormalizerOptions options = {}) : options_(options) {}
  const BertNormalizerOptions& options() const { return options_; }

  using Normalizer::normalize;
  void normalize(NormalizedText& text) const override;
  std::string to_json() const override;
  bool cuts_at_borders() const override { return true; }
  bool keeps_borders() const override { return true; }

 private:
  BertNormalizerOptions options_;
};

}  // namespace langzoo
