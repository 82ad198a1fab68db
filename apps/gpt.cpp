// langzoo-gpt: trains, evaluates and uses GPT-2 (models/gpt/gpt.h).
#include "apps/cli/causal_lm/verbs.h"

int main(int argc, char** argv) {
  using namespace langzoo;
  return run_program(argc, argv, "langzoo-gpt", "GPT-2: from your text to a trained model, and to new text.",
                     causal_lm_verbs(family_of_program("gpt")));
}
