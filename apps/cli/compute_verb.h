/// What verbs that compute with tensors have beside others: --device, --dtype, and a LibTorch set up for them.
#pragma once

#include <optional>
#include <string>

#include <torch/types.h>

#include "apps/cli/base/program.h"

namespace langzoo {

struct ComputeOptions : CommonOptions {
  std::string device = "auto";
  std::optional<std::string> dtype;

  /// `auto` is CUDA where LibTorch sees a device. Throws where `cuda` is asked for and there is none.
  torch::Device torch_device() const;
  /// float32 unless --dtype says otherwise.
  torch::Dtype torch_dtype() const;
};

/// LibTorch set up to compute: with so many threads, or as many as there are CPUs for the process. What OMP_NUM_THREADS
/// asks for stays.
void set_up_compute(std::optional<std::size_t> threads);

/// A verb whose --threads are LibTorch's.
class ComputeVerb : public Verb {
 public:
  void add_options(Options& options) final;
  void run(const CommonOptions& common) final;

 protected:
  /// Declares the verb's own options.
  virtual void add_own_options(Options& options) = 0;
  virtual void compute(const ComputeOptions& options) = 0;
  /// Whether --device and --dtype mean something to the verb; otherwise it does not have them.
  virtual bool has_device() const { return true; }

 private:
  ComputeOptions options_;
};

}  // namespace langzoo
