#include "models/generation/sampler.h"

#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>

#include "data/random/philox.h"
#include "models/generation/logits_processors.h"
#include "tests/support/test.h"

namespace langzoo::sampler_test {
namespace {

using nlohmann::json;

constexpr float kInf = std::numeric_limits<float>::infinity();

template <typename T>
torch::Tensor tensor_of(const json& rows, torch::Dtype dtype) {
  std::vector<torch::Tensor> result;
  for (const auto& row : rows) {
    std::vector<T> values;
    for (const auto& x : row) values.push_back(x.is_null() ? static_cast<T>(-kInf) : x.get<T>());
    result.push_back(torch::tensor(values, dtype));
  }
  return torch::stack(result);
}

torch::Tensor uniforms(std::uint64_t seed, std::int64_t n) {
  auto u = torch::empty({n}, torch::kDouble);
  for (std::int64_t i = 0; i < n; ++i) u[i] = philox_uniform(seed, i, 0, 0);
  return u;
}

TEST_CASE("philox gives the published vectors") {
  // Random123's known answers for philox4x32-10.
  using Words = std::array<std::uint32_t, 4>;
  CHECK(philox({0, 0, 0, 0}, {0, 0}) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox({~0U, ~0U, ~0U, ~0U}, {~0U, ~0U}) == Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("uniform numbers fill [0,1) and differ in every coordinate") {
  const double u = philox_uniform(1, 2, 3, 4);
  CHECK(u != philox_uniform(2, 2, 3, 4));
  CHECK(u != philox_uniform(1, 3, 3, 4));
  CHECK(u != philox_uniform(1, 2 + (1ULL << 32), 3, 4));
  CHECK(u != philox_uniform(1 + (1ULL << 32), 2, 3, 4));
  CHECK(u != philox_uniform(1, 2, 4, 4));
  CHECK(u != philox_uniform(1, 2, 3, 5));
  const auto many = uniforms(5, 4000);
  CHECK(many.min().item<double>() >= 0);
  CHECK(many.max().item<double>() < 1);
  CHECK(std::abs(many.mean().item<double>() - 0.5) < 4 / std::sqrt(12.0 * 4000));
}

TEST_CASE("processors equal transformers'") {
  const auto golden = json::parse(test::read_file(test::fixture("generation/processors.json")));
  const auto eos = golden["eos"].get<std::vector<std::int32_t>>();
  REQUIRE(golden["cases"].size() == 12);
  for (const auto& c : golden["cases"]) {
    INFO(c["settings"].dump());
    const auto& s = c["settings"];
    SamplingOptions options;
    options.temperature = s.value("temperature", 1.0);
    options.top_k = s.value("top_k", 0);
    options.top_p = s.value("top_p", 1.0);
    DecodingOptions decoding;
    decoding.repetition_penalty = s.value("repetition_penalty", 1.0);
    decoding.no_repeat_ngram_size = s.value("no_repeat_ngram_size", 0);
    decoding.min_new_tokens = s.value("min_new_tokens", 0);
    decoding.eos_token_ids = eos;
    const auto ids = tensor_of<std::int64_t>(c["ids"], torch::kLong);
    const auto mask = tensor_of<std::int64_t>(c["mask"], torch::kLong) != 0;
    const auto logits = tensor_of<float>(c["logits"], torch::kFloat);
    const auto before = logits.clone();
    auto mine = logits;
    const DecodingRows rows{.ids = ids, .mask = mask, .unprocessed = logits, .new_tokens = 8};
    for (const auto& processor : logits_processors(decoding, logits)) mine = processor->process(mine, rows);
    mine = apply_filters(mine, options);
    auto theirs = tensor_of<float>(c["processed"], torch::kFloat);
    // Temperature shifts each row by a constant, which no probability sees.
    if (options.temperature != 1) theirs = theirs - theirs.amax(1, true);
    CHECK(torch::equal(torch::isinf(mine), torch::isinf(theirs)));
    CHECK(test::max_difference(mine.softmax(1), theirs.softmax(1)) < 1e-6);
    CHECK(torch::allclose(mine, theirs, 1e-5, 1e-5));
    CHECK(torch::equal(logits, before));
  }
}

TEST_CASE("top-k keeps ties, top-p keeps the least set that reaches p") {
  const auto logits = torch::tensor({{1.F, 3.F, 2.F, 2.F, 0.F}});
  CHECK(torch::equal(keep_top_k(logits, 2), torch::tensor({{-kInf, 3.F, 2.F, 2.F, -kInf}})));
  CHECK(torch::equal(keep_top_k(logits, 9), logits));
  const auto p = torch::tensor({{0.1F, 0.4F, 0.3F, 0.2F}}).log();
  const auto kept = [&](double mass) { return torch::isfinite(keep_top_p(p, mass)).sum().item<int>(); };
  CHECK(kept(1e-9) == 1);
  CHECK(kept(0.39) == 1);
  CHECK(kept(0.41) == 2);
  CHECK(kept(0.71) == 3);
  CHECK(kept(0.95) == 4);
}

TEST_CASE("top-p of a flat distribution needs more than the usual candidates") {
  const auto kept = keep_top_p(torch::zeros({2, 5000}), 0.5001);
  CHECK(torch::equal(torch::isfinite(kept).sum(1), torch::tensor({2501, 2501})));
}

TEST_CASE("draws follow the probabilities") {
  const std::int64_t n = 20000, v = 6;
  const auto probability = torch::tensor({0.4, 0.0, 0.3, 0.15, 0.1, 0.05}, torch::kDouble);
  const auto logits = probability.to(torch::kFloat).log().expand({n, v});
  const auto count = torch::bincount(draw(logits, uniforms(3, n)), {}, v).to(torch::kDouble);
  CHECK(count[1].item<double>() == 0);
  double chi_square = 0;
  for (std::int64_t i = 0; i < v; ++i) {
    const double expected = probability[i].item<double>() * static_cast<double>(n);
    if (expected > 0) chi_square += std::pow(count[i].item<double>() - expected, 2) / expected;
  }
  CHECK(chi_square < 18.5);  // 4 degrees of freedom: exceeded with probability 0.001
}

TEST_CASE("draw inverts the cumulative distribution at the edges") {
  const auto logits = torch::tensor({0.25F, 0.5F, 0.0F, 0.25F}).log().expand({6, 4});
  const auto u = torch::tensor({0.0, 0.2499, 0.2501, 0.7499, 0.7501, 1 - 0x1p-52}, torch::kDouble);
  CHECK(torch::equal(draw(logits, u), torch::tensor({0, 0, 1, 1, 3, 3})));
}

TEST_CASE("the smallest temperatures and k = 1 give the likeliest token") {
  const auto logits = torch::randn({32, 500}) * 100;
  const auto best = likeliest(logits);
  CHECK(torch::equal(best, logits.argmax(1)));
  SamplingOptions cold;
  cold.temperature = 1e-40;
  CHECK(torch::equal(draw(apply_filters(logits, cold), uniforms(1, 32)), best));
  SamplingOptions one;
  one.top_k = 1;
  CHECK(torch::equal(draw(apply_filters(logits, one), uniforms(1, 32)), best));
  SamplingOptions nucleus;
  nucleus.top_p = 1e-12;
  CHECK(torch::equal(draw(apply_filters(logits, nucleus), uniforms(1, 32)), best));
}

TEST_CASE("a row without a token to choose gives -1") {
  auto logits = torch::zeros({3, 4});
  logits[0].fill_(-kInf);
  logits[1][2] = NAN;
  SamplingOptions all;
  all.temperature = 0.5;
  all.top_k = 3;
  all.top_p = 0.9;
  for (const auto& next :
       {likeliest(logits), draw(logits, uniforms(1, 3)), draw(apply_filters(logits, all), uniforms(1, 3))}) {
    CHECK(next[0].item<int>() == -1);
    CHECK(next[1].item<int>() == -1);
    CHECK(next[2].item<int>() >= 0);
  }
}

TEST_CASE("the likeliest of an output layer's products is that of its logits") {
  const torch::NoGradGuard no_grad;
  const auto rows = GENERATE(1, 3);
  Linear head(64, 70'000, /*with_bias=*/false);
  const auto hidden = torch::randn({rows, 64});
  CHECK(torch::equal(likeliest(hidden, head), likeliest(head(hidden))));
  CHECK(torch::equal(likeliest(torch::full({rows, 64}, NAN), head), torch::full({rows}, -1, torch::kLong)));
  CHECK(torch::equal(likeliest(torch::zeros({rows, 64}), head), torch::zeros({rows}, torch::kLong)));
}

TEST_CASE("impossible sampling options are named") {
  const auto message = [](auto&& change) -> std::string {
    SamplingOptions options;
    change(options);
    try {
      options.validate();
    } catch (const std::invalid_argument& e) {
      return e.what();
    }
    return "";
  };
  using O = SamplingOptions;
  CHECK(message([](O&) {}).empty());
  CHECK(message([](O& o) { o.temperature = 0; }).empty());
  CHECK(message([](O& o) { o.temperature = -1; }).find("temperature is -1") == 0);
  CHECK(message([](O& o) { o.temperature = NAN; }).find("temperature is nan") == 0);
  CHECK(message([](O& o) { o.top_k = -3; }).find("top_k is -3") == 0);
  CHECK(message([](O& o) { o.top_p = 0; }).find("top_p is 0") == 0);
  CHECK(message([](O& o) { o.top_p = 1.5; }).find("top_p is 1.5") == 0);
}

}  // namespace
}  // namespace langzoo::sampler_test
