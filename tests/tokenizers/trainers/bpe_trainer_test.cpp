#include "tests/support/plain_test.h"

#include <algorithm>

#include "tests/tokenizers/tokenizer_goldens.h"
#include "tests/tokenizers/trainers/trainer_support.h"
#include "tokenizers/trainers/bpe_trainer.h"

namespace langzoo::test {
namespace {

using Strings = std::vector<std::string>;

BpeTrainerOptions options_of(const nlohmann::json& json) {
  BpeTrainerOptions options;
  options.vocab_size = json["vocab_size"];
  options.special_tokens = json["special_tokens"].get<Strings>();
  options.min_frequency = json.value("min_frequency", 0);
  options.continuing_subword_prefix = json.value("continuing_subword_prefix", "");
  options.end_of_word_suffix = json.value("end_of_word_suffix", "");
  if (json.contains("limit_alphabet")) options.limit_alphabet = json["limit_alphabet"].get<std::size_t>();
  if (json.contains("max_token_length")) options.max_token_length = json["max_token_length"].get<std::size_t>();
  if (json.contains("initial_alphabet")) {
    for (const auto& character : json["initial_alphabet"]) options.initial_alphabet += character.get<std::string>();
  }
  return options;
}

std::vector<Strings> spelled_merges(const BpeOptions& learned) {
  std::vector<Strings> merges;
  const auto token = [&](TokenId id) { return learned.tokens.at(static_cast<std::size_t>(id)); };
  for (const BpeMerge& m : learned.merges) merges.push_back({token(m.left), token(m.right)});
  return merges;
}

}  // namespace

TEST_CASE("BPE trainer: tokens and merges equal those of Python's tokenizers") {
  const nlohmann::json goldens = golden("trainers.json");
  for (const auto& run : goldens["bpe"]) {
    CAPTURE(run["options"].dump());
    const bool as_set = run["as_set"];
    const auto words = words_of(goldens[as_set ? "mixed_texts" : "texts"].get<Strings>());
    BpeOptions learned = learn_bpe(words, options_of(run["options"]));
    if (as_set) {
      std::sort(learned.tokens.begin(), learned.tokens.end());
    } else {
      CHECK(spelled_merges(learned) == run["merges"].get<std::vector<Strings>>());
    }
    CHECK(learned.tokens == run["tokens"].get<Strings>());
  }
}

TEST_CASE(
    "BPE trainer: forms of characters are numbered by their bytes, ties of limit_alphabet go to the lesser code "
    "point") {
  BpeTrainerOptions options;
  options.vocab_size = 9;
  options.special_tokens = {"<unk>"};
  options.continuing_subword_prefix = "##";
  CHECK(learn_bpe({{"ba", 1}, {"cb", 1}}, options).tokens == Strings{"<unk>", "a", "b", "c", "##a", "##b", "ba", "cb"});
  options.limit_alphabet = 2;
  CHECK(learn_bpe({{"abcd", 3}}, options).tokens == Strings{"<unk>", "a", "b", "##b", "ab"});
}

TEST_CASE("BPE trainer: nothing to learn from, and arguments that cannot be") {
  BpeTrainerOptions options;
  CHECK(learn_bpe({}, options).tokens.empty());
  CHECK(learn_bpe({{"a", 7}}, options).tokens == Strings{"a"});
  options.initial_alphabet = "xyx";
  options.special_tokens = {"<s>", "y", "<s>"};
  const BpeOptions learned = learn_bpe({}, options);
  CHECK(learned.tokens == Strings{"<s>", "y", "x"});
  CHECK(learned.merges.empty());
  CHECK(learn_bpe({{"a\xFF", 1}}, {.vocab_size = 10}).tokens == Strings{"a", "\u{FFFD}", "a\u{FFFD}"});

  options.special_tokens = {""};
  CHECK_THROWS_WITH(learn_bpe({}, options), "a special token is empty");
  options.special_tokens = {};
  options.vocab_size = kMaxVocabularySize + 1;
  CHECK_THROWS_WITH(learn_bpe({}, options), "vocab_size is 2097153, expected at most 2097152");
}

TEST_CASE("BPE trainer: a word of a million characters") {
  std::string word;
  std::uint32_t state = 1;
  for (int i = 0; i < 1000000; ++i) word += "ACGT"[(state = state * 1664525 + 1013904223) >> 30];
  BpeTrainerOptions options;
  options.vocab_size = 200;
  const BpeOptions learned = learn_bpe({{std::string(1000000, 'x'), 2}, {word, 1}}, options);
  CHECK(learned.tokens.size() == 200);
  CHECK(learned.tokens[5] == "xx");
}

TEST_CASE("BPE trainer: counts beyond 32 bits") {
  const std::uint64_t many = std::uint64_t{1} << 40;
  const BpeOptions learned = learn_bpe({{"ab", many}, {"cd", many + 1}}, {.vocab_size = 5});
  CHECK(learned.tokens == Strings{"a", "b", "c", "d", "cd"});
}

}  // namespace langzoo::test
