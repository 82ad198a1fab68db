// langzoo-bert: pretrains, fine-tunes and uses BERT and its relatives (models/bert/bert.h).
#include "apps/cli/encoders/verbs.h"

int main(int argc, char** argv) {
  using namespace langzoo;
  return run_program(argc, argv, "langzoo-bert", "BERT and its relatives: RoBERTa, ALBERT, ELECTRA, DistilBERT.",
                     encoder_verbs());
}
