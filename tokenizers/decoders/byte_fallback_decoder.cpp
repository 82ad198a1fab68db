#include "tokenizers/decoders/byte_fallback_decoder.h"

#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

std::optional<char> byte_of(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return {};
  const char* begin = token.data() + (token[3] == '+' ? 4 : 3);  // the reference reads "+F" as F
  const char* end = token.data() + 5;
  unsigned value = 0;
  const auto [stopped, error] = std::from_chars(begin, end, value, 16);
  if (error != std::errc() || stopped != end) return {};
  return static_cast<char>(value);
}

}  // namespace

void ByteFallbackDecoder::decode(std::vector<std::string>& tokens) const {
  std::vector<std::string> decoded;
  std::string bytes;
  const auto flush = [&] {
    if (bytes.empty()) return;
    if (is_valid_utf8(bytes)) {
      decoded.push_back(bytes);
    } else {
      decoded.insert(decoded.end(), bytes.size(), "\uFFFD");
    }
    bytes.clear();
  };
  for (std::string& token : tokens) {
    if (const auto byte = byte_of(token)) {
      bytes.push_back(*byte);
    } else {
      flush();
      decoded.push_back(std::move(token));
    }
  }
  flush();
  tokens = std::move(decoded);
}

}  // namespace langzoo
