#include "tokenizers/pre_tokenizers/sequence_pre_tokenizer.h"

namespace langzoo {

void SequencePreTokenizer::cut(std::vector<NormalizedText>& words) const {
  for (const auto& pre_tokenizer : pre_tokenizers_) pre_tokenizer->cut(words);
}

std::string SequencePreTokenizer::to_json() const {
  std::string json = R"({"type": "Sequence", "pretokenizers": [)";
  const char* separator = "";
  for (const auto& pre_tokenizer : pre_tokenizers_) {
    json += separator + pre_tokenizer->to_json();
    separator = ", ";
  }
  return json + "]}";
}

}  // namespace langzoo
