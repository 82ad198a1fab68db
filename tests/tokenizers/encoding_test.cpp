#include "tests/support/plain_test.h"

#include <random>

#include "tokenizers/encoding.h"

namespace langzoo::test {
namespace {

/// `size` tokens with the ids first, first + 1, ...
Encoding numbered(std::size_t size, TokenId first = 0) {
  Encoding encoding;
  for (std::size_t i = 0; i < size; ++i) {
    encoding.ids.push_back(first + static_cast<TokenId>(i));
    encoding.offsets.push_back({i, i + 1});
    encoding.tokens.push_back(std::to_string(i));
  }
  encoding.type_ids.assign(size, 0);
  encoding.word_ids.assign(size, 0);
  encoding.sequence_ids.assign(size, 0);
  encoding.special_tokens_mask.assign(size, 0);
  encoding.attention_mask.assign(size, 1);
  return encoding;
}

std::vector<std::vector<TokenId>> ids_of_windows(const Encoding& encoding) {
  std::vector<std::vector<TokenId>> ids;
  for (const Encoding& window : encoding.overflowing) ids.push_back(window.ids);
  return ids;
}

using Ids = std::vector<TokenId>;
using Windows = std::vector<Ids>;

}  // namespace

TEST_CASE("truncation: windows share the stride, from either side") {
  Encoding right = numbered(7);
  truncate(right, 3, 1, Side::Right);
  CHECK(right.ids == Ids{0, 1, 2});
  CHECK(ids_of_windows(right) == Windows{{2, 3, 4}, {4, 5, 6}});

  Encoding left = numbered(6);
  truncate(left, 4, 2, Side::Left);
  CHECK(left.ids == Ids{2, 3, 4, 5});
  CHECK(ids_of_windows(left) == Windows{{0, 1, 2, 3}});

  Encoding none = numbered(3);
  truncate(none, 0, 5, Side::Right);
  CHECK(none.size() == 0);
  CHECK(ids_of_windows(none) == Windows{{0, 1, 2}});

  Encoding fits = numbered(3);
  truncate(fits, 3, 9, Side::Right);
  CHECK(fits.overflowing.empty());
}

TEST_CASE("truncation: windows without what they share give the whole back") {
  std::mt19937 random(3);
  for (int i = 0; i < 500; ++i) {
    const std::size_t size = random() % 60, max_length = 1 + random() % 12, stride = random() % max_length;
    const Side side = random() % 2 ? Side::Left : Side::Right;
    Encoding encoding = numbered(size);
    truncate(encoding, max_length, stride, side);
    Ids whole = encoding.ids;
    for (const Encoding& window : encoding.overflowing) {
      CHECK(window.size() > stride);
      CHECK(window.size() <= max_length);
      CHECK(window.offsets.size() == window.size());
      CHECK(window.tokens.size() == window.size());
      if (side == Side::Right) {
        CHECK(std::equal(window.ids.begin(), window.ids.begin() + static_cast<std::ptrdiff_t>(stride),
                         whole.end() - static_cast<std::ptrdiff_t>(stride)));
        whole.insert(whole.end(), window.ids.begin() + static_cast<std::ptrdiff_t>(stride), window.ids.end());
      } else {
        whole.insert(whole.begin(), window.ids.begin(), window.ids.end() - static_cast<std::ptrdiff_t>(stride));
      }
    }
    CAPTURE(size, max_length, stride);
    CHECK(whole == numbered(size).ids);
  }
}

TEST_CASE("truncation: longest first takes tokens from the longer text, one by one") {
  for (std::size_t a = 0; a < 12; ++a) {
    for (std::size_t b = 0; b < 12; ++b) {
      for (std::size_t max_length = 0; max_length < 20; ++max_length) {
        std::vector<Encoding> sequences = {numbered(a), numbered(b)};
        truncate(sequences, {.max_length = max_length + 3}, 3);
        CAPTURE(a, b, max_length);
        const std::size_t first = sequences[0].size(), second = sequences[1].size();
        CHECK(first + second == std::min(a + b, max_length));
        // What is left is as even as the lengths allow.
        if (first < a && second < b) CHECK((first > second ? first - second : second - first) <= 1);
        if (first < a && second == b) CHECK(second <= first + 1);
        if (second < b && first == a) CHECK(first <= second + 1);
      }
    }
  }
}

TEST_CASE("truncation: what cannot be cut is an error with its numbers") {
  const auto cut = [](std::vector<std::size_t> sizes, Truncation truncation, std::size_t added) {
    std::vector<Encoding> sequences;
    for (const std::size_t size : sizes) sequences.push_back(numbered(size));
    truncate(sequences, truncation, added);
  };
  using enum Truncation::Strategy;
  CHECK_THROWS_WITH(cut({5}, {.max_length = 2}, 3), "truncation: max_length is 2, but 3 special tokens are added");
  CHECK_THROWS_WITH(cut({5}, {.max_length = 4, .strategy = OnlySecond}, 1),
                    "truncation: only the second text may be cut, but there is one text of 5 tokens for 3");
  CHECK_THROWS_WITH(cut({5, 2}, {.max_length = 4, .strategy = OnlySecond}, 0),
                    "truncation: only the second text may be cut, but it has 2 tokens and 3 have to go");
  CHECK_THROWS_WITH(cut({3, 9}, {.max_length = 4, .strategy = OnlyFirst}, 0),
                    "truncation: only the first text may be cut, but it has 3 tokens and 8 have to go");
  CHECK_THROWS_WITH(cut({9}, {.max_length = 5, .stride = 3}, 2),
                    "truncation: a stride of 3 needs windows longer than 3 tokens (special tokens not counted)");
  CHECK_NOTHROW(cut({2, 2}, {.max_length = 4, .strategy = OnlySecond, .stride = 99}, 0));
  CHECK_THROWS_WITH(cut({400000}, {.max_length = 1000, .stride = 999}, 0),
                    "truncation: a stride of 999 cuts 400000 tokens into 399001 windows of 1000, together more than "
                    "67108864 tokens");
}

TEST_CASE("padding: to the longest, a length, a multiple, on either side, the windows too") {
  std::vector<Encoding> batch = {numbered(2), numbered(5)};
  truncate(batch[0], 1, 0, Side::Right);
  pad(batch, {.pad_to_multiple_of = 4, .side = Side::Left, .pad_id = 9, .pad_type_id = 2});
  CHECK(batch[1].ids == Ids{9, 9, 9, 0, 1, 2, 3, 4});
  CHECK(batch[1].attention_mask == std::vector<std::uint8_t>{0, 0, 0, 1, 1, 1, 1, 1});
  CHECK(batch[1].special_tokens_mask == std::vector<std::uint8_t>{1, 1, 1, 0, 0, 0, 0, 0});
  CHECK(batch[1].type_ids == std::vector<std::int32_t>{2, 2, 2, 0, 0, 0, 0, 0});
  CHECK(batch[1].tokens[2] == "[PAD]");
  CHECK(batch[0].ids == Ids{9, 9, 9, 9, 9, 9, 9, 0});
  CHECK(batch[0].overflowing[0].ids == Ids{9, 9, 9, 9, 9, 9, 9, 1});
  CHECK(batch[0].overflowing[0].sequence_ids.front() == Encoding::kNoSequence);

  Encoding longer = numbered(6);
  pad({&longer, 1}, {.length = 3});
  CHECK(longer.ids == numbered(6).ids);
  CHECK_THROWS_AS(pad({&longer, 1}, {.length = std::size_t{1} << 40}), std::invalid_argument);
  CHECK_THROWS_AS(pad({&longer, 1}, {.pad_to_multiple_of = std::size_t{1} << 63}), std::invalid_argument);
}

TEST_CASE("joining: windows are combined in the reference's order, and not without bound") {
  Encoding a = numbered(4), b = numbered(3, 10);
  truncate(a, 2, 0, Side::Right);
  truncate(b, 2, 0, Side::Right);
  const Encoding both = join({numbered(1, 90), a, b});
  CHECK(both.ids == Ids{90, 0, 1, 10, 11});
  CHECK(ids_of_windows(both) == Windows{{90, 2, 3, 10, 11}, {90, 2, 3, 12}, {90, 0, 1, 12}});
  CHECK(both.tokens.size() == both.size());
  Encoding unnamed = numbered(2);
  unnamed.tokens.clear();
  for (const Encoding& joined : {join({a, unnamed}), join({unnamed, a})}) {
    CHECK(joined.tokens.empty());
    CHECK(joined.overflowing.at(0).tokens.empty());
  }
  CHECK(join({}).size() == 0);

  Encoding many = numbered(10000);
  truncate(many, 1, 0, Side::Right);
  CHECK_THROWS_AS(join({many, many}), std::invalid_argument);
}

}  // namespace langzoo::test
