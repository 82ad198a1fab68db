#include "tests/support/test.h"

#include <cmath>
#include <set>

#include "data/pretraining/entity_masking.h"
#include "data/pretraining/masking.h"
#include "tests/data/pretraining/special_tokenizer.h"

namespace langzoo::test::knowledge_masking_test {

namespace {

using Ids = std::vector<std::int64_t>;

Ids ids_of(std::string_view text) {
  Ids ids;
  for (const char c : text) {
    if (c != ' ') ids.push_back(c);
  }
  return ids;
}

}  // namespace

TEST_CASE("known phrases are hidden as a whole or not at all, other tokens one by one") {
  const SpecialTokenizer tokenizer;
  const WordBeginnings beginnings(tokenizer);
  const auto phrases = known_phrases("Ab C\n\nDe\nXy\n", tokenizer);
  CHECK(phrases->left_out == 0);
  const MaskingVocabulary vocabulary{.size = 128, .mask = 3, .beginnings = &beginnings, .phrases = &phrases->matcher};
  // The phrase De is not the beginning of the word Def, nor Ab C that of Cg.
  const auto text = ids_of("Ab C D Def De Ab Cg H");
  std::set<std::size_t> sizes;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    Ids ids = {1};
    ids.insert(ids.end(), text.begin(), text.end());
    ids.push_back(2);
    std::vector<std::uint8_t> special(ids.size(), 0);
    special.front() = special.back() = 1;
    Random random(seed);
    const auto labels = mask_tokens(ids, special, vocabulary, {.probability = 0.2, .masked = 1, .random = 0}, random);
    const auto hidden = [&](std::size_t i) { return labels[i] != -100; };
    CHECK(hidden(1) == hidden(2));  // Ab C
    CHECK(hidden(2) == hidden(3));
    CHECK(hidden(8) == hidden(9));  // De
    std::size_t apart = 0;
    for (std::size_t i = 0; i < labels.size(); ++i) apart += hidden(i);
    sizes.insert(apart);
    CHECK(apart <= 3);
    if (hidden(5) != hidden(6)) sizes.insert(100);  // D of Def alone
  }
  CHECK(sizes.count(100) == 1);
  Ids ids = text;
  const std::vector<std::uint8_t> special(ids.size(), 0);
  Random random(1);
  CHECK_THROWS_AS(mask_tokens(ids, special, {.size = 128, .mask = 3, .phrases = &phrases->matcher}, {}, random),
                  std::invalid_argument);
}

TEST_CASE("phrases of words that the tokenizer does not know are counted") {
  class WithUnknown : public SpecialTokenizer {
   public:
    using SpecialTokenizer::encode;
    const SpecialTokens& special_tokens() const override { return special_; }

   private:
    SpecialTokens special_ = [] {
      SpecialTokens special;
      special.unk = 'Z';
      return special;
    }();
  };
  const auto known = known_phrases("Ab\nZ C\n \n", WithUnknown());
  CHECK(known->left_out == 1);
  CHECK(known->fingerprint != known_phrases("Ac\n", SpecialTokenizer())->fingerprint);
  const std::vector<std::string> names = {"Ab", "Z"};
  CHECK((name_tokens(names, WithUnknown()).longest_matches(ids_of("Z Ab")) == std::vector<PhraseMatch>{{1, 3, 0}}));
}

TEST_CASE("entities of a batch: 5 % others, 15 % none, all to be told apart") {
  const SpecialTokenizer tokenizer;
  const std::vector<std::string> names = {"Ab", "C", "De", "Unseen"};
  const auto matcher = name_tokens(names, tokenizer);
  PretrainingExample example;
  example.ids = ids_of("1 Ab C x De C");
  example.ids.front() = 1;
  example.type_ids.assign(example.ids.size(), 0);
  example.labels.assign(example.ids.size(), -100);
  example.labels[1] = 'A';
  example.ids[1] = 3;  // hidden, and yet a name
  const std::vector<PretrainingExample> examples(2000, example);
  const auto batch = pretraining_batch(examples, 0);
  Random random(1);
  const auto [ids, candidates, labels] = entity_batch(batch, matcher, random);
  CHECK(torch::equal(candidates, torch::tensor({0, 1, 2}, torch::kInt64)));
  const auto expected = torch::tensor({-100, 0, -100, 1, -100, 2, -100, 1}, torch::kInt64);
  CHECK(torch::equal(labels, expected.expand_as(labels)));
  const auto named = labels != -100;
  const auto read = ids.masked_select(named), right = labels.masked_select(named);
  const auto share = [&](const torch::Tensor& which) { return which.to(torch::kFloat64).mean().item<double>(); };
  CHECK(share(read == -1) == Approx(0.15).margin(0.02));
  // Another is itself once in three times.
  CHECK(share(read == right) == Approx(0.80 + 0.05 / 3).margin(0.02));
  CHECK((ids.masked_select(named.logical_not()) == -1).all().item<bool>());
  Random again(1);
  CHECK(torch::equal(entity_batch(batch, matcher, again).ids, ids));
  CHECK(entity_batch(pretraining_batch(std::vector<PretrainingExample>(1, {{1, 2}, {0, 0}, {-100, -100}}), 0), matcher,
                     again)
            .candidates.numel() == 0);
}

}  // namespace langzoo::test::knowledge_masking_test
