// langzoo-fasttext: classifies texts by averaged word vectors (models/fasttext/fasttext.h).
#include "apps/cli/examples.h"

int main(int argc, char** argv) {
  using namespace langzoo;
  return run_program(argc, argv, "langzoo-fasttext", "fastText: texts to labels.",
                     example_verbs(family_of_program("fasttext"), classification_predictions()));
}
