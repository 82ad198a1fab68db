#include "models/ngram/ngram_pruning.h"

#include <ostream>
#include <stdexcept>

#include "models/ngram/backoff_trie.h"

namespace langzoo {

void prune_by_entropy(const NGramModel& model, double threshold, std::ostream& out) {
  if (!model.is_backoff() || !model.has_words()) {
    throw std::invalid_argument("only back-off models of words are pruned by entropy");
  }
  if (!(threshold >= 0)) throw std::invalid_argument("the threshold of pruning is below 0");
  BackoffTrie trie(model.order());
  constexpr std::int32_t kStart = BackoffTrie::kStart;
  trie.set(trie.add(std::span(&kStart, 1)), model.start_log10_probability(), model.start_log10_backoff());
  model.for_each_ngram([&](auto words, float log10_p, float log10_backoff, bool /*is_history*/) {
    trie.set(trie.add(words), log10_p, log10_backoff);
  });
  trie.prune(threshold);
  trie.write(out, model.words());
}

}  // namespace langzoo
