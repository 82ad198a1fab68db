#include "tests/support/plain_test.h"

#include <cmath>

#include <nlohmann/json.hpp>

#include "data/metrics/cider.h"

namespace langzoo::test::cider_test {

using Texts = std::vector<std::string>;

TEST_CASE("CIDEr-D is that of another program, caption by caption") {
  const auto golden = nlohmann::json::parse(read_file(fixture("metrics/cider.json")));
  const auto captions = golden["captions"].get<Texts>();
  const auto references = golden["references"].get<std::vector<Texts>>();
  const auto scores = golden["scores"].get<std::vector<double>>();
  const auto found = cider_d(captions, references);
  REQUIRE(found.captions.size() == scores.size());
  double sum = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    CAPTURE(captions[i]);
    CHECK(found.captions[i] == Approx(scores[i]).margin(1e-9));
    sum += scores[i];
  }
  CHECK(found.score == Approx(sum / static_cast<double>(scores.size())));
}

TEST_CASE("CIDEr-D by hand") {
  // Each of the two pictures has one reference, and no n-gram is in both: every weight is ln 2.
  const std::vector<Texts> references = {{"one two three four"}, {"five six seven eight"}};
  CHECK(cider_d(Texts{"one two three four", "five six seven eight"}, references).score == Approx(10));
  // Two of four words: 1-grams cos = 2/sqrt(2*4), 2-grams 1/sqrt(1*3), none longer; lengths 1 and 3.
  const double expected = 10 / 4.0 * (2 / std::sqrt(8.0) + 1 / std::sqrt(3.0)) * std::exp(-4 / 72.0);
  CHECK(cider_d(Texts{"one two", "x"}, references).captions[0] == Approx(expected));
  CHECK(cider_d(Texts{"one two", "x"}, references).captions[1] == 0);
  // A word said twice counts as often as in the reference: min(2,1) 1 ln^2 2 over sqrt(4) sqrt(4) ln^2 2, and lengths 1
  // and 3.
  CHECK(cider_d(Texts{"one one", ""}, references).captions[0] == Approx(10 / 4.0 * (1 / 4.0) * std::exp(-4 / 72.0)));
  // What all pictures have says nothing.
  CHECK(cider_d(Texts{"a", "a"}, std::vector<Texts>{{"a"}, {"a"}}).score == 0);
}

TEST_CASE("CIDEr-D of what cannot be measured") {
  CHECK_THROWS_WITH(cider_d({}, {}), Catch::Contains("0 captions"));
  CHECK_THROWS_WITH(cider_d(Texts{"a"}, std::vector<Texts>{{"a"}, {"b"}}), Catch::Contains("references of 2 pictures"));
  CHECK_THROWS_WITH(cider_d(Texts{"a", "b"}, std::vector<Texts>{{"a"}, {}}), Catch::Contains("picture 2"));
}

}  // namespace langzoo::test::cider_test
