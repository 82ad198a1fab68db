#include "apps/cli/noisy_channel/tuning.h"

#include <algorithm>

#include <fmt/format.h>

#include "apps/cli/noisy_channel/decode.h"
#include "apps/training/tasks/translation.h"

namespace langzoo {

namespace {

struct Weight {
  double NoisyChannelOptions::*field;
  double step, least, most;
};
constexpr Weight kWeights[] = {{&NoisyChannelOptions::word_bonus, 1.0, -10, 10},
                               {&NoisyChannelOptions::language_weight, 0.25, 0.125, 4},
                               {&NoisyChannelOptions::jump_penalty, 0.25, 0, 4}};

}  // namespace

TunedOptions tune(const NoisyChannelModel& model, const TranslationTokenizers& tokenizers, const ParallelCorpus& corpus,
                  const TuningOptions& options) {
  TunedOptions best{model.options, std::nullopt};
  std::vector<std::vector<TokenId>> sources;
  std::vector<std::string> references;
  for (std::int64_t i = 0; i < std::min(options.pairs, corpus.size()); ++i) {
    const auto source = corpus.source(i);
    sources.emplace_back(source.begin(), source.end());
    references.push_back(tokenizers.target().decode(corpus.target(i), true));
  }
  if (sources.empty()) return best;
  NoisyChannel channel(model.channel, model.language, model.options);
  // Whether these options are the best so far.
  const auto improves = [&](const NoisyChannelOptions& tried) {
    channel.set_options(tried);
    std::vector<std::string> hypotheses;
    for (const auto& found : decode_sources(channel, sources, 1, options.threads)) {
      hypotheses.push_back(text_of(tokenizers, found.front()));
    }
    const double bleu = text_scores(hypotheses, references, {}).bleu.score;
    options.message(fmt::format("language weight {}, word bonus {}, jump penalty {}: BLEU {:.2f}",
                                tried.language_weight, tried.word_bonus, tried.jump_penalty, bleu));
    if (best.bleu && bleu <= *best.bleu) return false;
    best = {tried, bleu};
    return true;
  };
  improves(best.options);
  for (const double scale : {1.0, 0.5}) {
    for (const Weight& weight : kWeights) {
      const auto climb = [&](double step) {
        for (bool climbed = false;; climbed = true) {
          auto tried = best.options;
          const double value = tried.*weight.field += step;
          if (value < weight.least || value > weight.most || !improves(tried)) return climbed;
        }
      };
      if (!climb(scale * weight.step)) climb(-scale * weight.step);
    }
  }
  return best;
}

}  // namespace langzoo
