/// What models say of examples as HTML, for the page that predict --out writes: answers marked in their contexts, tags
/// in their sentences.
#pragma once

#include <string>
#include <string_view>

#include "apps/cli/examples.h"

namespace langzoo {

/// CSS beside kTextColors.
extern const std::string_view kPredictionsStyle;

// ExamplePredictions::show of each kind.

std::string show_labels(const PredictedExamples& predicted);
std::string show_entity_labels(const PredictedExamples& predicted);
std::string show_values(const PredictedExamples& predicted);
std::string show_tags(const PredictedExamples& predicted);
std::string show_answers(const PredictedExamples& predicted);
std::string show_choices(const PredictedExamples& predicted);

}  // namespace langzoo
