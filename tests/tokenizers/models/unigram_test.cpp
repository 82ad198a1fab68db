#include "tests/support/plain_test.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <random>
#include <set>

#include "tests/tokenizers/models/frequencies.h"
#include "tokenizers/models/unigram.h"

namespace langzoo::test::unigram_test {
namespace {

using Ids = std::vector<TokenId>;

struct Segmentation {
  Ids ids;
  double score = 0;
};

/// Every segmentation of an ASCII word: pieces, and the unknown piece for a character that is none.
void enumerate(const UnigramOptions& options, const std::string& rest, const Segmentation& before,
               std::vector<Segmentation>& all) {
  if (rest.empty()) {
    all.push_back(before);
    return;
  }
  const auto add = [&](TokenId id, std::size_t length, double score) {
    Segmentation longer = before;
    longer.ids.push_back(id);
    longer.score += score;
    enumerate(options, rest.substr(length), longer, all);
  };
  bool known = false;
  double least = options.pieces[0].second;
  for (std::size_t id = 0; id < options.pieces.size(); ++id) {
    const auto& [piece, score] = options.pieces[id];
    least = std::min(least, score);
    if (!rest.starts_with(piece)) continue;
    known = known || piece.size() == 1;
    add(static_cast<TokenId>(id), piece.size(), score);
  }
  if (!known) add(*options.unk_id, 1, least - 10);
}

std::vector<Segmentation> enumerate(const UnigramOptions& options, const std::string& word) {
  std::vector<Segmentation> all;
  enumerate(options, word, {}, all);
  return all;
}

/// Neighbouring unknown pieces as one.
Ids fused(const UnigramOptions& options, const Ids& ids) {
  Ids result;
  for (const TokenId id : ids) {
    if (id != options.unk_id || result.empty() || result.back() != id) result.push_back(id);
  }
  return result;
}

Ids ids_of(const Unigram& model, const std::string& word, SubwordSampling* sampling = nullptr) {
  std::vector<ModelToken> tokens;
  model.tokenize(word, tokens, sampling);
  Ids ids;
  std::uint32_t end = 0;
  bool in_a_row = true;
  for (const ModelToken& token : tokens) {
    in_a_row = in_a_row && token.begin == end;
    ids.push_back(token.id);
    end = token.end;
  }
  CHECK(in_a_row);
  CHECK(end == word.size());
  return ids;
}

/// The score of the segmentation that a model gives, each unknown character of an ASCII word being one piece.
double score_of(const Unigram& model, const std::string& word, SubwordSampling* sampling = nullptr) {
  std::vector<ModelToken> tokens;
  model.tokenize(word, tokens, sampling);
  double least = 0, score = 0;
  for (const auto& [piece, s] : model.options().pieces) least = std::min(least, s);
  for (const ModelToken& token : tokens) {
    score += token.id == model.unk() ? (least - 10) * (token.end - token.begin)
                                     : model.options().pieces[static_cast<std::size_t>(token.id)].second;
  }
  return score;
}

UnigramOptions random_options(std::mt19937& random) {
  UnigramOptions options{.pieces = {{"<unk>", 0}}, .unk_id = 0};
  std::set<std::string> pieces;
  while (pieces.size() < 18) {
    std::string piece(1 + random() % 4, 'a');
    for (char& c : piece) c = static_cast<char>('a' + random() % 3);
    pieces.insert(piece);
  }
  for (const std::string& piece : pieces) {
    options.pieces.emplace_back(piece, -1 - static_cast<double>(random() % 1'000'000) / 1e5);
  }
  return options;
}

std::string random_word(std::mt19937& random, std::size_t longest) {
  std::string word(1 + random() % longest, 'a');
  for (char& c : word) c = static_cast<char>('a' + random() % 4);  // "d" is unknown
  return word;
}

}  // namespace

TEST_CASE("Unigram finds the best of all segmentations, on random pieces") {
  std::mt19937 random(31);
  for (int round = 0; round < 40; ++round) {
    const UnigramOptions options = random_options(random);
    const Unigram model(options);
    for (int i = 0; i < 40; ++i) {
      const std::string word = random_word(random, 10);
      CAPTURE(word);
      const auto all = enumerate(options, word);
      double best = all.at(0).score;
      std::set<Ids> possible;
      for (const Segmentation& s : all) {
        best = std::max(best, s.score);
        possible.insert(fused(options, s.ids));
      }
      CHECK(score_of(model, word) == Approx(best));
      CHECK(possible.count(ids_of(model, word)) == 1);
    }
  }
}

TEST_CASE("Unigram sampling draws segmentations with their exact probabilities") {
  std::mt19937 random(37);
  const UnigramOptions options = random_options(random);
  const Unigram model(options);
  for (const double alpha : {0.0, 0.1, 0.5, 1.0, 3.0}) {
    for (const std::string word : {"a", "abcab", "cbabcab", "abdda"}) {
      CAPTURE(alpha, word);
      std::map<Ids, double> exact;
      double sum = 0;
      for (const Segmentation& s : enumerate(options, word)) sum += std::exp(alpha * s.score);
      for (const Segmentation& s : enumerate(options, word)) {
        exact[fused(options, s.ids)] += std::exp(alpha * s.score) / sum;
      }
      SubwordSampling sampling{.unigram_alpha = alpha, .state = 11};
      check_frequencies(exact, [&] { return ids_of(model, word, &sampling); });
    }
  }
}

TEST_CASE("Unigram sampling goes on from a saved state, and is the best segmentation for a large alpha") {
  std::mt19937 random(41);
  const UnigramOptions options = random_options(random);
  const Unigram model(options);
  SubwordSampling sampling{.unigram_alpha = 0.2, .state = 5};
  const auto draw = [&](SubwordSampling& from) {
    std::vector<Ids> drawn;
    for (int i = 0; i < 50; ++i) drawn.push_back(ids_of(model, "abcabcaabbccd", &from));
    return drawn;
  };
  draw(sampling);
  SubwordSampling restored = sampling;
  const auto drawn = draw(sampling);
  CHECK(draw(restored) == drawn);
  CHECK(draw(restored) != drawn);
  SubwordSampling sharp{.unigram_alpha = 1e5};
  for (int i = 0; i < 50; ++i) {
    const std::string word = random_word(random, 12);
    CHECK(score_of(model, word, &sharp) == Approx(score_of(model, word)));
  }
}

TEST_CASE("Unigram: of segmentations of equal score the one whose last piece begins first") {
  const Unigram model(UnigramOptions{.pieces = {{"a", -1}, {"aa", -2}, {"aaa", -3}}});
  CHECK((ids_of(model, "a") == Ids{0}));
  CHECK((ids_of(model, "aaa") == Ids{2}));
  CHECK((ids_of(model, "aaaa") == Ids{0, 2}));
}

TEST_CASE("Unigram takes words of a megabyte in linear time") {
  std::mt19937 random(43);
  const Unigram model(random_options(random));
  const auto start = std::chrono::steady_clock::now();
  for (const char c : {'a', 'd'}) {
    const std::string word(1 << 20, c);
    SubwordSampling sampling;
    ids_of(model, word);
    ids_of(model, word, &sampling);
  }
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(20));
}

