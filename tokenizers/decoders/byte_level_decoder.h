/// The bytes that the characters of byte-level tokens spell (tokenizers/byte_level.h).
#pragma once

#include <string>
#include <vector>

#include "tokenizers/decoders/decoder.h"

namespace langzoo {

/// Makes one token of all. A token with a character that spells no byte stands for itself.
class ByteLevelDecoder : public Decoder {
 public:
  void decode(std::vector<std::string>& tokens) const override;
  std::string to_json() const override;
};

}  // namespace langzoo
