/// The normalization forms of Unicode (Standard Annex #15).
#pragma once

#include <string>

#include "tokenizers/normalizers/normalizer.h"

namespace langzoo {

enum class UnicodeForm { Nfc, Nfd, Nfkc, Nfkd };

void normalize_unicode(NormalizedText& text, UnicodeForm form);

/// Characters later than Unicode 9 stay as they are, as in Python's `tokenizers`.
class UnicodeNormalizer : public Normalizer {
 public:
  explicit UnicodeNormalizer(UnicodeForm form) : form_(form) {}
  UnicodeForm form() const { return form_; }

  using Normalizer::normalize;
  void normalize(NormalizedText& text) const override;
  std::string to_json() const override;
  bool cuts_at_borders() const override { return true; }
  bool keeps_borders() const override { return true; }

 private:
  UnicodeForm form_;
};

}  // namespace langzoo
