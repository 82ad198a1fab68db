/// The verbs of langzoo-metrics.
#pragma once

#include <memory>

#include "apps/cli/base/program.h"

namespace langzoo {

std::unique_ptr<Verb> bleu_verb();
std::unique_ptr<Verb> chrf_verb();
std::unique_ptr<Verb> ter_verb();
std::unique_ptr<Verb> rouge_verb();
std::unique_ptr<Verb> qa_verb();
std::unique_ptr<Verb> classification_verb();
std::unique_ptr<Verb> correlation_verb();
std::unique_ptr<Verb> perplexity_verb();

/// All of them.
Verbs metrics_verbs();

}  // namespace langzoo
