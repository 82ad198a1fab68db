/// First stage of a tokenizer: text to text. The kinds and fields are those of tokenizer.json.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "tokenizers/normalizers/normalized_text.h"

namespace langzoo {

class JsonField;

/// Immutable: one object may serve any number of threads.
class Normalizer {
 public:
  virtual ~Normalizer() = default;
  virtual void normalize(NormalizedText& text) const = 0;
  /// The object of tokenizer.json that describes it.
  virtual std::string to_json() const = 0;

  /// Whether a text may be cut before every border (is_border in pipeline.h: a space between two printable ASCII
  /// characters) and its parts normalized one by one, with the same result. Then the pipeline may remember parts.
  virtual bool cuts_at_borders() const { return false; }
  /// Whether borders remain so much of one that a next normalizer with cuts_at_borders() may be cut there too: a single
  /// space between a printable ASCII character and one that is, or decomposes into, another and what belongs to it.
  virtual bool keeps_borders() const { return false; }

  std::string normalize(std::string_view text) const {
    NormalizedText part(text);
    normalize(part);
    return part.text();
  }
};

/// The normalizer of tokenizer.json's field, null for null. Throws FileError naming the field.
std::shared_ptr<const Normalizer> read_normalizer(const JsonField& field);

}  // namespace langzoo
