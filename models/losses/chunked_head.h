/// What losses have in common that have the output layer in them and take its logits in chunks of rows.
#pragma once

#include <cstdint>

#include <torch/types.h>

namespace langzoo {

/// Rows of a chunk: about 16 MiB of float32 logits, which allocators keep and caches hold, but at least 256 rows, below
/// which adding up the weight's gradient costs too much.
std::int64_t head_chunk_rows(std::int64_t vocabulary);

/// `operand` of a product, undefined or not, in the dtype that autocast asks for, if it is on.
torch::Tensor autocast_operand(const torch::Tensor& operand);

/// What sums over `operand` are held in: float32 at least.
torch::ScalarType sum_dtype(const torch::Tensor& operand);

}  // namespace langzoo
