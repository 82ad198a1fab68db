/// Attention of one query over many keys, the step of decoding with a key-value cache.
#pragma once

#include <torch/types.h>

namespace langzoo {

/// Whether decode_attention takes these: one query, float32 or bfloat16 on the CPU in one dtype, contiguous heads, and
/// no gradient to record.
bool is_decode_attention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                         const torch::Tensor& bias);

/// softmax(q k^T scale + bias) v, computed in float32 in one parallel loop over the heads; a query that may see no key
/// gets zeros. `bias` may be undefined. The result's transpose(1, 2) is contiguous.
/// Shapes: q (B,H,1,K), k, v (B,H,S,K) with any strides but the last, bias broadcastable to (B,H,1,S) -> (B,H,1,K).
torch::Tensor decode_attention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                               const torch::Tensor& bias, double scale);

}  // namespace langzoo
