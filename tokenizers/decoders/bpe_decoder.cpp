#include "tokenizers/decoders/bpe_decoder.h"

#include <fmt/format.h>

#include "tokenizers/json_field.h"
#include "tokenizers/text_pattern.h"

namespace langzoo {

void BpeDecoder::decode(std::vector<std::string>& tokens) const {
  for (std::string& token : tokens) token = replace_all(token, suffix_, &token == &tokens.back() ? "" : " ");
}

std::string BpeDecoder::to_json() const {
  return fmt::format(R"({{"type": "BPEDecoder", "suffix": {}}})", json_string(suffix_));
}

}  // namespace langzoo
