/// Sentence pairs as token ids, and batches of them for encoder-decoders.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <torch/types.h>

#include "data/batching/batch_iterator.h"
#include "data/batching/length_batch_sampler.h"
#include "data/parallel/parallel_text.h"
#include "tokenizers/tokenizer.h"

namespace langzoo {

class SubwordSampler;

/// Whether there is more than white space.
bool has_words(std::string_view text);

struct ParallelCorpusOptions {
  std::int64_t max_source = 0;  ///< tokens; longer pairs are left out; 0: no bound
  std::int64_t max_target = 0;
  bool keep_texts = false;  ///< as well, for SubwordSampler: their bytes, and 16 more a pair
  std::size_t threads = 0;  ///< 0: as many as there are CPUs for the process
};

/// The token ids of sentence pairs, in memory: 4 bytes a token, 16 a pair. Any number of threads may read.
class ParallelCorpus {
 public:
  ParallelCorpus() = default;
  /// All pairs that are left of `pairs`, without special tokens; those of which a side is blank or has no tokens, and
  /// those that are too long, are left out and counted. The corpus does not depend on threads. What a tokenizer throws
  /// for a sentence becomes a std::runtime_error that names the line. Throws std::runtime_error when no pair remains,
  /// std::invalid_argument for a negative bound.
  static ParallelCorpus read(SentencePairs& pairs, const Tokenizer& source, const Tokenizer& target,
                             const ParallelCorpusOptions& options = {});

  void add(std::span<const TokenId> source, std::span<const TokenId> target);
  /// With their texts, which all pairs of a corpus have or none.
  void add(std::span<const TokenId> source, std::span<const TokenId> target, std::string_view source_text,
           std::string_view target_text);
  /// The pair of another corpus, with its texts where it has them.
  void add_pair_of(const ParallelCorpus& corpus, std::int64_t pair);

  std::int64_t size() const { return static_cast<std::int64_t>(source_.ends.size()); }
  std::span<const TokenId> source(std::int64_t pair) const { return source_.sentence(pair); }
  std::span<const TokenId> target(std::int64_t pair) const { return target_.sentence(pair); }

  bool has_texts() const { return !source_.text_ends.empty(); }
  std::string_view source_text(std::int64_t pair) const { return source_.text_of(pair); }
  std::string_view target_text(std::int64_t pair) const { return target_.text_of(pair); }

  std::int64_t source_tokens() const { return static_cast<std::int64_t>(source_.ids.size()); }
  std::int64_t target_tokens() const { return static_cast<std::int64_t>(target_.ids.size()); }
  std::int64_t empty() const { return empty_; }        ///< pairs left out because a side has no words
  std::int64_t too_long() const { return too_long_; }  ///< pairs left out because a side has too many tokens

  /// Equal fingerprints, equal ids and texts: what a resumed run compares. Takes time linear in the corpus.
  std::uint64_t fingerprint() const;

 private:
  struct Side {
    std::vector<TokenId> ids;
    std::vector<std::size_t> ends;  ///< of the sentences, in ids
    std::string text;
    std::vector<std::size_t> text_ends;  ///< likewise, in text; empty: no texts

    std::span<const TokenId> sentence(std::int64_t pair) const {
      const auto [begin, end] = range(ends, pair);
      return std::span(ids).subspan(begin, end - begin);
    }
    std::string_view text_of(std::int64_t pair) const {
      const auto [begin, end] = range(text_ends, pair);
      return std::string_view(text).substr(begin, end - begin);
    }
    static std::pair<std::size_t, std::size_t> range(const std::vector<std::size_t>& ends, std::int64_t pair) {
      const auto i = static_cast<std::size_t>(pair);
      return {i == 0 ? 0 : ends.at(i - 1), ends.at(i)};
    }
  };

  Side source_, target_;
  std::int64_t empty_ = 0, too_long_ = 0;
};

/// The tokens that batches add to sentences.
struct ParallelSpecialTokens {
  TokenId start = 0;                  ///< the decoder's first input
  std::optional<TokenId> source_end;  ///< behind every source; none: nothing
  std::optional<TokenId> target_end;  ///< the last label; none: nothing, for targets of one fixed length
  TokenId pad = 0;                    ///< fills up sources and decoder inputs
};

struct ParallelBatch {
  torch::Tensor source;             ///< (B,S) int64, padded on the right
  torch::Tensor source_lengths;     ///< (B) int64
  torch::Tensor decoder_input;      ///< (B,T) int64: the start token, then the target without its last token
  torch::Tensor labels;             ///< (B,T) int64: the target, and -100 behind it
  std::vector<std::int64_t> pairs;  ///< which of the corpus, row by row
};

/// The given pairs of a corpus, in the given order. Throws std::out_of_range for a pair that it has not.
ParallelBatch parallel_batch(const ParallelCorpus& corpus, std::vector<std::int64_t> pairs,
                             const ParallelSpecialTokens& special);

/// The batch on `device`.
ParallelBatch to_device(ParallelBatch batch, torch::Device device);

/// Sentences to be translated.
struct SourceBatch {
  torch::Tensor source;          ///< (B,S) int64, padded on the right
  torch::Tensor source_lengths;  ///< (B) int64
};
SourceBatch source_batch(std::span<const std::span<const TokenId>> sentences, const ParallelSpecialTokens& special);

/// The lengths of a corpus's pairs in batches.
std::vector<PairLength> pair_lengths(const ParallelCorpus& corpus, const ParallelSpecialTokens& special);

/// Endless training batches in the order of LengthBatchSampler. `corpus` must outlive them, and so must `sampler`,
/// which where it is not null says what the pairs are in each epoch; batches are made up by the corpus's lengths all
/// the same.
std::unique_ptr<BatchIterator<ParallelBatch>> parallel_batches(const ParallelCorpus& corpus,
                                                               const ParallelSpecialTokens& special, BatchLimits limits,
                                                               std::uint64_t seed, std::size_t prepare_ahead = 0,
                                                               Rank rank = {}, const SubwordSampler* sampler = nullptr);

}  // namespace langzoo
