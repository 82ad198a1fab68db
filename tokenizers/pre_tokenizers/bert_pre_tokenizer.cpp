#include "tokenizers/pre_tokenizers/bert_pre_tokenizer.h"

#include "tokenizers/pre_tokenizers/pieces.h"
#include "tokenizers/unicode_classes.h"

namespace langzoo {

void BertPreTokenizer::cut(std::vector<NormalizedText>& words) const {
  cut_runs(words, [](char32_t c) {
    const auto classes = unicode_classes(c);
    if (classes & unicode_class::kWhiteSpace) return Run::Dropped;
    return classes & unicode_class::kPunctuation ? Run::Alone : Run::Word;
  });
}

}  // namespace langzoo
