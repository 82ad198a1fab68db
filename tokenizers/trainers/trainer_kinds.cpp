#include "tokenizers/trainers/trainer_kinds.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include <fmt/format.h>

#include "tokenizers/trainers/byte_level_bpe_trainer.h"
#include "tokenizers/trainers/char_trainer.h"

namespace langzoo {

namespace {

std::unique_ptr<Tokenizer> train_bytebpe(const TextSource& next, const PipelineTrainerOptions& options) {
  return train_byte_level_bpe(next, {.vocab_size = options.vocab_size,
                                     .min_frequency = options.min_frequency,
                                     .special_tokens = options.special_tokens,
                                     .max_token_length = options.max_token_length,
                                     .threads = options.threads,
                                     .progress = options.progress});
}

std::unique_ptr<Tokenizer> train_chars(const TextSource& next, const PipelineTrainerOptions& options) {
  return train_char_level(next, {.special_tokens = options.special_tokens, .progress = options.progress});
}

template <auto kTrain>
std::unique_ptr<Tokenizer> train_pipeline(const TextSource& next, const PipelineTrainerOptions& options) {
  return kTrain(next, options);
}

using ModelType = SentencePieceTrainerOptions::ModelType;

constexpr TrainerKind kKinds[] = {
    {"bytebpe", "GPT-2: byte-pair encoding of bytes; any text comes back as it was", true, train_bytebpe},
    {"bpe", "GPT-1: byte-pair encoding of characters, words ending in </w>", false, train_pipeline<train_bpe>},
    {"wordpiece", "BERT: words and punctuation cut into pieces, [CLS] and [SEP] added", false,
     train_pipeline<train_wordpiece>},
    {"unigram", "T5, ALBERT: a language model over pieces (SentencePiece)", false, train_pipeline<train_unigram>},
    {"word", "whole words; rare ones are <unk>", false, train_pipeline<train_word_level>},
    {"byteword", "whole words of any bytes, each with the space before it", true,
     train_pipeline<train_byte_level_words>},
    {"char", "one token a character, all that the text has", false, train_chars},
    {"sentencepiece", "unigram by libsentencepiece's own trainer, a .model", false, nullptr, ModelType::Unigram},
    {"sentencepiece-bpe", "its byte-pair encoding", false, nullptr, ModelType::Bpe},
    {"sentencepiece-word", "its whole words", false, nullptr, ModelType::Word},
    {"sentencepiece-char", "its characters", false, nullptr, ModelType::Char},
};

}  // namespace

std::span<const TrainerKind> trainer_kinds() {
  return kKinds;
}

const TrainerKind* find_trainer_kind(std::string_view name) {
  const auto* const found =
      std::find_if(std::begin(kKinds), std::end(kKinds), [&](const TrainerKind& kind) { return kind.name == name; });
  return found == std::end(kKinds) ? nullptr : found;
}

void require_room(const Tokenizer& trained, std::size_t vocab_size) {
  if (trained.vocab_size() <= vocab_size) return;
  throw std::invalid_argument(fmt::format(
      "vocab_size is {}, expected at least {}: the special tokens and the text's characters alone are so many",
      vocab_size, trained.vocab_size()));
}

const TrainerKind* find_sentencepiece_kind(std::string_view model) {
  return find_trainer_kind(model == "unigram" ? "sentencepiece" : "sentencepiece-" + std::string(model));
}

}  // namespace langzoo
