#include "tokenizers/tokenizer.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "tokenizers/post_processors/post_processor.h"

namespace langzoo {

namespace {

/// Long enough that a part's overhead vanishes, short enough that threads end together.
constexpr std::size_t kPartBytes = std::size_t{1} << 18;
constexpr std::size_t kRangeBytes = std::size_t{1} << 15;
constexpr std::size_t kTextOverhead = 64;  // what a text costs beside its bytes, in bytes

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

/// Calls work(0) to work(count - 1), each once, on up to `threads` threads; rethrows the first exception.
template <class Work>
void run_on_threads(std::size_t threads, std::size_t count, Work&& work) {
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::exception_ptr error;
  const auto run = [&] {
    try {
      for (std::size_t i = next++; i < count; i = next++) work(i);
    } catch (...) {
      next = count;
      const std::lock_guard lock(mutex);
      if (!error) error = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> workers;
    for (std::size_t t = 1; t < std::min(threads, count); ++t) workers.emplace_back(run);
    run();
  }
  if (error) std::rethrow_exception(error);
}

}  // namespace

std::size_t Tokenizer::cut_point(std::string_view, std::size_t) const {
  return 0;
}

Encoding Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  Encoding encoding = encode_one({text, std::nullopt}, options);
  finish({&encoding, 1}, options);
  return encoding;
}

Encoding Tokenizer::encode_pair(std::string_view text, std::string_view pair, const EncodeOptions& options) const {
  Encoding encoding = encode_one({text, pair}, options);
  finish({&encoding, 1}, options);
  return encoding;
}

Encoding Tokenizer::encode_one(const TextPair& text, const EncodeOptions& options) const {
  const PostProcessor* post_processor = rules_.post_processor.get();
  EncodeOptions sequence_options = options;
  sequence_options.tokens = options.tokens || (post_processor != nullptr && post_processor->reads_tokens());

  std::vector<std::string_view> texts = {text.text};
  if (text.pair) texts.push_back(*text.pair);
  std::vector<Encoding> sequences;
  for (const std::string_view part : texts) {
    Encoding& sequence = sequences.emplace_back(encode_sequence(part, sequence_options));
    const auto index = static_cast<std::int32_t>(sequences.size() - 1);
    const std::size_t size = sequence.size();
    sequence.type_ids.assign(size, index);
    sequence.sequence_ids.assign(size, index);
    sequence.special_tokens_mask.assign(size, 0);
    sequence.attention_mask.assign(size, 1);
    if (sequence_options.tokens && sequence.tokens.size() != size) {
      sequence.tokens.clear();
      for (const TokenId id : sequence.ids) sequence.tokens.push_back(id_to_token(id));
    }
  }

  if (const auto& wanted = options.truncation ? options.truncation : rules_.truncation) {
    Truncation truncation = *wanted;
    if (!options.overflowing) truncation.stride = 0;
    const bool adds = options.add_special_tokens && post_processor != nullptr;
    truncate(sequences, truncation, adds ? post_processor->added_tokens(text.pair.has_value()) : 0);
    if (!options.overflowing) {
      for (Encoding& sequence : sequences) sequence.overflowing.clear();
    }
  }
  if (post_processor != nullptr) {
    sequences = post_processor->process(std::move(sequences), texts, options.add_special_tokens);
  }
  return join(std::move(sequences));
}

void Tokenizer::finish(std::span<Encoding> encodings, const EncodeOptions& options) const {
  if (const auto& padding = options.padding ? options.padding : rules_.padding) pad(encodings, *padding);
  if (options.tokens) return;
  for (Encoding& encoding : encodings) {
    encoding.tokens.clear();
    for (Encoding& window : encoding.overflowing) window.tokens.clear();
  }
}

std::vector<Encoding> Tokenizer::encode_batch(std::span<const TextPair> texts, const EncodeOptions& options,
                                              std::size_t threads) const {
  std::vector<Encoding> encodings(texts.size());
  if (options.sampling != nullptr) threads = 1;
  // Ranges of texts of about kRangeBytes.
  std::vector<std::size_t> ends;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    bytes += texts[i].text.size() + (texts[i].pair ? texts[i].pair->size() : 0) + kTextOverhead;
    if (bytes < kRangeBytes && i + 1 < texts.size()) continue;
    ends.push_back(i + 1);
    bytes = 0;
  }
  run_on_threads(threads, ends.size(), [&](std::size_t range) {
    for (std::size_t i = range == 0 ? 0 : ends[range - 1]; i < ends[range]; ++i) {
      encodings[i] = encode_one(texts[i], options);
    }
  });
  finish(encodings, options);
  return encodings;
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
  run_on_threads(threads, parts.size(), [&](std::size_t i) { encode(parts[i].bytes, ids[i]); });
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
