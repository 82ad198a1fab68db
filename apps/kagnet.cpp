// langzoo-kagnet: chooses answers by a knowledge graph's paths (models/kagnet/kagnet.h).
#include "apps/cli/kagnet/verbs.h"

int main(int argc, char** argv) {
  using namespace langzoo;
  return run_program(argc, argv, "langzoo-kagnet", "KagNet: answers chosen by the paths of a knowledge graph.",
                     kagnet_verbs());
}
