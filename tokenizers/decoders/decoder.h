/// Last stage of a tokenizer, backwards: tokens to text. The kinds and fields are those of tokenizer.json.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace langzoo {

class JsonField;

/// Immutable: one object may serve any number of threads.
class Decoder {
 public:
  virtual ~Decoder() = default;
  /// Rewrites `tokens` so that they, joined, are the text. They may then be bytes that are not UTF-8.
  virtual void decode(std::vector<std::string>& tokens) const = 0;
  virtual std::string to_json() const = 0;
};

/// The decoder of tokenizer.json's field, null for null. Throws FileError naming the field.
std::shared_ptr<const Decoder> read_decoder(const JsonField& field);

}  // namespace langzoo
