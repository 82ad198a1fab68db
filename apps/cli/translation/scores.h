/// How well a translator does on sentence pairs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "apps/cli/translation/translation.h"
#include "data/metrics/bleu.h"
#include "data/parallel/parallel_corpus.h"

namespace langzoo {

struct TargetNats {
  double nats = 0;  ///< -ln p of all target tokens, each given the true ones before it
  std::int64_t tokens = 0;

  double per_token() const { return nats / static_cast<double>(tokens); }
};

/// Of every pair; end tokens count. The model must be in evaluation mode.
TargetNats target_nats(TranslationModel& model, const ParallelCorpus& corpus, const ParallelSpecialTokens& special,
                       torch::Device device);

struct TextScores {
  BleuScore bleu;
  std::string bleu_signature;
  double chrf = 0;         ///< in per cent
  double exact_match = 0;  ///< hypotheses that are their reference to the letter, in per cent
};

/// Throws std::invalid_argument where there is no text.
TextScores text_scores(const std::vector<std::string>& hypotheses, const std::vector<std::string>& references,
                       const BleuOptions& options);

}  // namespace langzoo
