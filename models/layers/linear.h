/// y = x W^T + b, with weights that pack themselves for decoding.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

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
/// A change is noticed by the storage, its version counter (copy_ and every in-place operator), the dtype, the shape
/// and a new gradient (so by any optimizer's step after a backward pass). A write through a raw pointer, `.data()` or
/// another tensor on the same storage is not, unless it is announced: torch::autograd::impl::bump_version(weight), or
/// clear(). Tensors made under c10::InferenceMode count no versions and are never packed. One object may serve several
/// threads.
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

  /// Packing for the whole process, on at first. Switching it off halves the memory that decoding needs; copies that
  /// exist stay until they are cleared, unused.
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

  /// Changing between training and evaluation also frees the packed copy.
  void train(bool on = true) override;

  const PackedWeight& packed_weight() const { return packed_; }

  torch::Tensor weight, bias;

 private:
  WeightLayout layout_;
  PackedWeight packed_;
};
TORCH_MODULE(Linear);

}  // namespace langzoo
