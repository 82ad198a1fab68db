#include "tokenizers/pre_tokenizers/byte_level_pre_tokenizer.h"

#include <fmt/format.h>

#include "tokenizers/byte_level.h"
#include "tokenizers/pre_tokenizers/pieces.h"

namespace langzoo {

namespace {

/// Spells the bytes of `word`; those of one character all come from where it came from.
void spell(NormalizedText& word, std::vector<NormalizedText::Char>& chars) {
  chars.clear();
  bool changes = false;
  for (const char byte : word.text()) {
    const bool continues = (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
    chars.push_back({spell_byte(static_cast<unsigned char>(byte)), continues ? 1 : 0});
    changes = changes || chars.back().code_point >= 0x80 || chars.back().code_point != static_cast<unsigned char>(byte);
  }
  if (changes) word.transform(chars);
}

}  // namespace

void ByteLevelPreTokenizer::cut(std::vector<NormalizedText>& words) const {
  cut_each(words, [&](NormalizedText& word, std::vector<NormalizedText>& result) {
    if (options_.add_prefix_space && word.text()[0] != ' ') word.prepend(" ");
    if (!options_.use_regex) {
      result.push_back(std::move(word));
      return;
    }
    const std::size_t size = word.text().size();
    for (std::size_t begin = 0; begin < size;) {
      const std::size_t end = gpt2_piece_end(word.text(), begin);
      append_word(word, begin, end, result);
      begin = end;
    }
  });
  std::vector<NormalizedText::Char> chars;
  for (NormalizedText& word : words) spell(word, chars);
}

std::string ByteLevelPreTokenizer::to_json() const {
  return fmt::format(R"({{"type": "ByteLevel", "add_prefix_space": {}, "trim_offsets": true, "use_regex": {}}})",
                     options_.add_prefix_space, options_.use_regex);
}

}  // namespace langzoo
