/// Every kind of tokenizer that can be trained, by the name that runs (train:KIND:N) and programs give it.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "tokenizers/tokenizer.h"
#include "tokenizers/trainers/pipeline_trainer.h"
#include "tokenizers/trainers/sentencepiece_trainer.h"
#include "tokenizers/trainers/text_source.h"

namespace langzoo {

struct TrainerKind {
  std::string_view name;   ///< "wordpiece"
  std::string_view about;  ///< what it is, and whose
  bool takes_bytes;        ///< any; the others are of characters, and their text is UTF-8
  /// Of its own trainer; options that say nothing to it are not looked at. nullptr: libsentencepiece's.
  std::unique_ptr<Tokenizer> (*train)(const TextSource& next, const PipelineTrainerOptions& options);
  /// For train_sentencepiece.
  std::optional<SentencePieceTrainerOptions::ModelType> sentencepiece = std::nullopt;
};

std::span<const TrainerKind> trainer_kinds();
/// nullptr where there is none.
const TrainerKind* find_trainer_kind(std::string_view name);
/// Throws std::invalid_argument saying how many tokens are needed where a trained tokenizer has more than `vocab_size`:
/// the trainers of bpe and wordpiece keep every special token and character whatever it says, as Python's tokenizers
/// do.
void require_room(const Tokenizer& trained, std::size_t vocab_size);
/// The kind of libsentencepiece's model of that name ("unigram", "bpe", "word", "char"): "sentencepiece-bpe". nullptr
/// where it has none.
const TrainerKind* find_sentencepiece_kind(std::string_view model);

}  // namespace langzoo
