// langzoo-compare: models of all families on equal footing (apps/training/comparison).
#include "apps/cli/compare/verbs.h"

int main(int argc, char** argv) {
  if (const auto code = langzoo::compare_worker(argc, argv)) return *code;
  return langzoo::run_program(argc, argv, "langzoo-compare",
                              "Architectures side by side: the same text, tokens and budget for each.",
                              langzoo::compare_verbs());
}
