#include "tokenizers/decoders/wordpiece_decoder.h"

#include <utility>

#include <fmt/format.h>

#include "tokenizers/json_field.h"
#include "tokenizers/text_pattern.h"

namespace langzoo {

std::string clean_up_spaces(std::string text, bool contract_do_not) {
  static constexpr std::pair<std::string_view, const char*> kEdits[] = {
      {" .", "."},   {" ?", "?"},           {" !", "!"},   {" ,", ","},     {" ' ", "'"},   {" n't", "n't"},
      {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (const auto& [from, to] : kEdits) {
    if (contract_do_not || from != " do not") text = replace_all(std::move(text), from, to);
  }
  return text;
}

void WordPieceDecoder::decode(std::vector<std::string>& tokens) const {
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    std::string& token = tokens[i];
    if (i > 0) {
      if (token.starts_with(options_.prefix)) {
        token.erase(0, options_.prefix.size());
      } else {
        token.insert(0, 1, ' ');
      }
    }
    if (options_.cleanup) token = clean_up_spaces(std::move(token));
  }
}

std::string WordPieceDecoder::to_json() const {
  return fmt::format(R"({{"type": "WordPiece", "prefix": {}, "cleanup": {}}})", json_string(options_.prefix),
                     options_.cleanup);
}

}  // namespace langzoo
