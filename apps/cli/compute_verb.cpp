#include "apps/cli/compute_verb.h"

#include <cstdlib>

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <torch/cuda.h>

#include "apps/training/freed_memory.h"
#include "data/files/cpus.h"

namespace langzoo {

namespace {

/// Otherwise LibTorch's own choice as far as there are CPUs for the process.
void set_torch_threads(std::optional<std::size_t> threads) {
  if (threads) return at::set_num_threads(static_cast<int>(*threads));
  if (std::getenv("OMP_NUM_THREADS") != nullptr) return;
  const auto most = static_cast<int>(available_cpus());
  if (at::get_num_threads() > most) at::set_num_threads(most);
}

}  // namespace

void set_up_compute(std::optional<std::size_t> threads) {
  keep_freed_memory();
  set_torch_threads(threads);
  // A softmax over near-zero embeddings runs several times slower on denormals.
  at::globalContext().setFlushDenormal(true);
}

torch::Device ComputeOptions::torch_device() const {
  if (device == "cpu") return torch::kCPU;
  const bool available = torch::cuda::is_available();
  if (device == "cuda" && !available) throw std::runtime_error("--device cuda: LibTorch sees no CUDA device here");
  return available ? torch::kCUDA : torch::kCPU;
}

torch::Dtype ComputeOptions::torch_dtype() const {
  return dtype.value_or("float32") == "bfloat16" ? torch::kBFloat16 : torch::kFloat32;
}

void ComputeVerb::add_options(Options& options) {
  add_own_options(options);
  if (!has_device()) return;
  options.add("--device", options_.device, "where to compute: auto, cpu or cuda")
      .one_of({"auto", "cpu", "cuda"})
      .group(kCommonGroup);
  options.add("--dtype", options_.dtype, "float32 or bfloat16").one_of({"float32", "bfloat16"}).group(kCommonGroup);
}

void ComputeVerb::run(const CommonOptions& common) {
  static_cast<CommonOptions&>(options_) = common;
  set_up_compute(common.threads);
  compute(options_);
}

}  // namespace langzoo
