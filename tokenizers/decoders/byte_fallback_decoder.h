/// Tokens that spell a byte in hexadecimal ("<0xE4>") made characters.
#pragma once

#include <string>
#include <vector>

#include "tokenizers/decoders/decoder.h"

namespace langzoo {

/// A run of byte tokens that is no UTF-8 as a whole becomes as many U+FFFD.
class ByteFallbackDecoder : public Decoder {
 public:
  void decode(std::vector<std::string>& tokens) const override;
  std::string to_json() const override { return R"({"type": "ByteFallback"})"; }
};

}  // namespace langzoo
