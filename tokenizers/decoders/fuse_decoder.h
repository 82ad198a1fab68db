/// All tokens made one, for a decoder that follows and looks at the ends of a text.
#pragma once

#include <string>
#include <vector>

#include "tokenizers/decoders/decoder.h"

namespace langzoo {

class FuseDecoder : public Decoder {
 public:
  void decode(std::vector<std::string>& tokens) const override;
  std::string to_json() const override { return R"({"type": "Fuse"})"; }
};

}  // namespace langzoo
