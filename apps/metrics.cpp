// langzoo-metrics: scores of what models write, choose and predict (data/metrics). Needs no LibTorch.
#include "apps/cli/metrics/verbs.h"

int main(int argc, char** argv) {
  return langzoo::run_program(argc, argv, "langzoo-metrics",
                              "Metrics: translations, summaries, answers and labels scored against references.",
                              langzoo::metrics_verbs());
}
