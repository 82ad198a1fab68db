#include "models/layers/cross_kv_cache.h"

#include <stdexcept>
#include <utility>

#include <c10/util/StringUtil.h>

#include "third_party/torch.h"

namespace langzoo {

using torch::Tensor;

namespace {

void require(bool holds, const Tensor& x, const char* what, const Tensor& keys) {
  if (!holds)
    throw std::invalid_argument(
        c10::str("cross-attention cache: ", what, " ", x.sizes(), " do not fit keys ", keys.sizes()));
}

}  // namespace

CrossKvCache::CrossKvCache(Tensor keys, Tensor values, Tensor bias)
    : sources_{std::move(keys), std::move(values), std::move(bias)}, rows_(sources_.keys.size(0)) {
  const auto &k = sources_.keys, &v = sources_.values, &b = sources_.bias;
  require(k.dim() == 4 && v.dim() == 4 && v.sizes() == k.sizes(), v, "values", k);
  if (!b.defined()) return;
  const auto fits = [&](std::int64_t dim, std::int64_t size) { return b.size(dim) == 1 || b.size(dim) == size; };
  require(b.dim() == 4 && fits(0, k.size(0)) && fits(1, k.size(1)) && b.size(2) == 1 && fits(3, k.size(2)), b, "biases",
          k);
  sources_.bias = b.expand({k.size(0), -1, -1, -1});
}

CrossKvCache::Memory CrossKvCache::Memory::select(const Tensor& index) const {
  const torch::NoGradGuard no_grad;
  const auto rows = index.to(keys.device());
  return {keys.index_select(0, rows), values.index_select(0, rows),
          bias.defined() ? bias.index_select(0, rows) : Tensor()};
}

void CrossKvCache::reorder(const Tensor& rows) {
  const auto kept = rows_.reorder(rows);
  if (kept.defined()) sources_ = sources_.select(kept);
  by_row_ = rows_.grouped() ? Memory() : sources_.select(rows_.index());
}

Attended CrossKvCache::attend(const Tensor& q, const AttendOptions& options) const {
  const auto& stored = rows_.grouped() ? sources_ : by_row_;
  require(q.dim() == 4 && q.size(0) == rows() && q.size(1) == stored.keys.size(1) && q.size(3) == stored.keys.size(3),
          q, "queries", stored.keys);
  if (options.bias.defined() || options.causal)
    throw std::invalid_argument("cross-attention cache: the bias is the cache's, and every query sees all of a source");
  auto own = options;
  own.bias = stored.bias;
  const auto groups = stored.keys.size(0), queries = q.size(2);
  if (groups == rows()) return langzoo::attend(q, stored.keys, stored.values, own);
  // (N R/N,H,T,K) -> (N,H,R/N T,K) and back
  const auto together = q.unflatten(0, {groups, -1}).transpose(1, 2).flatten(2, 3);
  const auto apart = [&](const Tensor& x) { return x.unflatten(2, {-1, queries}).transpose(1, 2).flatten(0, 1); };
  const auto attended = langzoo::attend(together, stored.keys, stored.values, own);
  return {apart(attended.output), attended.weights.defined() ? apart(attended.weights) : Tensor()};
}

}  // namespace langzoo
