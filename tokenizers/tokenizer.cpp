#include "tokenizers/tokenizer.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <iterator>
#include <mutex>
#include <numeric>
#include <thread>
#include <utility>

#include "tokenizers/post_processors/post_processor.h"

namespace langzoo {

namespace {

/// Bytes that a thread takes at a time: enough that the overhead vanishes, few enough that threads end together.
constexpr std::size_t kMinShare = std::size_t{1} << 13, kMaxShare = std::size_t{1} << 16;
constexpr std::size_t kTextOverhead = 64;  // what a text costs beside its bytes, in bytes

struct Range {
  std::size_t begin, end;
};

/// The texts in ranges of a share each; a text longer than that is alone. Returns the size of a share too.
template <class SizeOf>
std::pair<std::vector<Range>, std::size_t> share_out(std::size_t texts, std::size_t threads, SizeOf&& size_of) {
  std::size_t total = 0;
  for (std::size_t i = 0; i < texts; ++i) total += size_of(i) + kTextOverhead;
  const std::size_t share = std::clamp(total / (4 * std::max<std::size_t>(threads, 1)), kMinShare, kMaxShare);
  std::vector<Range> ranges;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < texts; ++i) {
    const std::size_t size = size_of(i) + kTextOverhead;
    if (ranges.empty() || bytes + size > share) {
      ranges.push_back({i, i});
      bytes = 0;
    }
    ranges.back().end = i + 1;
    bytes += size;
  }
  return {std::move(ranges), share};
}

/// The ids of the texts in `range`; short ones by way of one buffer, so that each result is allocated once.
void encode_range(const Tokenizer& tokenizer, std::span<const std::string_view> texts, Range range,
                  std::vector<std::vector<TokenId>>& result) {
  std::vector<TokenId> buffer;
  for (std::size_t i = range.begin; i < range.end; ++i) {
    if (texts[i].size() > kMaxShare) {
      tokenizer.encode(texts[i], result[i]);
      continue;
    }
    buffer.clear();
    tokenizer.encode(texts[i], buffer);
    result[i].assign(buffer.begin(), buffer.end());
  }
}

/// A range of texts, or a part of the one text in it.
struct Share {
  Range texts;
  std::string_view part;
  std::vector<TokenId> ids = {};  // of the part
  bool done = false;
};

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

std::string Tokenizer::decode_generated(std::span<const TokenId> ids, bool skip_special_tokens) const {
  const auto has = [this](TokenId id) { return has_token(id); };
  if (std::all_of(ids.begin(), ids.end(), has)) return decode(ids, skip_special_tokens);
  std::vector<TokenId> known;
  std::copy_if(ids.begin(), ids.end(), std::back_inserter(known), has);
  return decode(known, skip_special_tokens);
}

std::optional<Truncation> Tokenizer::truncation_of(const EncodeOptions& options) const {
  return options.truncation || !options.own_truncation ? options.truncation : rules_.truncation;
}

std::optional<Padding> Tokenizer::padding_of(const EncodeOptions& options) const {
  return options.padding || !options.own_padding ? options.padding : rules_.padding;
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

  std::size_t cut = 0;
  if (const auto wanted = truncation_of(options)) {
    const auto count = [&] {
      return std::accumulate(sequences.begin(), sequences.end(), std::size_t{0},
                             [](std::size_t sum, const Encoding& sequence) { return sum + sequence.size(); });
    };
    Truncation truncation = *wanted;
    cut = count();
    if (!options.overflowing) truncation.stride = 0;
    const bool adds = options.add_special_tokens && post_processor != nullptr;
    truncate(sequences, truncation, adds ? post_processor->added_tokens(text.pair.has_value()) : 0);
    if (!options.overflowing) {
      for (Encoding& sequence : sequences) sequence.overflowing.clear();
    }
    cut -= count();
  }
  if (post_processor != nullptr) {
    sequences = post_processor->process(std::move(sequences), texts, options.add_special_tokens);
  }
  Encoding whole = join(std::move(sequences));
  whole.cut = cut;
  return whole;
}

void Tokenizer::finish(std::span<Encoding> encodings, const EncodeOptions& options) const {
  if (const auto padding = padding_of(options)) pad(encodings, *padding);
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
  const auto size_of = [&](std::size_t i) { return texts[i].text.size() + texts[i].pair.value_or("").size(); };
  const std::vector<Range> ranges = share_out(texts.size(), threads, size_of).first;
  run_on_threads(threads, ranges.size(), [&](std::size_t range) {
    for (std::size_t i = ranges[range].begin; i < ranges[range].end; ++i) encodings[i] = encode_one(texts[i], options);
  });
  finish(encodings, options);
  return encodings;
}

std::vector<std::vector<TokenId>> Tokenizer::encode_batch(std::span<const std::string_view> texts,
                                                          std::size_t threads) const {
  std::vector<std::vector<TokenId>> result(texts.size());
  if (threads <= 1) {
    encode_range(*this, texts, {0, texts.size()}, result);
    return result;
  }
  const auto [ranges, share] = share_out(texts.size(), threads, [&](std::size_t i) { return texts[i].size(); });
  std::vector<Share> shares;
  for (const Range& range : ranges) {
    std::string_view rest;
    if (range.end - range.begin == 1) {
      rest = texts[range.begin];
      while (rest.size() > 2 * share) {
        const std::size_t cut = cut_point(rest, share);
        if (cut == 0) break;
        shares.push_back({range, rest.substr(0, cut)});
        rest.remove_prefix(cut);
      }
    }
    shares.push_back({range, rest});
  }

  // Whoever finishes a share puts together what is complete up to there, while the others go on.
  std::mutex mutex;
  std::size_t joined = 0;
  const auto join_parts = [&](Share& finished) {
    const std::lock_guard lock(mutex);
    finished.done = true;
    for (; joined < shares.size() && shares[joined].done; ++joined) {
      const std::vector<TokenId> ids = std::move(shares[joined].ids);
      const std::size_t text = shares[joined].texts.begin, bytes = shares[joined].part.size();
      std::vector<TokenId>& all = result[text];
      if (all.empty() && bytes > 0) all.reserve(ids.size() * texts[text].size() / bytes);
      all.insert(all.end(), ids.begin(), ids.end());
    }
  };
  run_on_threads(threads, shares.size(), [&](std::size_t i) {
    Share& mine = shares[i];
    if (mine.part.empty()) {
      encode_range(*this, texts, mine.texts, result);
    } else {
      encode(mine.part, mine.ids);
    }
    join_parts(mine);
  });
  return result;
}

}  // namespace langzoo
