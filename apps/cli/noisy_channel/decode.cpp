#include "apps/cli/noisy_channel/decode.h"

#include "apps/cli/base/parallel_for_each.h"

namespace langzoo {

std::vector<Hypotheses> decode_sources(const NoisyChannel& channel, std::span<const std::vector<TokenId>> sources,
                                       int n_best, std::size_t threads) {
  std::vector<Hypotheses> results(sources.size());
  parallel_for_each(sources.size(), threads, [&](std::size_t i) {
    for (auto& found : channel.translate(sources[i], n_best)) {
      auto& hypothesis = results[i].emplace_back();
      hypothesis.ids = std::move(found.words);
      hypothesis.score = found.score;
    }
  });
  return results;
}

}  // namespace langzoo
