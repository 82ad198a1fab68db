#include "models/layers/additive_attention.h"

#include <torch/torch.h>

namespace langzoo {

torch::Tensor additive_scores(const torch::Tensor& queries, const torch::Tensor& keys, const torch::Tensor& v) {
  return (queries.unsqueeze(2) + keys.unsqueeze(1)).tanh().matmul(v);
}

}  // namespace langzoo
