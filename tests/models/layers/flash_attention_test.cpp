#include "models/layers/flash_attention.h"

#include "tests/support/test.h"

#include <cmath>

#include "models/layers/flash_kernel.h"
#include "models/layers/masks.h"

namespace langzoo::test::flash_attention_test {
namespace {

using torch::Tensor;

constexpr double kInf = std::numeric_limits<double>::infinity();

/// While it lives, the loops are those of one instruction set.
class OnPath {
 public:
  explicit OnPath(int path) { set_flash_path(static_cast<FlashPath>(path)); }
  ~OnPath() { set_flash_path(best_flash_path()); }
  OnPath(const OnPath&) = delete;
  OnPath& operator=(const OnPath&) = delete;
};
/// A test goes on from here once for each that this processor has.
#define EACH_FLASH_PATH()                                                       \
  const int path = GENERATE(range(0, static_cast<int>(best_flash_path()) + 1)); \
  CAPTURE(path);                                                                \
  const OnPath on_path(path)

struct Heads {
  Tensor q, k, v;
};

/// As families hand them over: parts of one projection, split into heads.
Heads random_heads(std::int64_t batch, std::int64_t heads, std::int64_t queries, std::int64_t keys, std::int64_t width,
                   torch::Dtype dtype = torch::kFloat32) {
  torch::manual_seed(7);
  const auto split = [&](const Tensor& x) { return x.unflatten(-1, {heads, width}).transpose(1, 2); };
  const auto kv = torch::randn({batch, keys, 2 * heads * width}).to(dtype).chunk(2, -1);
  return {split(torch::randn({batch, queries, heads * width}).to(dtype)), split(kv[0]), split(kv[1])};
}

/// The definition in float64. `kept` is what dropout multiplies the weights by.
Tensor formula(const Heads& x, const AttendOptions& options, const Tensor& kept = {}) {
  const auto queries = x.q.size(2), keys = x.k.size(2);
  const double scale = options.scale.value_or(1 / std::sqrt(static_cast<double>(x.q.size(3))));
  auto scores = x.q.matmul(x.k.transpose(2, 3)) * scale;
  if (options.bias.defined()) scores = scores + options.bias;
  const auto seen = torch::ones({queries, keys}, torch::kBool);
  bool* const at = seen.data_ptr<bool>();
  for (std::int64_t i = 0; i < queries; ++i)
    for (std::int64_t j = 0; j < keys; ++j) {
      const auto place = keys - queries + i;
      if (options.causal && j > place) at[i * keys + j] = false;
      if (options.window > 0 && std::abs(j - place) >= options.window) at[i * keys + j] = false;
    }
  const auto weights = at::_safe_softmax(scores.masked_fill(seen.logical_not(), -kInf), -1);
  return (kept.defined() ? weights * kept : weights).matmul(x.v);
}

struct Result {
  Tensor output;
  std::vector<Tensor> gradients;  ///< of q, k, v and, where it wants one, the bias
};

/// `function` of copies of x and the bias in `dtype`, and the gradients of a sum with weights 1, -2, 3, 1, ...
template <class Function>
Result run(const Heads& x, AttendOptions options, torch::Dtype dtype, const Function& function) {
  const auto leaf = [&](const Tensor& t) { return t.detach().to(dtype).requires_grad_(); };
  const Heads own{leaf(x.q), leaf(x.k), leaf(x.v)};
  std::vector<Tensor> leaves{own.q, own.k, own.v};
  if (options.bias.defined()) {
    const bool wanted = options.bias.requires_grad();
    options.bias = wanted ? leaf(options.bias) : options.bias.to(dtype);
    if (wanted) leaves.push_back(options.bias);
  }
  const Tensor output = function(own, options);
  const auto weights = torch::arange(output.numel(), torch::kFloat64).remainder(5).sub(2).view(output.sizes());
  return {output.detach(), torch::autograd::grad({(output.to(torch::kFloat64) * weights).sum()}, leaves)};
}

double relative_difference(const Tensor& a, const Tensor& b) {
  const double size = b.abs().max().item<double>();
  return max_difference(a.to(torch::kFloat64), b.to(torch::kFloat64)) / std::max(size, 1.0);
}

void check_formula(const Heads& x, const AttendOptions& options, double tolerance = 3e-6) {
  INFO("queries " << x.q.size(2) << ", keys " << x.k.size(2) << ", width " << x.q.size(3) << ", causal "
                  << options.causal << ", window " << options.window);
  REQUIRE(is_flash_attention(x.q, x.k, x.v, options));
  const auto ours = run(x, options, torch::kFloat32, [](const Heads& own, const AttendOptions& given) {
    const auto out = flash_attention(own.q, own.k, own.v, given);
    CHECK(out.transpose(1, 2).is_contiguous());
    return out;
  });
  const auto expected = run(x, options, torch::kFloat64,
                            [](const Heads& own, const AttendOptions& given) { return formula(own, given); });
  CHECK(relative_difference(ours.output, expected.output) < tolerance);
  REQUIRE(ours.gradients.size() == expected.gradients.size());
  for (std::size_t i = 0; i < ours.gradients.size(); ++i) {
    INFO("gradient " << i);
    CHECK(relative_difference(ours.gradients[i], expected.gradients[i]) < 2e-5);
  }
}

Tensor wanting_gradient(at::IntArrayRef shape) {
  return torch::randn(shape).requires_grad_();
}

}  // namespace

TEST_CASE("flash attention and its gradients equal the formula in odd sizes") {
  EACH_FLASH_PATH();
  check_formula(random_heads(1, 1, 1, 1, 8), {});
  check_formula(random_heads(2, 3, 1, 40, 16), {});
  check_formula(random_heads(2, 2, 5, 7, 3), {});
  check_formula(random_heads(2, 2, 33, 33, 32), {.scale = 1.0});
  check_formula(random_heads(1, 2, 17, 130, 64), {});
  check_formula(random_heads(2, 1, 100, 65, 40), {});
  check_formula(random_heads(1, 1, 64, 63, 128), {});
}

TEST_CASE("flash attention by places: causal, banded, queries before the first key") {
  EACH_FLASH_PATH();
  check_formula(random_heads(2, 2, 70, 70, 16), {.causal = true});
  check_formula(random_heads(1, 2, 20, 90, 16), {.causal = true});
  check_formula(random_heads(1, 2, 90, 20, 16), {.causal = true});
  for (const std::int64_t window : {1, 5, 40, 500}) {
    check_formula(random_heads(1, 2, 150, 150, 8), {.causal = true, .window = window});
    check_formula(random_heads(1, 2, 150, 150, 8), {.window = window});
    check_formula(random_heads(1, 2, 90, 40, 8), {.window = window});
    check_formula(random_heads(1, 2, 40, 90, 8), {.causal = true, .window = window});
  }
}

TEST_CASE("flash attention's bias has every broadcast shape, and a gradient in each") {
  EACH_FLASH_PATH();
  const auto x = random_heads(3, 2, 37, 50, 16);
  using Shape = std::vector<std::int64_t>;
  for (const auto& shape : {Shape{3, 1, 1, 50}, Shape{1, 2, 37, 50}, Shape{3, 2, 37, 50}, Shape{3, 1, 37, 50},
                            Shape{37, 50}, Shape{50}, Shape{2, 37, 1}, Shape{1}, Shape{3, 2, 1, 1}}) {
    check_formula(x, {.bias = wanting_gradient(shape)});
    check_formula(x, {.bias = torch::randn(shape)});
  }
  check_formula(x, {.bias = wanting_gradient({37, 50, 2}).permute({2, 0, 1}), .causal = true, .window = 9});
  CHECK_THROWS_AS(flash_attention(x.q, x.k, x.v, {.bias = torch::zeros({2, 1, 37, 50})}), c10::Error);
  CHECK_THROWS_AS(flash_attention(x.q, x.k, x.v, {.bias = torch::zeros({36, 50})}), c10::Error);
}

TEST_CASE("flash attention of queries that see nothing is zero, and so are their gradients") {
  EACH_FLASH_PATH();
  const auto x = random_heads(2, 2, 40, 40, 16);
  auto mask = torch::ones({2, 40}, torch::kInt64);
  mask[1].zero_();
  auto bias = padding_bias(mask, torch::kFloat32).expand({2, 1, 40, 40}).clone();
  bias.select(2, 3).fill_(-kInf);
  const auto ours = run(x, {.bias = bias}, torch::kFloat32, [](const Heads& own, const AttendOptions& options) {
    return flash_attention(own.q, own.k, own.v, options);
  });
  CHECK(torch::equal(ours.output[1], torch::zeros_like(ours.output[1])));
  CHECK(torch::equal(ours.output.select(2, 3), torch::zeros({2, 2, 16})));
  for (const auto& gradient : ours.gradients) {
    CHECK(torch::equal(gradient[1], torch::zeros_like(gradient[1])));
    CHECK(torch::isfinite(gradient).all().item<bool>());
  }
  check_formula(x, {.bias = bias});
}

TEST_CASE("flash attention takes large scores, and shows what is not a number") {
  EACH_FLASH_PATH();
  const auto x = random_heads(1, 2, 40, 70, 16);
  // Float32 scores of some hundreds are rounded by 1e-5, which the weights show; without fused multiply-adds twice.
  check_formula(x, {.scale = 30.0}, 1e-5);
  check_formula(x, {.scale = -30.0}, 1e-5);
  x.k[0][1][69][2] = std::nanf("");
  const auto out = flash_attention(x.q, x.k, x.v, {});
  CHECK(out[0][1].isnan().all().item<bool>());
  CHECK_FALSE(out[0][0].isnan().any().item<bool>());
}

TEST_CASE("flash attention in bfloat16 keeps float32 sums") {
  EACH_FLASH_PATH();
  for (const std::int64_t width : {16, 64, 20}) {
    const auto x = random_heads(2, 2, 50, 90, width, torch::kBFloat16);
    const AttendOptions options{.bias = wanting_gradient({1, 2, 50, 90}), .causal = true};
    const auto ours = run(x, options, torch::kBFloat16, [](const Heads& own, const AttendOptions& given) {
      return flash_attention(own.q, own.k, own.v, given);
    });
    CHECK(ours.output.scalar_type() == torch::kBFloat16);
    const auto expected =
        run({x.q, x.k, x.v}, {.bias = options.bias.detach().to(torch::kBFloat16).requires_grad_(), .causal = true},
            torch::kFloat64, [](const Heads& own, const AttendOptions& given) { return formula(own, given); });
    CHECK(relative_difference(ours.output, expected.output) < 0.006);
    for (std::size_t i = 0; i < 4; ++i) {
      INFO("gradient " << i);
      CHECK(relative_difference(ours.gradients[i], expected.gradients[i]) < 0.012);
    }
  }
}

TEST_CASE("flash attention drops each weight by itself, the same ones in the backward pass") {
  EACH_FLASH_PATH();
  constexpr double kDropout = 0.25;
  constexpr std::int64_t kTokens = 64;
  const auto zeros = torch::zeros({2, 4, kTokens, kTokens});
  const auto eye = torch::eye(kTokens).expand({2, 4, -1, -1}).contiguous();
  // Equal weights of the unit vectors: each element of the output is one weight.
  const auto kept_by = [&](std::uint64_t seed) {
    torch::manual_seed(seed);
    return flash_attention(zeros, zeros, eye, {.dropout = kDropout}) * kTokens;
  };
  const auto kept = kept_by(3);
  const auto is_kept = (kept > 0).to(torch::kFloat64);
  CHECK(max_difference(kept, is_kept / (1 - kDropout)) < 1e-5);
  const double sigma = std::sqrt(kDropout * (1 - kDropout) / static_cast<double>(kept.numel()));
  CHECK(std::abs(is_kept.mean().item<double>() - (1 - kDropout)) < 4 * sigma);
  const auto together = [&](const Tensor& a, const Tensor& b) {
    return std::abs((a * b).mean().item<double>() - (1 - kDropout) * (1 - kDropout));
  };
  CHECK(together(is_kept.narrow(3, 0, 63), is_kept.narrow(3, 1, 63)) < 6 * sigma);  // neighbours
  CHECK(together(is_kept.narrow(2, 0, 63), is_kept.narrow(2, 1, 63)) < 6 * sigma);
  CHECK(together(is_kept.narrow(1, 0, 3), is_kept.narrow(1, 1, 3)) < 6 * sigma);
  CHECK(together(is_kept[0], is_kept[1]) < 6 * sigma);
  CHECK(torch::equal(kept_by(3), kept));
  CHECK_FALSE(torch::equal(kept_by(4), kept));

  const auto x = random_heads(2, 4, kTokens, kTokens, 32);
  const auto ours = run(x, {.dropout = kDropout, .causal = true}, torch::kFloat32,
                        [](const Heads& own, const AttendOptions& options) {
                          torch::manual_seed(3);
                          return flash_attention(own.q, own.k, own.v, options);
                        });
  const auto expected = run(x, {.causal = true}, torch::kFloat64, [&](const Heads& own, const AttendOptions& options) {
    return formula(own, options, is_kept / (1 - kDropout));
  });
  CHECK(relative_difference(ours.output, expected.output) < 5e-6);
  for (std::size_t i = 0; i < 3; ++i) CHECK(relative_difference(ours.gradients[i], expected.gradients[i]) < 2e-5);
}

TEST_CASE("flash attention's gradients are those of finite differences") {
  EACH_FLASH_PATH();
  const auto x = random_heads(1, 2, 6, 9, 4);
  const auto bias = torch::randn({1, 2, 6, 9});
  const auto loss = [](const Heads& at, const Tensor& by) {
    torch::manual_seed(1);
    return flash_attention(at.q, at.k, at.v, {.bias = by, .dropout = 0.3}).sin().sum();
  };
  std::vector<Tensor> leaves;
  for (const auto& t : {x.q, x.k, x.v, bias}) leaves.push_back(t.detach().clone().requires_grad_());
  const auto gradients = torch::autograd::grad({loss({leaves[0], leaves[1], leaves[2]}, leaves[3])}, leaves);
  constexpr double kStep = 1e-2;
  for (std::size_t i = 0; i < 4; ++i) {
    const auto direction = torch::randn_like(leaves[i]);
    const auto at = [&](double step) {
      std::vector<Tensor> moved;
      for (const auto& leaf : leaves) moved.push_back(leaf.detach());
      moved[i] = moved[i] + direction * step;
      return loss({moved[0], moved[1], moved[2]}, moved[3]).item<double>();
    };
    const double difference = (at(kStep) - at(-kStep)) / (2 * kStep);
    CHECK(std::abs((gradients[i] * direction).sum().item<double>() - difference) < 2e-3 * (1 + std::abs(difference)));
  }
}

TEST_CASE("flash attention's results depend on no number of threads") {
  EACH_FLASH_PATH();
  const auto x = random_heads(3, 3, 70, 70, 32);
  const AttendOptions options{.bias = wanting_gradient({1, 3, 70, 70}), .dropout = 0.1, .causal = true};
  std::vector<Result> results;
  const int threads = at::get_num_threads();
  for (const int count : {1, 2, 3}) {
    at::set_num_threads(count);
    results.push_back(run(x, options, torch::kFloat32, [](const Heads& own, const AttendOptions& given) {
      torch::manual_seed(2);
      return flash_attention(own.q, own.k, own.v, given);
    }));
  }
  at::set_num_threads(threads);
  for (const auto& result : {results[1], results[2]}) {
    CHECK(torch::equal(result.output, results[0].output));
    for (std::size_t i = 0; i < 4; ++i) CHECK(torch::equal(result.gradients[i], results[0].gradients[i]));
  }
}

TEST_CASE("flash attention of packed rows is that of each row alone") {
  EACH_FLASH_PATH();
  const std::vector<std::int64_t> queries{5, 0, 33, 1, 70}, keys{7, 3, 40, 0, 65};
  const auto ends = [](const std::vector<std::int64_t>& lengths) {
    std::vector<std::int64_t> result{0};
    for (const auto length : lengths) result.push_back(result.back() + length);
    return torch::tensor(result, torch::kInt64);
  };
  for (const bool self : {true, false})
    for (const bool causal : {true, false}) {
      const auto query_ends = ends(queries), key_ends = ends(self ? queries : keys);
      const auto x = random_heads(1, 2, query_ends[-1].item<std::int64_t>(), key_ends[-1].item<std::int64_t>(), 16);
      AttendOptions options{.bias = wanting_gradient({1, 2, 70, self ? 70 : 65}), .causal = causal, .window = 30};
      const auto by_row = [&](const Heads& own, const AttendOptions& given) {
        std::vector<Tensor> outputs;
        for (std::size_t b = 0; b < queries.size(); ++b) {
          const auto i = static_cast<std::int64_t>(b);
          const auto row = [i](const Tensor& t, const Tensor& of) {
            const auto begin = of[i].item<std::int64_t>();
            return t.narrow(2, begin, of[i + 1].item<std::int64_t>() - begin);
          };
          const Heads one{row(own.q, query_ends), row(own.k, key_ends), row(own.v, key_ends)};
          auto of_row = given;
          of_row.bias = given.bias.narrow(2, 0, one.q.size(2)).narrow(3, 0, one.k.size(2));
          outputs.push_back(formula(one, of_row));
        }
        return torch::cat(outputs, 2);
      };
      const auto expected = run(x, options, torch::kFloat64, by_row);
      options.cu_seqlens = query_ends;
      if (!self) options.cu_seqlens_keys = key_ends;
      for (const auto dtype : {torch::kFloat32, torch::kFloat64}) {  // the latter is padded
        const auto ours = run(x, options, dtype, [](const Heads& own, const AttendOptions& given) {
          return attend(own.q, own.k, own.v, given).output;
        });
        CHECK(relative_difference(ours.output, expected.output) < 3e-6);
        for (std::size_t i = 0; i < 4; ++i) CHECK(relative_difference(ours.gradients[i], expected.gradients[i]) < 2e-5);
      }
    }
}

TEST_CASE("flash attention is for float32 and bfloat16 heads of one width") {
  const auto x = random_heads(2, 2, 4, 5, 8);
  CHECK(is_flash_attention(x.q, x.k, x.v, {}));
  CHECK_FALSE(is_flash_attention(x.q, x.k, x.v, {.want_weights = true}));
  CHECK_FALSE(is_flash_attention(x.q, x.k, x.v, {.dropout = 1.0}));
  CHECK_FALSE(is_flash_attention(x.q, x.k, x.v.to(torch::kBFloat16), {}));
  CHECK_FALSE(is_flash_attention(x.q.to(torch::kFloat64), x.k, x.v, {}));
  CHECK_FALSE(is_flash_attention(x.q, x.k, x.v.narrow(3, 0, 4), {}));
  CHECK_FALSE(is_flash_attention(x.q, x.k, x.k.narrow(2, 0, 3), {}));
  CHECK_FALSE(is_flash_attention(x.q.narrow(2, 0, 0), x.k, x.v, {}));
}

}  // namespace langzoo::test::flash_attention_test
