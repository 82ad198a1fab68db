/// Ids to text while they are being generated.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tokenizers/tokenizer.h"

namespace langzoo {

/// Takes ids one at a time and gives back the text that is settled: always whole UTF-8 characters, with U+FFFD for
/// bytes that belong to none. A run of byte tokens (<0xE4>), whose bytes decoders judge together, comes when it has
/// ended. All pieces joined, the flush included, are the sanitized decoding of all ids.
///
///     StreamDecoder stream(tokenizer);
///     for (TokenId id : generated) std::cout << stream.put(id);
///     std::cout << stream.flush();
class StreamDecoder {
 public:
  explicit StreamDecoder(const Tokenizer& tokenizer, bool skip_special_tokens = false)
      : tokenizer_(tokenizer), skip_special_tokens_(skip_special_tokens) {}

  /// The text that `id` completes; empty while a character lacks bytes. Throws std::out_of_range for an id outside the
  /// vocabulary, which is then as if it had not come.
  std::string put(TokenId id);
  /// What was held back, its unfinished character as U+FFFD; the decoder is then as new.
  std::string flush();

 private:
  const Tokenizer& tokenizer_;
  bool skip_special_tokens_;
  std::vector<TokenId> window_;  // the last settled id, for decoders that look at neighbours, and those after it
  std::size_t emitted_ = 0;      // bytes of the window's decoding that were given out
  bool in_bytes_ = false;        // the window ends in a run of byte tokens
};

}  // namespace langzoo
