/// Marian's tokenizers, as Opus-MT folders hold them: source.spm and target.spm, a SentencePiece model a side, cut text
/// into pieces; vocab.json has the pieces' ids, those of both sides, or with separate_vocabs the source's, and
/// target_vocab.json the target's. Ids and text are those of transformers' MarianTokenizer 5.23:
///
/// - "</s>" ends a text; a piece that the vocabulary lacks is "<unk>", whatever its id in the .spm.
/// - ">>fra<<" at the beginning of a text, or after a special token in it, is one token, spaces after it not counted.
/// - Moses' normalisation of punctuation, which that class prepares with sacremoses installed and never calls, is not
///   done; the .spm normalises as it was trained to.
/// - With one vocabulary source.spm puts the pieces of either side together again. tokenizer_config.json may ask for
///   clean_up_tokenization_spaces.
/// - With two vocabularies "</s>" and the other special tokens of both sides have their ids in vocab.json. There a
///   source's ids are read as the source's, which transformers reads as the target's.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizers/tokenizer.h"

namespace langzoo {

/// One side of a folder.
class MarianTokenizer : public Tokenizer {
 public:
  struct Folder;  ///< what both sides share

  MarianTokenizer(std::shared_ptr<const Folder> folder, bool is_target);
  ~MarianTokenizer() override;

  /// Whether both are sides of one folder: saving one of them saves the other.
  bool shares_folder(const Tokenizer& other) const;

  using Tokenizer::encode;
  void encode(std::string_view text, std::vector<TokenId>& ids) const override;
  std::string decode(std::span<const TokenId> ids, bool skip_special_tokens = false) const override;

  std::size_t vocab_size() const override;
  std::optional<TokenId> token_to_id(std::string_view token) const override;
  std::string id_to_token(TokenId id) const override;
  bool has_token(TokenId id) const override;
  const SpecialTokens& special_tokens() const override;
  /// Writes the files of both sides.
  void save(const std::filesystem::path& dir) const override;

 protected:
  Encoding encode_sequence(std::string_view text, const EncodeOptions& options) const override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

struct MarianTokenizers {
  std::unique_ptr<MarianTokenizer> source, target;
};

/// Whether `dir` holds a source.spm and no tokenizer.json that another class would read.
bool is_marian(const std::filesystem::path& dir);

/// Throws FileError naming the file and what is wrong with it.
MarianTokenizers load_marian(const std::filesystem::path& dir);

}  // namespace langzoo
