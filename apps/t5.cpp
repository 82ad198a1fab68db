// langzoo-t5: pretrains, fine-tunes and uses T5 and its relatives (models/t5/t5.h).
#include "apps/cli/text_to_text/verbs.h"

int main(int argc, char** argv) {
  using namespace langzoo;
  return run_program(argc, argv, "langzoo-t5", "T5, FLAN-T5, mT5, ByT5: every task as text to text.",
                     text_to_text_verbs());
}
