#include "data/random/permutation.h"

#include <algorithm>
#include <set>

#include "data/random/random.h"
#include "tests/support/test.h"

using namespace langzoo;

TEST_CASE("SplitMix64 gives the published sequence") {
  Random random(1234567);
  // The reference sequence for this seed, as Rosetta Code and the authors' C program print it.
  for (const std::uint64_t expected : {6457827717110365317u, 3203168211198807973u, 9817491932198370423u,
                                       4593380528125082431u, 16408922859458223821u}) {
    CHECK(random.next() == expected);
  }
}

TEST_CASE("draws below n are below n and even") {
  Random random(5);
  std::vector<int> counts(6);
  for (int i = 0; i < 60000; ++i) ++counts[random.below(6)];
  // 10,000 expected, standard deviation 91.
  for (const int count : counts) CHECK(std::abs(count - 10000) < 500);
  for (int i = 0; i < 100; ++i) CHECK(random.below(1) == 0);
  double sum = 0;
  for (int i = 0; i < 10000; ++i) {
    const double x = random.uniform();
    REQUIRE((x >= 0 && x < 1));
    sum += x;
  }
  CHECK(sum / 10000 == Approx(0.5).margin(0.02));
}

TEST_CASE("a permutation of every small size is a bijection") {
  for (std::uint64_t size = 1; size <= 300; ++size) {
    const Permutation order(size, 7, size);
    std::vector<char> seen(size);
    for (std::uint64_t i = 0; i < size; ++i) {
      const auto to = order(i);
      REQUIRE(to < size);
      REQUIRE(!seen[to]);
      seen[to] = 1;
    }
  }
  CHECK_THROWS_AS(Permutation(0, 1, 1), std::invalid_argument);
}

TEST_CASE("a large permutation is a bijection and scatters neighbours") {
  const std::uint64_t size = 100'003;
  const Permutation order(size, 1, 0);
  std::vector<char> seen(size);
  double displacement = 0;
  std::uint64_t previous = order(0), fixed = 0, ascending = 0;
  for (std::uint64_t i = 0; i < size; ++i) {
    const auto to = order(i);
    REQUIRE(!seen[to]);
    seen[to] = 1;
    fixed += to == i;
    ascending += to > previous;
    displacement += std::abs(static_cast<double>(to) - static_cast<double>(previous));
    previous = to;
  }
  CHECK(displacement / static_cast<double>(size) == Approx(size / 3.0).epsilon(0.02));  // E|x - y| of uniforms
  CHECK(fixed < 10);                                                                    // one expected
  CHECK(static_cast<double>(ascending) / static_cast<double>(size) == Approx(0.5).margin(0.01));
}

TEST_CASE("the order of few elements takes every form") {
  std::set<std::vector<std::uint64_t>> orders;
  for (std::uint64_t epoch = 0; epoch < 600; ++epoch) {
    const Permutation order(4, 3, epoch);
    orders.insert({order(0), order(1), order(2), order(3)});
  }
  CHECK(orders.size() == 24);
}

TEST_CASE("a permutation of 2^63 elements stays inside") {
  const std::uint64_t size = (std::uint64_t{1} << 63) - 25;
  const Permutation order(size, 3, 1);
  std::set<std::uint64_t> seen;
  for (std::uint64_t i = 0; i < 1000; ++i) seen.insert(order(size - 1 - i));
  CHECK(seen.size() == 1000);
  CHECK(*seen.rbegin() < size);
}
