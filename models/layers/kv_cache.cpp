#include "models/layers/kv_cache.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <vector>

#include <c10/util/StringUtil.h>

#include "models/layers/parallel_for.h"
#include "third_party/torch.h"

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

struct Move {
  std::int64_t from, to;
};

/// The copies that put the `held` rows where `rows` wants them, to be made in this order; nothing where a row would be
/// overwritten before it is read.
std::optional<std::vector<Move>> moves_in_place(const torch::Tensor& rows, std::int64_t held) {
  const auto* from = rows.const_data_ptr<std::int64_t>();
  std::vector<Move> moves;
  for (std::int64_t to = 0; to < rows.size(0); ++to) {
    if (from[to] == to) continue;
    if (from[to] < 0 || from[to] >= held) return std::nullopt;  // the error is index_select's
    if (from[to] < to && from[from[to]] != from[to]) return std::nullopt;
    moves.push_back({from[to], to});
  }
  return moves;
}

/// The first `length` tokens of `buffer` (B,H,capacity,K) contiguous.
void move_rows(const torch::Tensor& buffer, const std::vector<Move>& moves, std::int64_t length) {
  const auto heads = buffer.size(1);
  const auto head = static_cast<std::size_t>(buffer.stride(1) * buffer.element_size());
  const auto used = static_cast<std::size_t>(length * buffer.stride(2) * buffer.element_size());
  auto* const data = static_cast<char*>(buffer.data_ptr());
  parallel_for(heads, 1, [&](std::int64_t begin, std::int64_t end) {
    for (const auto& [from, to] : moves) {
      for (auto h = begin; h < end; ++h)
        std::memcpy(data + (to * heads + h) * head, data + (from * heads + h) * head, used);
    }
  });
}

}  // namespace

KvCache::KvCache(std::int64_t capacity, std::int64_t window)
    : capacity_(capacity), window_(window), places_(window > 0 && window < capacity / 2 ? 2 * window : capacity) {}

std::pair<torch::Tensor, torch::Tensor> KvCache::append(const torch::Tensor& keys, const torch::Tensor& values) {
  check(keys, values);
  const auto tokens = keys.size(2);
  if (length_ + tokens > capacity_)
    throw std::invalid_argument(
        c10::str("key-value cache: ", length_ + tokens, " tokens exceed its capacity of ", capacity_));
  const torch::NoGradGuard no_grad;
  if (!keys_.defined()) {
    const std::vector<std::int64_t> shape{keys.size(0), keys.size(1), places_, keys.size(3)};
    keys_ = at::empty(shape, keys.options());
    values_ = at::empty(shape, values.options());
  }
  length_ += tokens;
  if (!make_room(tokens)) {
    // A long prompt: its own tensors, of which the last tokens are kept.
    const auto all = [&](const torch::Tensor& buffer, const torch::Tensor& x) {
      return held_ == 0 ? x : at::cat({buffer.narrow(2, 0, held_), x}, 2);
    };
    const auto all_keys = all(keys_, keys), all_values = all(values_, values);
    const auto kept = std::min(window_ - 1, all_keys.size(2)), first = all_keys.size(2) - kept;
    keys_.narrow(2, 0, kept).copy_(all_keys.narrow(2, first, kept));
    values_.narrow(2, 0, kept).copy_(all_values.narrow(2, first, kept));
    held_ = kept;
    return {all_keys, all_values};
  }
  keys_.narrow(2, held_, tokens).copy_(keys);
  values_.narrow(2, held_, tokens).copy_(values);
  held_ += tokens;
  const auto seen = window_ > 0 ? std::min(held_, window_ - 1 + tokens) : held_;
  return {keys_.narrow(2, held_ - seen, seen), values_.narrow(2, held_ - seen, seen)};
}

bool KvCache::make_room(std::int64_t tokens) {
  if (held_ + tokens <= places_) return true;
  const auto kept = std::min(held_, window_ - 1);
  for (auto* const buffer : {&keys_, &values_}) {
    if (kept < held_) buffer->narrow(2, 0, kept).copy_(buffer->narrow(2, held_ - kept, kept).clone());
  }
  held_ = kept;
  return held_ + tokens <= places_;
}

void KvCache::check(const torch::Tensor& keys, const torch::Tensor& values) const {
  if (keys.dim() != 4 || values.sizes() != keys.sizes())
    throw std::invalid_argument(c10::str("key-value cache: keys must be (B,H,T,K) and values likewise, they are ",
                                         keys.sizes(), " and ", values.sizes()));
  if (!keys_.defined()) return;
  if (keys.size(0) != keys_.size(0) || keys.size(1) != keys_.size(1) || keys.size(3) != keys_.size(3))
    throw std::invalid_argument(c10::str("key-value cache: keys and values ", keys.sizes(),
                                         " do not go on from those held, ", keys_.narrow(2, 0, held_).sizes()));
  if (keys.scalar_type() != keys_.scalar_type() || values.scalar_type() != values_.scalar_type())
    throw std::invalid_argument(c10::str("key-value cache: keys and values are ", keys.scalar_type(), " and ",
                                         values.scalar_type(), ", those held ", keys_.scalar_type(), " and ",
                                         values_.scalar_type()));
}

void KvCache::reorder(const torch::Tensor& rows) {
  if (!keys_.defined()) return;
  const torch::NoGradGuard no_grad;
  if (keys_.is_cpu() && rows.size(0) <= keys_.size(0)) {
    if (const auto moves = moves_in_place(rows.contiguous(), keys_.size(0))) {
      for (auto* buffer : {&keys_, &values_}) {
        move_rows(*buffer, *moves, held_);
        *buffer = buffer->narrow(0, 0, rows.size(0));
      }
      return;
    }
  }
  keys_ = select_rows(keys_, rows, held_);
  values_ = select_rows(values_, rows, held_);
}

}  // namespace langzoo
