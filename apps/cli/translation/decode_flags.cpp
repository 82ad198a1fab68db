#include "apps/cli/translation/decode_flags.h"

#include <algorithm>
#include <iostream>

#include <fmt/format.h>

namespace langzoo {

void DecodeFlags::add_to(Options& options) {
  using Config = GenerationConfig;
  constexpr std::int64_t kGreedy = 1;
  const auto setting = [&](Option& option, auto key) -> Option& { return over_folder_.add(option, key); };
  beams_.add_to(options, kGreedy, over_folder_);
  beams_.add_coverage_to(options);
  most_ = &setting(options.add("--max-new-tokens", options_.max_new_tokens, "tokens of the longest text written"),
                   &Config::max_new_tokens)
               .range(1, 1 << 30);
  least_ = &setting(options.add("--min-new-tokens", options_.min_new_tokens, "no end before that many tokens"),
                    &Config::min_new_tokens)
                .range(0, 1 << 30);
  setting(options.add("--no-repeat-ngram-size", options_.no_repeat_ngram_size, "no n tokens twice; 0: off"),
          &Config::no_repeat_ngram_size);
  setting(options.add("--repetition-penalty", options_.repetition_penalty, "above 1: repeat less"),
          &Config::repetition_penalty);
  options.add("--batch-size", batch_size_, "texts at a time; the results do not depend on it").range(1, 1 << 20);
}

void DecodeFlags::add_n_best_to(Options& options) {
  options.add("--n-best", n_best_, "translations of each sentence, at most --num-beams").range(1, 1 << 20);
}

void DecodeFlags::forget_given(GenerationConfig& folder) const {
  if (least_->given()) folder.min_length.reset();
  over_folder_.forget_given(folder);
  if (folder.num_beams.value_or(beams_.num_beams()) < 2) folder.length_penalty.reset();
}

BeamSearchOptions DecodeFlags::options(GenerationConfig folder, std::int64_t places) {
  // Of max_length one is the decoder's start token.
  if (folder.max_length && !folder.max_new_tokens)
    folder.max_new_tokens = std::max<std::int64_t>(1, *folder.max_length - 1);
  forget_given(folder);
  beams_.heed(folder);
  folder.apply_to(options_);
  if (options_.max_new_tokens > places) {
    if (most_->given()) {
      std::cerr << fmt::format("warning: --max-new-tokens {}: the model has {} places\n", options_.max_new_tokens,
                               places);
    }
    options_.max_new_tokens = places;
  }
  if (options_.min_new_tokens > places) {
    throw UsageError(fmt::format("--min-new-tokens {}: the model has {} places{}", options_.min_new_tokens, places,
                                 least_->given() ? "" : "; its folder asks for as many, this flag would go before"));
  }
  if (n_best_ > beams_.num_beams()) {
    throw UsageError(fmt::format("--n-best {}: at most --num-beams, which is {}", n_best_, beams_.num_beams()));
  }
  options_.num_return_sequences = n_best_;
  return beams_.apply_to(options_);
}

}  // namespace langzoo
