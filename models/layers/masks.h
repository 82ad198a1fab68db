/// Attention masks. They have one meaning throughout: an additive float bias, 0 keeps and -inf drops, broadcastable to
/// (B,H,T,S). Hugging Face's 0/1 masks are turned into it once, where a model is entered.
#pragma once

#include <torch/types.h>

namespace langzoo {

/// 0 where `mask` is not 0, -inf elsewhere. Shapes: mask (B,S) of any dtype -> (B,1,1,S) of `dtype`.
torch::Tensor padding_bias(const torch::Tensor& mask, torch::ScalarType dtype);

/// Query i of T stands at place S - T + i of S and sees the keys up to its own place (aligned bottom-right, as decoding
/// from a cache needs). `like` decides dtype and device. Shapes: (T,S).
torch::Tensor causal_bias(std::int64_t queries, std::int64_t keys, const torch::TensorOptions& like);

/// Which keys a query may see by its place alone, as attend() has it: a causal one those up to its own place, with a
/// `window` above 0 those less than that many places away. Shapes: (T,S).
torch::Tensor place_bias(std::int64_t queries, std::int64_t keys, bool causal, std::int64_t window,
                         const torch::TensorOptions& like);

/// The strided pattern of the Sparse Transformer (https://arxiv.org/abs/1904.10509, section 4.3), both parts in one: a
/// query sees the last `stride` keys up to its own place and every stride-th before them. What lies after its place is
/// left to the causal mask. Shapes: (T,S).
torch::Tensor strided_bias(std::int64_t queries, std::int64_t keys, std::int64_t stride,
                           const torch::TensorOptions& like);

/// The same as place_bias for rows of unequal length, padded on the right, and nothing on padding.
/// Shapes: query_lengths, key_lengths (B) int64 -> (B,1,T,S), T and S being the longest.
torch::Tensor row_bias(const torch::Tensor& query_lengths, const torch::Tensor& key_lengths, bool causal,
                       std::int64_t window, const torch::TensorOptions& like);

/// The sum of two biases; an undefined one drops nothing.
torch::Tensor combine_biases(const torch::Tensor& a, const torch::Tensor& b);

/// Positions of the tokens of padded rows: the kept tokens before each one, padding gets 0.
/// Shapes: mask (B,S) 0/1 -> (B,S) int64.
torch::Tensor positions_from_mask(const torch::Tensor& mask);

}  // namespace langzoo
