#include "data/synthetic/addition.h"

#include <map>
#include <set>

#include "tests/support/test.h"

using namespace langzoo;

TEST_CASE("addition: seed 1 begins with these sums") {
  const auto pairs = read_all(*addition_pairs(1, 5, true));
  std::string text;
  for (const auto& pair : pairs) text += pair.source + "_" + pair.target + "\n";
  CHECK(text ==
        "719+5  _724 \n"
        "8+3    _11  \n"
        "0+0    _0   \n"
        "722+69 _791 \n"
        "1+892  _893 \n");
  CHECK(pairs[4].line == 5);
}

TEST_CASE("addition: every sum is right, and none comes twice, in either order") {
  std::set<std::pair<int, int>> seen;
  std::map<std::size_t, int> lengths;
  const auto padded = addition_pairs(3, 50'000, true), plain = addition_pairs(3, 50'000, false);
  SentencePair wide, pair;
  while (padded->next(wide)) {
    REQUIRE(plain->next(pair));
    const auto plus = pair.source.find('+');
    const int a = std::stoi(pair.source), b = std::stoi(pair.source.substr(plus + 1));
    REQUIRE((pair.source == std::to_string(a) + "+" + std::to_string(b) && a < 1000 && b < 1000));
    REQUIRE(pair.target == std::to_string(a + b));
    REQUIRE(seen.emplace(std::min(a, b), std::max(a, b)).second);
    REQUIRE((wide.source.size() == 7 && wide.source.starts_with(pair.source)));
    REQUIRE((wide.target.size() == 4 && wide.target.starts_with(pair.target)));
    ++lengths[std::to_string(a).size() * 10 + std::to_string(b).size()];
  }
  CHECK(!plain->next(pair));
  CHECK(seen.size() == 50'000);
  CHECK(lengths[11] == 55);                 // all there are
  CHECK(lengths[12] + lengths[21] == 900);  // all there are
  CHECK(lengths[33] > 11'000);
  CHECK(lengths[33] < 14'000);
}

TEST_CASE("addition: all sums there are, and no more") {
  CHECK(read_all(*addition_pairs(1, kMostAdditionPairs, false)).size() == 500'500);
  CHECK(read_all(*addition_pairs(1, 0, false)).empty());
  CHECK_THROWS_AS(addition_pairs(1, kMostAdditionPairs + 1, false), std::invalid_argument);
  CHECK_THROWS_AS(addition_pairs(1, -1, false), std::invalid_argument);
}
