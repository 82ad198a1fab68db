/// The tokenizer of a run: trained on its text or read from a path, saved with the run, and found again by whatever
/// opens the folder. The same kinds for every family:
///
/// | data.tokenizer | |
/// |---|---|
/// | char | the characters of the text |
/// | train:bytebpe:N | byte-level BPE of N tokens (GPT-2); takes any bytes |
/// | train:bpe:N | BPE of characters, words between white space |
/// | train:wordpiece:N | WordPiece (BERT): case kept, [CLS] and [SEP] |
/// | train:unigram:N | Unigram as a tokenizer.json (T5, ALBERT) |
/// | train:word:N, train:byteword:N | whole words; those that come back with their spaces, of any bytes |
/// | train:sentencepiece:N, train:sentencepiece-bpe:N, -word, -char | a .model of libsentencepiece's own trainer |
/// | a path | all that load_tokenizer reads (tokenizers/directory.h): a folder, a tokenizer.json, vocab.txt, a .model;
/// of
///   Marian's folders translation takes both sides |
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "apps/training/message.h"
#include "tokenizers/tokenizer.h"
#include "tokenizers/trainers/text_source.h"

namespace langzoo {

/// What a key like data.tokenizer asks for.
struct TokenizerSpec {
  std::string key;             ///< named in errors: "data.tokenizer"
  std::string text;            ///< its value
  std::string kind;            ///< "char", or KIND of train:KIND:N; empty: `text` is a path
  std::size_t vocab_size = 0;  ///< N

  /// Whether one that is trained takes any bytes; the others are of characters, and their text has to be UTF-8.
  bool takes_bytes() const;
};

/// Throws ConfigError naming `key`, the value and what there is, for anything but the table above: an unknown KIND, an
/// impossible N, a path that does not exist.
TokenizerSpec parse_tokenizer_spec(const std::string& text, const std::string& key);

/// The values there are, in a line: "char, train:KIND:N (KIND: bytebpe, ...) or the path of a tokenizer".
const std::string& tokenizer_spec_help();

/// A vocabulary is trained on so much text at most: more changes little.
inline constexpr std::uint64_t kTokenizerTrainingBytes = std::uint64_t{256} << 20;

struct TokenizerNeeds {
  /// Special tokens that a trained tokenizer is to have beside its kind's own; usual names tell their roles (</s> ends
  /// texts, <|endoftext|> begins and ends them: tokenizers/trainers). A sentencepiece has its own tokens for the roles
  /// of <s>, </s> and <pad>, <|endoftext|> being its </s>, and those only that are asked for.
  std::vector<std::string> special_tokens;
  /// Whether the tokenizer.json of a trained one puts its end token behind a text and nothing else around it, as T5's
  /// does, so that those who open the folder read what the model has learned from. Runs add it themselves.
  bool ends_texts = false;
  std::size_t threads = 0;  ///< 0: as many as the machine has
};

/// Trains the tokenizer on all of `texts`, or reads it; `texts` is asked for nothing then. Throws ConfigError naming
/// the key for an N that has no room for what must be in the vocabulary, FileError for a file that holds no tokenizer,
/// and what `texts` throws.
std::unique_ptr<Tokenizer> make_tokenizer(const TokenizerSpec& spec, const TextSource& texts,
                                          const TokenizerNeeds& needs, const Message& message);

/// load_tokenizer() of what may be a run's or a model's folder: where an earlier version of ours has left a
/// spiece.model without the tokenizer_config.json that says what it is, it is libsentencepiece's own.
std::unique_ptr<Tokenizer> load_run_tokenizer(const std::filesystem::path& path);
/// The tokenizer that an earlier part of a run saved in its folder; null where there is none.
std::unique_ptr<Tokenizer> find_tokenizer(const std::filesystem::path& dir);

/// Whether bytes that are not UTF-8 come back from its ids. Others read U+FFFD, or an unknown token, in their place.
bool keeps_bytes(const Tokenizer& tokenizer);

/// What a key like data.tokenizer says, a path as an absolute one where it is there: it is found again from another
/// directory.
std::string absolute_tokenizer(const std::string& text);

/// Whether the path `name` holds the tokenizer that `dir` holds. Throws FileError for files that hold none.
bool is_tokenizer_in(const std::filesystem::path& dir, const std::string& name);

/// The tokenizers of both sides of a translation; often one serves both.
class TranslationTokenizers {
 public:
  TranslationTokenizers() = default;
  /// `target` may be null: one for both.
  TranslationTokenizers(std::unique_ptr<Tokenizer> source, std::unique_ptr<Tokenizer> target)
      : source_(std::move(source)), target_(std::move(target)) {}

  const Tokenizer& source() const { return *source_; }
  const Tokenizer& target() const { return target_ ? *target_ : *source_; }
  /// Whether both sides have the same tokens under the same ids.
  bool one_vocabulary() const;

  /// A model folder holds the source's, and where it is another the target's in its folder target_tokenizer; Marian's
  /// files are both sides' (tokenizers/marian.h).
  void save(const std::filesystem::path& dir) const;
  static TranslationTokenizers load(const std::filesystem::path& dir);
  /// What `path` gives for both sides: one tokenizer, or Marian's pair.
  static TranslationTokenizers open(const std::filesystem::path& path);

 private:
  std::unique_ptr<Tokenizer> source_, target_;
};

inline constexpr const char* kTargetTokenizerDir = "target_tokenizer";

/// The tokenizer of `path` for targets alone: the target's side of Marian's.
std::unique_ptr<Tokenizer> load_target_tokenizer(const std::filesystem::path& path);

/// Throws FileError where `tokenizer`, that of a `side` of model folder `dir`, has ids that the model does not know.
void check_vocabulary(const std::filesystem::path& dir, const char* side, const Tokenizer& tokenizer,
                      std::int64_t vocab_size);

/// The token that ends a sentence, or begins one: </s> or [SEP], <s> or [CLS] (or else the end token). Throws
/// ConfigError naming `key` where a tokenizer has none.
TokenId end_token_of(const Tokenizer& tokenizer, const std::string& key);
TokenId start_token_of(const Tokenizer& tokenizer, const std::string& key);

}  // namespace langzoo
