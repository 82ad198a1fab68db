/// Subword regularization: sentence pairs whose segmentations are drawn anew for every epoch. BPE dropout (Provilkov et
/// al. 2020, https://arxiv.org/abs/1910.13267) and Unigram sampling (Kudo 2018, https://arxiv.org/abs/1804.10959).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/parallel/parallel_corpus.h"
#include "tokenizers/tokenizer.h"

namespace langzoo {

struct SubwordSamplerOptions {
  double bpe_dropout = 0;       ///< of BPE tokenizers; 0: none
  double unigram_alpha = 0;     ///< of Unigram tokenizers, SentencePiece's among them; 0: the likeliest segmentation
  std::int64_t max_source = 0;  ///< tokens; a sentence that would be longer stays as it is; 0: no bound
  std::int64_t max_target = 0;
  std::uint64_t seed = 0;

  bool any() const { return bpe_dropout > 0 || unigram_alpha > 0; }
};

/// What (seed, epoch, pair) decides, whatever was drawn before: a resumed run draws what the uninterrupted one does,
/// and any number of threads may. A side whose tokenizer is of neither kind, or of one that the options leave alone,
/// keeps its ids.
class SubwordSampler {
 public:
  /// Of a corpus that has its texts (ParallelCorpusOptions::keep_texts), encoded by these tokenizers; all three must
  /// outlive the sampler. Throws std::invalid_argument for options out of range, and naming the one that is meant for
  /// another kind of tokenizer than either side has.
  SubwordSampler(const ParallelCorpus& corpus, const Tokenizer& source, const Tokenizer& target,
                 const SubwordSamplerOptions& options);

  /// The given pairs as they are in that epoch, in the given order.
  ParallelCorpus draw(std::span<const std::int64_t> pairs, std::int64_t epoch) const;

 private:
  struct Side {
    const Tokenizer* tokenizer = nullptr;
    bool random = false;
    std::int64_t most = 0;
  };
  std::vector<TokenId> draw(const Side& side, std::string_view text, std::span<const TokenId> ids,
                            std::uint64_t state) const;

  const ParallelCorpus& corpus_;
  SubwordSamplerOptions options_;
  Side source_, target_;
};

}  // namespace langzoo
