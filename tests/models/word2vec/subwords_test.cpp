#include "tests/support/test.h"

#include <nlohmann/json.hpp>

#include "models/word2vec/subwords.h"

namespace langzoo {
namespace {

using Json = nlohmann::json;

std::string text_of(const Json& bytes) {
  std::string text;
  for (const auto& byte : bytes) text.push_back(static_cast<char>(byte.get<int>()));
  return text;
}

TEST_CASE("n-grams, their hashes and their buckets are fastText's, whatever the bytes") {
  int hashes = 0, cases = 0;
  for (const auto& one : Json::parse(test::read_file(test::fixture("word2vec/subwords.json")))) {
    INFO(one.dump().substr(0, 200));
    const auto text = text_of(one["bytes"]);
    if (one["kind"] == "hashes") {
      CHECK(fasttext_hash(text) == one["hash"].get<std::uint32_t>());
      ++hashes;
    } else {
      const Subwords subwords{one["min_n"].get<std::int64_t>(), one["max_n"].get<std::int64_t>(),
                              one["buckets"].get<std::int64_t>()};
      CHECK(subwords.of(text) == one["rows"].get<std::vector<std::int64_t>>());
      ++cases;
    }
  }
  CHECK(hashes >= 10);
  CHECK(cases >= 10);
}

TEST_CASE("a word's rows are its own and its n-grams'") {
  const Subwords subwords{3, 4, 10};
  const std::vector<std::string> words = {"a", "cat", "cat's"};
  const SubwordRows rows(words, subwords);
  REQUIRE(rows.num_words() == 3);
  for (std::int64_t word = 0; word < 3; ++word) {
    const auto of_word = rows.of(word);
    const auto buckets = subwords.of(words[static_cast<std::size_t>(word)]);
    REQUIRE(of_word.size == static_cast<std::int64_t>(buckets.size()) + 1);
    CHECK(of_word.data[0] == word);
    for (std::size_t i = 0; i < buckets.size(); ++i) CHECK(of_word.data[i + 1] == 3 + buckets[i]);
  }
}

}  // namespace
}  // namespace langzoo
