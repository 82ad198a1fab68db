/// The tokenizers of sacreBLEU's BLEU.
#pragma once

#include <string>
#include <string_view>

namespace langzoo {

enum class BleuTokenizer {
  kNone,  ///< white space
  k13a,   ///< NIST's mteval-v13a: ASCII punctuation apart
  kIntl,  ///< NIST's mteval-v14: all punctuation and symbols apart
  kChar,  ///< characters
  kZh,    ///< Chinese characters, and 13a's punctuation
};

/// "none", "13a", "intl", "char", "zh".
std::string_view name_of(BleuTokenizer tokenizer);
/// Throws std::invalid_argument for a name that is none of these.
BleuTokenizer bleu_tokenizer(std::string_view name);

/// `text` with white space between its tokens.
std::string tokenize_for_bleu(BleuTokenizer tokenizer, std::string_view text);

}  // namespace langzoo
