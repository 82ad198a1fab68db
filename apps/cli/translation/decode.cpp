#include "apps/cli/translation/decode.h"

#include <algorithm>
#include <numeric>

#include <c10/core/InferenceMode.h>
#include <fmt/format.h>
#include <torch/torch.h>

namespace langzoo {

void DecodeFlags::add_to(CLI::App& app) {
  constexpr std::int64_t kGreedy = 1;
  beams_.add_to(app, kGreedy);
  beams_.add_coverage_to(app);
  app.add_option("--max-new-tokens", options_.max_new_tokens, "the longest translation")
      ->check(integer_from(1, 1 << 30))
      ->capture_default_str();
  app.add_option("--min-new-tokens", options_.min_new_tokens, "no end before that many tokens")
      ->check(integer_from(0, 1 << 30))
      ->capture_default_str();
  app.add_option("--no-repeat-ngram-size", options_.no_repeat_ngram_size, "no n tokens twice; 0: off")
      ->check(integer_from(0))
      ->capture_default_str();
  app.add_option("--repetition-penalty", options_.repetition_penalty, "above 1: repeat less")->capture_default_str();
  app.add_option("--n-best", options_.num_return_sequences, "translations of each sentence, at most --num-beams")
      ->check(integer_from(1, 1 << 20))
      ->capture_default_str();
  app.add_option("--batch-size", batch_size_, "sentences at a time; the results do not depend on it")
      ->check(integer_from(1, 1 << 20))
      ->capture_default_str();
}

BeamSearchOptions DecodeFlags::options() const {
  if (options_.num_return_sequences > beams_.num_beams()) {
    throw UsageError(fmt::format("--n-best {}: at most --num-beams, which is {}", options_.num_return_sequences,
                                 beams_.num_beams()));
  }
  beams_.check_needed();
  return beams_.apply_to(options_);
}

std::vector<Hypotheses> decode_sources(const Translator& translator, std::span<const std::vector<TokenId>> sources,
                                       BeamSearchOptions options, std::int64_t batch_size) {
  const c10::InferenceMode inference;
  options.eos_token_ids = {translator.model->end_token()};
  std::vector<Hypotheses> results(sources.size());
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (sources[i].empty()) {
      results[i].emplace_back();
    } else {
      order.push_back(i);
    }
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return sources[a].size() > sources[b].size(); });
  const std::vector<TokenId> start = {translator.special.start};
  for (std::size_t first = 0; first < order.size(); first += static_cast<std::size_t>(batch_size)) {
    const auto rows =
        std::span(order).subspan(first, std::min(static_cast<std::size_t>(batch_size), order.size() - first));
    std::vector<std::span<const TokenId>> sentences;
    for (const auto row : rows) sentences.emplace_back(sources[row]);
    auto batch = source_batch(sentences, translator.special);
    if (options.coverage_penalty != 0) {
      options.source_mask = (torch::arange(batch.source.size(1)).unsqueeze(0) < batch.source_lengths.unsqueeze(1))
                                .to(translator.device);  // (B,S)
    }
    batch.source = batch.source.to(translator.device);
    batch.source_lengths = batch.source_lengths.to(translator.device);
    const std::vector<std::vector<TokenId>> starts(rows.size(), start);
    auto prompts = pad_left(starts, translator.special.start);
    prompts.ids = prompts.ids.to(translator.device);
    prompts.mask = prompts.mask.to(translator.device);
    const auto step = translator.model->start(batch, options.max_new_tokens);
    auto found = beam_search(*step, prompts, options);
    for (std::size_t i = 0; i < rows.size(); ++i) results[rows[i]] = std::move(found[i]);
  }
  return results;
}

}  // namespace langzoo
