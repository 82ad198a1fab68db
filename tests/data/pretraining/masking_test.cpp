#include "tests/support/test.h"

#include <cmath>
#include <map>

#include "data/pretraining/masking.h"
#include "tests/data/pretraining/special_tokenizer.h"

using namespace langzoo;

namespace langzoo::masking_test {

using Ids = std::vector<std::int64_t>;

/// [CLS] 10 11 ... [SEP] of `length` tokens.
struct Sequence {
  Ids ids;
  std::vector<std::uint8_t> special;

  explicit Sequence(std::size_t length) : ids(length), special(length, 0) {
    for (std::size_t i = 0; i < length; ++i) ids[i] = static_cast<std::int64_t>(10 + i);
    ids.front() = 1, ids.back() = 2;
    special.front() = special.back() = 1;
  }
};

bool chosen(std::int64_t label) {
  return label != -100;
}

/// Whether `count` of `n` is as likely as chance makes one in 30,000 cases not.
bool plausible(double count, double n, double p) {
  return std::abs(count - n * p) < 4 * std::sqrt(n * p * (1 - p)) + 1e-9;
}

TEST_CASE("masked language modelling: 15 % of the tokens, of which 80 % masked, 10 % random, 10 % as they were") {
  constexpr std::size_t kSequences = 3000, kLength = 100;
  const MaskingVocabulary vocabulary{.size = 1000, .mask = 3};
  double masked = 0, random_ones = 0, kept = 0;
  std::vector<double> at(kLength, 0);
  for (std::size_t s = 0; s < kSequences; ++s) {
    Sequence sequence(kLength);
    const auto before = sequence.ids;
    Random random(1, s);
    const auto labels = mask_tokens(sequence.ids, sequence.special, vocabulary, {}, random);
    std::size_t count = 0;
    for (std::size_t i = 0; i < kLength; ++i) {
      if (!chosen(labels[i])) {
        REQUIRE(sequence.ids[i] == before[i]);
        continue;
      }
      REQUIRE(labels[i] == before[i]);
      ++count, ++at[i];
      masked += sequence.ids[i] == 3;
      kept += sequence.ids[i] == before[i];
      random_ones += sequence.ids[i] != 3 && sequence.ids[i] != before[i];
    }
    REQUIRE(count == 15);
  }
  constexpr double kAll = kSequences * 15;
  // A random token is the mask, or the token itself, once in 1,000.
  CHECK(plausible(masked, kAll, 0.8 + 0.1 / 1000));
  CHECK(plausible(kept, kAll, 0.1 + 0.1 / 1000));
  CHECK(plausible(random_ones, kAll, 0.1 * 0.998));
  CHECK(at.front() + at.back() == 0);
  for (std::size_t i = 1; i + 1 < kLength; ++i) CHECK(plausible(at[i], kSequences, 15.0 / (kLength - 2)));
}

TEST_CASE("how many tokens are masked") {
  const auto count = [](std::size_t length, const MaskingOptions& options) {
    Sequence sequence(length);
    Random random(1);
    const auto labels = mask_tokens(sequence.ids, sequence.special, {.size = 1000, .mask = 3}, options, random);
    return std::count_if(labels.begin(), labels.end(), chosen);
  };
  CHECK(count(2, {}) == 0);
  CHECK(count(3, {}) == 1);
  CHECK(count(30, {}) == 4);  // round(4.5), as Python rounds
  CHECK(count(128, {}) == 19);
  CHECK(count(512, {.most = 20}) == 20);
  CHECK(count(20, {.probability = 1}) == 18);
}

TEST_CASE("ELECTRA's generator sees 85 % masks and no random tokens; its discriminator what was drawn") {
  double masked = 0, all = 0;
  for (std::size_t s = 0; s < 2000; ++s) {
    Sequence sequence(60);
    const auto before = sequence.ids;
    Random random(2, s);
    const auto labels =
        mask_tokens(sequence.ids, sequence.special, {.size = 1000, .mask = 3}, {.masked = 0.85, .random = 0}, random);
    for (std::size_t i = 0; i < labels.size(); ++i) {
      all += chosen(labels[i]);
      masked += sequence.ids[i] == 3;
      REQUIRE((sequence.ids[i] == 3 || sequence.ids[i] == before[i]));
    }
  }
  CHECK(plausible(masked, all, 0.85));
}

TEST_CASE("whole words are masked with all of their pieces or not at all") {
  const test::SpecialTokenizer tokenizer;
  const WordBeginnings beginnings(tokenizer);
  CHECK(beginnings.begins_word('A'));
  CHECK_FALSE(beginnings.begins_word('a'));
  std::vector<TokenId> words;
  tokenizer.encode("Abc De F Ghijk Lm N Opq Rs T Uvw", words);
  double in_words = 0, all = 0;
  for (std::size_t s = 0; s < 500; ++s) {
    Ids ids(words.begin(), words.end());
    Random random(3, s);
    const auto labels =
        mask_tokens(ids, std::vector<std::uint8_t>(ids.size(), 0), {.size = 128, .mask = 3, .beginnings = &beginnings},
                    {.probability = 0.3, .whole_words = true}, random);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      all += chosen(labels[i]);
      if (beginnings.begins_word(words[i])) continue;
      REQUIRE(chosen(labels[i]) == chosen(labels[i - 1]));
      in_words += chosen(labels[i]);
    }
    // 7 of 23: words that are too long are passed over, shorter ones fill up what is left.
    const auto count = std::count_if(labels.begin(), labels.end(), chosen);
    REQUIRE(count <= 7);
    REQUIRE(count >= 6);
  }
  CHECK(in_words > all / 3);
  Random random(1);
  Sequence sequence(9);
  CHECK_THROWS_WITH(
      mask_tokens(sequence.ids, sequence.special, {.size = 128, .mask = 3}, {.whole_words = true}, random),
      "whole words and phrases need to know which tokens begin words");
}

