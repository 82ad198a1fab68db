#include "tokenizers/tokenizer.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>

namespace langzoo {

namespace {

/// Long enough that a part's overhead vanishes, short enough that threads end together.
constexpr std::size_t kPartBytes = std::size_t{1} << 18;

struct Part {
  std::size_t text;
  std::string_view bytes;
};

/// Every text in parts of about kPartBytes, in order.
std::vector<Part> parts_of(const Tokenizer& tokenizer, std::span<const std::string_view> texts) {
  std::vector<Part> parts;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    std::string_view rest = texts[i];
    while (rest.size() > 2 * kPartBytes) {
      const std::size_t cut = tokenizer.cut_point(rest, kPartBytes);
      if (cut == 0) break;
      parts.push_back({i, rest.substr(0, cut)});
      rest.remove_prefix(cut);
    }
    parts.push_back({i, rest});
  }
  return parts;
}

}  // namespace

std::size_t Tokenizer::cut_point(std::string_view, std::size_t) const {
  return 0;
}

Encoding Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  return encode_one({text, std::nullopt}, options);
}

Encoding Tokenizer::encode_pair(std::string_view text, std::string_view pair, const EncodeOptions& options) const {
  return encode_one({text, pair}, options);
}

Encoding Tokenizer::encode_one(const TextPair& text, const EncodeOptions& options) const {
  return encode_sequence(text.text, options);
}

std::vector<std::vector<TokenId>> Tokenizer::encode_batch(std::span<const std::string_view> texts,
                                                          std::size_t threads) const {
  std::vector<std::vector<TokenId>> result(texts.size());
  if (threads <= 1) {
    for (std::size_t i = 0; i < texts.size(); ++i) encode(texts[i], result[i]);
    return result;
  }
  const std::vector<Part> parts = parts_of(*this, texts);
  std::vector<std::vector<TokenId>> ids(parts.size());
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::exception_ptr error;
  const auto work = [&] {
    try {
      for (std::size_t i = next++; i < parts.size(); i = next++) encode(parts[i].bytes, ids[i]);
    } catch (...) {
      next = parts.size();
      const std::lock_guard lock(mutex);
      if (!error) error = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> workers;
    for (std::size_t t = 1; t < std::min(threads, parts.size()); ++t) workers.emplace_back(work);
    work();
  }
  if (error) std::rethrow_exception(error);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    std::vector<TokenId>& out = result[parts[i].text];
    if (out.empty()) {
      out = std::move(ids[i]);
    } else {
      out.insert(out.end(), ids[i].begin(), ids[i].end());
    }
  }
  return result;
}

}  // namespace langzoo
