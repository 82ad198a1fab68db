#include "tokenizers/decoders/strip_decoder.h"

#include <string_view>

#include <fmt/format.h>

#include "tokenizers/json_field.h"
#include "tokenizers/utf8.h"

namespace langzoo {

void StripDecoder::decode(std::vector<std::string>& tokens) const {
  std::string content;
  append_utf8(content, options_.content);
  for (std::string& token : tokens) {
    std::string_view rest = token;
    for (std::size_t i = 0; i < options_.start && rest.starts_with(content); ++i) rest.remove_prefix(content.size());
    for (std::size_t i = 0; i < options_.stop && rest.ends_with(content); ++i) rest.remove_suffix(content.size());
    token = std::string(rest);
  }
}

std::string StripDecoder::to_json() const {
  std::string content;
  append_utf8(content, options_.content);
  return fmt::format(R"({{"type": "Strip", "content": {}, "start": {}, "stop": {}}})", json_string(content),
                     options_.start, options_.stop);
}

}  // namespace langzoo
