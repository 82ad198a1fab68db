/// The tokenizer of a sentencepiece .model file (Kudo and Richardson 2018), unigram, BPE, word or char: ids, pieces,
/// offsets and decoded text are libsentencepiece's, and no special tokens are added. With EncodeOptions::sampling the
/// segmentation of a unigram or BPE model is drawn, user-defined symbols staying whole; a text has one segmentation in
/// a word or char model.
///
/// T5's and ALBERT's tokenizers in Python's `transformers` are made of such a file but are not equal to it:
/// tokenizers/sentencepiece_pipeline.h.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizers/tokenizer.h"

namespace langzoo {

class SentencePiece : public Tokenizer {
 public:
  /// Of the bytes of a .model file. Throws FileError naming `path` and what is wrong with them.
  explicit SentencePiece(std::string model, const std::filesystem::path& path = "<memory>");
  ~SentencePiece() override;

  /// The bytes it was made of.
  const std::string& model() const;

  using Tokenizer::encode;
  /// Each byte that is not UTF-8 is read as U+FFFD.
  void encode(std::string_view text, std::vector<TokenId>& ids) const override;
  /// Control symbols have no text; the unknown token has the model's surface for it (" ⁇ "), or none where special
  /// tokens are skipped.
  std::string decode(std::span<const TokenId> ids, bool skip_special_tokens = false) const override;
  /// The text of pieces by their names; one that the model does not have stays as it is.
  std::string decode_pieces(const std::vector<std::string>& pieces) const;

  std::size_t vocab_size() const override;
  std::optional<TokenId> token_to_id(std::string_view token) const override;
  std::string id_to_token(TokenId id) const override;
  bool has_token(TokenId id) const override;
  /// unk, bos, eos and pad, as the model names them.
  const SpecialTokens& special_tokens() const override;
  /// A unigram model knows no place: libsentencepiece adds up float32 scores from the beginning of the text on, and
  /// their rounding can decide between nearly equal segmentations.
  std::size_t cut_point(std::string_view text, std::size_t at) const override;
  /// Writes spiece.model, and the tokenizer_config.json by which load_tokenizer(dir) knows that no special tokens are
  /// to be added.
  void save(const std::filesystem::path& dir) const override;

 protected:
  Encoding encode_sequence(std::string_view text, const EncodeOptions& options) const override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Throws FileError naming the file and what is wrong with it.
std::unique_ptr<SentencePiece> load_sentencepiece(const std::filesystem::path& path);

}  // namespace langzoo
