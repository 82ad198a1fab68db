#include "models/layers/kv_cache.h"

#include <stdexcept>
#include <string>

#include <torch/torch.h>

namespace langzoo {

namespace {

torch::Tensor select_rows(const torch::Tensor& buffer, const torch::Tensor& rows, std::int64_t length) {
  auto shape = buffer.sizes().vec();
  shape[0] = rows.size(0);
  auto selected = at::empty(shape, buffer.options());
  auto used = selected.narrow(2, 0, length);
  at::index_select_out(used, buffer.narrow(2, 0, length), 0, rows);
  return selected;
}

}  // namespace

std::pair<torch::Tensor, torch::Tensor> KvCache::append(const torch::Tensor& keys, const torch::Tensor& values) {
  const auto tokens = keys.size(2);
  if (length_ + tokens > capacity_)
    throw std::invalid_argument("key-value cache: " + std::to_string(length_ + tokens) +
                                " tokens exceed its capacity of " + std::to_string(capacity_));
  const torch::NoGradGuard no_grad;
  if (!keys_.defined()) {
    const std::vector<std::int64_t> shape{keys.size(0), keys.size(1), capacity_, keys.size(3)};
    keys_ = at::empty(shape, keys.options());
    values_ = at::empty(shape, values.options());
  }
  keys_.narrow(2, length_, tokens).copy_(keys);
  values_.narrow(2, length_, tokens).copy_(values);
  length_ += tokens;
  return {keys_.narrow(2, 0, length_), values_.narrow(2, 0, length_)};
}

void KvCache::reorder(const torch::Tensor& rows) {
  if (!keys_.defined()) return;
  const torch::NoGradGuard no_grad;
  keys_ = select_rows(keys_, rows, length_);
  values_ = select_rows(values_, rows, length_);
}

}  // namespace langzoo
