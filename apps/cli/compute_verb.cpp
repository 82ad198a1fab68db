#include "apps/cli/compute_verb.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <malloc.h>
#include <torch/cuda.h>

namespace langzoo {

namespace {

/// A model asks for the same large tensors step after step. By default glibc returns each to the kernel and pays for
/// fresh zeroed pages the next time: 26 % of a small model's training step.
void keep_freed_memory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 32 << 20);  // the largest glibc accepts
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  mallopt(M_TOP_PAD, 16 << 20);
#endif
}

}  // namespace

void release_freed_memory() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
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

void ComputeVerb::add_options(CLI::App& app) {
  add_own_options(app);
  if (!has_device()) return;
  app.add_option("--device", options_.device, "where to compute: auto, cpu or cuda")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}))
      ->capture_default_str()
      ->group(kCommonGroup);
  app.add_option("--dtype", options_.dtype, "float32 or bfloat16")
      ->check(CLI::IsMember({"float32", "bfloat16"}))
      ->group(kCommonGroup);
}

void ComputeVerb::run(const CommonOptions& common) {
  static_cast<CommonOptions&>(options_) = common;
  keep_freed_memory();
  if (common.threads > 0) at::set_num_threads(static_cast<int>(common.threads));
  // A softmax over near-zero embeddings runs several times slower on denormals.
  at::globalContext().setFlushDenormal(true);
  compute(options_);
}

}  // namespace langzoo
