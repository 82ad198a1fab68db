/// Second stage of a tokenizer: normalized text to words, each of which a model then cuts by itself. The kinds and
/// fields are those of tokenizer.json.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tokenizers/normalizers/normalized_text.h"

namespace langzoo {

class JsonField;

/// Immutable: one object may serve any number of threads.
class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  /// Cuts, and may rewrite, each of `words`; none of the result is empty.
  virtual void cut(std::vector<NormalizedText>& words) const = 0;
  virtual std::string to_json() const = 0;
  /// As in Normalizer: cutting the parts between borders gives the same words.
  virtual bool cuts_at_borders() const { return false; }
};

/// The pre-tokenizer of tokenizer.json's field, null for null. Throws FileError naming the field.
std::shared_ptr<const PreTokenizer> read_pre_tokenizer(const JsonField& field);

}  // namespace langzoo