TEST_CASE("Unigram: what is refused is named") {
  CHECK_THROWS_WITH(Unigram(UnigramOptions{.pieces = {{"a", -1}}, .unk_id = 1}),
                    "unk_id is 1, which none of the 1 pieces has");
  CHECK_THROWS_WITH(Unigram(UnigramOptions{.pieces = {{"a", -1}}, .unk_id = -1}),
                    "unk_id is -1, which none of the 1 pieces has");
  CHECK_THROWS_WITH(Unigram(UnigramOptions{.pieces = {{"a", -INFINITY}}}), "the score of 'a' is -inf");
  CHECK_THROWS_WITH(Unigram(UnigramOptions{.pieces = {{"\xFF", -1}}}), "piece 0 is not UTF-8");
  std::vector<ModelToken> tokens;
  const Unigram model(UnigramOptions{.pieces = {{"a", -1}}});
  const char* impossible = "'ab' cannot be made of the pieces, and the model has no unk_id";
  CHECK_THROWS_WITH(model.tokenize("ab", tokens), impossible);
  SubwordSampling sampling;
  CHECK_THROWS_WITH(model.tokenize("ab", tokens, &sampling), impossible);
  sampling.unigram_alpha = -1;
  CHECK_THROWS_WITH(model.tokenize("a", tokens, &sampling), "unigram_alpha is -1, not a number from 0 on");
  CHECK(tokens.empty());
}

}  // namespace langzoo::test::unigram_test
