/// Documents of sentences as token ids on disk: what pretraining on sentences reads. A token file (data/text) in which
/// marks that no vocabulary has stand behind each sentence and each document, so that it is built in bounded memory,
/// mapped, checked against text and tokenizer, and built anew as any other.
///
///     const auto file = langzoo::open_or_build_sentences(find_text_files("corpus.txt"), tokenizer,
///     "corpus.sentences"); const langzoo::SentenceCorpus corpus(file.tokens(), 126);
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "data/text/token_file.h"

namespace langzoo {

/// A sentence a line, as BERT's create_pretraining_data has it; a blank line ends a document, so does a file. Throws as
/// TokenFile::open_or_build.
TokenFile open_or_build_sentences(std::span<const std::filesystem::path> documents, const Tokenizer& tokenizer,
                                  const std::filesystem::path& path, const TokenFileOptions& options = {});

/// Sentences [begin, end) of a corpus.
struct SentenceRange {
  std::size_t begin = 0, end = 0;
  std::size_t size() const { return end - begin; }
  bool operator==(const SentenceRange&) const = default;
};

/// The sentences of such a file: 12 bytes each in memory, and 8 a document. Any text does:
///  - a sentence of more than `longest` tokens is cut into pieces of nearly equal lengths (a line may be a paragraph,
///  or
///    the whole of a text without line ends);
///  - where all is one document, as in a text without blank lines, every kSentencesOfPlainText sentences are one, so
///  that
///    there are others to draw a wrong next sentence from.
/// What owns the tokens must outlive it. Any number of threads may read.
class SentenceCorpus {
 public:
  static constexpr std::size_t kSentencesOfPlainText = 64;

  /// Throws std::invalid_argument for tokens without marks or a `longest` of 0, std::runtime_error where there is no
  /// sentence.
  SentenceCorpus(TokenView marked, std::size_t longest);

  std::size_t sentences() const { return begins_.size(); }
  std::size_t documents() const { return document_ends_.size(); }
  std::size_t tokens() const { return tokens_; }  ///< of all sentences
  std::size_t vocab_size() const { return marked_.vocab_size() - 2; }
  std::size_t length(std::size_t sentence) const { return lengths_[sentence]; }
  SentenceRange document(std::size_t d) const { return {d == 0 ? 0 : document_ends_[d - 1], document_ends_[d]}; }
  /// The document that a sentence belongs to; found in O(log documents).
  std::size_t document_of(std::size_t sentence) const;
  /// Appends the tokens of a sentence.
  void read(std::size_t sentence, std::vector<std::int64_t>& ids) const;

 private:
  void add_sentence(std::size_t begin, std::size_t end, std::size_t longest);
  void end_document();

  TokenView marked_;
  std::size_t tokens_ = 0;
  std::vector<std::uint64_t> begins_;
  std::vector<std::uint32_t> lengths_;
  std::vector<std::uint64_t> document_ends_;  ///< in sentences
};

}  // namespace langzoo
