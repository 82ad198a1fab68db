/// Texts to a complete tokenizer: the usual stages around a model that is learned here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tokenizers/pipeline.h"
#include "tokenizers/trainers/text_source.h"

namespace langzoo {

struct PipelineTrainerOptions {
  std::size_t vocab_size = 30000;   // special tokens included
  std::uint64_t min_frequency = 0;  // of a pair (BPE, WordPiece) or word (word level); Unigram has none
  // Further ones, whose ids follow those of the model's own. Usual names tell their roles: <s>, </s>, <pad>, [MASK];
  // <|endoftext|> becomes bos and eos.
  std::vector<std::string> special_tokens;
  std::string initial_alphabet;                 // BPE, WordPiece, Unigram: characters that are tokens in any case
  std::optional<std::size_t> limit_alphabet;    // BPE, WordPiece: at most so many characters, the most frequent
  double character_coverage = 1.0;              // Unigram: of the text, by the characters that are tokens
  std::optional<std::size_t> max_token_length;  // BPE: as in BpeTrainerOptions; Unigram: in characters, 16 otherwise
  /// BPE, Unigram: the tokens <0x00> to <0xFF>, whose ids follow the special tokens', spell what has no other token.
  bool byte_fallback = false;
  bool lowercase = false;
  std::size_t threads = 1;  // the result does not depend on it
  ProgressCallback progress;
};

// Each reads the texts of `next` once, keeping distinct words and their counts, and throws std::invalid_argument naming
// the option that is wrong. Options that name the models they are for say nothing to the others. Bytes that are not
// UTF-8 are read as U+FFFD.

/// BERT (Devlin et al. 2018): BertNormalizer, which also strips accents where `lowercase` is set, words and
/// punctuation, WordPiece, `[CLS] A [SEP] B [SEP]`. Special tokens: [PAD] [UNK] [CLS] [SEP] [MASK].
std::unique_ptr<Pipeline> train_wordpiece(const TextSource& next, const PipelineTrainerOptions& options);

/// Byte-pair encoding of characters with "</w>" (Sennrich et al. 2016): words between white space, so that a decoded
/// text differs from the original in white space only. Special token: <unk>.
std::unique_ptr<Pipeline> train_bpe(const TextSource& next, const PipelineTrainerOptions& options);

/// Unigram as in SentencePiece and T5: NFKC, white space collapsed into single spaces, which "▁" spells. Special
/// tokens: <unk> <s> </s> <pad>.
std::unique_ptr<Pipeline> train_unigram(const TextSource& next, const PipelineTrainerOptions& options);

/// Whole words and runs of punctuation. Special token: <unk>.
std::unique_ptr<Pipeline> train_word_level(const TextSource& next, const PipelineTrainerOptions& options);

/// Whole words, numbers and runs of punctuation, each with the space before it, as GPT-2 cuts bytes: a decoded text is
/// the original but for unknown words. Special token: <unk>.
std::unique_ptr<Pipeline> train_byte_level_words(const TextSource& next, const PipelineTrainerOptions& options);

}  // namespace langzoo
