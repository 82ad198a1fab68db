// langzoo-lm: trains, evaluates and uses language models of words (models/rnn_lm, models/transformer).
#include "apps/cli/lm/verbs.h"

int main(int argc, char** argv) {
  return langzoo::run_program(argc, argv, "langzoo-lm",
                              "Language models of words: n-gram, recurrent, feed-forward and Transformer.",
                              langzoo::lm_verbs());
}
