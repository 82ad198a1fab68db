// langzoo-seq2seq: trains, evaluates and uses recurrent encoder-decoders (models/seq2seq/seq2seq.h).
#include "apps/cli/translation/verbs.h"

int main(int argc, char** argv) {
  using namespace langzoo;
  return run_program(argc, argv, "langzoo-seq2seq",
                     "Recurrent encoder-decoders: from sentence pairs to a trained model, and to translations.",
                     translation_verbs(family_of_program("seq2seq")));
}
