#include "apps/cli/tokenizer_spec.h"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/cli/base/program.h"

namespace langzoo {

namespace {

/// Room for the 256 bytes and the special tokens.
constexpr std::size_t kLeastVocabulary = 257, kLargestVocabulary = std::size_t{1} << 24;

std::size_t vocab_size_of(const std::string& text, std::string_view digits, const std::string& key) {
  std::size_t size = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), size);
  if (error != std::errc() || end != digits.data() + digits.size() || size < kLeastVocabulary ||
      size > kLargestVocabulary) {
    throw UsageError(
        fmt::format("{} = {}: N must be an integer from {} to {}", key, text, kLeastVocabulary, kLargestVocabulary));
  }
  return size;
}

}  // namespace

TokenizerSpec parse_tokenizer_spec(const std::string& text, const std::string& key,
                                   const std::vector<std::string>& kinds) {
  if (text == "char") return {"char", 0, text};
  constexpr std::string_view kTrain = "train:";
  if (text.rfind(kTrain, 0) == 0) {
    const auto colon = text.find(':', kTrain.size());
    const auto kind = text.substr(kTrain.size(), colon - kTrain.size());
    if (colon != std::string::npos && std::find(kinds.begin(), kinds.end(), kind) != kinds.end()) {
      return {kind, vocab_size_of(text, std::string_view(text).substr(colon + 1), key), text};
    }
  } else if (std::filesystem::exists(text)) {
    return {"", 0, text};
  }
  throw UsageError(
      fmt::format("{} = {}: neither char, train:{}:N nor a file or folder", key, text, fmt::join(kinds, ":N, train:")));
}

}  // namespace langzoo
