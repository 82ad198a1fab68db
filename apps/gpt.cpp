// langzoo-gpt: trains, evaluates, prompts and uses GPT, GPT-2 and GPT-Neo (models/gpt).
#include "apps/cli/causal_lm/verbs.h"

int main(int argc, char** argv) {
  using namespace langzoo;
  return run_program(argc, argv, "langzoo-gpt", "GPT, GPT-2, GPT-Neo: from your text to a trained model, and to new text.",
                     causal_lm_verbs(family_of_program("gpt")));
}
