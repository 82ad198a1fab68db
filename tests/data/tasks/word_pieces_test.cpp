#include "tests/support/test.h"

#include "data/tasks/word_pieces.h"
#include "tests/data/tasks/word_piece.h"

using namespace langzoo;

namespace langzoo::word_pieces_test {

using Texts = std::vector<std::string>;
using Firsts = std::vector<std::int32_t>;
using Labels = std::vector<std::int64_t>;

TEST_CASE("the first piece of a word speaks for it; words of nothing have none") {
  const auto tokenizer = test::word_piece({"an", "##na", "has", "new", "york", ".", "'", "s"});
  const auto pieces = word_pieces(Texts{"Anna", "'s", "\u200d\u0001", "New York", "x."}, *tokenizer);
  // [CLS] an ##na ' s new york [UNK] . [SEP]
  CHECK(pieces.ids.size() == 10);
  CHECK(pieces.first == Firsts{1, 3, -1, 5, 7});
  CHECK(pieces.cut == 0);
  CHECK(pieces.type_ids.size() == 10);
  REQUIRE(pieces.offsets.size() == 10);
  CHECK(pieces.text.substr(pieces.offsets[1].begin, pieces.offsets[1].end - pieces.offsets[1].begin).size() == 2);
  CHECK(piece_labels(pieces, Labels{4, 5, 6, 7, 8}) == Labels{-100, 4, -100, 5, -100, 7, -100, 8, -100, -100});
  CHECK(word_labels(pieces, Labels{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, -1) == Labels{1, 3, -1, 5, 7});
  CHECK_THROWS_WITH(piece_labels(pieces, Labels{1}), "5 words, 1 labels");
  CHECK_THROWS_WITH(word_labels(pieces, Labels{1}, 0), "10 pieces, 1 labels");
}

TEST_CASE("sentences are cut where a model ends, and that is said") {
  const auto tokenizer = test::word_piece({"an", "##na", "has", "it"});
  const auto pieces = word_pieces(Texts{"Anna", "has", "it", "it"}, *tokenizer, 5);
  CHECK(pieces.ids.size() == 5);
  CHECK(pieces.first == Firsts{1, 3, -1, -1});
  CHECK(pieces.cut == 2);
  CHECK(word_pieces({}, *tokenizer).ids.size() == 2);
}

}  // namespace langzoo::word_pieces_test
