#include "data/pretraining/sentence_file.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

namespace langzoo {

namespace {

/// Encodes lines and marks their ends; the two marks are the ids behind the vocabulary.
class SentenceMarker : public Tokenizer {
 public:
  explicit SentenceMarker(const Tokenizer& tokenizer) : inner_(tokenizer), special_(tokenizer.special_tokens()) {
    special_.eos = document_end();  // a token file puts it between files
  }

  Encoding encode_sequence(std::string_view text, const EncodeOptions&) const override {
    Encoding encoding;
    encode(text, encoding.ids);
    return encoding;
  }
  /// A blank line is the end of a document: also as the beginning of a chunk, which begins behind a line feed.
  void encode(std::string_view text, std::vector<TokenId>& ids) const override {
    while (!text.empty()) {
      const auto end = std::min(text.find('\n'), text.size());
      const auto line = text.substr(0, end);
      const bool blank = line.find_first_not_of(" \t\r\v\f") == std::string_view::npos;
      if (!blank) inner_.encode(line.ends_with('\r') ? line.substr(0, line.size() - 1) : line, ids);
      if (end == text.size()) return;
      ids.push_back(blank ? document_end() : sentence_end());
      text.remove_prefix(end + 1);
    }
  }
  std::size_t cut_point(std::string_view text, std::size_t at) const override {
    const auto line_feed = text.substr(0, at).rfind('\n');
    return line_feed == std::string_view::npos ? inner_.cut_point(text, at) : line_feed + 1;
  }

  std::string decode(std::span<const TokenId> ids, bool skip) const override { return inner_.decode(ids, skip); }
  std::size_t vocab_size() const override { return inner_.vocab_size() + 2; }
  std::optional<TokenId> token_to_id(std::string_view token) const override { return inner_.token_to_id(token); }
  std::string id_to_token(TokenId id) const override {
    return id == sentence_end()   ? "end of a sentence"
           : id == document_end() ? "end of a document"
                                  : inner_.id_to_token(id);
  }
  bool has_token(TokenId id) const override {
    return id == sentence_end() || id == document_end() || inner_.has_token(id);
  }
  const SpecialTokens& special_tokens() const override { return special_; }
  void save(const std::filesystem::path& dir) const override { inner_.save(dir); }

 private:
  TokenId sentence_end() const { return static_cast<TokenId>(inner_.vocab_size()); }
  TokenId document_end() const { return sentence_end() + 1; }

  const Tokenizer& inner_;
  SpecialTokens special_;
};

}  // namespace

TokenFile open_or_build_sentences(std::span<const std::filesystem::path> documents, const Tokenizer& tokenizer,
                                  const std::filesystem::path& path, const TokenFileOptions& options) {
  return TokenFile::open_or_build(documents, SentenceMarker(tokenizer), path, options);
}

SentenceCorpus::SentenceCorpus(TokenView marked, std::size_t longest) : marked_(marked) {
  if (marked.vocab_size() < 3) throw std::invalid_argument("tokens without marks of sentences");
  if (longest == 0) throw std::invalid_argument("sentences of at most 0 tokens");
  constexpr std::size_t kAtOnce = 1 << 16;
  const auto sentence_end = static_cast<std::int64_t>(marked.vocab_size()) - 2, document_end = sentence_end + 1;
  std::vector<std::int64_t> ids;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < marked.size(); at += ids.size()) {
    ids.resize(std::min(kAtOnce, marked.size() - at));
    marked.read(at, ids);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (ids[i] < sentence_end) continue;
      add_sentence(begin, at + i, longest);
      begin = at + i + 1;
      if (ids[i] == document_end) end_document();
    }
  }
  add_sentence(begin, marked.size(), longest);
  end_document();
  if (begins_.empty()) throw std::runtime_error("the text has no sentences");
  if (document_ends_.size() > 1) return;
  document_ends_.clear();
  for (std::size_t end = 0; end < begins_.size();) {
    end = std::min(end + kSentencesOfPlainText, begins_.size());
    document_ends_.push_back(end);
  }
}

void SentenceCorpus::add_sentence(std::size_t begin, std::size_t end, std::size_t longest) {
  tokens_ += end - begin;
  for (auto pieces = (end - begin + longest - 1) / longest; pieces > 0; --pieces) {
    const auto length = (end - begin + pieces - 1) / pieces;
    begins_.push_back(begin);
    lengths_.push_back(static_cast<std::uint32_t>(length));
    begin += length;
  }
}

void SentenceCorpus::end_document() {
  const auto before = document_ends_.empty() ? 0 : document_ends_.back();
  if (begins_.size() > before) document_ends_.push_back(begins_.size());
}

std::size_t SentenceCorpus::document_of(std::size_t sentence) const {
  const auto found = std::upper_bound(document_ends_.begin(), document_ends_.end(), sentence);
  return static_cast<std::size_t>(found - document_ends_.begin());
}

void SentenceCorpus::read(std::size_t sentence, std::vector<std::int64_t>& ids) const {
  const auto before = ids.size();
  ids.resize(before + lengths_.at(sentence));
  marked_.read(begins_[sentence], std::span(ids).subspan(before));
}

}  // namespace langzoo
