#include "apps/cli/word_vectors/verbs.h"

#include "apps/cli/word_vectors/training.h"

namespace langzoo {

Verbs word_vectors_verbs() {
  Verbs verbs;
  verbs.push_back(word_vectors_train_verb());
  verbs.push_back(eval_verb());
  verbs.push_back(neighbors_verb());
  verbs.push_back(analogy_verb());
  verbs.push_back(export_verb());
  verbs.push_back(map_verb());
  return verbs;
}

}  // namespace langzoo
