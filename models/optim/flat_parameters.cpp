#include "models/optim/flat_parameters.h"

#include <algorithm>
#include <stdexcept>
#include <unordered_set>

#include <fmt/format.h>

#include "third_party/torch.h"

namespace langzoo {

namespace {

std::int64_t aligned(std::int64_t numel, std::int64_t element_size, std::int64_t shards = 1) {
  const std::int64_t unit = 64 / element_size * shards;
  return (numel + unit - 1) / unit * unit;
}

void require_trainable(const std::string& name, const torch::Tensor& tensor) {
  const auto reject = [&](const char* why) { throw std::invalid_argument(fmt::format("parameter {}: {}", name, why)); };
  if (!tensor.defined()) reject("is undefined");
  if (tensor.layout() != torch::kStrided) reject("is sparse, expected a dense tensor");
  if (!tensor.is_floating_point()) reject("is not floating-point, it cannot be optimized");
  if (!tensor.is_leaf()) reject("is not a leaf, it cannot be optimized");
}

/// Bytes from the first to the last element.
std::int64_t extent(const torch::Tensor& tensor) {
  std::int64_t last = 0;
  for (std::int64_t d = 0; d < tensor.dim(); ++d) last += (tensor.size(d) - 1) * tensor.stride(d);
  return (last + 1) * tensor.element_size();
}

}  // namespace

torch::Tensor FlatParameters::Group::view(const torch::Tensor& buffer, const Slot& slot) const {
  return buffer.narrow(0, slot.offset, slot.numel).view(slot.parameter.sizes());
}

FlatParameters::FlatParameters(const NamedTensors& parameters, const std::vector<ParameterRule>& rules, Shard shard)
    : shard_(std::move(shard)) {
  const torch::NoGradGuard no_grad;
  for (const auto& item : parameters) require_trainable(item.key(), item.value());
  const std::vector<const ParameterRule*> matched = match_rules(parameters, rules);
  std::unordered_set<const at::TensorImpl*> seen;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const auto& item = parameters[i];
    torch::Tensor parameter = item.value();
    const ParameterRule rule = matched[i] != nullptr ? *matched[i] : ParameterRule();
    if (rule.frozen) {
      parameter.requires_grad_(false);
      parameter.mutable_grad() = torch::Tensor();
    }
    if (!parameter.requires_grad() || !seen.insert(parameter.unsafeGetTensorImpl()).second) continue;
    auto decay = rule.weight_decay;
    if (!decay && parameter.dim() < 2) decay = 0.0;
    auto group = std::find_if(groups_.begin(), groups_.end(), [&](const Group& g) {
      const torch::Tensor& other = g.slots.front().parameter;
      return g.weight_decay == decay && g.lr_scale == rule.lr_scale && other.dtype() == parameter.dtype() &&
             other.device() == parameter.device();
    });
    if (group == groups_.end()) {
      groups_.emplace_back();
      group = groups_.end() - 1;
      group->weight_decay = decay;
      group->lr_scale = rule.lr_scale;
    }
    Slot slot;
    slot.name = item.key();
    slot.parameter = parameter;
    slot.numel = parameter.numel();
    if (!group->slots.empty()) {
      const Slot& last = group->slots.back();
      slot.offset = last.offset + aligned(last.numel, parameter.element_size());
    }
    group->slots.push_back(std::move(slot));
  }
  if (groups_.empty()) throw std::invalid_argument("no trainable parameters");
  check_overlap();
  for (Group& group : groups_) {
    const Slot& last = group.slots.back();
    const torch::Tensor& like = last.parameter;
    group.values = torch::zeros({aligned(last.offset + last.numel, like.element_size(), shard_.world)}, like.options());
    group.grads = torch::zeros_like(group.values);
    for (Slot& slot : group.slots) {
      adopt(group, slot);
      // variable_data() gives the view a version counter of its own: autograd's accumulation moves it, zeroing the
      // whole buffer does not.
      slot.grad = group.view(group.grads, slot).variable_data();
      if (slot.parameter.grad().defined()) {
        slot.grad.copy_(slot.parameter.grad().to_dense());
        slot.parameter.mutable_grad() = slot.grad;
      } else {
        slot.parameter.mutable_grad() = slot.grad;
        slot.zeroed_version = slot.grad._version();
      }
    }
  }
}

