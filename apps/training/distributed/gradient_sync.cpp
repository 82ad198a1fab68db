#include "apps/training/distributed/gradient_sync.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>

#include <fmt/format.h>

#include "third_party/torch.h"

namespace langzoo {

/// Tells that autograd has added to a parameter's gradient.
class GradientSync::Hook : public torch::autograd::PostAccumulateGradHook {
 public:
  Hook(GradientSync& sync, std::size_t part) : sync_(sync), part_(part) {}
  void operator()(const torch::autograd::Variable& /*parameter*/) override { sync_.added(part_); }

 private:
  GradientSync& sync_;
  const std::size_t part_;
};

GradientSync::GradientSync(FlatParameters& parameters, Distributed& ranks, std::int64_t bucket_bytes, bool half)
    : parameters_(parameters), ranks_(ranks), half_(half) {
  const auto& groups = parameters.groups();
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const auto& group = groups[g];
    // From the back: what was registered last has its gradient first.
    auto end = group.grads.numel();
    std::vector<std::size_t> parts;
    for (auto s = group.slots.size(); s-- > 0;) {
      parts.push_back(parts_.size());
      parts_.push_back({.group = g, .slot = s, .bucket = buckets_.size()});
      const auto begin = group.slots[s].offset;
      if (s > 0 && (end - begin) * group.grads.element_size() < bucket_bytes) continue;
      Bucket bucket;
      bucket.grads = group.grads.slice(0, begin, end);
      bucket.parts = std::move(parts);
      parts.clear();
      const auto device = Distributed::takes(bucket.grads.device()) ? bucket.grads.device() : torch::kCPU;
      if (half_ || bucket.grads.device() != device) {
        const auto dtype = half_ ? torch::kBFloat16 : bucket.grads.scalar_type();
        bucket.staged = torch::empty({bucket.grads.numel()}, torch::dtype(dtype).device(device));
      }
      buckets_.push_back(std::move(bucket));
      end = begin;
    }
  }
  order_.resize(buckets_.size());
  std::iota(order_.begin(), order_.end(), std::size_t{0});
  for (std::size_t p = 0; p < parts_.size(); ++p) {
    const auto& slot = groups[parts_[p].group].slots[parts_[p].slot];
    torch::autograd::impl::set_post_acc_grad_hooks(slot.parameter, std::make_unique<Hook>(*this, p));
  }
}

GradientSync::~GradientSync() {
  for (const auto& part : parts_) {
    torch::autograd::impl::set_post_acc_grad_hooks(parameters_.groups()[part.group].slots[part.slot].parameter,
                                                   nullptr);
  }
}

void GradientSync::expect_last_backward() {
  const std::lock_guard lock(mutex_);
  expecting_ = true;
}

void GradientSync::reset() {
  next_ = 0, turns_ = 0;
  for (auto& part : parts_) part.added = 0;
  for (auto& bucket : buckets_) bucket.ready = 0, bucket.turn = -1, bucket.sent = false;
}

void GradientSync::added(std::size_t p) {
  const std::lock_guard lock(mutex_);
  if (!expecting_) return;
  auto& part = parts_[p];
  auto& bucket = buckets_[part.bucket];
  const auto& slot = parameters_.groups()[part.group].slots[part.slot];
  if (bucket.sent) {
    throw std::logic_error(fmt::format(
        "the gradient of {} changes after it was sent: its model adds to it more often than in the first step",
        slot.name));
  }
  ++part.added;
  if (!learned_) {
    bucket.turn = turns_++;  // the last one holds
    return;
  }
  if (part.added != part.expected) return;
  ++bucket.ready;
  send_ready();
}

void GradientSync::send_ready() {
  for (; next_ < order_.size(); ++next_) {
    auto& bucket = buckets_[order_[next_]];
    if (bucket.ready < bucket.parts.size()) return;
    // A gradient that was exchanged for another tensor is brought in when backward is done.
    for (const auto p : bucket.parts) {
      const auto& slot = parameters_.groups()[parts_[p].group].slots[parts_[p].slot];
      if (!slot.parameter.grad().is_same(slot.grad)) return;
    }
    send(bucket);
  }
}

void GradientSync::send(Bucket& bucket) {
  const torch::NoGradGuard no_grad;
  if (bucket.staged.defined()) bucket.staged.copy_(bucket.grads);
  bucket.sum = ranks_.start_sum(bucket.staged.defined() ? bucket.staged : bucket.grads);
  bucket.sent = true;
}

void GradientSync::finish(std::vector<double>& numbers) {
  const torch::NoGradGuard no_grad;
  {
    const std::lock_guard lock(mutex_);
    expecting_ = false;
  }
  // Not gather(), which writes zeros over gradients that are missing here alone.
  const auto& groups = parameters_.groups();
  if (next_ < order_.size()) parameters_.gather();
  const auto own = numbers.size();
  for (const auto& part : parts_) {
    const auto& slot = groups[part.group].slots[part.slot];
    const bool has_grad = slot.parameter.grad().defined() && slot.grad._version() != slot.zeroed_version;
    numbers.push_back(has_grad ? 1 : 0);
  }
  auto shared = torch::from_blob(numbers.data(), {std::ssize(numbers)}, torch::kFloat64);
  for (; next_ < order_.size(); ++next_) send(buckets_[order_[next_]]);
  auto numbers_sum = ranks_.start_sum(shared);
  for (const auto b : order_) {
    auto& bucket = buckets_[b];
    bucket.sum.wait();
    if (bucket.staged.defined()) bucket.grads.copy_(bucket.staged);
  }
  numbers_sum.wait();
  for (std::size_t p = 0; p < parts_.size(); ++p) {
    if (numbers[own + p] > 0) parameters_.received(parts_[p].group, parts_[p].slot);
    if (!learned_ && numbers[own + p] == 0) unused_.push_back(groups[parts_[p].group].slots[parts_[p].slot].name);
  }
  numbers.resize(own);
  if (!learned_) learn_order();
  reset();
}

void GradientSync::learn_order() {
  auto times = torch::empty({std::ssize(parts_)}, torch::kInt32);
  for (std::size_t p = 0; p < parts_.size(); ++p) times.data_ptr<std::int32_t>()[p] = parts_[p].added;
  ranks_.largest(times);
  for (std::size_t p = 0; p < parts_.size(); ++p) parts_[p].expected = times.data_ptr<std::int32_t>()[p];
  // A bucket with a parameter that may never have a gradient waits for the end of backward, and so does what follows
  // it.
  for (auto& bucket : buckets_) {
    if (std::any_of(bucket.parts.begin(), bucket.parts.end(), [&](auto p) { return parts_[p].expected == 0; }))
      bucket.turn = turns_;
  }
  auto order = torch::empty({std::ssize(order_)}, torch::kInt64);
  std::stable_sort(order_.begin(), order_.end(),
                   [&](std::size_t a, std::size_t b) { return buckets_[a].turn < buckets_[b].turn; });
  for (std::size_t i = 0; i < order_.size(); ++i)
    order.data_ptr<std::int64_t>()[i] = static_cast<std::int64_t>(order_[i]);
  ranks_.broadcast(order);
  for (std::size_t i = 0; i < order_.size(); ++i)
    order_[i] = static_cast<std::size_t>(order.data_ptr<std::int64_t>()[i]);
  learned_ = true;
}

}  // namespace langzoo
