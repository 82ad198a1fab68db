#include "tests/support/test.h"

#include "data/random/philox.h"
#include "models/layers/source_rows.h"

namespace langzoo::test {
namespace {

using torch::Tensor;

std::int64_t below(std::int64_t n, std::uint64_t& drawn) {
  return static_cast<std::int64_t>(philox_uniform(3, drawn++, 0, 0) * static_cast<double>(n));
}

}  // namespace

TEST_CASE("beams of a source are grouped, and what is stored stays") {
  SourceRows rows(3);
  CHECK(rows.grouped());
  CHECK(rows.rows() == 3);
  CHECK_FALSE(rows.reorder(torch::tensor({0, 0, 1, 1, 2, 2})).defined());
  CHECK(rows.grouped());
  CHECK(torch::equal(rows.index(), torch::tensor({0, 0, 1, 1, 2, 2})));
  CHECK_FALSE(rows.reorder(torch::tensor({1, 1, 2, 3, 5, 4})).defined());
  CHECK(rows.grouped());
  CHECK_FALSE(rows.reorder(torch::tensor({0, 0, 0, 2, 2, 2, 4, 5, 5})).defined());
  CHECK(rows.grouped());
  CHECK(rows.sources() == 3);
}

TEST_CASE("sources that end are dropped") {
  SourceRows rows(3);
  rows.reorder(torch::tensor({0, 0, 1, 1, 2, 2}));
  CHECK(torch::equal(rows.reorder(torch::tensor({0, 1, 4, 5})), torch::tensor({0, 2})));
  CHECK(rows.sources() == 2);
  CHECK(rows.grouped());
  CHECK(torch::equal(rows.index(), torch::tensor({0, 0, 1, 1})));
}

TEST_CASE("uneven and mixed rows are not grouped until they are again") {
  SourceRows rows(2);
  CHECK_FALSE(rows.reorder(torch::tensor({0, 0, 1, 1})).defined());
  CHECK_FALSE(rows.reorder(torch::tensor({0, 1, 2})).defined());
  CHECK_FALSE(rows.grouped());
  CHECK_FALSE(rows.reorder(torch::tensor({0, 2, 1, 2})).defined());  // 0 1 0 1
  CHECK_FALSE(rows.grouped());
  CHECK_FALSE(rows.reorder(torch::tensor({0, 2, 1, 3})).defined());
  CHECK(rows.grouped());
  CHECK(torch::equal(rows.reorder(torch::tensor({2, 3, 0, 1})), torch::tensor({1, 0})));
  CHECK(rows.grouped());
  CHECK(torch::equal(rows.index(), torch::tensor({0, 0, 1, 1})));
}

TEST_CASE("through any history a row reads its source") {
  std::uint64_t drawn = 0;
  for (int trial = 0; trial < 50; ++trial) {
    const auto sources = 1 + below(5, drawn);
    SourceRows rows(sources);
    auto stored = torch::arange(sources), expected = stored;
    for (int step = 0; step < 12; ++step) {
      std::vector<std::int64_t> next(static_cast<std::size_t>(1 + below(9, drawn)));
      for (auto& row : next) row = below(rows.rows(), drawn);
      if (below(2, drawn) == 1) std::sort(next.begin(), next.end());
      const auto index = torch::tensor(next);
      expected = expected.index_select(0, index);
      const auto kept = rows.reorder(index);
      if (kept.defined()) stored = stored.index_select(0, kept);
      REQUIRE(rows.rows() == index.numel());
      REQUIRE(rows.sources() == stored.numel());
      CHECK(torch::equal(stored.index_select(0, rows.index()), expected));
      if (rows.grouped()) CHECK(torch::equal(stored.repeat_interleave(rows.rows() / rows.sources()), expected));
      CHECK(std::get<0>(at::_unique(stored)).numel() == stored.numel());
    }
  }
}

TEST_CASE("a row that there is not is an error") {
  SourceRows rows(2);
  CHECK_THROWS_WITH(rows.reorder(torch::tensor({0, 2})), "row 2 to go on from: there are 2");
  CHECK_THROWS_AS(rows.reorder(torch::tensor({-1})), std::out_of_range);
  CHECK(rows.rows() == 2);
  CHECK(torch::equal(rows.index(), torch::tensor({0, 1})));
}

}  // namespace langzoo::test
