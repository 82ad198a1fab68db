#include "tests/support/test.h"

#include "apps/cli/translation/neural_translator.h"
#include "tokenizers/trainers/char_trainer.h"

using namespace langzoo;

TEST_CASE("a target word is linked to the source word that its tokens attend to most in sum") {
  // Source: "a|b c </s>", target: "x y|z": rows of x, y, z and the end.
  const std::vector<int> source{0, 0, 1}, target{0, 1, 1};
  const std::vector<std::vector<double>> attention{
      {0.3, 0.3, 0.4, 0.0}, {0.1, 0.0, 0.8, 0.1}, {0.5, 0.2, 0.1, 0.2}, {0, 0, 0, 1}};
  // x: 0.6 to 0, 0.4 to 1. y and z: 0.8 to 0, 0.9 to 1, 0.3 to the end.
  CHECK(links_of_attention(attention, source, target) == AlignmentLinks{{0, 0}, {1, 1}});
  // A space of its own belongs to no word.
  CHECK(links_of_attention(attention, std::vector<int>{0, -1, 1}, target) == AlignmentLinks{{1, 0}, {1, 1}});
  CHECK(links_of_attention(attention, source, std::vector<int>{0, -1, 1}) == AlignmentLinks{{0, 0}, {0, 1}});
  // What attends most to the end has no partner.
  const std::vector<std::vector<double>> to_end{{0.2, 0.1, 0.1, 0.6}, {0, 0, 1, 0}};
  CHECK(links_of_attention(to_end, source, std::vector<int>{0, 1}) == AlignmentLinks{{1, 1}});
  CHECK(links_of_attention({{0, 0, 0, 1}}, source, {}).empty());
  CHECK(links_of_attention({{1.0}, {1.0}}, {}, std::vector<int>{0}).empty());
}

TEST_CASE("a token stands in the word that it ends in") {
  const auto texts = [done = false](std::string& text) mutable {
    text = "l'eau va \t.";
    return !std::exchange(done, true);
  };
  const auto characters = train_char_level(texts, {});
  const auto tokens = sentence_tokens(*characters, "va l'eau  .");
  CHECK(tokens.words == std::vector<int>{0, 0, -1, 1, 1, 1, 1, 1, -1, -1, 2});
  CHECK(tokens.ids.size() == 11);
  CHECK(sentence_tokens(*characters, "").ids.empty());
  CHECK_THROWS_AS(sentence_tokens(*characters, std::string(5000, 'a')), std::runtime_error);
}
