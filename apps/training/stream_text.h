/// Text as one stream for language models of words (langzoo-lm): what data.train, data.valid, data.tokenizer and
/// data.lines mean.
///
/// Words are what stands between blanks (ASCII white space), as written, or another tokenizer's tokens. A line is a
/// sentence and its end </s>, an empty line </s> alone; </s> also stands before the first line. With data.lines = false
/// line ends are white space and no </s> follows, only one token for <s> precedes: models of streams have the end
/// token for both. <unk> in a text is that word; <s> and </s> are not allowed there.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apps/training/text_corpus.h"
#include "tokenizers/normalizers/normalizer.h"

namespace langzoo {

/// The section `data` of a run's configuration.
struct StreamTextOptions : TextCorpusOptions {
  bool lines = true;            ///< a line is a sentence; false: line ends are white space
  std::int64_t max_tokens = 0;  ///< to predict in training: the text's first; 0: all

  /// data.tokenizer is "words" by default: all words of the training text.
  StreamTextOptions();
  void for_each_field(FieldVisitor& visit);
  void make_paths_absolute();
};

/// N of data.tokenizer = words:N, 0 of words; nothing of other tokenizers. Throws ConfigError for another N than a
/// number of words.
std::optional<std::size_t> most_words_of(const std::string& tokenizer);

/// What stands between blanks. Throws std::runtime_error as LineEncoder::encode().
std::vector<std::string_view> words_of_sentence(std::string_view line);

/// Turns lines into tokens.
class LineEncoder {
 public:
  /// `tokenizer` outlives it. Throws ConfigError where it has no token that ends a sentence.
  explicit LineEncoder(const Tokenizer& tokenizer);

  /// Appends the tokens of `line`, without an end. Throws std::runtime_error for <s>, </s>, the tokenizer's own end
  /// token, and text that is not UTF-8.
  void encode(std::string_view line, std::vector<TokenId>& ids) const;

  TokenId end() const { return end_; }                         ///< </s>
  std::optional<TokenId> unknown() const { return unknown_; }  ///< <unk>

 private:
  const Tokenizer& tokenizer_;
  bool words_;
  TokenId end_;
  std::optional<TokenId> unknown_;
};

/// Whether its tokens are words between white space, which decoded stand beside each other with a space between.
bool has_whole_words(const Tokenizer& tokenizer);
/// What a model has generated, as text without what only ends one. Of whole words <unk> is one.
std::string generated_text(const Tokenizer& tokenizer, std::span<const TokenId> ids);
/// <unk>, </s>, then the words by falling count, of equal counts in the order of their bytes; those beyond
/// `vocab_size`, 0 being any number, are <unk>. Words are what a text's `normalizer` makes of it, if there is one.
/// Throws std::invalid_argument for a vocabulary that has no room.
std::unique_ptr<Tokenizer> word_tokenizer(std::vector<std::pair<std::string, std::uint64_t>> counts,
                                          std::size_t vocab_size,
                                          std::shared_ptr<const Normalizer> normalizer = nullptr);

/// The words of a stream as they are written, also those that are <unk>: for models that read letters.
struct WordForms {
  std::vector<std::string> words;  ///< each once
  std::vector<TokenId> places;     ///< of each token 0 where it is </s>, else 1 + the number of its word
};

/// Tokens in memory: of a text, the end token first.
struct StreamText {
  std::shared_ptr<const std::vector<TokenId>> ids;
  std::size_t vocab_size = 0;
  std::int64_t unknown = 0;                     ///< <unk> among them
  std::shared_ptr<const WordForms> forms = {};  ///< where they are asked for

  TokenView view() const { return {*ids, vocab_size}; }
  std::int64_t predicted() const { return static_cast<std::int64_t>(ids->size()) - 1; }  ///< all but the first
};

struct StreamCorpus {
  std::unique_ptr<Tokenizer> tokenizer;
  StreamText train;
  std::optional<StreamText> valid;
  std::string fingerprint;  ///< of the ids of both texts and of the tokenizer
};

/// The tokenizer that `options` ask for (that in `dir` where there is one, else it is saved there) and both texts;
/// where data.valid is empty, data.valid_fraction of the lines (or words) of data.train, its last. `with_forms`: both
/// with their WordForms, for which tokens must be words. Throws ConfigError, and FileError naming file and line.
StreamCorpus open_stream_corpus(const StreamTextOptions& options, const std::filesystem::path& dir,
                                const Message& message, bool with_forms = false);

/// A text to evaluate: a file, a folder, or microworld.
StreamText open_stream_text(const std::string& data, const Tokenizer& tokenizer, bool lines,
                            std::uint64_t microworld_seed = TextCorpusOptions{}.microworld_seed,
                            bool with_forms = false);
/// How the run that made model folder `dir` read text; nothing where no run made it.
std::optional<bool> told_lines_of_run(const std::filesystem::path& dir);
/// The same, or as is usual.
bool lines_of_run(const std::filesystem::path& dir);

}  // namespace langzoo
