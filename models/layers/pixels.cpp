#include "models/layers/pixels.h"

#include <stdexcept>

#include <c10/util/StringUtil.h>

#include "third_party/torch.h"

namespace langzoo {

torch::Tensor scaled_pixels(const torch::Tensor& bytes, std::int64_t D, const torch::Tensor& like,
                            std::string_view who) {
  if (bytes.dim() != 2 || bytes.size(1) != 3 * D * D)
    throw std::invalid_argument(c10::str(who, ": pictures are (B, 3 x ", D, " x ", D, ") bytes, not ", bytes.sizes()));
  return bytes.view({-1, 3, D, D}).to(like.scalar_type()) / 127.5 - 1.0;
}

torch::nn::Conv2d convolution(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride) {
  return torch::nn::Conv2d(torch::nn::Conv2dOptions(in, out, kernel).stride(stride).padding((kernel - stride + 1) / 2));
}

}  // namespace langzoo
