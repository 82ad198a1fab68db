/// y = x W^T + b, with weights that pack themselves for decoding.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "models/layers/quantized_argmax.h"

namespace langzoo {

/// How the file stores the matrix: torch.nn.Linear keeps (out, in); GPT-2's Conv1D keeps (in, out).
enum class WeightLayout { kOutIn, kInOut };

/// The product with one matrix, which belongs to somebody else (a layer, or an embedding that is also the output
/// layer).
///
/// Decoding multiplies a few rows with every matrix of a model. For such thin products oneDNN's own arrangement of the
/// weights is 2-4 times as fast as the row-major matrix, so the first one makes such a copy, which later ones use.
/// That happens on the CPU in float32 and bfloat16, for at most kThinRows rows, where no gradient is being recorded and
/// no autocast is on; everything else is the plain product. The copy takes as much memory as the matrix and lives until
/// the matrix changes, clear(), or the end of the object.
///
/// A change is noticed as WeightIdentity says; one that is not may be announced by clear(). Tensors without an identity
/// are never packed. One object may serve several threads.
class PackedWeight {
 public:
  static constexpr std::int64_t kThinRows = 256;

  PackedWeight();
  ~PackedWeight();

  /// x W^T + bias, where `weight` is W (out,in) or its transpose (in,out); `bias` (out) may be undefined.
  /// Shapes: x (..., in) -> (..., out).
  torch::Tensor apply(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias,
                      WeightLayout layout = WeightLayout::kOutIn);

  /// Forgets the copy and frees its memory.
  void clear();

  /// Whether a copy exists now.
  bool packed() const;

  /// Copies for the whole process, LinearImpl::argmax()'s among them, on at first. Switching them off halves the memory
  /// that decoding needs; those that exist stay until they are cleared, unused.
  static void set_enabled(bool enabled);
  static bool enabled();

 private:
  struct Copy;
  std::shared_ptr<const Copy> current(const torch::Tensor& weight, WeightLayout layout);

  mutable std::mutex mutex_;
  std::shared_ptr<const Copy> copy_;
};

/// Parameters `weight` (out,in) or (in,out) and, unless switched off, `bias` (out).
class LinearImpl : public torch::nn::Module {
 public:
  LinearImpl(std::int64_t in, std::int64_t out, bool with_bias = true, WeightLayout layout = WeightLayout::kOutIn);
  /// On the matrix (out,in) of another module, which stays its parameter and is none of this one's.
  LinearImpl(const torch::Tensor& shared_weight, bool with_bias);

  /// Shapes: x (..., in) -> (..., out).
  torch::Tensor forward(const torch::Tensor& x) { return packed_.apply(x, weight, bias, layout_); }

  /// The index of the largest element of forward(x), the first of equal ones, where QuantizedWeight knows it for less
  /// than the product. Shapes: x (..., in) of one row.
  std::optional<std::int64_t> argmax(const torch::Tensor& x);

  /// Changing between training and evaluation also frees the copies.
  void train(bool on = true) override;

  const PackedWeight& packed_weight() const { return packed_; }

  torch::Tensor weight, bias;

 private:
  WeightLayout layout_;
  PackedWeight packed_;
  QuantizedWeight quantized_;
};
TORCH_MODULE(Linear);

}  // namespace langzoo
