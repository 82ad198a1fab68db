#include "tokenizers/decoders/ctc_decoder.h"

#include <algorithm>

#include <fmt/format.h>

#include "tokenizers/decoders/wordpiece_decoder.h"
#include "tokenizers/json_field.h"
#include "tokenizers/text_pattern.h"

namespace langzoo {

void CtcDecoder::decode(std::vector<std::string>& tokens) const {
  tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
  for (std::string& token : tokens) {
    token = replace_all(token, options_.pad_token, "");
    if (options_.cleanup) token = replace_all(clean_up_spaces(std::move(token)), options_.word_delimiter_token, " ");
  }
  std::erase(tokens, "");
}

std::string CtcDecoder::to_json() const {
  return fmt::format(R"({{"type": "CTC", "pad_token": {}, "word_delimiter_token": {}, "cleanup": {}}})",
                     json_string(options_.pad_token), json_string(options_.word_delimiter_token), options_.cleanup);
}

}  // namespace langzoo
