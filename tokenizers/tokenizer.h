/// Text <-> ids: the interface every tokenizer of langzoo has. No torch here.
///
/// A tokenizer is immutable once loaded or trained, so one object may serve any number of threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace langzoo {

using TokenId = std::int32_t;

/// Half-open byte range [begin, end) of the original text.
struct Offset {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool operator==(const Offset&) const = default;
};

/// What encoding a text gives: parallel arrays, one entry a token.
struct Encoding {
  std::vector<TokenId> ids;
  std::vector<Offset> offsets;
};

/// The ids with a role of their own; absent where the vocabulary has none.
struct SpecialTokens {
  std::optional<TokenId> bos, eos, unk, sep, pad, cls, mask;
  bool operator==(const SpecialTokens&) const = default;
};

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  /// The ids of `text` with the bytes each came from. Special tokens that stand in the text become their ids.
  virtual Encoding encode(std::string_view text) const = 0;
  /// The same ids, appended to `ids`, without offsets: the fast path.
  virtual void encode(std::string_view text, std::vector<TokenId>& ids) const = 0;
  /// The text of `ids`; an id outside the vocabulary throws std::out_of_range naming it.
  virtual std::string decode(std::span<const TokenId> ids, bool skip_special_tokens = false) const = 0;

  /// Largest id + 1, added tokens included: the least vocabulary a model needs.
  virtual std::size_t vocab_size() const = 0;
  virtual std::optional<TokenId> token_to_id(std::string_view token) const = 0;
  virtual std::string id_to_token(TokenId id) const = 0;
  virtual const SpecialTokens& special_tokens() const = 0;

  /// Where a long text may be cut, so that the ids of both halves in a row are the ids of the whole: the last such
  /// position in (0, at], or 0 where there is none (or the tokenizer knows none).
  virtual std::size_t cut_point(std::string_view text, std::size_t at) const;

  /// Writes tokenizer.json and tokenizer_config.json into `dir` (created when missing), as Python's `tokenizers` and
  /// `transformers.AutoTokenizer` read them.
  virtual void save(const std::filesystem::path& dir) const = 0;

  /// `encode` of many texts on up to `threads` threads, in input order; long texts are shared out in parts.
  std::vector<std::vector<TokenId>> encode_batch(std::span<const std::string_view> texts, std::size_t threads) const;
};

/// The tokenizer of a directory (tokenizer.json, else vocab.json + merges.txt) or of a tokenizer.json.
/// Throws with the file and the field that is wrong.
std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& path);

}  // namespace langzoo
