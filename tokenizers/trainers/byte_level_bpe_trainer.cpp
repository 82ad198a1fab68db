#include "tokenizers/trainers/byte_level_bpe_trainer.h"

#include <functional>
#include <stdexcept>
#include <string_view>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "tokenizers/byte_level.h"
#include "tokenizers/trainers/bpe_trainer.h"
#include "tokenizers/trainers/special_token_roles.h"
#include "tokenizers/trainers/word_counts.h"

namespace langzoo {

namespace {

/// GPT-2's pieces of all texts, spelled.
std::vector<WordCount> count_pieces(const TextSource& next, const ByteLevelBpeTrainerOptions& options) {
  const auto split = [&](std::string_view text, bool at_start, const std::function<void(std::string_view)>& add) {
    std::string spaced;
    if (at_start && options.add_prefix_space && !text.empty() && text[0] != ' ') {
      spaced.assign(1, ' ').append(text);
      text = spaced;
    }
    for_each_gpt2_piece(text,
                        [&](std::size_t begin, std::size_t end) { add(spell_bytes(text.substr(begin, end - begin))); });
  };
  return count_words(next, split, /*cuts_at_borders=*/true, {options.threads, options.progress});
}

}  // namespace

std::unique_ptr<ByteLevelBpe> train_byte_level_bpe(const TextSource& next, const ByteLevelBpeTrainerOptions& options) {
  BpeTrainerOptions bpe;
  bpe.vocab_size = options.vocab_size;
  bpe.min_frequency = options.min_frequency;
  bpe.special_tokens = options.special_tokens;
  bpe.max_token_length = options.max_token_length;
  bpe.progress = options.progress;
  for (int b = 0; b < 256; ++b) bpe.initial_alphabet += spell_bytes(std::string(1, static_cast<char>(b)));

  ByteLevelBpeModel model;
  std::unordered_set<std::string_view> special;
  for (const std::string& token : options.special_tokens) {
    if (!special.insert(token).second) continue;
    const auto id = static_cast<TokenId>(model.added_tokens.size());
    model.added_tokens.push_back({token, id});
  }
  model.special_tokens = special_token_roles(model.added_tokens);
  for (const AddedToken& token : model.added_tokens) {
    if (token.content == "<|endoftext|>" && !model.special_tokens.unk) model.special_tokens.unk = token.id;
  }
  std::size_t least = 256 + special.size();
  for (int b = 0; b < 256; ++b) least -= special.count(spell_bytes(std::string(1, static_cast<char>(b))));
  if (options.vocab_size < least || options.vocab_size > kMaxVocabularySize) {
    throw std::invalid_argument(fmt::format("vocab_size is {}, expected {} (256 bytes and the special tokens) to {}",
                                            options.vocab_size, least, kMaxVocabularySize));
  }

  BpeOptions learned = learn_bpe(count_pieces(next, options), bpe);
  model.tokens = std::move(learned.tokens);
  model.merges = std::move(learned.merges);
  model.add_prefix_space = options.add_prefix_space;
  return std::make_unique<ByteLevelBpe>(std::move(model));
}

}  // namespace langzoo
