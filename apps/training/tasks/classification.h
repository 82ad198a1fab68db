/// Classification: labelled texts as data, the cross-entropy of their labels as loss, accuracy and F1 as measures.
#pragma once

#include "apps/training/tasks/examples.h"
#include "models/sequence_classifier.h"

namespace langzoo {

/// A row is a text and its label; a target is one id, the label's. The data gives a config's labels.
const ExampleKind& classification();

/// Shapes: -> (texts, labels) float32 on the CPU.
torch::Tensor class_log_probs(SequenceClassifier& model, const ParallelCorpus& texts, torch::Device device);
/// loss, accuracy; precision, recall and f1, the means of the labels'.
EvalMetrics evaluate_classifier(SequenceClassifier& model, const ParallelCorpus& texts, torch::Device device);

}  // namespace langzoo
