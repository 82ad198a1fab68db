/// The weights of the search through a noisy channel, chosen by the BLEU of validation pairs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "apps/training/run_tokenizer.h"
#include "data/parallel/parallel_corpus.h"
#include "models/noisy_channel/noisy_channel_model.h"

namespace langzoo {

struct TuningOptions {
  std::int64_t pairs = 200;  ///< the first of the corpus; 0: nothing is tuned
  std::size_t threads = 1;
  std::function<void(const std::string&)> message;
};

struct TunedOptions {
  NoisyChannelOptions options;
  std::optional<double> bleu;
};

/// Coordinate ascent from the model's own options: the word bonus, the language weight and the jump penalty, one after
/// the other, go up or down in steps as long as BLEU rises; then again in half steps.
TunedOptions tune(const NoisyChannelModel& model, const TranslationTokenizers& tokenizers, const ParallelCorpus& corpus,
                  const TuningOptions& options);

}  // namespace langzoo
