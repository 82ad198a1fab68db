/// A model's parameters laid end to end: an optimizer step is one kernel, zeroing gradients one memset, their norm one
/// reduction.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "models/optim/parameter_rule.h"
#include "models/optim/shard.h"

namespace langzoo {

/// Moves the parameters into one buffer per (dtype, device, weight decay, factor of the learning rate); the module's
/// tensors stay the same objects and become views of it, and so do their gradients, into which autograd then
/// accumulates in place.
///
/// Weights decay unless they have fewer than two dimensions (biases, norms); embeddings decay, as in nanoGPT. Rules may
/// say otherwise. A tensor registered under several names (tied weights) counts once, under the first; frozen ones (by
/// a rule, or requires_grad false) are left out.
///
/// Others may still replace what they like: a parameter whose storage was exchanged (a loaded checkpoint) is moved in
/// again by the next gather(), a gradient that is a tensor of its own is copied in, and an undefined gradient means
/// that the parameter takes no part in the step, as in torch::optim.
class FlatParameters {
 public:
  struct Slot {
    std::string name;
    torch::Tensor parameter;
    torch::Tensor grad;  ///< view of the group's; its version counter is its own, which tells who received a gradient
    std::int64_t offset = 0, numel = 0;
    std::uint32_t zeroed_version = 0;  ///< of grad, at the last zero_grad
    bool has_grad = false;             ///< as of the last gather
  };
  struct Group {
    torch::Tensor values, grads;         ///< (N); slots and shards start at multiples of 64 bytes, gaps hold zeros
    std::optional<double> weight_decay;  ///< none: the optimizer's
    double lr_scale = 1.0;
    std::vector<Slot> slots;

    /// The part of `buffer`, laid out as `values`, that is `slot`'s, in the parameter's shape.
    torch::Tensor view(const torch::Tensor& buffer, const Slot& slot) const;
  };

  /// Throws std::invalid_argument naming a parameter that is not a dense floating-point leaf, two that overlap in
  /// memory without being one tensor, or a rule that matches nothing. Of a `shard`, optimizers that divide their state
  /// (shards_state()) keep that part of it and update that part of the values.
  explicit FlatParameters(const NamedTensors& parameters, const std::vector<ParameterRule>& rules = {},
                          Shard shard = {});
  FlatParameters(const FlatParameters&) = delete;
  FlatParameters& operator=(const FlatParameters&) = delete;

  const std::vector<Group>& groups() const { return groups_; }
  const Shard& shard() const { return shard_; }
  /// Elements, without the gaps.
  std::int64_t numel() const;

  void zero_grad();
  /// Brings parameters and gradients that were replaced from outside back into the buffers.
  void gather();
  /// A gradient was written into groups()[group].slots[slot].grad: the parameter takes part in the step.
  void received(std::size_t group, std::size_t slot);
  /// The global 2-norm of the gradients: a float32 scalar on the first group's device, no synchronisation. Gathers.
  torch::Tensor grad_norm();
  /// Brings every element of the gathered gradients into [-most, most].
  void clip_values(double most);
  /// Tells autograd, and whoever caches a form of the weights, that `values` was written to.
  void mark_changed();

 private:
  void check_overlap() const;
  void adopt(Group& group, Slot& slot);

  std::vector<Group> groups_;
  Shard shard_;
};

}  // namespace langzoo
