#include "apps/cli/metrics/verbs.h"

#include "apps/cli/metrics/segment_verb.h"

namespace langzoo {

Verbs metrics_verbs() {
  Verbs verbs;
  verbs.push_back(bleu_verb());
  verbs.push_back(chrf_verb());
  verbs.push_back(ter_verb());
  verbs.push_back(rouge_verb());
  verbs.push_back(qa_verb());
  verbs.push_back(score_verb());
  verbs.push_back(squad_verb());
  verbs.push_back(classification_verb());
  verbs.push_back(entities_verb());
  verbs.push_back(correlation_verb());
  verbs.push_back(perplexity_verb());
  return verbs;
}

}  // namespace langzoo
