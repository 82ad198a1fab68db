#include "tests/support/test.h"

#include <cmath>
#include <map>
#include <set>

#include "data/tasks/augmentation.h"

using namespace langzoo;

namespace langzoo::augmentation_test {

using Texts = std::vector<std::string>;

/// big and small have two replacements each, cat one.
std::vector<Texts> neighbours(std::string_view text, std::span<const Offset> words) {
  static const std::map<std::string_view, Texts> known = {
      {"big", {"large", "huge"}}, {"small", {"little", "tiny"}}, {"cat", {"dog"}}};
  std::vector<Texts> all;
  for (const auto& [begin, end] : words) {
    const auto found = known.find(text.substr(begin, end - begin));
    all.push_back(found == known.end() ? Texts() : found->second);
  }
  return all;
}

TEST_CASE("words are runs of letters, numbers and marks") {
  Texts words;
  const std::string text = "A big, 2nd caf\u00e9 \ub098\ub294 e\u0301t\u00e9-x!";
  for (const auto& [begin, end] : word_spans(text)) words.push_back(text.substr(begin, end - begin));
  CHECK(words == Texts{"A", "big", "2nd", "caf\u00e9", "\ub098\ub294", "e\u0301t\u00e9", "x"});
  CHECK(word_spans("\xff ?").empty());
}

TEST_CASE("augmented texts: words replaced by neighbours, all else as it was") {
  const auto texts = augmented_texts("The big cat, a (small) cat.", neighbours, {.copies = 2000}, 1, 1);
  const std::set<std::string> all(texts.begin(), texts.end());
  CHECK(all.size() == texts.size());
  CHECK(texts.size() == 3 * 2 * 3 * 2 - 1);  // everything that can be but the text itself
  for (const auto& text : texts) {
    CHECK(text.starts_with("The "));
    CHECK(text.find(", a (") != std::string::npos);
  }
  CHECK(all.contains("The huge cat, a (tiny) dog."));
  CHECK(augmented_texts("The big cat", neighbours, {}, 1, 1) == augmented_texts("The big cat", neighbours, {}, 1, 1));
  CHECK(augmented_texts("The big cat", neighbours, {}, 1, 1) != augmented_texts("The big cat", neighbours, {}, 1, 2));
  CHECK(augmented_texts("nothing here", neighbours, {}, 1, 1).empty());
  CHECK(augmented_texts("", neighbours, {}, 1, 1).empty());
  CHECK_THROWS_AS(augmented_texts("cat", neighbours, {.replace = 0}, 1, 1), std::invalid_argument);
  const auto too_few = [](std::string_view, std::span<const Offset>) { return std::vector<Texts>(); };
  CHECK_THROWS_AS(augmented_texts("cat", too_few, {}, 1, 1), std::invalid_argument);
}

TEST_CASE("a word is replaced with the probability that is asked for, by each neighbour as often") {
  double replaced = 0, large = 0;
  constexpr int kTexts = 4000;
  for (int i = 0; i < kTexts; ++i) {
    const auto texts =
        augmented_texts("big", neighbours, {.replace = 0.4, .copies = 1}, 2, static_cast<std::uint64_t>(i));
    replaced += static_cast<double>(texts.size());
    large += !texts.empty() && texts[0] == "large";
  }
  CHECK(std::abs(replaced - 0.4 * kTexts) < 4 * std::sqrt(0.24 * kTexts));
  CHECK(std::abs(large - replaced / 2) < 4 * std::sqrt(replaced / 4));
}

}  // namespace langzoo::augmentation_test
