#include "models/layers/init.h"

#include "third_party/torch.h"

namespace langzoo {

namespace {
thread_local bool skip_init = false;
}  // namespace

SkipInit::SkipInit() : outer_(skip_init) {
  skip_init = true;
}

SkipInit::~SkipInit() {
  skip_init = outer_;
}

bool SkipInit::active() {
  return skip_init;
}

void init_normal(const torch::Tensor& tensor, double std) {
  const torch::NoGradGuard no_grad;
  tensor.normal_(0.0, std);
}

}  // namespace langzoo
