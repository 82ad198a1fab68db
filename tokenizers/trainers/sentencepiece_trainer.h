/// Trains sentencepiece .model files with libsentencepiece's own trainer (Kudo 2018; Kudo and Richardson 2018).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tokenizers/sentencepiece.h"

namespace langzoo {

/// The names and defaults are those of spm_train.
struct SentencePieceTrainerOptions {
  enum class ModelType { Unigram, Bpe, Word, Char };
  ModelType model_type = ModelType::Unigram;
  std::size_t vocab_size = 8000;
  double character_coverage = 0.9995;  // the share of the text's characters that get a token, in [0.98, 1]
  bool byte_fallback = false;          // the others become the tokens <0x..> of their bytes
  std::string normalization_rule_name = "nmt_nfkc";  // nmt_nfkc, nfkc, nmt_nfkc_cf, nfkc_cf or identity
  std::size_t max_sentencepiece_length = 16;         // in characters, 1 to 512
  std::size_t max_sentence_length = 4192;            // in bytes, from 10 on
  // Absent: there is no such token.
  TokenId unk_id = 0;
  std::optional<TokenId> bos_id = 1, eos_id = 2, pad_id;
  std::vector<std::string> control_symbols;       // never in text
  std::vector<std::string> user_defined_symbols;  // always one token
  /// Called now and then while the text is being read, with the lines so far.
  std::function<void(std::uint64_t lines)> progress;
  /// Called once where lines were left out, with how many and how many bytes they have.
  std::function<void(std::uint64_t lines, std::uint64_t bytes)> left_out;
};

/// Puts the next text into its argument and returns true, or returns false at the end.
using SentencePieceTextSource = std::function<bool(std::string&)>;

/// Every line of a text is a sentence; as in spm_train those of more than max_sentence_length bytes are left out, and
/// those with the character U+2585, which libsentencepiece keeps for itself. The sums of the training depend on the
/// number of its threads, which is therefore always spm_train's 16: the model depends on text and options alone. Throws
/// std::invalid_argument for an option out of range and std::runtime_error where there is nothing to learn from, or
/// with libsentencepiece's message where it cannot train (a vocabulary larger than the text yields).
std::unique_ptr<SentencePiece> train_sentencepiece(const SentencePieceTextSource& next,
                                                   const SentencePieceTrainerOptions& options);

}  // namespace langzoo
