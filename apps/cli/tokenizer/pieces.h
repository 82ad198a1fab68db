/// A text as a tokenizer sees it: the pieces that `show` colours.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizers/tokenizer.h"

namespace langzoo {

/// A token, or a part of the text that became none.
struct TextPiece {
  std::optional<TokenId> id;  ///< none: a part of the text that the tokenizer drops
  std::string token;          ///< as the vocabulary spells it
  std::string_view text;      ///< what it stands for; empty for tokens that were added
  Offset bytes, characters;   ///< of the text
};

/// What one tokenizer makes of a text.
struct TextPieces {
  std::string name;  ///< of the tokenizer, fit to be shown
  std::size_t vocab_size = 0, characters = 0;
  Encoding encoding;  ///< offsets in characters
  std::vector<TextPiece> pieces;

  std::size_t tokens() const { return encoding.size(); }
  /// "4.21"
  std::string characters_per_token() const;
};

/// `text` must outlive the result. Throws what encoding throws.
TextPieces pieces_of(const std::string& name, const Tokenizer& tokenizer, std::string_view text);

/// For a terminal of `columns` cells: a title, then pieces with their ids beneath. `colors`: with escape codes, else
/// pieces stand between bars.
std::string terminal_view(const TextPieces& pieces, std::size_t columns, bool colors);

/// The page of a text and its pieces by one or several tokenizers.
std::string pieces_page(std::string_view text, const std::vector<TextPieces>& all);

}  // namespace langzoo
