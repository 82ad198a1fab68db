#include "tests/support/plain_test.h"

#include <algorithm>

#include "tests/tokenizers/tokenizer_goldens.h"
#include "tests/tokenizers/trainers/trainer_support.h"
#include "tokenizers/trainers/wordpiece_trainer.h"

namespace langzoo::test {

TEST_CASE("WordPiece trainer: vocabularies equal those of Python's tokenizers") {
  using Strings = std::vector<std::string>;
  const nlohmann::json goldens = golden("trainers.json");
  for (const auto& run : goldens["wordpiece"]) {
    CAPTURE(run["options"].dump());
    const bool as_set = run["as_set"];
    const auto words = words_of(goldens[as_set ? "mixed_texts" : "texts"].get<Strings>());
    WordPieceTrainerOptions options;
    options.vocab_size = run["options"]["vocab_size"];
    options.min_frequency = run["options"].value("min_frequency", 0);
    options.special_tokens = run["options"]["special_tokens"].get<Strings>();
    WordPieceOptions learned = learn_wordpiece(words, options);
    CHECK(learned.continuing_subword_prefix == "##");
    if (as_set) std::sort(learned.tokens.begin(), learned.tokens.end());
    CHECK(learned.tokens == run["tokens"].get<Strings>());
  }
}

}  // namespace langzoo::test
