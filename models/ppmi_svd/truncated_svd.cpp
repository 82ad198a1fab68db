#include "models/ppmi_svd/truncated_svd.h"

#include <algorithm>
#include <stdexcept>
#include <tuple>

#include <c10/util/StringUtil.h>

#include "data/random/random.h"
#include "models/layers/vector_math.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

using torch::Tensor;

/// While one is alive, ATen computes on one thread: the sums of LAPACK and of dense products depend on the number.
class OneThread {
 public:
  OneThread() : threads_(at::get_num_threads()) { at::set_num_threads(1); }
  ~OneThread() { at::set_num_threads(threads_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int threads_;
};

/// An orthonormal basis of the columns. Shapes: (N,C) -> (N,C), N >= C.
Tensor orthonormal(const Tensor& columns) {
  const OneThread one_thread;
  return std::get<0>(torch::linalg_qr(columns)).contiguous();
}

/// Uniform in [-1, 1): any distribution that favours no direction finds the range as Gaussian numbers do, and this one
/// is the same on every machine.
Tensor random_matrix(std::int64_t rows, std::int64_t columns, std::uint64_t seed) {
  Random random(seed);
  const auto matrix = torch::empty({rows, columns});
  auto* const values = matrix.data_ptr<float>();
  for (std::int64_t i = 0; i < matrix.numel(); ++i) values[i] = static_cast<float>(2.0 * random.uniform() - 1.0);
  return matrix;
}

}  // namespace

TruncatedSvd truncated_svd(const SparseMatrix& matrix, std::int64_t rank, const TruncatedSvdOptions& options) {
  matrix.validate();
  const auto side = std::min(matrix.rows, matrix.columns);
  if (rank < 1 || rank > side) {
    throw std::invalid_argument(
        c10::str("truncated SVD: rank ", rank, " must be between 1 and ", side, ", the smaller side"));
  }
  if (options.oversampling < 0 || options.power_iterations < 0) {
    throw std::invalid_argument(c10::str("truncated SVD: oversampling ", options.oversampling, " and power_iterations ",
                                         options.power_iterations, " must be 0 or more"));
  }
  const torch::NoGradGuard no_grad;
  const auto transposed = matrix.transposed();
  // Whole vectors: products are quicker, and a few more directions do no harm.
  const auto directions = rank + std::min(options.oversampling, side - rank);
  const auto width = std::min((directions + kLanes - 1) / kLanes * kLanes, side);

  auto range = orthonormal(matmul(matrix, random_matrix(matrix.columns, width, options.seed)));  // Q (N,width)
  for (std::int64_t i = 0; i < options.power_iterations; ++i) {
    range = orthonormal(matmul(matrix, orthonormal(matmul(transposed, range))));
  }
  const auto projected = matmul(transposed, range);  // (Q^T A)^T (M,width)

  const OneThread one_thread;
  const auto [basis, triangle] = torch::linalg_qr(projected);
  const auto [left, values, right] = torch::linalg_svd(triangle.t().to(torch::kFloat64), /*full_matrices=*/false);
  auto u = range.matmul(left.slice(1, 0, rank).to(torch::kFloat32));
  auto v = basis.matmul(right.t().slice(1, 0, rank).to(torch::kFloat32));
  const auto largest = u.gather(0, u.abs().argmax(0, /*keepdim=*/true));
  const auto signs = torch::where(largest < 0, -1.0f, 1.0f);
  return {u * signs, values.slice(0, 0, rank).to(torch::kFloat32), v * signs};
}

Tensor svd_word_vectors(const TruncatedSvd& svd, double eigenvalue_weight, bool add_contexts) {
  if (add_contexts && svd.u.size(0) != svd.v.size(0)) {
    throw std::invalid_argument(
        c10::str("context vectors of ", svd.v.size(0), " words cannot be added to ", svd.u.size(0), " word vectors"));
  }
  const auto sum = add_contexts ? svd.u + svd.v : svd.u;
  return sum * svd.s.pow(eigenvalue_weight);
}

}  // namespace langzoo
