/// Attention and its gradients tile by tile, as flash attention has it (https://arxiv.org/abs/2307.08691): no (T,S)
/// matrix is held, neither of scores nor of the dropped weights, which are drawn again where they are needed.
///
/// ATen's kernel leaves its fast path for a bias that wants a gradient and for dropout, needs the whole bias of a
/// causal band, and computes what is padding. This one does all of them, and in bfloat16 too its sums are float32.
#pragma once

#include <torch/types.h>

#include "models/layers/attention.h"

namespace langzoo {

/// Whether flash_attention takes these: float32 or bfloat16 on the CPU in one dtype, heads of one width, not empty.
bool is_flash_attention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                        const AttendOptions& options);

/// What attend() gives, want_weights apart; differentiable once, in q, k, v and the bias. Results depend neither on the
/// number of threads nor, dropout apart, on the other rows. Dropout's seed comes from torch's default generator. A bias
/// that wants a gradient costs a float32 matrix (T,S) for each of its own batch rows and heads.
/// Shapes: q (B,H,T,K), k, v (B,H,S,K), or packed as AttendOptions says -> as q, transpose(1, 2) being contiguous.
torch::Tensor flash_attention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                              const AttendOptions& options);

}  // namespace langzoo
