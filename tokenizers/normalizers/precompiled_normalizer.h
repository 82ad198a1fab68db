/// The normalizer that a SentencePiece model carries as a table (Kudo and Richardson 2018), applied as Python's
/// `tokenizers` applies it: to extended grapheme clusters.
#pragma once

#include <array>
#include <string>

#include "tokenizers/normalizers/charsmap.h"
#include "tokenizers/normalizers/normalizer.h"

namespace langzoo {

class PrecompiledNormalizer : public Normalizer {
 public:
  /// `charsmap` is the precompiled_charsmap of a SentencePiece model, not its base64. Throws std::invalid_argument.
  explicit PrecompiledNormalizer(std::string charsmap);
  const std::string& charsmap() const { return bytes_; }

  using Normalizer::normalize;
  void normalize(NormalizedText& text) const override;
  std::string to_json() const override;
  /// But for the offsets of a text whose first characters are replaced by nothing: those of all that follows are early
  /// by as many characters, as they are in Python.
  bool cuts_at_borders() const override { return cuts_; }
  bool keeps_borders() const override { return keeps_; }

 private:
  std::string bytes_;
  Charsmap map_;
  std::array<bool, 128> changes_{};  // the ASCII characters that have a replacement when they stand alone
  bool cuts_ = false, keeps_ = false;
};

}  // namespace langzoo
