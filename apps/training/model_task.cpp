#include "apps/training/model_task.h"

namespace langzoo {

std::vector<LossTerm> terms_with_r_drop(double alpha) {
  if (alpha == 0) return {LossTerm{}};
  return {{"cross_entropy", 1}, {"r_drop", alpha / 2}};
}

void bind_r_drop(RunConfig& config, double& alpha) {
  config.bind("train", [&alpha](FieldVisitor& visit) {
    visit("r_drop", alpha,
          {.least = 0,
           .most = 1e6,
           .help = "R-Drop's alpha: two readings of a batch, under different dropout, are to agree; 0: none"});
  });
}

}  // namespace langzoo
