#include "tests/support/test.h"

#include "models/word2vec/row_cache.h"

namespace langzoo {
namespace {

TEST_CASE("the rows with the largest weights are hot") {
  const std::vector<std::int64_t> weights = {3, 90, 1, 40, 7};
  const HotRows hot(weights, 2);
  REQUIRE(hot.size() == 2);
  CHECK(hot.row(hot.slot(1)) == 1);
  CHECK(hot.row(hot.slot(3)) == 3);
  for (const std::int32_t row : {0, 2, 4}) CHECK(hot.slot(row) == -1);
  CHECK(HotRows(weights, 100).size() == 5);
}

TEST_CASE("what several caches add to a row all arrives; other rows are used in place") {
  std::vector<float> table(5 * 3, 1.0f);
  const HotRows hot(std::vector<std::int64_t>{5, 4, 0, 0, 0}, 2);
  RowCache a(table.data(), 3, &hot), b(table.data(), 3, &hot), plain(table.data(), 3, nullptr);
  CHECK(a.row(2) == table.data() + 6);
  CHECK(plain.row(0) == table.data());
  CHECK(a.row(0) != table.data());
  CHECK(a.row(0) != b.row(0));
  const auto add = [](RowCache& cache, std::int32_t row, float amount) {
    for (int i = 0; i < 3; ++i) cache.row(row)[i] += amount;
    cache.written(row);
  };
  for (int i = 0; i < 100; ++i) {
    add(a, 0, 1);
    add(b, 0, 2);
    add(b, 1, 1);
    add(plain, 3, 1);
  }
  // Nothing lags by more than a few updates, in either direction.
  CHECK(table[0] > 1 + 3 * 80);
  CHECK(a.row(0)[0] > 1 + 3 * 80);
  a.flush();
  b.flush();
  CHECK(table[0] == 1 + 300);
  CHECK(table[3] == 1 + 100);
  CHECK(table[6] == 1);
  CHECK(table[9] == 1 + 100);
}

}  // namespace
}  // namespace langzoo
