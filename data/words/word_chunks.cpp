#include "data/words/word_chunks.h"

#include <algorithm>

#include <fmt/format.h>

#include "data/files/file_error.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kChunkBytes = std::size_t{256} << 10;
static_assert(kChunkBytes > 2 * kMaxWordBytes);

/// Behind the last white space; 0 where there is none.
std::size_t cut_between_words(std::string_view text) {
  const auto space = std::find_if(text.rbegin(), text.rend(), is_word_space);
  return static_cast<std::size_t>(text.rend() - space);
}

}  // namespace

WordChunks::WordChunks(std::span<const fs::path> documents) : documents_(documents) {
  for (const fs::path& document : documents) {
    std::error_code error;
    const auto size = fs::file_size(document, error);
    if (error) throw FileError(document, error.message());
    sizes_.push_back(size);
    total_bytes_ += size;
  }
}

bool WordChunks::next(WordChunk& chunk) {
  if (!reader_) {
    if (document_ == documents_.size()) return false;
    reader_.emplace(documents_[document_], kChunkBytes, cut_between_words);
    read_ = 0;
    inside_long_word_ = false;
  }
  chunk.too_long = 0;
  chunk.ends_document = !reader_->next(chunk.text);
  chunk.bytes = reader_->position() - read_;
  read_ = reader_->position();
  if (chunk.ends_document) {
    if (read_ != sizes_[document_]) {
      throw FileError(documents_[document_], fmt::format("the text changed while it was read: {} bytes instead of {}",
                                                         read_, sizes_[document_]));
    }
    ++document_;
    chunk.text.clear();
    reader_.reset();
    return true;
  }
  std::string& text = chunk.text;
  if (inside_long_word_) {
    const auto space = std::find_if(text.begin(), text.end(), is_word_space);
    inside_long_word_ = space == text.end();
    text.erase(text.begin(), space);
  }
  const std::size_t tail = cut_between_words(text);
  if (text.size() - tail > kMaxWordBytes) {  // the document ends in it, or the reader found no place to cut
    chunk.too_long += inside_long_word_ ? 0 : 1;
    inside_long_word_ = true;
    text.resize(tail);
  }
  return true;
}

}  // namespace langzoo
