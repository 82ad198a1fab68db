#include "apps/cli/tokenizer/pieces.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "apps/cli/tokenizer/encoding_json.h"
#include "apps/cli/tokenizer/visible_text.h"
#include "tokenizers/utf8.h"

namespace langzoo {

std::string TextPieces::characters_per_token() const {
  return fmt::format("{:.2f}",
                     static_cast<double>(characters) / static_cast<double>(std::max<std::size_t>(tokens(), 1)));
}

TextPieces pieces_of(const std::string& name, const Tokenizer& tokenizer, std::string_view text) {
  EncodeOptions options;
  options.tokens = true;
  options.truncation = Truncation{.max_length = std::numeric_limits<std::int32_t>::max()};  // not the tokenizer's own
  TextPieces result;
  result.name = visible_text(name);
  result.vocab_size = tokenizer.vocab_size();
  result.encoding = tokenizer.encode(text, options);
  const auto bytes = result.encoding.offsets;
  count_offsets_in_characters(result.encoding, {text, std::nullopt});
  result.characters = count_characters(text);
  Offset done;  // bytes in `begin`, characters in `end`: the text up to there is shown
  const auto dropped_until = [&](std::size_t byte, std::size_t character) {
    if (byte <= done.begin) return;
    TextPiece gap;
    gap.text = text.substr(done.begin, byte - done.begin);
    gap.bytes = {done.begin, byte};
    gap.characters = {done.end, character};
    result.pieces.push_back(gap);
  };
  const auto& encoding = result.encoding;
  for (std::size_t i = 0; i < encoding.size(); ++i) {
    TextPiece piece;
    piece.id = encoding.ids[i];
    piece.token = encoding.tokens[i];
    if (encoding.sequence_ids[i] != Encoding::kNoSequence) {
      piece.bytes = bytes[i];
      piece.characters = encoding.offsets[i];
      piece.text = text.substr(piece.bytes.begin, piece.bytes.end - piece.bytes.begin);
      dropped_until(piece.bytes.begin, piece.characters.begin);
      done.begin = std::max(done.begin, piece.bytes.end);
      done.end = std::max(done.end, piece.characters.end);
    }
    result.pieces.push_back(std::move(piece));
  }
  dropped_until(text.size(), result.characters);
  return result;
}

}  // namespace langzoo
