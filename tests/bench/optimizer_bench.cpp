// One optimizer step with clipping and zeroing, ours beside torch::optim's, on the parameters of the character model
// (4 layers, width 128: 0.8M) and of a 6-layer 384-wide one (10.7M). Both must move the weights alike before they are
// timed. Muon beside them, whose matrices are made orthogonal in float32 or in bfloat16.
#include <stdexcept>

#include <benchmark/benchmark.h>
#include <torch/nn/utils/clip_grad.h>
#include <torch/optim/adamw.h>

#include "models/optim/adamw.h"
#include "models/optim/clip.h"
#include "models/optim/muon.h"
#include "third_party/torch.h"

namespace {

using langzoo::NamedTensors;

constexpr double kRate = 1e-3;
const langzoo::AdamOptions kOptions{0.9, 0.99, 1e-8, 0.1};

NamedTensors gpt_parameters(std::int64_t layers, std::int64_t width) {
  torch::manual_seed(1);
  NamedTensors parameters;
  const auto add = [&](const std::string& name, at::IntArrayRef shape) {
    auto tensor = (torch::randn(shape) * 0.02).requires_grad_();
    tensor.mutable_grad() = torch::randn(shape) * 1e-2;
    parameters.insert(name, tensor);
  };
  add("wte.weight", {65, width});
  add("wpe.weight", {256, width});
  for (std::int64_t i = 0; i < layers; ++i) {
    const std::string h = "h." + std::to_string(i) + ".";
    for (const char* norm : {"ln_1", "ln_2"})
      for (const char* kind : {".weight", ".bias"}) add(h + norm + kind, {width});
    add(h + "c_attn.weight", {width, 3 * width});
    add(h + "c_attn.bias", {3 * width});
    add(h + "attn.c_proj.weight", {width, width});
    add(h + "attn.c_proj.bias", {width});
    add(h + "c_fc.weight", {width, 4 * width});
    add(h + "c_fc.bias", {4 * width});
    add(h + "mlp.c_proj.weight", {4 * width, width});
    add(h + "mlp.c_proj.bias", {width});
  }
  return parameters;
}

template <class Optimizer>
struct Langzoo {
  template <class... More>
  explicit Langzoo(NamedTensors& p, More... more) : flat(p), optimizer(flat, kOptions, more...) {}
  void step() { optimizer.step(kRate, langzoo::clip_divisor(flat.grad_norm(), 1.0)); }
  void zero_grad() { flat.zero_grad(); }
  langzoo::FlatParameters flat;
  Optimizer optimizer;
};
using Ours = Langzoo<langzoo::AdamW>;
struct Muon : Langzoo<langzoo::Muon> {
  explicit Muon(NamedTensors& p) : Langzoo(p, langzoo::MuonOptions()) {}
};
struct MuonBfloat16 : Langzoo<langzoo::Muon> {
  explicit MuonBfloat16(NamedTensors& p) : Langzoo(p, langzoo::MuonOptions{.ns_bfloat16 = true}) {}
};

struct Torch {
  explicit Torch(NamedTensors& p) : parameters(p.values()), optimizer(groups(p), {kRate}) {}
  static std::vector<torch::optim::OptimizerParamGroup> groups(NamedTensors& p) {
    std::vector<torch::optim::OptimizerParamGroup> result;
    for (const bool decay : {true, false}) {
      std::vector<torch::Tensor> members;
      for (const auto& item : p)
        if ((item.value().dim() >= 2) == decay) members.push_back(item.value());
      result.emplace_back(members, std::make_unique<torch::optim::AdamWOptions>(
                                       torch::optim::AdamWOptions(kRate)
                                           .betas({kOptions.beta1, kOptions.beta2})
                                           .eps(kOptions.epsilon)
                                           .weight_decay(decay ? kOptions.weight_decay : 0.0)));
    }
    return result;
  }
  void step() {
    torch::nn::utils::clip_grad_norm_(parameters, 1.0);
    optimizer.step();
  }
  void zero_grad() { optimizer.zero_grad(/*set_to_none=*/false); }
  std::vector<torch::Tensor> parameters;
  torch::optim::AdamW optimizer;
};

void check_equal(std::int64_t layers, std::int64_t width) {
  NamedTensors a = gpt_parameters(layers, width), b = gpt_parameters(layers, width);
  Ours ours(a);
  Torch theirs(b);
  for (int i = 0; i < 5; ++i) {
    ours.step();
    theirs.step();
  }
  for (const auto& item : a) {
    if (!torch::allclose(item.value(), b[item.key()], 1e-5, 1e-6))
      throw std::runtime_error("the two optimizers disagree on " + item.key());
  }
}

/// Made orthogonal in bfloat16, steps are nearly those in float32.
void check_muon(std::int64_t layers, std::int64_t width) {
  NamedTensors a = gpt_parameters(layers, width), b = gpt_parameters(layers, width),
               before = gpt_parameters(layers, width);
  Muon exact(a);
  MuonBfloat16 reduced(b);
  exact.step();
  reduced.step();
  for (const auto& item : a) {
    const auto change = (item.value() - before[item.key()]).norm().item<double>();
    if (!((item.value() - b[item.key()]).norm().item<double>() <= 0.1 * change) || change == 0)
      throw std::runtime_error("Muon moves " + item.key() + " otherwise in bfloat16");
  }
}

template <typename Optimizer>
void time_step(benchmark::State& state) {
  check_equal(state.range(0), state.range(1));
  check_muon(state.range(0), state.range(1));
  NamedTensors parameters = gpt_parameters(state.range(0), state.range(1));
  Optimizer optimizer(parameters);
  for (auto _ : state) {
    optimizer.step();
    optimizer.zero_grad();
    // Stands for the backward pass: a gradient that is written to in place.
    for (auto& item : parameters) item.value().mutable_grad().add_(1e-3);
  }
}

void sizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->Args({4, 128})->Args({6, 384})->UseRealTime()->Unit(benchmark::kMicrosecond);
}
BENCHMARK_TEMPLATE(time_step, Ours)->Apply(sizes);
BENCHMARK_TEMPLATE(time_step, Torch)->Apply(sizes);
BENCHMARK_TEMPLATE(time_step, Muon)->Apply(sizes);
BENCHMARK_TEMPLATE(time_step, MuonBfloat16)->Apply(sizes);

}  // namespace

BENCHMARK_MAIN();
