#include "models/layers/activation_checkpoint.h"

#include <mutex>

#include <ATen/autocast_mode.h>

#include "third_party/torch.h"

namespace langzoo {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using TensorFunction = std::function<torch::Tensor(const torch::Tensor&)>;

/// What a second run of a function needs to repeat the first.
struct Surroundings {
  explicit Surroundings(at::Device device)
      : device(device),
        autocast(at::autocast::is_autocast_enabled(device.type())),
        autocast_dtype(at::autocast::get_autocast_dtype(device.type())) {
    auto generator = at::globalContext().defaultGenerator(device);
    const std::lock_guard lock(generator.mutex());
    random = generator.get_state();
  }

  void put_in_force() const {
    at::autocast::set_autocast_enabled(device.type(), autocast);
    at::autocast::set_autocast_dtype(device.type(), autocast_dtype);
    auto generator = at::globalContext().defaultGenerator(device);
    const std::lock_guard lock(generator.mutex());
    generator.set_state(random);
  }

  at::Device device;
  bool autocast;
  at::ScalarType autocast_dtype;
  torch::Tensor random;
};

class SurroundingsGuard {
 public:
  explicit SurroundingsGuard(const Surroundings& wanted) : found_(wanted.device) {
    wanted.put_in_force();
    at::autocast::increment_nesting();
  }
  ~SurroundingsGuard() {
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    found_.put_in_force();
  }
  SurroundingsGuard(const SurroundingsGuard&) = delete;
  SurroundingsGuard& operator=(const SurroundingsGuard&) = delete;

 private:
  Surroundings found_;
};

struct Replay : torch::CustomClassHolder {
  Replay(TensorFunction function, at::Device device) : function(std::move(function)), surroundings(device) {}

  torch::Tensor run(const torch::Tensor& x) const {
    const SurroundingsGuard guard(surroundings);
    return function(x);
  }

  TensorFunction function;
  Surroundings surroundings;
};

class Checkpoint : public torch::autograd::Function<Checkpoint> {
 public:
  static torch::Tensor forward(AutogradContext* ctx, const TensorFunction& function, const torch::Tensor& x,
                               at::TensorList parameters) {
    ctx->saved_data["replay"] = c10::IValue::make_capsule(c10::make_intrusive<Replay>(function, x.device()));
    variable_list saved{x};
    saved.insert(saved.end(), parameters.begin(), parameters.end());
    ctx->save_for_backward(std::move(saved));
    return function(x);
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    auto inputs = ctx->get_saved_variables();
    inputs[0] = inputs[0].detach().requires_grad_(inputs[0].requires_grad());
    const auto replay = c10::static_intrusive_pointer_cast<Replay>(ctx->saved_data["replay"].toCapsule());
    const at::AutoGradMode with_graph(true);
    const auto y = replay->run(inputs[0]);
    variable_list wanted, result(1 + inputs.size());
    for (const auto& input : inputs)
      if (input.requires_grad()) wanted.push_back(input);
    const auto found = torch::autograd::grad({y}, wanted, grads, /*retain_graph=*/false, /*create_graph=*/false,
                                             /*allow_unused=*/true);
    for (std::size_t i = 0, next = 0; i < inputs.size(); ++i)
      if (inputs[i].requires_grad()) result[1 + i] = found[next++];
    return result;
  }
};

}  // namespace

torch::Tensor checkpoint(const TensorFunction& function, const torch::Tensor& x,
                         const std::vector<torch::Tensor>& parameters) {
  if (!at::GradMode::is_enabled()) return function(x);
  return Checkpoint::apply(function, x, at::TensorList(parameters));
}

}  // namespace langzoo
