/// The verbs of langzoo-metrics.
#pragma once

#include <memory>

#include "apps/cli/base/program.h"

namespace langzoo {

class SegmentVerb;

std::unique_ptr<SegmentVerb> bleu_verb();
std::unique_ptr<SegmentVerb> chrf_verb();
std::unique_ptr<SegmentVerb> ter_verb();
std::unique_ptr<SegmentVerb> rouge_verb();
std::unique_ptr<SegmentVerb> qa_verb();
std::unique_ptr<Verb> score_verb();
std::unique_ptr<Verb> squad_verb();
std::unique_ptr<Verb> classification_verb();
std::unique_ptr<Verb> entities_verb();
std::unique_ptr<Verb> correlation_verb();
std::unique_ptr<Verb> perplexity_verb();

/// All of them.
Verbs metrics_verbs();

}  // namespace langzoo
