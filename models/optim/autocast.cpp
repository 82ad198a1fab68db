#include "models/optim/autocast.h"

#include <ATen/autocast_mode.h>

namespace langzoo {

AutocastGuard::AutocastGuard(torch::DeviceType device, torch::ScalarType dtype)
    : device_(device),
      was_enabled_(at::autocast::is_autocast_enabled(device)),
      previous_dtype_(at::autocast::get_autocast_dtype(device)) {
  if (dtype != torch::kFloat32) at::autocast::set_autocast_dtype(device, dtype);
  at::autocast::set_autocast_enabled(device, dtype != torch::kFloat32);
  at::autocast::increment_nesting();
}

AutocastGuard::~AutocastGuard() {
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  at::autocast::set_autocast_dtype(device_, previous_dtype_);
  at::autocast::set_autocast_enabled(device_, was_enabled_);
}

}  // namespace langzoo
