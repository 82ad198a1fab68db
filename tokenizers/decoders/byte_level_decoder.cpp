#include "tokenizers/decoders/byte_level_decoder.h"

#include "tokenizers/byte_level.h"

namespace langzoo {

void ByteLevelDecoder::decode(std::vector<std::string>& tokens) const {
  std::string bytes;
  for (const std::string& token : tokens) bytes += unspell_bytes(token).value_or(token);
  tokens.assign(1, std::move(bytes));
}

std::string ByteLevelDecoder::to_json() const {
  return R"({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true})";
}

}  // namespace langzoo
