/// The largest of the products of a vector with many rows, for a part of the reading: greedy decoding at batch 1, whose
/// time is reading weights, of which the vocabulary's are a large part.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include <torch/types.h>

namespace langzoo {

/// A copy of W as int8, w_i ~ s_i q_i. By Cauchy and Schwarz x.w_i lies within |x| |w_i - s_i q_i| of s_i q_i.x,
/// so that only the rows whose upper bound reaches the largest lower bound need be multiplied: the result is that of
/// the whole product, for a quarter of the reading in float32 and half in bfloat16. Several threads may use one.
/// Letters: V rows, C their width.
class QuantizedArgmax {
 public:
  /// W (V,C) is as gemv takes it, and contiguous.
  explicit QuantizedArgmax(const torch::Tensor& weight);

  /// The first index of the largest of gemv(x, W), of that W which this was made from. Nothing where the bounds leave
  /// too many rows, or hold for none because something is not finite or beyond what squares can say: the product itself
  /// says then. Shapes: x (...,C) of one row, as W is.
  std::optional<std::int64_t> operator()(const torch::Tensor& x, const torch::Tensor& weight) const;

  /// Whether bounds have told enough often enough: they do not where all vectors are long in a direction that tells
  /// nothing.
  bool pays() const;

 private:
  std::optional<std::int64_t> by_bounds(const torch::Tensor& x, const torch::Tensor& weight) const;

  torch::Tensor quantized_;             ///< (V,C) int8
  std::vector<float> scales_, errors_;  ///< (V), s_i and at least |w_i - s_i q_i| with what rounding may add
  bool finite_ = true;
  mutable std::atomic<std::int64_t> calls_ = 0, failures_ = 0;
};

/// That of a matrix which belongs to somebody else, made when first asked for and kept until the matrix changes
/// (WeightIdentity), clear(), or the end of the object. Several threads may use one.
class QuantizedWeight {
 public:
  /// The index of the largest element of gemv(x, weight, bias), the first of equal ones. Nothing where that is not
  /// known without the whole product, or not for less: of small matrices, with a bias, where is_gemv or WeightIdentity
  /// says no.
  std::optional<std::int64_t> argmax(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias);

  /// Forgets the copy and frees its memory.
  void clear();

 private:
  struct Copy;
  std::shared_ptr<const Copy> current(const torch::Tensor& weight);

  std::mutex mutex_;
  std::shared_ptr<const Copy> copy_;
};

}  // namespace langzoo
