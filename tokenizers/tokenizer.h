/// Text <-> ids: the interface every tokenizer of langzoo has. No torch here.
///
/// A tokenizer is immutable once loaded or trained, so one object may serve any number of threads.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizers/encoding.h"
#include "tokenizers/sampling.h"

namespace langzoo {

class PostProcessor;

/// The ids with a role of their own; absent where the vocabulary has none.
struct SpecialTokens {
  std::optional<TokenId> bos, eos, unk, sep, pad, cls, mask;
  bool operator==(const SpecialTokens&) const = default;
};

/// A text, or a pair of texts (question and context, premise and hypothesis).
struct TextPair {
  std::string_view text;
  std::optional<std::string_view> pair;
};

struct EncodeOptions {
  bool add_special_tokens = true;        // [CLS] and the like, as the post-processor says
  bool split_special_tokens = false;     // special tokens that stand in the text are text like any other
  std::optional<Truncation> truncation;  // none: the tokenizer's own, if any
  std::optional<Padding> padding;        // none: the tokenizer's own, if any
  bool own_truncation = true;            // false: where none is given here, none at all
  bool own_padding = true;
  bool tokens = false;                  // fill Encoding::tokens
  bool overflowing = true;              // keep the windows that truncation cuts off; of long pairs they are very many
  SubwordSampling* sampling = nullptr;  // none: deterministic
};

/// What follows the model: the same for every tokenizer.
struct EncodingRules {
  std::shared_ptr<const PostProcessor> post_processor;
  std::optional<Truncation> truncation;
  std::optional<Padding> padding;
};

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  /// The encoding of `text`, special tokens included: what Python's `tokenizers` gives. Special tokens that stand in
  /// the text become their ids, unless the options say split_special_tokens. Throws std::invalid_argument for a
  /// truncation that leaves no room, std::runtime_error for text that has no tokens (see each tokenizer). A text alone
  /// is padded to a fixed length or a multiple; its windows to its own length at least.
  Encoding encode(std::string_view text, const EncodeOptions& options = {}) const;
  Encoding encode_pair(std::string_view text, std::string_view pair, const EncodeOptions& options = {}) const;
  /// Every text or pair on up to `threads` threads, in input order, padded to one length where padding is asked for.
  /// With `options.sampling` one thread does all.
  std::vector<Encoding> encode_batch(std::span<const TextPair> texts, const EncodeOptions& options,
                                     std::size_t threads) const;

  /// The ids of `text` alone, without tokens that a post-processor adds, appended to `ids`: the fast path for corpora.
  virtual void encode(std::string_view text, std::vector<TokenId>& ids) const = 0;
  /// That of many texts on up to `threads` threads, in input order; long texts are shared out in parts.
  std::vector<std::vector<TokenId>> encode_batch(std::span<const std::string_view> texts, std::size_t threads) const;

  /// The text of `ids`; an id outside the vocabulary throws std::out_of_range naming it.
  virtual std::string decode(std::span<const TokenId> ids, bool skip_special_tokens = false) const = 0;
  /// The same of ids that a model wrote. A model may have more rows than there are tokens (padded to a round number, or
  /// with holes): ids without a token have no text, as in Python's `tokenizers`.
  std::string decode_generated(std::span<const TokenId> ids, bool skip_special_tokens = false) const;

  /// Largest id + 1, added tokens included: the least vocabulary a model needs.
  virtual std::size_t vocab_size() const = 0;
  virtual std::optional<TokenId> token_to_id(std::string_view token) const = 0;
  virtual std::string id_to_token(TokenId id) const = 0;
  virtual bool has_token(TokenId id) const = 0;
  virtual const SpecialTokens& special_tokens() const = 0;
  const EncodingRules& rules() const { return rules_; }
  /// What an encoding with `options` is cut and filled up to: theirs, else the tokenizer's own where they allow it.
  std::optional<Truncation> truncation_of(const EncodeOptions& options) const;
  std::optional<Padding> padding_of(const EncodeOptions& options) const;
  /// For loaders and trainers, before the tokenizer is shared.
  void set_rules(EncodingRules rules) { rules_ = std::move(rules); }

  /// Where a long text may be cut, so that the ids of both halves in a row are the ids of the whole: the last such
  /// position in (0, at], or 0 where there is none (or the tokenizer knows none).
  virtual std::size_t cut_point(std::string_view text, std::size_t at) const;

  /// Writes tokenizer.json and tokenizer_config.json into `dir` (created when missing), as Python's `tokenizers` and
  /// `transformers.AutoTokenizer` read them (a SentencePiece its own files). load_tokenizer(dir) gives this tokenizer
  /// again.
  virtual void save(const std::filesystem::path& dir) const = 0;

 protected:
  /// The tokens of `text` alone: ids, offsets, word_ids, and tokens where the options ask for them; the other arrays
  /// are filled by the caller.
  virtual Encoding encode_sequence(std::string_view text, const EncodeOptions& options) const = 0;

 private:
  /// Truncated and post-processed, not padded.
  Encoding encode_one(const TextPair& text, const EncodeOptions& options) const;
  void finish(std::span<Encoding> encodings, const EncodeOptions& options) const;

  EncodingRules rules_;
};

/// The tokenizer of a directory or of a file; tokenizers/directory.h says which files make which tokenizer.
/// Throws FileError with the file and the field that is wrong.
std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& path);

}  // namespace langzoo
