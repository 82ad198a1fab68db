/// Gradients of all ranks, summed while backward still computes others (Li et al. 2020, PyTorch Distributed,
/// https://arxiv.org/abs/2006.15704, section 3.2; reference class c10d::Reducer).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <torch/types.h>

#include "apps/training/distributed/distributed.h"
#include "models/optim/flat_parameters.h"

namespace langzoo {

/// The gradients of FlatParameters lie end to end already: buckets are parts of them, which are summed where they are.
/// A bucket goes on its way as soon as the last of its gradients is there, and all ranks send buckets in one order:
/// that in which they were complete on rank 0 in the first step.
///
///     sync.expect_last_backward();
///     torch::autograd::backward(...);     // of the step's last micro-batch; those before cost no communication
///     sync.finish(numbers);
class GradientSync {
 public:
  /// With `half` gradients travel as bfloat16. `parameters` and `ranks` outlive it.
  GradientSync(FlatParameters& parameters, Distributed& ranks, std::int64_t bucket_bytes, bool half);
  ~GradientSync();
  GradientSync(const GradientSync&) = delete;
  GradientSync& operator=(const GradientSync&) = delete;

  void expect_last_backward();
  /// Sends what is left, and waits. `numbers` are summed along with which parameters have a gradient on any rank, which
  /// then have one on all. A rank without a backward pass in this step takes part all the same.
  void finish(std::vector<double>& numbers);

  /// After the first finish(): parameters that had a gradient on no rank.
  const std::vector<std::string>& unused() const { return unused_; }
  std::size_t num_buckets() const { return buckets_.size(); }

 private:
  class Hook;
  struct Bucket {
    torch::Tensor grads;   ///< part of a group's
    torch::Tensor staged;  ///< what travels in its place: of another type, or from another device
    std::vector<std::size_t> parts;
    std::size_t ready = 0;   ///< parts whose gradients are complete
    std::int64_t turn = -1;  ///< when it was complete, in this backward
    bool sent = false;
    Distributed::Pending sum;
  };
  struct Part {
    std::size_t group = 0, slot = 0, bucket = 0;
    std::int32_t expected = 0;  ///< times that backward adds to the gradient; several with activation checkpoints
    std::int32_t added = 0;
  };

  void reset();
  void added(std::size_t part);
  void send(Bucket& bucket);
  void send_ready();
  void learn_order();

  FlatParameters& parameters_;
  Distributed& ranks_;
  const bool half_;
  std::vector<Part> parts_;
  std::vector<Bucket> buckets_;
  std::vector<std::size_t> order_;  ///< of buckets
  std::size_t next_ = 0;            ///< in order_
  std::int64_t turns_ = 0;
  bool expecting_ = false, learned_ = false;
  std::vector<std::string> unused_;
  std::mutex mutex_;  ///< hooks run on the threads of their devices
};

}  // namespace langzoo
