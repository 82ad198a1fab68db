/// Tagging: sentences of words with a tag each, parts of speech or entities, of which the first piece of a word
/// decides.
#pragma once

#include <string>
#include <vector>

#include "apps/training/tasks/examples.h"
#include "data/tasks/tagged_text.h"
#include "models/token_classifier.h"

namespace langzoo {

/// The data gives a config's labels; tags of entities are read as BIO, or as data.tag_spelling says. Measures: accuracy
/// of tags, and precision, recall and F1 of entities as seqeval's, 0 where tags are none of entities.
const ExampleKind& tagging();

/// Those that the model chooses of a sentence's logits (T,labels); O, or the first label where there is no O, of a word
/// without a piece.
std::vector<std::string> tags_of(const TokenClassifier& model, const EncodedExamples& encoded, std::int64_t sentence,
                                 const torch::Tensor& logits);

}  // namespace langzoo
