#include "tests/support/test.h"

#include "models/io/state_dict.h"
#include "models/layers/attention_mechanism.h"

#include <cmath>

namespace langzoo::test::attention_mechanism_test {
namespace {

using torch::Tensor;

AttentionMechanismOptions options_of(const std::string& score, std::int64_t window = 0) {
  return {.score = attention_score_from_name(score),
          .query_size = 19,
          .source_size = score == "dot" ? 19 : 5,
          .key_size = 21,
          .window = window};
}

double inner_product(const Tensor& a, const Tensor& b) {
  double sum = 0;
  for (std::int64_t i = 0; i < a.numel(); ++i) sum += a[i].item<double>() * b[i].item<double>();
  return sum;
}

std::vector<double> times(const Tensor& matrix, const Tensor& x) {
  std::vector<double> result;
  for (std::int64_t i = 0; i < matrix.size(0); ++i) result.push_back(inner_product(matrix[i], x));
  return result;
}

/// One query's weights by the papers' equations, number by number.
std::vector<double> weights_of(AttentionMechanism& alignment, const std::string& score, std::int64_t window,
                               const Tensor& query, const Tensor& source) {
  const auto S = source.size(0);
  std::vector<double> scores;
  for (std::int64_t s = 0; s < S; ++s) {
    double value = 0;
    if (score == "dot") value = inner_product(query, source[s]);
    if (score == "general") {
      const auto key = times(alignment->key->weight, source[s]);
      for (std::size_t i = 0; i < key.size(); ++i) value += query[static_cast<std::int64_t>(i)].item<double>() * key[i];
    }
    if (score == "additive") {
      const auto q = times(alignment->query->weight, query), k = times(alignment->key->weight, source[s]);
      for (std::size_t i = 0; i < q.size(); ++i)
        value += alignment->v[static_cast<std::int64_t>(i)].item<double>() * std::tanh(q[i] + k[i]);
    }
    scores.push_back(value);
  }
  double place = 0;
  if (window > 0) {
    const auto hidden = times(alignment->position->weight, query);
    for (std::size_t i = 0; i < hidden.size(); ++i)
      place += alignment->position_v[static_cast<std::int64_t>(i)].item<double>() * std::tanh(hidden[i]);
    place = static_cast<double>(S) / (1 + std::exp(-place));
  }
  const auto inside = [&](std::int64_t s) {
    return window == 0 || std::abs(static_cast<double>(s) - place) <= static_cast<double>(window);
  };
  double sum = 0;
  for (std::int64_t s = 0; s < S; ++s) sum += inside(s) ? std::exp(scores[static_cast<std::size_t>(s)]) : 0;
  std::vector<double> weights;
  for (std::int64_t s = 0; s < S; ++s) {
    double weight = inside(s) ? std::exp(scores[static_cast<std::size_t>(s)]) / sum : 0;
    const double sigma = static_cast<double>(window) / 2, distance = static_cast<double>(s) - place;
    if (window > 0) weight *= std::exp(-distance * distance / (2 * sigma * sigma));
    weights.push_back(weight);
  }
  return weights;
}

}  // namespace

TEST_CASE("every score's weights and contexts are the papers' sums") {
  torch::manual_seed(1);
  const auto lengths = torch::tensor({7, 4, 1});
  for (const std::string score : {"dot", "general", "additive"}) {
    for (const std::int64_t window : {0, 2}) {
      for (const auto dtype : {torch::kFloat32, torch::kFloat64}) {
        INFO(score << " window " << window << " " << c10::toString(dtype));
        AttentionMechanism alignment(options_of(score, window));
        alignment->to(dtype);
        const torch::NoGradGuard no_grad;
        const auto values = torch::randn({3, 7, score == "dot" ? 19 : 5}, dtype),
                   queries = torch::randn({3, 2, 19}, dtype);
        const auto source = alignment->source(values, lengths);
        const auto aligned = alignment(queries, source);
        for (std::int64_t b = 0; b < 3; ++b) {
          const auto n = lengths[b].item<std::int64_t>();
          for (std::int64_t t = 0; t < 2; ++t) {
            const auto expected = weights_of(alignment, score, window, queries[b][t], values[b].narrow(0, 0, n));
            auto context = torch::zeros({values.size(2)}, torch::kFloat64);
            for (std::int64_t s = 0; s < n; ++s) {
              const double weight = expected[static_cast<std::size_t>(s)];
              CHECK(aligned.weights[b][t][s].item<double>() == Approx(weight).margin(1e-5));
              context += weight * values[b][s].to(torch::kFloat64);
            }
            CHECK(aligned.weights[b][t].narrow(0, n, 7 - n).eq(0).all().item<bool>());
            CHECK(max_difference(aligned.context[b][t], context) < 1e-5);
          }
        }
      }
    }
  }
}

TEST_CASE(
    "gradients: finite differences in float64, the float32 kernels beside them, all queries at once or by steps") {
  torch::manual_seed(2);
  const auto lengths = torch::tensor({7, 4});
  for (const std::string score : {"dot", "general", "additive"}) {
    for (const std::int64_t window : {0, 3}) {
      INFO(score << " window " << window);
      AttentionMechanism precise(options_of(score, window)), single(options_of(score, window));
      load_state_dict(*single, state_dict(*precise));
      precise->to(torch::kFloat64);
      const auto values = torch::randn({2, 7, score == "dot" ? 19 : 5}, torch::kFloat64),
                 queries = torch::randn({2, 3, 19}, torch::kFloat64),
                 factors = torch::randn({2, 3, values.size(2)}, torch::kFloat64);
      const auto loss = [&](AttentionMechanism& alignment, const Tensor& v, const Tensor& q, bool by_steps) {
        const auto source = alignment->source(v, lengths);
        if (!by_steps) return (alignment(q, source).context * factors.to(v.scalar_type())).sum();
        auto sum = torch::zeros({}, v.options().requires_grad(false));
        for (std::int64_t t = 0; t < 3; ++t)
          sum =
              sum + (alignment(q.narrow(1, t, 1), source).context * factors.narrow(1, t, 1).to(v.scalar_type())).sum();
        return sum;
      };
      const auto v = values.clone().requires_grad_(), q = queries.clone().requires_grad_();
      loss(precise, v, q, true).backward();
      std::vector<std::pair<Tensor, Tensor>> checked{{v, v.grad()}, {q, q.grad()}};
      for (const auto& parameter : precise->parameters()) checked.emplace_back(parameter, parameter.grad());
      for (const auto& [tensor, gradient] : checked) {
        const torch::NoGradGuard no_grad;
        const auto flat = tensor.view({-1}), flat_gradient = gradient.reshape({-1});
        for (std::int64_t i = 0; i < flat.numel(); i += 1 + flat.numel() / 11) {
          const double kept = flat[i].item<double>(), step = 1e-6;
          flat[i] = kept + step;
          const double above = loss(precise, v, q, false).item<double>();
          flat[i] = kept - step;
          const double below = loss(precise, v, q, false).item<double>();
          flat[i] = kept;
          CHECK(flat_gradient[i].item<double>() == Approx((above - below) / (2 * step)).margin(1e-6).epsilon(1e-5));
        }
      }
      for (const bool by_steps : {false, true}) {
        const auto v32 = values.to(torch::kFloat32).requires_grad_(),
                   q32 = queries.to(torch::kFloat32).requires_grad_();
        single->zero_grad();
        loss(single, v32, q32, by_steps).backward();
        CHECK(max_difference(v32.grad(), v.grad()) < 1e-4);
        CHECK(max_difference(q32.grad(), q.grad()) < 1e-4);
        for (const auto& item : single->named_parameters())
          CHECK(max_difference(item.value().grad(), precise->named_parameters()[item.key()].grad()) < 1e-4);
      }
    }
  }
}

TEST_CASE("alignments refuse what does not fit") {
  CHECK_THROWS_WITH(attention_score_from_name("cosine"), Catch::Contains("cosine") && Catch::Contains("additive"));
  CHECK(attention_score_from_name("concat") == AttentionScore::kAdditive);
  auto options = options_of("dot");
  options.source_size = 5;
  CHECK_THROWS_WITH(AttentionMechanism(options), Catch::Contains("source_size = 5"));
  options = options_of("general", -1);
  CHECK_THROWS_WITH(AttentionMechanism(options), Catch::Contains("window = -1"));
}

}  // namespace langzoo::test::attention_mechanism_test
