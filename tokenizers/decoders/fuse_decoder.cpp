#include "tokenizers/decoders/fuse_decoder.h"

#include <utility>

namespace langzoo {

void FuseDecoder::decode(std::vector<std::string>& tokens) const {
  std::string text;
  for (const std::string& token : tokens) text += token;
  tokens.assign(1, std::move(text));
}

}  // namespace langzoo
