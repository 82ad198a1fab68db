/// The verbs of langzoo-word2vec.
#pragma once

#include <memory>

#include "apps/cli/base/program.h"

namespace langzoo {

std::unique_ptr<Verb> eval_verb();
std::unique_ptr<Verb> neighbors_verb();
std::unique_ptr<Verb> analogy_verb();
std::unique_ptr<Verb> export_verb();
std::unique_ptr<Verb> map_verb();

/// All of them.
Verbs word_vectors_verbs();

}  // namespace langzoo
