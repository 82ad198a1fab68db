#include "tokenizers/trainers/char_trainer.h"

#include <cstddef>
#include <stdexcept>

#include <fmt/format.h>

#include "tokenizers/trainers/special_token_roles.h"
#include "tokenizers/utf8.h"

namespace langzoo {

std::unique_ptr<CharLevel> train_char_level(const TextSource& next, const CharTrainerOptions& options) {
  std::vector<bool> seen(0x110000);
  TokenizerTrainingProgress progress;
  for (std::string text; next(text); progress.bytes_read += text.size()) {
    if (options.progress) options.progress(progress);
    for (std::size_t at = 0; at < text.size();) {
      const Utf8Char c = decode_utf8(text, at);
      if (!c.valid) {
        throw std::runtime_error(fmt::format("the texts are not UTF-8 at byte {} (byte 0x{:02X})",
                                             progress.bytes_read + at, static_cast<unsigned char>(text[at])));
      }
      seen[c.code_point] = true;
      at += c.length;
    }
  }
  std::string characters;
  for (char32_t c = 0; c < seen.size(); ++c) {
    if (seen[c]) append_utf8(characters, c);
  }
  CharLevelModel model = CharLevel::from_text(characters, options.special_tokens)->model();
  model.special_tokens = special_token_roles(model.added_tokens);
  model.unk = model.special_tokens.unk;
  return std::make_unique<CharLevel>(std::move(model));
}

}  // namespace langzoo
