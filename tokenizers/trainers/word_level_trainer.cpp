#include "tokenizers/trainers/word_level_trainer.h"

#include <algorithm>
#include <stdexcept>
#include <string_view>
#include <unordered_set>

#include <fmt/format.h>

#include "tokenizers/added_tokens.h"

namespace langzoo {

WordLevelOptions learn_word_level(const std::vector<WordCount>& words, const WordLevelTrainerOptions& options) {
  WordLevelOptions learned;
  std::unordered_set<std::string_view> special;
  for (const std::string& token : options.special_tokens) {
    if (token.empty()) throw std::invalid_argument("a special token is empty");
    if (special.insert(token).second) learned.tokens.push_back(token);
  }
  if (options.vocab_size < special.size() || options.vocab_size > kMaxVocabularySize) {
    throw std::invalid_argument(fmt::format("vocab_size is {}, expected {} (the special tokens) to {}",
                                            options.vocab_size, special.size(), kMaxVocabularySize));
  }
  std::vector<const WordCount*> kept;
  for (const WordCount& word : words) {
    if (word.count >= options.min_frequency && !word.word.empty() && !special.contains(word.word)) {
      kept.push_back(&word);
    }
  }
  std::sort(kept.begin(), kept.end(), [](const WordCount* a, const WordCount* b) {
    return a->count != b->count ? a->count > b->count : a->word < b->word;
  });
  for (const WordCount* const word : kept) {
    if (learned.tokens.size() == options.vocab_size) break;
    learned.tokens.push_back(word->word);
  }
  return learned;
}

}  // namespace langzoo
