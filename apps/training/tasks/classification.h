/// Classification: labelled texts, or pairs of texts, as data, the cross-entropy of their labels as loss, accuracy and
/// F1 as measures. Where texts have several labels, each has a sigmoid of its own.
#pragma once

#include "apps/training/tasks/examples.h"
#include "apps/training/tasks/labelled_texts.h"
#include "models/sequence_classifier.h"

namespace langzoo {

/// The data gives a config's labels and problem_type: labels that are JSON lists make it a problem of several. A model
/// of several labels also reads them with commas between them.
const ExampleKind& classification();

/// Of a text's logits. Shapes: (labels) -> (labels), softmax or sigmoids.
torch::Tensor class_probabilities(const SequenceClassifier& model, const torch::Tensor& logits);
/// The labels that these probabilities choose: the most probable, or of several all above one half.
std::vector<std::string> chosen_labels(const SequenceClassifier& model, const torch::Tensor& probabilities);

}  // namespace langzoo
