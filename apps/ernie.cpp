// langzoo-ernie: embeds knowledge graphs, and trains and uses ERNIE on them (models/transe/transe.h,
// models/ernie/ernie.h).
#include "apps/cli/ernie/verbs.h"

int main(int argc, char** argv) {
  using namespace langzoo;
  return run_program(argc, argv, "langzoo-ernie", "Knowledge: TransE, and ERNIE, which reads entities beside tokens.",
                     ernie_verbs());
}
