#include "apps/cli/translation/decode_flags.h"

#include <fmt/format.h>

namespace langzoo {

void DecodeFlags::add_to(Options& options) {
  constexpr std::int64_t kGreedy = 1;
  beams_.add_to(options, kGreedy);
  beams_.add_coverage_to(options);
  options.add("--max-new-tokens", options_.max_new_tokens, "the longest translation").range(1, 1 << 30);
  options.add("--min-new-tokens", options_.min_new_tokens, "no end before that many tokens").range(0, 1 << 30);
  options.add("--no-repeat-ngram-size", options_.no_repeat_ngram_size, "no n tokens twice; 0: off");
  options.add("--repetition-penalty", options_.repetition_penalty, "above 1: repeat less");
  options.add("--n-best", options_.num_return_sequences, "translations of each sentence, at most --num-beams")
      .range(1, 1 << 20);
  options.add("--batch-size", batch_size_, "sentences at a time; the results do not depend on it").range(1, 1 << 20);
}

BeamSearchOptions DecodeFlags::options() const {
  if (options_.num_return_sequences > beams_.num_beams()) {
    throw UsageError(fmt::format("--n-best {}: at most --num-beams, which is {}", options_.num_return_sequences,
                                 beams_.num_beams()));
  }
  return beams_.apply_to(options_);
}

}  // namespace langzoo
