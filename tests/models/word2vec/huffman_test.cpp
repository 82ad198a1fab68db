#include "tests/support/test.h"

#include <cmath>
#include <numeric>

#include <nlohmann/json.hpp>

#include "data/random/random.h"
#include "models/word2vec/huffman.h"

namespace langzoo {
namespace {

using Json = nlohmann::json;

TEST_CASE("Huffman trees are word2vec.c's, node by node") {
  const auto cases = Json::parse(test::read_file(test::fixture("word2vec/huffman.json")));
  REQUIRE(cases.size() >= 5);
  for (const auto& one : cases) {
    INFO(one["name"]);
    const auto counts = one["counts"].get<std::vector<std::int64_t>>();
    const HuffmanTree tree(counts);
    REQUIRE(tree.num_words() == static_cast<std::int64_t>(counts.size()));
    std::int64_t cost = 0;
    for (std::int64_t word = 0; word < tree.num_words(); ++word) {
      const auto nodes = tree.nodes(word);
      const auto codes = tree.codes(word);
      const auto& expected = one["words"][static_cast<std::size_t>(word)];
      CHECK(std::vector<std::int32_t>(nodes.begin(), nodes.end()) ==
            expected["nodes"].get<std::vector<std::int32_t>>());
      CHECK(std::vector<std::uint8_t>(codes.begin(), codes.end()) ==
            expected["codes"].get<std::vector<std::uint8_t>>());
      cost += counts[static_cast<std::size_t>(word)] * static_cast<std::int64_t>(codes.size());
    }
    CHECK(cost == one["cost"].get<std::int64_t>());
  }
}

/// Counts of a text-like shape, in any order.
std::vector<std::int64_t> zipf_counts(std::int64_t n, std::uint64_t seed) {
  Random random(seed);
  std::vector<std::int64_t> counts;
  for (std::int64_t i = 0; i < n; ++i) counts.push_back(1 + static_cast<std::int64_t>(random.below(1000000) / (i + 1)));
  return counts;
}

TEST_CASE("the mean code length lies between the entropy and the entropy plus one bit") {
  for (const std::uint64_t seed : {1, 2, 3}) {
    const auto counts = zipf_counts(997, seed);
    const double total = std::accumulate(counts.begin(), counts.end(), 0.0);
    const HuffmanTree tree(counts);
    double entropy = 0, length = 0;
    for (std::int64_t word = 0; word < tree.num_words(); ++word) {
      const double p = static_cast<double>(counts[static_cast<std::size_t>(word)]) / total;
      entropy -= p * std::log2(p);
      length += p * static_cast<double>(tree.codes(word).size());
    }
    CHECK(length >= entropy);
    CHECK(length < entropy + 1);
  }
}

TEST_CASE("the probabilities of all words by a tree sum to one") {
  const HuffmanTree tree(zipf_counts(101, 4));
  torch::manual_seed(1);
  const auto scores = torch::randn({100}, torch::kFloat64) * 3;  // of the inner nodes
  double total = 0;
  for (std::int64_t word = 0; word < tree.num_words(); ++word) {
    double p = 1;
    for (std::size_t i = 0; i < tree.nodes(word).size(); ++i) {
      const double score = scores[tree.nodes(word)[i]].item<double>();
      p /= 1 + std::exp(tree.codes(word)[i] == 0 ? -score : score);
    }
    total += p;
  }
  CHECK(total == Approx(1).epsilon(1e-12));
}

TEST_CASE("the order of the words does not change code lengths") {
  const std::vector<std::int64_t> sorted = {50, 20, 9, 8, 3, 1}, shuffled = {3, 50, 8, 1, 20, 9};
  const HuffmanTree a(sorted), b(shuffled);
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    for (std::size_t j = 0; j < shuffled.size(); ++j) {
      if (sorted[i] != shuffled[j]) continue;
      CHECK(a.codes(static_cast<std::int64_t>(i)).size() == b.codes(static_cast<std::int64_t>(j)).size());
    }
  }
}

TEST_CASE("counts that make no tree are refused") {
  CHECK_THROWS_WITH(HuffmanTree(std::vector<std::int64_t>{7}), Catch::Contains("at least 2 words, not 1"));
  CHECK_THROWS_WITH(HuffmanTree(std::vector<std::int64_t>{7, 0, 3}), Catch::Contains("word 1 has a count of 0"));
}

}  // namespace
}  // namespace langzoo
