#include "apps/cli/bit_sequences/verbs.h"

#include "apps/cli/average_verb.h"
#include "apps/cli/report_verb.h"

namespace langzoo {

Verbs bit_sequence_verbs() {
  Verbs verbs;
  verbs.push_back(bit_sequence_train_verb());
  verbs.push_back(bit_sequence_eval_verb());
  verbs.push_back(bit_sequence_run_verb());
  verbs.push_back(memory_verb());
  verbs.push_back(average_verb());
  verbs.push_back(report_verb());
  return verbs;
}

}  // namespace langzoo
