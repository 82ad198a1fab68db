/// Encoder-decoders as sentence translators: beam search, and attention as alignment.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "apps/cli/translation/sentence_translator.h"

namespace langzoo {

/// For every model of the registry that is an EncoderDecoder.
std::unique_ptr<TranslationMethod> neural_translation();

/// `score`, of the same models.
std::unique_ptr<Verb> translation_score_verb();

/// Each target word with the source word that it attends to most: the attention to a word is the sum over its tokens,
/// that of a word the mean over its tokens. A target word that attends most to what is in no word, such as the end
/// token, has no link. `attention`: a row for each target token at least, a column for each source token at least.
AlignmentLinks links_of_attention(const std::vector<std::vector<double>>& attention, std::span<const int> source_words,
                                  std::span<const int> target_words);

}  // namespace langzoo
