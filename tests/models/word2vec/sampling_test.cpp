#include "tests/support/test.h"

#include <nlohmann/json.hpp>

#include "models/word2vec/sampling.h"

namespace langzoo {
namespace {

using Json = nlohmann::json;

Json golden(const std::string& kind) {
  Json found = Json::array();
  for (auto& one : Json::parse(test::read_file(test::fixture("word2vec/sampling.json")))) {
    if (one["kind"] == kind) found.push_back(one);
  }
  REQUIRE(found.size() >= 8);
  return found;
}

TEST_CASE("words are kept with word2vec.c's probabilities") {
  for (const auto& one : golden("keep")) {
    INFO(one["name"] << " " << one["threshold"]);
    const Subsampler subsampler(one["counts"].get<std::vector<std::int64_t>>(), one["threshold"].get<double>());
    const auto expected = one["probabilities"].get<std::vector<double>>();
    for (std::size_t i = 0; i < expected.size(); ++i) {
      CHECK(subsampler.keep_probability(static_cast<std::int64_t>(i)) == Approx(expected[i]).margin(1e-9));
    }
  }
  // f = .05 and .01 at t = 1e-3.
  const Subsampler subsampler(std::vector<std::int64_t>{9400, 500, 100}, 1e-3);
  CHECK(subsampler.keep_probability(1) == Approx(0.1614).margin(5e-5));
  CHECK(subsampler.keep_probability(2) == Approx(0.4162).margin(5e-5));
}

TEST_CASE("so many words are kept as the probabilities say, in order") {
  const std::vector<std::int64_t> counts = {800, 150, 45, 4, 1};
  const Subsampler subsampler(counts, 0.01);
  std::vector<std::int32_t> sentence, kept;
  constexpr int kRounds = 40000;
  for (int i = 0; i < kRounds; ++i) sentence.push_back(i % 5);
  Random random(3);
  subsampler.keep(sentence, random, kept);
  std::vector<double> share(5);
  for (const auto word : kept) share[static_cast<std::size_t>(word)] += 5.0 / kRounds;
  for (std::int64_t word = 0; word < 5; ++word) {
    CHECK(share[static_cast<std::size_t>(word)] == Approx(subsampler.keep_probability(word)).margin(0.02));
  }
  CHECK(share[4] == Approx(1));

  kept.clear();
  Subsampler(counts, 0).keep(sentence, random, kept);
  CHECK(kept == sentence);
}

TEST_CASE("negatives are drawn by count to a power") {
  for (const auto& one : golden("unigram")) {
    INFO(one["name"] << " " << one["power"]);
    const NegativeSampler sampler(one["counts"].get<std::vector<std::int64_t>>(), one["power"].get<double>());
    const auto expected = one["probabilities"].get<std::vector<double>>();
    const auto probabilities = sampler.probabilities();
    REQUIRE(probabilities.size() == expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) CHECK(probabilities[i] == Approx(expected[i]).margin(1e-8));
    Random random(11);
    std::vector<double> share(expected.size());
    constexpr int kDraws = 200000;
    for (int i = 0; i < kDraws; ++i) share[static_cast<std::size_t>(sampler.draw(random))] += 1.0 / kDraws;
    for (std::size_t i = 0; i < expected.size(); ++i) CHECK(share[i] == Approx(expected[i]).margin(0.006));
  }
}

TEST_CASE("a word that never occurred is never drawn") {
  const NegativeSampler sampler(std::vector<std::int64_t>{5, 0, 3, 0});
  CHECK(sampler.probabilities()[1] == Approx(0).margin(1e-9));
  CHECK_THROWS_AS(NegativeSampler(std::vector<std::int64_t>{0, 0}), std::invalid_argument);
}

}  // namespace
}  // namespace langzoo
