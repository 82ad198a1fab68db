#include "tests/support/plain_test.h"

#include "tests/tokenizers/tokenizer_goldens.h"
#include "tests/tokenizers/trainers/trainer_support.h"
#include "tokenizers/trainers/word_level_trainer.h"

namespace langzoo::test {
namespace {

using Strings = std::vector<std::string>;

}  // namespace

TEST_CASE("word-level trainer: vocabularies equal those of Python's tokenizers") {
  const nlohmann::json goldens = golden("trainers.json");
  const auto words = words_of(goldens["texts"].get<Strings>());
  for (const auto& run : goldens["word_level"]) {
    CAPTURE(run["options"].dump());
    WordLevelTrainerOptions options;
    options.vocab_size = run["options"]["vocab_size"];
    options.min_frequency = run["options"].value("min_frequency", 0);
    options.special_tokens = run["options"]["special_tokens"].get<Strings>();
    CHECK(learn_word_level(words, options).tokens == run["tokens"].get<Strings>());
  }
}

TEST_CASE("word-level trainer: special tokens come first and once; a vocabulary they do not fit is an error") {
  const std::vector<WordCount> words = {{"<unk>", 9}, {"a", 2}, {"b", 3}, {"c", 3}};
  CHECK(learn_word_level(words, {}).tokens == Strings{"<unk>", "b", "c", "a"});
  CHECK(learn_word_level(words, {.min_frequency = 10}).tokens == Strings{"<unk>"});
  CHECK(learn_word_level({}, {.special_tokens = {"x", "x"}}).tokens == Strings{"x"});
  CHECK_THROWS_WITH(learn_word_level(words, {.vocab_size = 1, .special_tokens = {"x", "y"}}),
                    "vocab_size is 1, expected 2 (the special tokens) to 2097152");
}

}  // namespace langzoo::test
