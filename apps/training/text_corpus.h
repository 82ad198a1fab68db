/// Text for language models: what data.train, data.valid and data.tokenizer mean, for every family that learns from
/// plain text.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apps/training/message.h"
#include "data/text/token_file.h"
#include "models/io/config_fields.h"
#include "tokenizers/tokenizer.h"

namespace langzoo {

/// The text, and the questions about it, that need no file.
inline constexpr const char* kMicroworld = "microworld";
/// Whether `data` is a text that microworld tells: its stories; microworld-patterns, tasks to be learned in context;
/// microworld-problems, -problems-varied, -problems-bare and -problems-triggered, word problems with their solutions,
/// with solutions in one of several orders, without, and with them where they are asked for.
bool is_microworld_text(std::string_view data);

/// The section `data` of a run configuration.
struct TextCorpusOptions {
  std::string train;  ///< a file, a folder, or "microworld"
  std::string valid;  ///< likewise; empty: the last part of `train`
  std::string tokenizer = "train:bytebpe:4096";
  double valid_fraction = 0.1;              ///< of the tokens of `train`, where `valid` is empty
  std::int64_t microworld_bytes = 4000000;  ///< training text told by microworld; validation has valid_fraction of it
  std::uint64_t microworld_seed = 1;

  void for_each_field(FieldVisitor& visit);
  /// Files and folders by their absolute paths, so that a run goes on from whatever directory.
  void make_paths_absolute();
};

/// Tokens of a text with what its evaluation needs.
struct TokenizedText {
  TokenView tokens;
  std::uint64_t bytes = 0, words = 0;
  std::optional<double> source_nats;  ///< microworld: the exact -log p of the text
  std::shared_ptr<void> owner;        ///< what `tokens` points into
};

/// What is made of documents.
struct TextFormat {
  /// Of documents a token file at `path`, built where it is not there.
  TokenFile (*open_or_build)(std::span<const std::filesystem::path> documents, const Tokenizer& tokenizer,
                             const std::filesystem::path& path,
                             const TokenFileOptions& options) = TokenFile::open_or_build;
  /// Those that a tokenizer trained on them is to have beside its kind's own.
  std::vector<std::string> special_tokens = {"<|endoftext|>"};
  /// The same of a tokenizer of characters, which otherwise has those of the text alone.
  std::vector<std::string> character_tokens = {};
  bool ends_texts = false;  ///< TokenizerNeeds'
  /// Whether the token file holds nothing but the text's tokens.
  bool tokens_only = true;
  /// What microworld tells, so many bytes at least; none: its stories in a row, whose entropy is known.
  std::function<std::string(std::uint64_t seed, std::uint64_t bytes)> tell = {};
};

/// The files of a text.
struct TextDocuments {
  std::vector<std::filesystem::path> files;
  std::optional<double> nats;  ///< microworld: the exact -log p of the text
};
/// Those of options.train, and of options.valid (none where it is empty and microworld is not told). What microworld
/// tells is written to train.txt and valid.txt in `work` first, which is made. Throws FileError.
TextDocuments training_documents(const TextCorpusOptions& options, const std::filesystem::path& work,
                                 const TextFormat& format = {});
TextDocuments validation_documents(const TextCorpusOptions& options, const std::filesystem::path& work,
                                   const TextFormat& format = {});
/// Those of a text to evaluate, as open_text() takes it.
TextDocuments evaluation_documents(const std::string& data, std::uint64_t microworld_seed,
                                   const std::filesystem::path& work, const TextFormat& format = {});

struct TextCorpus {
  std::unique_ptr<Tokenizer> tokenizer;
  TokenizedText train;
  std::optional<TokenizedText> valid;
  /// Of the ids of both texts and of the tokenizer, whatever the files are called: what a resumed run compares.
  std::string fingerprint;
};

/// The tokenizer `options` ask for (that in `dir` when `dir` holds one: a resumed run keeps its own; else it is saved
/// there), and the token files, kept in `dir`/data. Throws ConfigError for impossible options, FileError and
/// std::runtime_error naming the file for bad data.
TextCorpus open_text_corpus(const TextCorpusOptions& options, const std::filesystem::path& dir, const Message& message,
                            const TextFormat& format = {});

/// A text to evaluate: a file, a folder, or "microworld" (the validation text of a run with that seed). `message` is
/// told of text that is not UTF-8, where the tokenizer reads U+FFFD for it. Nothing is left on the disk.
TokenizedText open_text(const std::string& data, const Tokenizer& tokenizer,
                        std::uint64_t microworld_seed = TextCorpusOptions{}.microworld_seed,
                        const TextFormat& format = {}, const Message& message = {});
/// The seed of the run that made model folder `dir`; the default where it does not say.
std::uint64_t microworld_seed_of(const std::filesystem::path& dir);

}  // namespace langzoo
