#include "apps/cli/translation/scores.h"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "data/metrics/chrf.h"

namespace langzoo {

namespace {

/// Both sides, padding included: bounds the memory of one evaluation batch.
constexpr std::int64_t kTokensAtOnce = 8192;

}  // namespace

TargetNats target_nats(TranslationModel& model, const ParallelCorpus& corpus, const ParallelSpecialTokens& special,
                       torch::Device device) {
  const c10::InferenceMode inference;
  TargetNats sum;
  const auto lengths = pair_lengths(corpus, special);
  for (auto& pairs : batches_by_length(lengths, {.tokens = kTokensAtOnce})) {
    const auto batch = to_device(parallel_batch(corpus, std::move(pairs), special), device);
    sum.nats += model.loss_sum(batch, 1.0).item<double>();
    sum.tokens += batch.labels.ge(0).sum().item<std::int64_t>();
  }
  return sum;
}

TextScores text_scores(const std::vector<std::string>& hypotheses, const std::vector<std::string>& references,
                       const BleuOptions& options) {
  const std::vector<std::string_view> written(hypotheses.begin(), hypotheses.end());
  const std::vector<std::vector<std::string_view>> wanted = {{references.begin(), references.end()}};
  const ScoredTexts texts{written, wanted};
  const auto threads = static_cast<std::size_t>(at::get_num_threads());
  TextScores scores;
  const Bleu bleu(options);
  scores.bleu = bleu.result(measure_segments(bleu, texts, threads).sums());
  scores.bleu_signature = fmt::format("nrefs:1|{}|version:langzoo-{}", bleu.settings(), LANGZOO_VERSION);
  const Chrf chrf;
  scores.chrf = chrf.scores(measure_segments(chrf, texts, threads).sums()).front();
  std::size_t equal = 0;
  for (std::size_t i = 0; i < hypotheses.size(); ++i) equal += hypotheses[i] == references[i] ? 1 : 0;
  scores.exact_match = 100.0 * static_cast<double>(equal) / static_cast<double>(hypotheses.size());
  return scores;
}

}  // namespace langzoo
