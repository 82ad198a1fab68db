// langzoo-tokenizer: trains, uses and shows tokenizers (tokenizers/tokenizer.h). Needs no LibTorch.
#include "apps/cli/tokenizer/verbs.h"

int main(int argc, char** argv) {
  return langzoo::run_program(argc, argv, "langzoo-tokenizer", "Tokenizers: trained, used, and looked at.",
                              langzoo::tokenizer_verbs());
}
