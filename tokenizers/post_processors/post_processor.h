/// Fourth stage of a tokenizer: adds [CLS], </s> and the like, and sets type ids. The kinds and fields are those of
/// tokenizer.json.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizers/encoding.h"

namespace langzoo {

class JsonField;

/// Immutable: one object may serve any number of threads.
class PostProcessor {
 public:
  virtual ~PostProcessor() = default;
  /// How many tokens it adds to a text or to a pair: what truncation leaves room for.
  virtual std::size_t added_tokens(bool pair) const = 0;
  /// Whether process() needs Encoding::tokens, the windows' too.
  virtual bool reads_tokens() const { return false; }
  /// One or two sequences (truncated already, with their windows in `overflowing`) to the parts of the result in order,
  /// which join() makes one encoding of. `texts` are what the sequences' offsets point into. Parts that are added
  /// always have their tokens' names. Throws std::runtime_error where a sequence of post-processors does not fit
  /// together.
  virtual std::vector<Encoding> process(std::vector<Encoding> sequences, std::span<const std::string_view> texts,
                                        bool add_special_tokens) const = 0;
  virtual std::string to_json() const = 0;
};

/// The post-processor of tokenizer.json's field, null for null. Throws FileError naming the field.
std::shared_ptr<const PostProcessor> read_post_processor(const JsonField& field);

}  // namespace langzoo
