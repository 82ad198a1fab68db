#include "models/layers/attention.h"

#include <cmath>

#include "models/layers/decode_attention.h"
#include "models/layers/masks.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

Attended attend_explicitly(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                           const torch::Tensor& bias, double dropout, double scale) {
  auto scores = at::matmul(q, k.transpose(-2, -1)) * scale;  // (B,H,T,S)
  if (bias.defined()) scores = scores + bias;
  const auto weights = at::_safe_softmax(scores, -1);  // zeros, not NaN, where every score is -inf
  return {at::matmul(at::dropout(weights, dropout, dropout > 0), v), weights};
}

}  // namespace

Attended attend(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v, const AttendOptions& options) {
  const auto queries = q.size(-2), keys = k.size(-2);
  // SDPA's is_causal lines up the first query with the first key and takes no bias beside it; ours lines up the last
  // ones. A single query sees everything.
  const bool causal = options.causal && queries > 1;
  const bool causal_by_kernel = causal && queries == keys && !options.bias.defined() && !options.want_weights;
  const auto bias = causal && !causal_by_kernel ? combine_biases(options.bias, causal_bias(queries, keys, q.options()))
                                                : options.bias;
  const double scale = options.scale.value_or(1.0 / std::sqrt(static_cast<double>(q.size(-1))));
  if (options.want_weights) return attend_explicitly(q, k, v, bias, options.dropout, scale);
  if (options.dropout == 0 && is_decode_attention(q, k, v, bias)) return {decode_attention(q, k, v, bias, scale), {}};
  const auto mask = bias.defined() ? std::optional(bias) : std::nullopt;
  return {at::scaled_dot_product_attention(q, k, v, mask, options.dropout, causal_by_kernel, scale), {}};
}

}  // namespace langzoo
