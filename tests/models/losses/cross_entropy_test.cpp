#include "tests/support/test.h"

#include <cmath>

#include <ATen/autocast_mode.h>

#include "models/losses/cross_entropy.h"

namespace langzoo::test {
namespace {

struct Case {
  torch::Tensor hidden, weight, targets;
};

Case random_case(std::int64_t rows, std::int64_t width, std::int64_t vocabulary, torch::ScalarType dtype) {
  torch::manual_seed(10);
  Case c{torch::randn({rows, width}, dtype), torch::randn({vocabulary, width}, dtype),
         torch::randint(vocabulary, {rows}, torch::kInt64)};
  c.targets.slice(0, 0, rows, 3).fill_(-100);
  c.hidden.requires_grad_();
  c.weight.requires_grad_();
  return c;
}

}  // namespace

TEST_CASE("cross-entropy by hand") {
  const auto logits = torch::tensor({{0.0, 1.0, 2.0}, {3.0, 3.0, 3.0}, {9.0, 0.0, 0.0}}, torch::kFloat64);
  const auto targets = torch::tensor({2, 0, -100});
  const double first = std::log(1 + std::exp(-1.0) + std::exp(-2.0)), second = std::log(3.0);
  CHECK(cross_entropy(logits, targets).item<double>() == Approx(first + second).epsilon(1e-12));
  CHECK(cross_entropy(logits, targets, {.reduction = Reduction::kMean}).item<double>() ==
        Approx((first + second) / 2).epsilon(1e-12));
  CHECK(cross_entropy(logits, torch::tensor({2, 0, 7}), {.ignore_index = 7}).item<double>() ==
        Approx(first + second).epsilon(1e-12));
  const auto none = torch::full({3}, -100, torch::kInt64);
  CHECK(cross_entropy(logits, none, {.reduction = Reduction::kMean}).item<double>() == 0.0);
  CHECK(linear_cross_entropy(logits, logits, none, {.reduction = Reduction::kMean}).item<double>() == 0.0);
}

TEST_CASE("the chunked head equals the plain path, value and gradients") {
  const auto c = random_case(7, 5, 11, torch::kFloat64);
  const auto chunk_rows = GENERATE(0, 3, 1);  // 1, 3 and 7 chunks
  const auto reduction = GENERATE(Reduction::kSum, Reduction::kMean);
  const CrossEntropyOptions options{.reduction = reduction};
  const auto plain = cross_entropy(c.hidden.matmul(c.weight.t()), c.targets, options);
  const auto chunked = linear_cross_entropy(c.hidden, c.weight, c.targets, options, chunk_rows);
  CHECK(chunked.item<double>() == Approx(plain.item<double>()).epsilon(1e-12));
  const auto expected = torch::autograd::grad({2 * plain}, {c.hidden, c.weight});
  const auto grads = torch::autograd::grad({2 * chunked}, {c.hidden, c.weight});
  for (int i = 0; i < 2; ++i) CHECK(max_difference(grads[i], expected[i]) < 1e-12);
  CHECK(grads[0][0].eq(0).all().item<bool>());  // an ignored row
}

TEST_CASE("label smoothing is each definition's divergence, in every kernel, gradients too") {
  const auto kind = GENERATE(SmoothingKind::kUniform, SmoothingKind::kOthers, SmoothingKind::kOthersButPadding);
  constexpr std::int64_t V = 37, kPadding = 4;
  for (const auto dtype : {torch::kFloat64, torch::kFloat32}) {
    auto c = random_case(7, 5, V, dtype);
    c.targets.masked_fill_(c.targets == kPadding, 5);
    const double e = 0.1;
    auto q = torch::full({7, V},
                         kind == SmoothingKind::kUniform  ? e / V
                         : kind == SmoothingKind::kOthers ? e / (V - 1)
                                                          : e / (V - 2),
                         torch::kFloat64);
    if (kind == SmoothingKind::kOthersButPadding) q.select(1, kPadding).zero_();
    const auto kept = c.targets.ne(-100);
    for (std::int64_t i = 0; i < 7; ++i) {
      if (!kept[i].item<bool>()) continue;
      auto target = q[i][c.targets[i].item<std::int64_t>()];
      target.fill_(kind == SmoothingKind::kUniform ? 1 - e + e / V : 1 - e);
      CHECK(q[i].sum().item<double>() == Approx(1.0));
    }
    const auto logprobs = c.hidden.matmul(c.weight.t()).to(torch::kFloat64).log_softmax(1);
    auto rows = -(q * logprobs).sum(1);
    if (kind != SmoothingKind::kUniform) rows = rows + at::xlogy(q, q).sum(1);
    const auto expected = rows.masked_fill(kept.logical_not(), 0).sum();
    const CrossEntropyOptions options{.smoothing = {.epsilon = e, .kind = kind, .padding = kPadding}};
    const auto plain = cross_entropy(c.hidden.matmul(c.weight.t()), c.targets, options);
    const auto chunked = linear_cross_entropy(c.hidden, c.weight, c.targets, options, 3);
    CHECK(plain.item<double>() == Approx(expected.item<double>()).epsilon(1e-5));
    CHECK(chunked.item<double>() == Approx(expected.item<double>()).epsilon(1e-5));
    const auto wanted = torch::autograd::grad({expected}, {c.hidden, c.weight}, {}, true);
    for (const auto& loss : {plain, chunked}) {
      const auto grads = torch::autograd::grad({loss}, {c.hidden, c.weight});
      for (int i = 0; i < 2; ++i)
        CHECK(max_difference(grads[i], wanted[i]) < (dtype == torch::kFloat64 ? 1e-12 : 1e-5));
    }
    if (kind == SmoothingKind::kUniform) {
      const auto torchs =
          at::cross_entropy_loss(c.hidden.matmul(c.weight.t()), c.targets, {}, at::Reduction::Sum, -100, e);
      CHECK(plain.item<double>() == Approx(torchs.item<double>()).epsilon(1e-5));
    }
  }
}

TEST_CASE("the z-loss adds the squared logarithm of the denominator, in every kernel, gradients too") {
  const double z = 0.05;
  for (const auto dtype : {torch::kFloat64, torch::kFloat32}) {
    const auto c = random_case(7, 5, 37, dtype);
    const auto logits = c.hidden.matmul(c.weight.t()).to(torch::kFloat64);
    const auto squares = logits.logsumexp(1).square().masked_fill(c.targets == -100, 0).sum();
    for (const double smoothed : {0.0, 0.1}) {
      CrossEntropyOptions options{.smoothing = {.epsilon = smoothed, .kind = SmoothingKind::kOthers}};
      const auto expected = cross_entropy(logits, c.targets, options) + z * squares;
      const auto wanted = torch::autograd::grad({expected}, {c.hidden, c.weight}, {}, true);
      options.z_loss = z;
      for (const auto& loss : {cross_entropy(c.hidden.matmul(c.weight.t()), c.targets, options),
                               linear_cross_entropy(c.hidden, c.weight, c.targets, options, 3)}) {
        CHECK(loss.item<double>() == Approx(expected.item<double>()).epsilon(1e-5));
        const auto grads = torch::autograd::grad({loss}, {c.hidden, c.weight});
        for (int i = 0; i < 2; ++i)
          CHECK(max_difference(grads[i], wanted[i]) < (dtype == torch::kFloat64 ? 1e-12 : 1e-5));
      }
    }
  }
}

TEST_CASE("impossible label smoothing is refused by field and value") {
  const auto c = random_case(3, 5, 11, torch::kFloat32);
  const auto refused = [&](const LabelSmoothing& smoothing, const char* what) {
    CHECK_THROWS_WITH(linear_cross_entropy(c.hidden, c.weight, c.targets, {.smoothing = smoothing}),
                      Catch::Contains(what));
  };
  refused({.epsilon = 1.0}, "epsilon = 1");
  refused({.epsilon = -0.1}, "epsilon = -0.1");
  refused({.epsilon = 0.1, .kind = SmoothingKind::kOthersButPadding}, "padding = -1");
  refused({.epsilon = 0.1, .kind = SmoothingKind::kOthersButPadding, .padding = 11}, "padding = 11");
  const auto target = c.targets[1].item<std::int64_t>();
  refused({.epsilon = 0.1, .kind = SmoothingKind::kOthersButPadding, .padding = target}, "is the padding");
}

TEST_CASE("the chunked head adds a bias to the logits") {
  for (const auto dtype : {torch::kFloat64, torch::kFloat32}) {
    const auto c = random_case(7, 5, 11, dtype);
    const auto bias = torch::randn({11}, torch::dtype(dtype).requires_grad(true));
    const auto plain = cross_entropy(c.hidden.matmul(c.weight.t()) + bias, c.targets);
    const auto chunked = linear_cross_entropy(c.hidden, c.weight, c.targets, {}, 3, bias);
    CHECK(chunked.item<double>() == Approx(plain.item<double>()).epsilon(1e-5));
    const auto expected = torch::autograd::grad({plain}, {c.hidden, c.weight, bias});
    const auto grads = torch::autograd::grad({chunked}, {c.hidden, c.weight, bias});
    for (std::size_t i = 0; i < 3; ++i) CHECK(max_difference(grads[i], expected[i]) < 1e-5);
    CHECK_THROWS_AS(linear_cross_entropy(c.hidden, c.weight, c.targets, {}, 3, bias.narrow(0, 0, 10)),
                    std::invalid_argument);
  }
}

TEST_CASE("the chunked head's gradients pass finite differences") {
  const auto c = random_case(5, 4, 6, torch::kFloat64);
  const auto loss = [&] { return linear_cross_entropy(c.hidden, c.weight, c.targets); };
  const auto grads = torch::autograd::grad({loss()}, {c.hidden, c.weight});
  const torch::NoGradGuard no_grad;
  constexpr double kStep = 1e-6;
  for (int which = 0; which < 2; ++which) {
    const auto flat = (which == 0 ? c.hidden : c.weight).view(-1), grad = grads[which].flatten();
    for (std::int64_t i = 0; i < flat.size(0); ++i) {
      const double kept = flat[i].item<double>();
      flat[i] = kept + kStep;
      const double above = loss().item<double>();
      flat[i] = kept - kStep;
      const double below = loss().item<double>();
      flat[i] = kept;
      CHECK(grad[i].item<double>() == Approx((above - below) / (2 * kStep)).margin(1e-7));
    }
  }
}

TEST_CASE("the chunked head computes only the gradients asked for") {
  auto c = random_case(7, 5, 11, torch::kFloat32);
  const auto hidden_grad = torch::autograd::grad({linear_cross_entropy(c.hidden, c.weight, c.targets)}, {c.hidden})[0];
  const auto frozen = linear_cross_entropy(c.hidden, c.weight.detach(), c.targets);
  CHECK(torch::equal(torch::autograd::grad({frozen}, {c.hidden})[0], hidden_grad));
  const torch::NoGradGuard no_grad;
  CHECK_FALSE(linear_cross_entropy(c.hidden, c.weight, c.targets).requires_grad());
}

TEST_CASE("the chunked head multiplies in bfloat16 under autocast and sums in float32") {
  const auto c = random_case(64, 16, 50, torch::kFloat32);
  const auto exact = linear_cross_entropy(c.hidden, c.weight, c.targets);
  const auto exact_grads = torch::autograd::grad({exact}, {c.hidden, c.weight});
  at::autocast::set_autocast_enabled(at::kCPU, true);
  const auto loss = linear_cross_entropy(c.hidden, c.weight, c.targets);
  at::autocast::set_autocast_enabled(at::kCPU, false);
  at::autocast::clear_cache();
  CHECK(loss.scalar_type() == torch::kFloat32);
  CHECK(loss.item<double>() == Approx(exact.item<double>()).epsilon(1e-2));
  CHECK(loss.item<double>() != exact.item<double>());
  const auto grads = torch::autograd::grad({loss}, {c.hidden, c.weight});
  for (int i = 0; i < 2; ++i) {
    CHECK(grads[i].scalar_type() == torch::kFloat32);
    CHECK((grads[i] - exact_grads[i]).norm().item<double>() < 0.03 * exact_grads[i].norm().item<double>());
  }
}

TEST_CASE("operands that do not fit and targets outside the vocabulary are errors") {
  const auto c = random_case(7, 5, 11, torch::kFloat32);
  CHECK_THROWS_AS(linear_cross_entropy(c.hidden, torch::ones({11, 4}), c.targets), std::invalid_argument);
  CHECK_THROWS_AS(linear_cross_entropy(c.hidden, c.weight, c.targets.narrow(0, 0, 6)), std::invalid_argument);
  CHECK_THROWS(linear_cross_entropy(c.hidden, c.weight, torch::full({7}, 11, torch::kInt64)));
}

}  // namespace langzoo::test
