#include "tests/support/plain_test.h"

#include <stdexcept>

#include "tests/tokenizers/trainers/trainer_support.h"
#include "tokenizers/trainers/char_trainer.h"

namespace langzoo::test {

TEST_CASE("character trainer: the characters of all texts, by code point, then the special tokens") {
  const CharTrainerOptions options = {.special_tokens = {"<pad>"}, .progress = {}};
  const auto tokenizer = train_char_level(source_of({"ba\u00e9", "", "c\U0001F600a\n"}), options);
  const std::vector<std::string> expected = {"\n", "a", "b", "c", "\u00e9", "\U0001F600", "<pad>"};
  REQUIRE(tokenizer->vocab_size() == expected.size());
  for (std::size_t id = 0; id < expected.size(); ++id) {
    CHECK(tokenizer->id_to_token(static_cast<TokenId>(id)) == expected[id]);
  }
  CHECK(train_char_level(source_of({}), options)->vocab_size() == 1);
  CHECK_THROWS_WITH(train_char_level(source_of({"abc", "d\xFF"}), options),
                    "the texts are not UTF-8 at byte 4 (byte 0xFF)");
}

TEST_CASE("character trainer: usual names tell the special tokens' roles") {
  const auto train = [](std::vector<std::string> special) {
    return train_char_level(source_of({"ab"}), {.special_tokens = std::move(special), .progress = {}});
  };
  const auto pairs = train({"<pad>", "<s>", "</s>", "<unk>"});
  CHECK((pairs->special_tokens() == SpecialTokens{.bos = 3, .eos = 4, .unk = 5, .pad = 2}));
  CHECK(pairs->encode("a\u00e9b").ids == std::vector<TokenId>{0, 5, 1});
  const auto text = train({"<|endoftext|>"});
  CHECK((text->special_tokens() == SpecialTokens{.bos = 2, .eos = 2}));
}

}  // namespace langzoo::test
