/// Extractive question answering: questions whose answers are spans of a context, read in windows that overlap.
#pragma once

#include <vector>

#include "apps/training/tasks/examples.h"
#include "data/tasks/question_windows.h"
#include "data/tasks/questions.h"
#include "models/question_answering.h"

namespace langzoo {

/// SQuAD's files. Measures: exact_match and f1 in per cent; where a question has no answer, none is an answer as any
/// other (SQuAD 2.0).
const ExampleKind& question_answering();

/// The best answers, of logits_of_all(): each (2,T), of starts and ends.
std::vector<Answer> best_answers(const std::vector<Question>& questions, const EncodedExamples& encoded,
                                 const std::vector<torch::Tensor>& logits, const AnswerOptions& options);

}  // namespace langzoo