TEST_CASE("n-grams are drawn with probability 1/n and do not reach across special tokens") {
  std::map<std::size_t, double> runs;
  double all = 0;
  for (std::size_t s = 0; s < 60; ++s) {
    Sequence sequence(20000);
    Random random(4, s);
    const auto labels = mask_tokens(sequence.ids, sequence.special, {.size = 100000, .mask = 3},
                                    {.probability = 0.005, .max_ngram = 3}, random);
    REQUIRE(std::count_if(labels.begin(), labels.end(), chosen) == 100);
    for (std::size_t i = 0; i < labels.size(); ++i) {
      std::size_t end = i;
      while (end < labels.size() && chosen(labels[end])) ++end;
      if (end == i) continue;
      ++runs[end - i], ++all;
      i = end;
    }
  }
  CHECK(runs[1] / all == Approx(6.0 / 11).margin(0.03));
  CHECK(runs[2] / all == Approx(3.0 / 11).margin(0.03));
  CHECK(runs[3] / all == Approx(2.0 / 11).margin(0.03));

  for (std::size_t s = 0; s < 100; ++s) {
    Ids ids = {10, 11, 2, 12, 13};
    Random random(5, s);
    const auto labels = mask_tokens(ids, std::vector<std::uint8_t>{0, 0, 1, 0, 0}, {.size = 100, .mask = 3},
                                    {.probability = 0.6, .masked = 1, .random = 0, .max_ngram = 3}, random);
    REQUIRE(labels[2] == -100);
    REQUIRE(std::count(ids.begin(), ids.end(), 3) == 3);
  }
}

TEST_CASE("rare tokens are chosen more often, as their weights say") {
  const auto weights = rarity_weights(std::vector<std::uint64_t>(12, 1), 0.7);
  CHECK(weights == std::vector<float>(12, 1.0F));
  CHECK(rarity_weights(std::vector<std::uint64_t>{0, 4, 100}, 0.5) == std::vector<float>{1, 0.5F, 0.1F});
  // One of two tokens, of weights 3 and 1.
  std::vector<float> uneven(13, 1);
  uneven[11] = 3;
  double first = 0;
  constexpr int kSequences = 4000;
  for (std::uint64_t s = 0; s < kSequences; ++s) {
    Sequence sequence(4);
    Random random(6, s);
    const auto labels =
        mask_tokens(sequence.ids, sequence.special, {.size = 12, .mask = 3, .weights = uneven}, {}, random);
    REQUIRE(std::count_if(labels.begin(), labels.end(), chosen) == 1);
    first += chosen(labels[1]);
  }
  CHECK(plausible(first, kSequences, 0.75));
  Sequence sequence(5);
  Random random(1);
  CHECK_THROWS_WITH(mask_tokens(sequence.ids, sequence.special, {.size = 12, .mask = 3, .weights = uneven}, {}, random),
                    "token 13 has no weight");
}

TEST_CASE("words begin where vocabularies mark it") {
  class Marked : public test::SpecialTokenizer {
   public:
    explicit Marked(std::vector<std::string> tokens) : SpecialTokenizer(tokens.size()), tokens_(std::move(tokens)) {}
    std::string id_to_token(TokenId id) const override { return tokens_.at(static_cast<std::size_t>(id)); }

   private:
    std::vector<std::string> tokens_;
  };
  const auto begins = [](std::vector<std::string> tokens) {
    const WordBeginnings beginnings{Marked(tokens)};
    std::string marks;
    for (std::size_t id = 0; id < tokens.size(); ++id)
      marks += beginnings.begins_word(static_cast<std::int64_t>(id)) ? 'b' : '-';
    return marks;
  };
  CHECK(begins({"[CLS]", "un", "##able", "##", "."}) == "bb-bb");
  CHECK(begins({"\u2581un", "able", ".", "\u2581", "\u00e9"}) == "b-bb-");
  CHECK(begins({"\u0120un", "able", ",", "\u0120", "\u0120."}) == "b-bbb");
  CHECK(begins({"un", "able", "."}) == "bbb");
}

TEST_CASE("masks depend on the random numbers alone; options that cannot be are refused") {
  const auto masks = [](std::uint64_t stream) {
    Sequence sequence(50);
    Random random(7, stream);
    mask_tokens(sequence.ids, sequence.special, {.size = 1000, .mask = 3}, {}, random);
    return sequence.ids;
  };
  CHECK(masks(1) == masks(1));
  CHECK(masks(1) != masks(2));
  CHECK_THROWS_WITH((MaskingOptions{.probability = 0}.validate()),
                    "mask probability is 0, expected above 0, at most 1");
  CHECK_THROWS_WITH((MaskingOptions{.random = 0.3}.validate()),
                    "the share of random tokens is 0.3, expected 0 to what mask tokens leave");
  CHECK_THROWS_AS((MaskingOptions{.max_ngram = 0}.validate()), std::invalid_argument);
  CHECK_THROWS_AS((MaskingOptions{.most = -1}.validate()), std::invalid_argument);
  Random random(1);
  Ids ids = {1, 2};
  CHECK_THROWS_WITH(mask_tokens(ids, {}, {}, {}, random), "2 tokens, 0 marks of special ones");
}

}  // namespace langzoo::masking_test
