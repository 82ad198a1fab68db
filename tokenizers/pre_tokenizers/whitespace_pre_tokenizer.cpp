#include "tokenizers/pre_tokenizers/whitespace_pre_tokenizer.h"

#include "tokenizers/pre_tokenizers/pieces.h"
#include "tokenizers/unicode_classes.h"

namespace langzoo {

void WhitespacePreTokenizer::cut(std::vector<NormalizedText>& words) const {
  cut_runs(words, [](char32_t c) {
    const auto classes = unicode_classes(c);
    if (classes & unicode_class::kWhiteSpace) return Run::Dropped;
    return classes & unicode_class::kWord ? Run::Word : Run::Other;
  });
}

void WhitespaceSplitPreTokenizer::cut(std::vector<NormalizedText>& words) const {
  cut_runs(words, [](char32_t c) { return is_white_space(c) ? Run::Dropped : Run::Word; });
}

}  // namespace langzoo
