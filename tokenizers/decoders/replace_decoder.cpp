#include "tokenizers/decoders/replace_decoder.h"

#include <algorithm>
#include <cstddef>
#include <stdexcept>

#include <fmt/format.h>

#include "tokenizers/json_field.h"

namespace langzoo {

namespace {

/// What replacing may make a text grow to: several in a row would otherwise take any memory.
constexpr std::size_t kMaxGrownBytes = std::size_t{1} << 26;

}  // namespace

void ReplaceDecoder::decode(std::vector<std::string>& tokens) const {
  std::size_t before = 0, after = 0;
  for (const std::string& token : tokens) before += token.size();
  const std::size_t limit = std::max(before, kMaxGrownBytes);
  for (std::string& token : tokens) {
    std::string replaced;
    std::size_t from = 0;
    pattern_.for_each_match(token, [&](Offset match) {
      replaced.append(token, from, match.begin - from).append(content_);
      from = match.end;
      if (after + replaced.size() > limit) {
        throw std::runtime_error(fmt::format("decoding: Replace makes more than {} bytes of {}", limit, before));
      }
    });
    token = replaced.append(token, from);
    after += token.size();
  }
}

std::string ReplaceDecoder::to_json() const {
  return fmt::format(R"({{"type": "Replace", "pattern": {}, "content": {}}})", pattern_.to_json(),
                     json_string(content_));
}

}  // namespace langzoo
