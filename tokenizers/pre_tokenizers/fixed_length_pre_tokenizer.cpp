#include "tokenizers/pre_tokenizers/fixed_length_pre_tokenizer.h"

#include <stdexcept>

#include <fmt/format.h>

#include "tokenizers/pre_tokenizers/pieces.h"

namespace langzoo {

FixedLengthPreTokenizer::FixedLengthPreTokenizer(std::size_t length) : length_(length) {
  if (length == 0) throw std::invalid_argument("words of length 0 cannot be cut");
}

void FixedLengthPreTokenizer::cut(std::vector<NormalizedText>& words) const {
  cut_each(words, [this](NormalizedText& word, std::vector<NormalizedText>& result) {
    const std::size_t size = word.text().size();
    for (std::size_t begin = 0; begin < size;) {
      std::size_t end = begin;
      for (std::size_t i = 0; i < length_ && end < size; ++i) end += decode_utf8(word.text(), end).length;
      append_word(word, begin, end, result);
      begin = end;
    }
  });
}

std::string FixedLengthPreTokenizer::to_json() const {
  return fmt::format(R"({{"type": "FixedLength", "length": {}}})", length_);
}

}  // namespace langzoo