std::int64_t FlatParameters::numel() const {
  std::int64_t total = 0;
  for (const Group& group : groups_)
    for (const Slot& slot : group.slots) total += slot.numel;
  return total;
}

void FlatParameters::zero_grad() {
  const torch::NoGradGuard no_grad;
  for (Group& group : groups_) {
    group.grads.zero_();
    for (Slot& slot : group.slots) {
      if (!slot.parameter.grad().is_same(slot.grad)) slot.parameter.mutable_grad() = slot.grad;
      slot.zeroed_version = slot.grad._version();
    }
  }
}

void FlatParameters::gather() {
  const torch::NoGradGuard no_grad;
  for (Group& group : groups_) {
    const auto* base = static_cast<const char*>(group.values.data_ptr());
    const std::int64_t element_size = group.values.element_size();
    for (Slot& slot : group.slots) {
      torch::Tensor& parameter = slot.parameter;
      if (parameter.data_ptr() != base + slot.offset * element_size || parameter.numel() != slot.numel ||
          parameter.dtype() != group.values.dtype()) {
        adopt(group, slot);
      }
      const torch::Tensor& grad = parameter.grad();
      if (grad.is_same(slot.grad)) {
        slot.has_grad = parameter.requires_grad() && slot.grad._version() != slot.zeroed_version;
      } else if (grad.defined()) {
        slot.grad.copy_(grad.to_dense());
        parameter.mutable_grad() = slot.grad;
        slot.has_grad = parameter.requires_grad();
      } else {
        slot.has_grad = false;
      }
      if (!slot.has_grad) slot.grad.variable_data().zero_();  // what is skipped must not count in the norm
    }
  }
}

void FlatParameters::received(std::size_t group, std::size_t slot) {
  Slot& to = groups_.at(group).slots.at(slot);
  if (!to.parameter.grad().is_same(to.grad)) to.parameter.mutable_grad() = to.grad;
  torch::autograd::impl::bump_version(to.grad);
}

torch::Tensor FlatParameters::grad_norm() {
  const torch::NoGradGuard no_grad;
  gather();
  std::vector<torch::Tensor> norms;
  const auto device = groups_.front().grads.device();
  for (const Group& group : groups_) {
    // Half precision accumulates in float32; float64 may not be narrowed by the operator itself.
    const bool half = group.grads.element_size() < 4;
    const auto accumulate = half ? std::optional(torch::kFloat32) : std::nullopt;
    norms.push_back(at::linalg_vector_norm(group.grads, 2, {}, false, accumulate).to(device, torch::kFloat32));
  }
  return norms.size() == 1 ? norms.front() : at::linalg_vector_norm(at::stack(norms), 2);
}

void FlatParameters::clip_values(double most) {
  const torch::NoGradGuard no_grad;
  for (Group& group : groups_) group.grads.clamp_(-most, most);
}

void FlatParameters::mark_changed() {
  for (Group& group : groups_)
    for (Slot& slot : group.slots) torch::autograd::impl::bump_version(slot.parameter);
}

void FlatParameters::check_overlap() const {
  std::vector<const Slot*> slots;
  for (const Group& group : groups_)
    for (const Slot& slot : group.slots)
      if (slot.numel > 0) slots.push_back(&slot);
  const auto begin = [](const Slot* slot) { return static_cast<const char*>(slot->parameter.data_ptr()); };
  std::sort(slots.begin(), slots.end(), [&](const Slot* a, const Slot* b) { return begin(a) < begin(b); });
  for (std::size_t i = 1; i < slots.size(); ++i) {
    if (begin(slots[i - 1]) + extent(slots[i - 1]->parameter) > begin(slots[i]) &&
        slots[i - 1]->parameter.device() == slots[i]->parameter.device()) {
      throw std::invalid_argument(
          fmt::format("parameters {} and {} overlap in memory: to tie weights, register one tensor under both names",
                      slots[i - 1]->name, slots[i]->name));
    }
  }
}

void FlatParameters::adopt(Group& group, Slot& slot) {
  torch::Tensor& parameter = slot.parameter;
  if (parameter.numel() != slot.numel || parameter.dtype() != group.values.dtype() ||
      parameter.device() != group.values.device()) {
    throw std::invalid_argument(
        fmt::format("parameter {}: its shape, dtype or device changed after the optimizer was made", slot.name));
  }
  const auto view = group.view(group.values, slot);
  view.copy_(parameter.detach());
  parameter.set_data(view);
}

}  // namespace langzoo
