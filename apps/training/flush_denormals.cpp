#include "apps/training/flush_denormals.h"

#include <limits>

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/TensorIterator.h>

#include "third_party/torch.h"

namespace langzoo {

namespace {

bool is_on() {
  volatile float smallest = std::numeric_limits<float>::min();
  return smallest * 0.5f == 0.0f;
}

/// The mode belongs to a thread. A loop of ATen over one element a thread runs on every worker it will ever use.
void set_everywhere(bool on) {
  const torch::NoGradGuard no_grad;
  auto elements = torch::empty({at::get_num_threads()}, torch::kUInt8);
  auto iterator = at::TensorIterator::nullary_op(elements);
  iterator.for_each([on](char**, const std::int64_t*, std::int64_t) { at::globalContext().setFlushDenormal(on); },
                    /*grain_size=*/1);
  at::globalContext().setFlushDenormal(on);
}

}  // namespace

FlushDenormals::FlushDenormals() : was_on_(is_on()) {
  set_everywhere(true);
}

FlushDenormals::~FlushDenormals() {
  set_everywhere(was_on_);
}

}  // namespace langzoo
