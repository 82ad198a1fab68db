#include "models/layers/decode_attention.h"

#include "tests/support/test.h"

#include <cmath>

#include "models/layers/attention.h"

namespace langzoo::test::decode_attention_test {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

/// The formula in float64.
torch::Tensor formula(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v, const torch::Tensor& bias,
                      double scale) {
  const auto f64 = [](const torch::Tensor& x) { return x.to(torch::kFloat64); };
  auto scores = f64(q).matmul(f64(k).transpose(2, 3)) * scale;
  if (bias.defined()) scores = scores + f64(bias);
  return scores.softmax(3).nan_to_num(0.0).matmul(f64(v));
}

/// As a KV cache hands them out: the first `keys` of more, the queries a third of one projection.
struct Heads {
  torch::Tensor q, k, v;
  Heads(std::int64_t keys, std::int64_t width, torch::Dtype dtype = torch::kFloat32) {
    torch::manual_seed(6);
    q = torch::randn({3, 1, 3 * 5 * width}).to(dtype).narrow(2, 0, 5 * width).unflatten(2, {5, width}).transpose(1, 2);
    k = torch::randn({3, 5, keys + 9, width}).to(dtype).narrow(2, 0, keys);
    v = torch::randn({3, 5, keys + 9, width}).to(dtype).narrow(2, 0, keys);
  }
};

}  // namespace

TEST_CASE("attention of one query over a cache equals the formula") {
  const torch::NoGradGuard no_grad;
  for (const std::int64_t keys : {1, 2, 33, 700})  // the last on several threads
    for (const std::int64_t width : {3, 16, 40, 64}) {
      const Heads x(keys, width);
      INFO("keys " << keys << ", width " << width);
      REQUIRE(is_decode_attention(x.q, x.k, x.v, {}));
      const auto out = decode_attention(x.q, x.k, x.v, {}, 0.3);
      CHECK(out.transpose(1, 2).is_contiguous());
      CHECK(max_difference(out.to(torch::kFloat64), formula(x.q, x.k, x.v, {}, 0.3)) < 2e-6);
    }
}

TEST_CASE("its scores may be large") {
  const Heads x(50, 64);
  const auto expected = formula(x.q, x.k, x.v, {}, 20.0);
  CHECK(max_difference(decode_attention(x.q, x.k, x.v, {}, 20.0).to(torch::kFloat64), expected) < 1e-4);
}

TEST_CASE("attention of one query takes biases of every broadcast shape, and hides keys exactly") {
  const torch::NoGradGuard no_grad;
  const Heads x(20, 32);
  for (const auto& shape :
       std::vector<std::vector<std::int64_t>>{{3, 1, 1, 20}, {1, 5, 1, 20}, {20}, {3, 5, 1, 20}, {3, 1, 1, 1}}) {
    const auto bias = torch::randn(shape);
    const auto out = decode_attention(x.q, x.k, x.v, bias, 0.2);
    CHECK(max_difference(out.to(torch::kFloat64), formula(x.q, x.k, x.v, bias, 0.2)) < 2e-6);
  }
  auto bias = torch::zeros({3, 1, 1, 20});
  bias[1].narrow(2, 0, 12).fill_(-kInf);
  bias[2].fill_(-kInf);
  const auto out = attend(x.q, x.k, x.v, {.bias = bias}).output;
  CHECK(max_difference(out.to(torch::kFloat64), formula(x.q, x.k, x.v, bias, 1 / std::sqrt(32.0))) < 2e-6);
  CHECK(torch::equal(out[2], torch::zeros_like(out[2])));
  x.k[1].narrow(1, 0, 12).fill_(1e4);
  x.v[1].narrow(1, 0, 12).fill_(1e30);
  CHECK(torch::equal(attend(x.q, x.k, x.v, {.bias = bias}).output[1], out[1]));
}

TEST_CASE("attention of one query keeps bfloat16 to one rounding") {
  const torch::NoGradGuard no_grad;
  const Heads x(75, 64, torch::kBFloat16);
  auto bias = torch::zeros({3, 1, 1, 75}, torch::kBFloat16);
  bias[0].narrow(2, 0, 30).fill_(-kInf);
  const auto out = decode_attention(x.q, x.k, x.v, bias, 0.125);
  CHECK(out.scalar_type() == torch::kBFloat16);
  const auto expected = formula(x.q, x.k, x.v, bias, 0.125);
  CHECK(((out.to(torch::kFloat64) - expected).abs() / (expected.abs() + 1e-4)).max().item<double>() < 0.0042);
}

TEST_CASE("what is not a number stays visible") {
  const torch::NoGradGuard no_grad;
  Heads x(4, 16);
  x.k[0][0][3][5] = std::nanf("");
  auto bias = torch::zeros({4});
  bias.narrow(0, 0, 3).fill_(-kInf);
  const auto out = decode_attention(x.q, x.k, x.v, bias, 1.0);
  CHECK(out[0][0].isnan().all().item<bool>());
  CHECK_FALSE(out[0][1].isnan().any().item<bool>());
}

TEST_CASE("attention of one query is for inference in float32 and bfloat16") {
  Heads x(4, 16);
  CHECK_FALSE(is_decode_attention(x.q.to(torch::kFloat64), x.k, x.v, {}));
  CHECK_FALSE(is_decode_attention(x.q, x.k.to(torch::kBFloat16), x.v, {}));
  CHECK_FALSE(is_decode_attention(x.q, x.k.transpose(2, 3).contiguous().transpose(2, 3), x.v, {}));
  CHECK_FALSE(is_decode_attention(x.k, x.k, x.v, {}));
  CHECK_THROWS_AS(decode_attention(x.k, x.k, x.v, {}, 1.0), c10::Error);
  x.k.requires_grad_();
  CHECK_FALSE(is_decode_attention(x.q, x.k, x.v, {}));
  const torch::NoGradGuard no_grad;
  CHECK(is_decode_attention(x.q, x.k, x.v, {}));
}

}  // namespace langzoo::test::decode_attention_test
