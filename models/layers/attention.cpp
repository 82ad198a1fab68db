#include "models/layers/attention.h"

#include <cmath>
#include <stdexcept>

#include <ATen/autocast_mode.h>
#include <c10/util/StringUtil.h>

#include "models/layers/decode_attention.h"
#include "models/layers/flash_attention.h"
#include "models/layers/flash_kernel.h"
#include "models/layers/masks.h"
#include "models/layers/packed.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

using torch::Tensor;

Attended attend_explicitly(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& bias, double dropout,
                           double scale) {
  auto scores = at::matmul(q, k.transpose(-2, -1)) * scale;  // (B,H,T,S)
  if (bias.defined()) scores = scores + bias;
  const auto weights = at::_safe_softmax(scores, -1);  // zeros, not NaN, where every score is -inf
  return {at::matmul(at::dropout(weights, dropout, dropout > 0), v), weights};
}

/// Tokens of each row. Shapes: (B+1) -> (B).
Tensor row_lengths(const Tensor& cu_seqlens, const Tensor& x, const char* name) {
  const auto require = [&](bool holds, const char* what) {
    if (!holds) throw std::invalid_argument(c10::str("attention: ", name, " ", what));
  };
  require(cu_seqlens.is_cpu() && cu_seqlens.scalar_type() == torch::kInt64 && cu_seqlens.dim() == 1 &&
              cu_seqlens.is_contiguous() && cu_seqlens.size(0) > 1,
          "must be (B+1) int64 on the CPU");
  require(x.dim() == 4 && x.size(0) == 1, "is given, but the rows are not packed as (1,H,N,K)");
  const auto lengths = cu_seqlens.diff();
  const auto* const ends = cu_seqlens.const_data_ptr<std::int64_t>();
  require(ends[0] == 0 && ends[cu_seqlens.size(0) - 1] == x.size(2) && lengths.min().item<std::int64_t>() >= 0,
          "must ascend from 0 to the number of tokens");
  return lengths;
}

/// Packed rows, where no kernel takes them as they are: padded.
Attended attend_padded(const Tensor& q, const Tensor& k, const Tensor& v, AttendOptions options,
                       const Tensor& query_lengths, const Tensor& key_lengths) {
  const PackedRows queries(query_lengths, query_lengths.max().item<std::int64_t>());
  const PackedRows keys(key_lengths, key_lengths.max().item<std::int64_t>());
  const auto padded = [](const PackedRows& rows, const Tensor& x) {
    return rows.unpack(x.transpose(1, 2)).transpose(1, 2);
  };
  options.bias = combine_biases(options.bias, row_bias(query_lengths, key_lengths, options.causal, options.window,
                                                       q.options().requires_grad(false)));
  options.causal = false, options.window = 0, options.cu_seqlens = options.cu_seqlens_keys = Tensor();
  const auto attended = attend(padded(queries, q), padded(keys, k), padded(keys, v), options);
  return {queries.pack(attended.output.transpose(1, 2)).transpose(1, 2), attended.weights};
}

/// flash_attention in the dtype that autocast asks for.
Tensor attend_by_flash(const Tensor& q, const Tensor& k, const Tensor& v, const AttendOptions& options) {
  if (!at::autocast::is_autocast_enabled(at::kCPU)) return flash_attention(q, k, v, options);
  const auto dtype = at::autocast::get_autocast_dtype(at::kCPU);
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::DispatchKey::AutocastCPU);
  return flash_attention(q.to(dtype), k.to(dtype), v.to(dtype), options);
}

}  // namespace

Attended attend(const Tensor& q, const Tensor& k, const Tensor& v, const AttendOptions& options) {
  const auto queries = q.size(-2), keys = k.size(-2);
  if (options.window < 0)
    throw std::invalid_argument(c10::str("attention: window = ", options.window, " must be at least 0"));
  const bool flash = is_flash_attention(q, k, v, options);
  if (options.cu_seqlens.defined() || options.cu_seqlens_keys.defined()) {
    const auto query_lengths = row_lengths(options.cu_seqlens, q, "cu_seqlens");
    const auto key_lengths = options.cu_seqlens_keys.defined()
                                 ? row_lengths(options.cu_seqlens_keys, k, "cu_seqlens_keys")
                                 : row_lengths(options.cu_seqlens, k, "cu_seqlens");
    if (query_lengths.size(0) != key_lengths.size(0))
      throw std::invalid_argument(c10::str("attention: cu_seqlens has ", query_lengths.size(0),
                                           " rows, cu_seqlens_keys ", key_lengths.size(0)));
    if (flash) return {attend_by_flash(q, k, v, options), {}};
    return attend_padded(q, k, v, options, query_lengths, key_lengths);
  }

  const bool one_sees_all = queries == 1 && options.window == 0;
  const double scale = options.scale.value_or(1.0 / std::sqrt(static_cast<double>(q.size(-1))));
  if (one_sees_all && options.dropout == 0 && !options.want_weights && is_decode_attention(q, k, v, options.bias))
    return {decode_attention(q, k, v, options.bias, scale), {}};
  if (flash && flash_path() >= FlashPath::kAvx2) return {attend_by_flash(q, k, v, options), {}};

  // SDPA's is_causal lines up the first query with the first key and takes no bias beside it; ours lines up the last
  // ones. A single query sees everything.
  const bool by_place = (options.causal || options.window > 0) && !one_sees_all;
  const bool causal_by_kernel =
      by_place && options.window == 0 && queries == keys && !options.bias.defined() && !options.want_weights;
  const auto bias = by_place && !causal_by_kernel
                        ? combine_biases(options.bias, place_bias(queries, keys, options.causal, options.window,
                                                                  q.options().requires_grad(false)))
                        : options.bias;
  if (options.want_weights) return attend_explicitly(q, k, v, bias, options.dropout, scale);
  const auto mask = bias.defined() ? std::optional(bias) : std::nullopt;
  return {at::scaled_dot_product_attention(q, k, v, mask, options.dropout, causal_by_kernel, scale), {}};
}

bool attends_packed(const Tensor& x) {
  const auto dtype = x.scalar_type();
  return x.is_cpu() && (dtype == torch::kFloat32 || dtype == torch::kBFloat16) && flash_path() >= FlashPath::kAvx2;
}

}  // namespace langzoo
