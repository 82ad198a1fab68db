#include "tokenizers/decoders/sequence_decoder.h"

#include "tokenizers/utf8.h"

namespace langzoo {

void SequenceDecoder::decode(std::vector<std::string>& tokens) const {
  for (const auto& decoder : decoders_) {
    if (decoder != decoders_.front()) {
      for (std::string& token : tokens) {
        if (!is_valid_utf8(token)) token = sanitize_utf8(token);
      }
    }
    decoder->decode(tokens);
  }
}

std::string SequenceDecoder::to_json() const {
  std::string json = R"({"type": "Sequence", "decoders": [)";
  const char* separator = "";
  for (const auto& decoder : decoders_) {
    json += separator + decoder->to_json();
    separator = ", ";
  }
  return json + "]}";
}

}  // namespace langzoo
