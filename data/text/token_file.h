/// A text as token ids on disk: built once, mapped into memory, checked against the text and the tokenizer it came
/// from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "data/files/mapped_file.h"
#include "tokenizers/tokenizer.h"

namespace langzoo {

/// Token ids that lie somewhere else, 2 or 4 bytes each: a token file's, or a vector's. A few words large; copy it.
/// What owns the ids must outlive it.
class TokenView {
 public:
  TokenView() = default;
  TokenView(std::span<const TokenId> ids, std::size_t vocab_size)
      : TokenView(reinterpret_cast<const std::byte*>(ids.data()), ids.size(), 4, vocab_size) {}
  /// `width` is 2 or 4 bytes, unsigned, in the machine's byte order, aligned.
  TokenView(const std::byte* data, std::size_t size, int width, std::size_t vocab_size)
      : data_(data), size_(size), width_(width), vocab_size_(vocab_size) {}

  std::size_t size() const { return size_; }
  std::size_t vocab_size() const { return vocab_size_; }
  /// Ids [begin, begin + count); throws std::out_of_range beyond size().
  TokenView slice(std::size_t begin, std::size_t count) const;
  /// Copies the ids from `begin` on into `out`. Throws std::out_of_range beyond size(), std::runtime_error for an id
  /// that is not below vocab_size(): a damaged file never reaches an embedding.
  void read(std::size_t begin, std::span<std::int64_t> out) const;

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  int width_ = 4;
  std::size_t vocab_size_ = 0;
};

struct TokenFileOptions {
  std::size_t threads = 0;                         ///< encoding at a time; 0: as many as there are CPUs for the process
  std::size_t chunk_bytes = std::size_t{1} << 20;  ///< text encoded at once by one thread
  /// Called while building, from the calling thread: bytes of text done, bytes in all. An exception ends the building.
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;
};

/// Layout, little-endian: the header (8 bytes of magic, u32 version, u32 bytes an id, u64 each: ids, vocabulary size,
/// documents, bytes of text, words of text, fingerprint of the text, of the tokenizer, of the ids, checksum of all
/// before it), then the ids. Nothing else. The ids are 2 bytes wide for a vocabulary of at most 65,536, else 4.
///
/// Contract. The file is current when version, vocabulary size and both fingerprints agree:
///  - the text's is text_fingerprint's: the documents' contents in order, not their names;
///  - the tokenizer's covers every token of the vocabulary, the special tokens, and the ids of the text's first 256
///  KiB.
/// They guard against forgetting to rebuild, not against forgery. Several documents are joined by the tokenizer's end
/// token where it has one: one after each document but the last.
class TokenFile {
 public:
  /// Maps an existing token file. Throws FileError for anything that is not a complete one.
  static TokenFile open(const std::filesystem::path& path);

  /// Maps `path` when it is current for `documents` (see find_text_files) and `tokenizer`; otherwise, and when it is
  /// damaged, builds it anew and replaces it. Memory is bounded by threads and chunk_bytes, whatever the text's size;
  /// the ids depend on neither, provided
  /// that the tokenizer knows a cut_point in each chunk (or last_safe_cut finds a white space there).
  /// Throws FileError when a document cannot be read or changes meanwhile, and when `path` is a file of another kind,
  /// which is left alone; std::runtime_error when the tokenizer gives ids outside its own vocabulary.
  static TokenFile open_or_build(std::span<const std::filesystem::path> documents, const Tokenizer& tokenizer,
                                 const std::filesystem::path& path, const TokenFileOptions& options = {});

  TokenView tokens() const;
  std::size_t size() const { return header_.count; }             ///< ids, end tokens between documents included
  std::size_t vocab_size() const { return header_.vocab_size; }  ///< the tokenizer's: every id is below it
  std::uint64_t documents() const { return header_.documents; }  ///< files the text came from
  std::uint64_t bytes() const { return header_.bytes; }          ///< of the text, for bits per byte
  std::uint64_t words() const { return header_.words; }          ///< of the text, separated by ASCII white space
  /// Of the ids, whatever files and tokenizer they came from: what a resumed run compares.
  std::uint64_t fingerprint() const { return header_.ids_print; }
  bool was_built() const { return was_built_; }  ///< by this call of open_or_build

 private:
  struct Header {
    std::uint64_t magic = 0;
    std::uint32_t version = 0, width = 0;
    std::uint64_t count = 0, vocab_size = 0, documents = 0, bytes = 0, words = 0, text_print = 0, tokenizer_print = 0,
                  ids_print = 0;
    std::uint64_t checksum = 0;
    std::uint64_t expected_checksum() const;
  };
  TokenFile(MappedFile file, const Header& header) : file_(std::move(file)), header_(header) {}
  static void build(std::span<const std::filesystem::path> documents, const Tokenizer& tokenizer, Header header,
                    const TokenFileOptions& options, std::ostream& out);

  MappedFile file_;
  Header header_;
  bool was_built_ = false;
};

}  // namespace langzoo
