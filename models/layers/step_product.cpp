#include "models/layers/step_product.h"

#include "models/layers/gemv.h"
#include "models/layers/matmul.h"
#include "models/layers/one_dnn.h"
#include "third_party/torch.h"

namespace langzoo {

using torch::Tensor;

StepProduct::StepProduct(const Tensor& weight, std::int64_t rows, std::int64_t steps) {
  if (rows == 1 && is_gemv(at::empty({1, weight.size(1)}, weight.options()), weight, {})) {
    one_row_ = weight;
    return;
  }
  const bool worth_arranging = steps > 1 && rows * weight.numel() >= (1 << 18);
  if (worth_arranging && !mkl_is_fastest() && one_dnn() && at::globalContext().userEnabledMkldnn()) {
    packed_ = one_dnn()->reorder(weight, rows);
    return;
  }
  transposed_ = worth_arranging ? weight.t().contiguous() : weight.t();
  product_ = at::empty({rows, weight.size(0)}, weight.options());
}

const Tensor& StepProduct::operator()(const Tensor& x) {
  if (one_row_.defined()) return product_ = gemv(x, one_row_, {});
  if (packed_.defined()) return product_ = one_dnn()->linear(x, packed_, {});
  return at::mm_out(product_, x, transposed_);
}

}  // namespace langzoo
