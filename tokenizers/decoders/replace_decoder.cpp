#include "tokenizers/decoders/replace_decoder.h"

#include <cstddef>

#include "tokenizers/json_field.h"

namespace langzoo {

void ReplaceDecoder::decode(std::vector<std::string>& tokens) const {
  for (std::string& token : tokens) {
    std::string replaced;
    std::size_t from = 0;
    pattern_.for_each_match(token, [&](Offset match) {
      replaced.append(token, from, match.begin - from).append(content_);
      from = match.end;
    });
    token = replaced.append(token, from);
  }
}

std::string ReplaceDecoder::to_json() const {
  return fmt::format(R"({{"type": "Replace", "pattern": {}, "content": {}}})", pattern_.to_json(),
                     json_string(content_));
}

}  // namespace langzoo
