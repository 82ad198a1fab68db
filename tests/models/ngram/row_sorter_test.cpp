#include "models/ngram/row_sorter.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "data/random/random.h"
#include "tests/support/plain_test.h"

namespace langzoo::test::row_sorter_test {

namespace {

using Row = std::vector<std::uint32_t>;

std::vector<Row> sorted(RowOrder order, std::size_t memory, const std::vector<Row>& rows) {
  const TempDir dir;
  RowSorter sorter(order, memory, dir / "rows");
  for (const Row& row : rows) std::copy(row.begin(), row.end(), sorter.add());
  std::vector<Row> result;
  for (sorter.sort(); sorter.row() != nullptr; sorter.advance()) {
    result.emplace_back(sorter.row(), sorter.row() + order.width);
  }
  return result;
}

std::vector<Row> random_rows(std::size_t count, std::size_t width, std::uint64_t seed) {
  Random random(seed);
  std::vector<Row> rows(count, Row(width));
  for (auto& row : rows) {
    for (auto& number : row) number = static_cast<std::uint32_t>(random.below(random.below(40) == 0 ? 1u << 31 : 5));
  }
  return rows;
}

}  // namespace

TEST_CASE("rows come in the order of the columns, equal ones as they came, in memory or not") {
  for (const std::size_t width : {1, 3, 4, 7, 9}) {
    for (const std::size_t count : {0, 1, 5000}) {
      auto rows = random_rows(count, width, width);
      RowOrder order{.width = width, .columns = {width - 1}};
      if (width > 1) order.columns.push_back(0);
      auto expected = rows;
      std::stable_sort(expected.begin(), expected.end(), [&](const Row& a, const Row& b) {
        for (const auto column : order.columns) {
          if (a[column] != b[column]) return a[column] < b[column];
        }
        return false;
      });
      for (const std::size_t memory : {1 << 24, 1 << 14, 1, 300}) {  // the last ones merge in several rounds
        CHECK((sorted(order, memory, rows) == expected));
        CHECK((sorted({.width = width}, memory, rows) == rows));
      }
    }
  }
}

TEST_CASE("equal rows become one with their counts' sum, beyond 32 bits too") {
  Random random(1);
  std::vector<Row> rows;
  std::map<std::uint32_t, std::uint64_t> expected;
  for (int i = 0; i < 3000; ++i) {
    const auto key = static_cast<std::uint32_t>(random.below(70));
    const std::uint64_t count = random.below(std::uint64_t{1} << 40);
    rows.push_back({key, static_cast<std::uint32_t>(count), static_cast<std::uint32_t>(count >> 32)});
    expected[key] += count;
  }
  for (const std::size_t memory : {1 << 24, 1 << 12, 1}) {
    const auto result = sorted({.width = 3, .columns = {0}, .sum_equal = true}, memory, rows);
    REQUIRE(result.size() == expected.size());
    auto at = expected.begin();
    for (const Row& row : result) {
      CHECK(row[0] == at->first);
      CHECK((std::uint64_t{row[2]} << 32 | row[1]) == at->second);
      ++at;
    }
  }
}

}  // namespace langzoo::test::row_sorter_test
