// langzoo-word2vec: trains, evaluates and uses word vectors (models/word2vec, models/glove, models/ppmi_svd).
#include "apps/cli/word_vectors/verbs.h"

int main(int argc, char** argv) {
  return langzoo::run_program(argc, argv, "langzoo-word2vec", "Word vectors: trained, compared, and looked at.",
                              langzoo::word_vectors_verbs());
}
