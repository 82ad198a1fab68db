/// The normalizers of tokenizer.json that need a few lines each.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tokenizers/normalizers/normalizer.h"

namespace langzoo {

/// One after the other.
class SequenceNormalizer : public Normalizer {
 public:
  explicit SequenceNormalizer(std::vector<std::shared_ptr<const Normalizer>> steps) : steps_(std::move(steps)) {}
  const std::vector<std::shared_ptr<const Normalizer>>& steps() const { return steps_; }

  using Normalizer::normalize;
  void normalize(NormalizedText& text) const override;
  std::string to_json() const override;
  bool cuts_at_borders() const override;
  bool keeps_borders() const override;

 private:
  std::vector<std::shared_ptr<const Normalizer>> steps_;
};

/// Unicode's lower case, character by character (no final sigma).
class LowercaseNormalizer : public Normalizer {
 public:
  using Normalizer::normalize;
  void normalize(NormalizedText& text) const override;
  std::string to_json() const override;
  bool cuts_at_borders() const override { return true; }
  bool keeps_borders() const override { return true; }
};

/// Removes combining marks; those of precomposed letters only after NFD or NFKD.
class StripAccentsNormalizer : public Normalizer {
 public:
  using Normalizer::normalize;
  void normalize(NormalizedText& text) const override;
  std::string to_json() const override;
  bool cuts_at_borders() const override { return true; }
  bool keeps_borders() const override { return true; }
};

/// Puts `prefix` before a text that is not empty.
class PrependNormalizer : public Normalizer {
 public:
  explicit PrependNormalizer(std::string prefix) : prefix_(std::move(prefix)) {}
  const std::string& prefix() const { return prefix_; }

  using Normalizer::normalize;
  void normalize(NormalizedText& text) const override;
  std::string to_json() const override;

 private:
  std::string prefix_;
};

/// Removes white space at the ends.
class StripNormalizer : public Normalizer {
 public:
  explicit StripNormalizer(bool left = true, bool right = true) : left_(left), right_(right) {}

  using Normalizer::normalize;
  void normalize(NormalizedText& text) const override;
  std::string to_json() const override;
  bool cuts_at_borders() const override { return !left_; }
  bool keeps_borders() const override { return !left_; }

 private:
  bool left_, right_;
};

/// Removes control characters, as Moses-style machine translation does, and makes other spaces plain ones.
class NmtNormalizer : public Normalizer {
 public:
  using Normalizer::normalize;
  void normalize(NormalizedText& text) const override;
  std::string to_json() const override;
  bool cuts_at_borders() const override { return true; }
  bool keeps_borders() const override { return true; }
};

/// Spells every byte by GPT-2's character for it (byte_level.h).
class ByteLevelNormalizer : public Normalizer {
 public:
  using Normalizer::normalize;
  void normalize(NormalizedText& text) const override;
  std::string to_json() const override;
  bool cuts_at_borders() const override { return true; }
};

}  // namespace langzoo
