#include "models/layers/self_attention.h"

#include <cmath>
#include <stdexcept>

#include "models/layers/attention.h"
#include "models/layers/masks.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

/// What distances add to the scores, not yet scaled. Shapes: q, k (B,H,T,K) -> (B,H,T,T).
torch::Tensor distance_scores(const torch::Tensor& q, const torch::Tensor& k, const SelfAttentionOptions& options) {
  const auto places = q.size(2), reach = (options.distances.size(0) + 1) / 2;
  if (places > reach) throw std::invalid_argument("relative positions: more tokens than there are distances");
  const auto place = at::arange(places, options.distances.options().dtype(torch::kInt64));
  const auto apart = place.unsqueeze(1) - place + (reach - 1);                                   // (T,S)
  const auto d = options.distances.index_select(0, apart.flatten()).unflatten(0, {places, -1});  // (T,S,K)
  const auto scores = at::einsum("bhtk,tsk->bhts", {q, d});
  if (options.positions == PositionType::kRelativeKey) return scores;
  return scores + at::einsum("bhsk,tsk->bhts", {k, d});
}

}  // namespace

TokenRows::TokenRows(const torch::Tensor& mask, bool pack, torch::ScalarType dtype) {
  if (!mask.defined()) return;
  if (pack) {
    PackedRows rows(mask);
    if (!rows.padded()) return;
    if (rows.tokens() > 0) packed_ = std::move(rows);
  }
  if (!packed_) bias_ = padding_bias(mask, dtype);
}

torch::Tensor self_attend(const torch::Tensor& q0, const torch::Tensor& k0, const torch::Tensor& v0,
                          const TokenRows& rows, const SelfAttentionOptions& options) {
  const auto split = [&](const torch::Tensor& x) { return x.unflatten(-1, {options.heads, -1}).transpose(1, 2); };
  const auto q = split(q0), k = split(k0), v = split(v0);  // (R,H,T,K)
  const double scale = 1.0 / std::sqrt(static_cast<double>(q.size(-1)));
  torch::Tensor relative;  // (B,H,T,T)
  if (options.positions != PositionType::kAbsolute) {
    if (rows.packed()) throw std::invalid_argument("relative positions need rows that are not packed");
    relative = distance_scores(q, k, options) * scale;
  }
  auto* const record = rows.record;
  if (record != nullptr && record->keeps_scores) {
    record->scores.push_back(combine_biases(at::matmul(q, k.transpose(-2, -1)) * scale, relative));
  }
  const auto [output, weights] = attend(q, k, v,
                                        {.bias = combine_biases(relative, rows.bias()),
                                         .dropout = options.dropout,
                                         .scale = scale,
                                         .cu_seqlens = rows.cu_seqlens(),
                                         .want_weights = record != nullptr && record->keeps_weights});
  if (weights.defined()) record->weights.push_back(weights);
  return output.transpose(1, 2).flatten(2);  // (R,T,C)
}

}  // namespace langzoo
