/// What encoding gives, and what is done to it before a model sees it: truncation into windows, padding, joining.
/// Mirrors the Encoding of Python's `tokenizers`, offsets being bytes here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace langzoo {

using TokenId = std::int32_t;

/// The id of no token.
constexpr TokenId kNoToken = -1;

/// Half-open byte range [begin, end) of the original text.
struct Offset {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool operator==(const Offset&) const = default;
};

/// Parallel arrays, one entry a token.
struct Encoding {
  std::vector<TokenId> ids;
  std::vector<Offset> offsets;                    // into the text the token is from; {0, 0} where it is from none
  std::vector<std::int32_t> type_ids;             // 0; 1 in the second text of a pair, as the post-processor says
  std::vector<std::int32_t> word_ids;             // index of the word (piece of the pre-tokenizer); kNoWord: none
  std::vector<std::int32_t> sequence_ids;         // 0 or 1: the text it is from; kNoSequence: none
  std::vector<std::uint8_t> special_tokens_mask;  // 1: added by the post-processor or by padding
  std::vector<std::uint8_t> attention_mask;       // 0: padding
  std::vector<std::string> tokens;                // empty unless EncodeOptions::tokens
  std::vector<Encoding> overflowing;              // the windows that truncation cut off, in order
  std::size_t cut = 0;                            // tokens that truncation left out, kept in windows or not

  static constexpr std::int32_t kNoWord = -1, kNoSequence = -1;
  std::size_t size() const { return ids.size(); }
};

enum class Side { Left, Right };

struct Truncation {
  enum class Strategy { LongestFirst, OnlyFirst, OnlySecond };
  std::size_t max_length = 512;  // special tokens included
  Strategy strategy = Strategy::LongestFirst;
  std::size_t stride = 0;   // tokens that neighbouring windows share
  Side side = Side::Right;  // where tokens are cut off
  bool operator==(const Truncation&) const = default;
};

struct Padding {
  std::optional<std::size_t> length;   // none: the longest of the batch
  std::size_t pad_to_multiple_of = 0;  // 0: no such wish
  Side side = Side::Right;
  TokenId pad_id = 0;
  std::int32_t pad_type_id = 0;
  std::string pad_token = "[PAD]";
  bool operator==(const Padding&) const = default;
};

/// Cuts `encoding` to `max_length` tokens; the rest goes to `overflowing` in windows of at most max_length that share
/// `stride` tokens; with max_length 0 all of it is one window. Throws std::invalid_argument where stride >= max_length
/// > 0, and where overlapping windows have more than 2^26 tokens.
void truncate(Encoding& encoding, std::size_t max_length, std::size_t stride, Side side);

/// Cuts one or two sequences so that together they have at most truncation.max_length - `added` tokens. Throws
/// std::invalid_argument where the strategy cannot get there (OnlySecond without a second text, or too long a first).
void truncate(std::vector<Encoding>& sequences, const Truncation& truncation, std::size_t added);

/// Fills up to `length` tokens, the windows in `overflowing` too; a longer encoding is left as it is.
void pad(Encoding& encoding, std::size_t length, const Padding& padding);
/// Pads all to padding.length, or to the longest. Throws std::invalid_argument for more than 2^26 tokens.
void pad(std::span<Encoding> encodings, const Padding& padding);

/// The parts in a row as one encoding; the windows are all combinations of the parts' windows, in the order of Python's
/// `tokenizers` (where these windows have windows again, the same ones). Encoding::tokens is kept where all parts have
/// it. Throws std::invalid_argument where they have more than 2^26 tokens.
Encoding join(std::vector<Encoding> parts);

}  // namespace langzoo
