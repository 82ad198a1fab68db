#include "tests/support/plain_test.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <set>

#include "data/files/files.h"
#include "tests/tokenizers/models/frequencies.h"
#include "tokenizers/sentencepiece.h"
#include "tokenizers/sentencepiece_model.h"

namespace langzoo::test::sentencepiece_sampler_test {

namespace {

using Ids = std::vector<TokenId>;
using Piece = SentencePieceModel::Piece;
using Kind = SentencePieceModel::Kind;

std::string bytes_of(const std::string& name) {
  return test::read_file(test::fixture("tokenizers/sentencepiece/" + name + ".model"));
}

std::string field(int number, const std::string& bytes) {
  return static_cast<char>(number << 3 | 2) + (static_cast<char>(bytes.size()) + bytes);
}

/// A small model, written as protobuf does: no normalization, no space in front.
SentencePiece model_of(SentencePieceModel::Algorithm algorithm, const std::vector<Piece>& pieces) {
  std::string model;
  for (const Piece& piece : pieces) {
    std::string score(sizeof piece.score, '\0');
    std::memcpy(score.data(), &piece.score, sizeof piece.score);
    model += field(1, field(1, piece.text) + '\x15' + score + '\x18' + static_cast<char>(piece.kind));
  }
  model += field(2, std::string("\x18") + static_cast<char>(algorithm));
  model += field(3, std::string("\x18\x00\x20\x00", 4));
  return SentencePiece(model);
}

const std::vector<Piece> kUnigram = {
    {"<unk>", 0, Kind::Unknown},   {"a", -1, Kind::Normal},    {"b", -1.5, Kind::Normal},
    {"ab", -2, Kind::Normal},      {"ba", -2.5, Kind::Normal}, {"abb", -3, Kind::Normal},
    {"[s]", 0, Kind::UserDefined}, {"aba", -1, Kind::Unused},  {"bab", 0, Kind::Control}};
const std::vector<Piece> kBpe = {{"<unk>", 0, Kind::Unknown}, {"a", -10, Kind::Normal},     {"b", -11, Kind::Normal},
                                 {"ab", -1, Kind::Normal},    {"ba", -2, Kind::Normal},     {"aba", -3, Kind::Unused},
                                 {"abab", -4, Kind::Normal},  {"[s]", 0, Kind::UserDefined}};

Ids draw(const SentencePiece& tokenizer, std::string_view text, SubwordSampling& sampling) {
  return tokenizer.encode(text, {.sampling = &sampling}).ids;
}

/// Every segmentation of `text` into normal pieces with its weight at `alpha`.
std::map<Ids, double> segmentations(const std::string& text, double alpha) {
  if (text.empty()) return {{{}, 1.0}};
  std::map<Ids, double> all;
  for (std::size_t id = 0; id < kUnigram.size(); ++id) {
    const Piece& piece = kUnigram[id];
    if (piece.kind != Kind::Normal || !text.starts_with(piece.text)) continue;
    for (const auto& [rest, weight] : segmentations(text.substr(piece.text.size()), alpha)) {
      Ids ids = {static_cast<TokenId>(id)};
      ids.insert(ids.end(), rest.begin(), rest.end());
      all[ids] += weight * std::exp(alpha * piece.score);
    }
  }
  return all;
}

const std::vector<std::string> kSampled = {"unigram",        "unigram_bytes", "unigram_spaces", "unigram_across",
                                           "unigram_suffix", "bpe",           "bpe_bytes"};
const std::vector<std::string> kTexts = {"the lamp carries the kettle, again",
                                         "  two  steps\tand \xE3\x80\x80 a ",
                                         "caf\xC3\xA9 e\xCC\x81 \xC2\xBD \xEF\xAC\x81ne <sep>aaaa<sep><sep>",
                                         "\xF0\x9F\x91\x8D\xF0\x9F\x91\x8D qqq \xE6\xB2\xB3\xE6\xB0\xB4 \xEA\xB0\x95",
                                         "<s></s><unk> <0x41>",
                                         " ",
                                         ""};

}  // namespace

TEST_CASE("a unigram model's segmentations have their exact probabilities") {
  const SentencePiece tokenizer = model_of(SentencePieceModel::Algorithm::Unigram, kUnigram);
  for (const double alpha : {0.0, 0.3, 1.0}) {
    auto exact = segmentations("babba", alpha);
    REQUIRE(exact.size() > 5);
    double sum = 0;
    for (const auto& [ids, weight] : exact) sum += weight;
    for (auto& [ids, weight] : exact) weight /= sum;
    SubwordSampling sampling{.unigram_alpha = alpha, .state = 1};
    test::check_frequencies(exact, [&] { return draw(tokenizer, "babba", sampling); });
  }
}

TEST_CASE("a BPE model leaves out merges with their exact probabilities") {
  const SentencePiece tokenizer = model_of(SentencePieceModel::Algorithm::Bpe, kBpe);
  // "abab", the turns being: the first "ab", the second, "ba" (where both were left out), "aba" (where one half of it
  // has come to be, unused: it falls apart as it was made), "abab".
  const double p = 0.3, q = 1 - p;
  const std::map<Ids, double> exact = {
      {{6}, q * q * q + q * p * q * q + p * p * q * q * q},  // of ab ab, aba b, or aba b with ba inside
      {{3, 3}, q * q * p},
      {{3, 1, 2}, q * p * (p + q * p)},
      {{1, 2, 3}, p * q},
      {{1, 4, 2}, p * p * q * (p + q * p)},
      {{1, 2, 1, 2}, p * p * p}};
  SubwordSampling sampling{.bpe_dropout = p, .state = 2};
  test::check_frequencies(exact, [&] { return draw(tokenizer, "abab", sampling); });
}

TEST_CASE("what may not stand for text is not drawn, and user-defined symbols stay whole") {
  for (const auto& tokenizer : {model_of(SentencePieceModel::Algorithm::Unigram, kUnigram).model(),
                                model_of(SentencePieceModel::Algorithm::Bpe, kBpe).model()}) {
    const SentencePiece sampled(tokenizer);
    const TokenId symbol = *sampled.token_to_id("[s]");
    SubwordSampling sampling{.bpe_dropout = 0.5, .unigram_alpha = 0.1};
    for (int i = 0; i < 200; ++i) {
      const Encoding encoding = sampled.encode("abab[s]bab<unk>", {.tokens = true, .sampling = &sampling});
      CHECK(std::count(encoding.ids.begin(), encoding.ids.end(), symbol) == 1);
      CHECK(encoding.tokens.back() == "<unk>");
      CHECK(encoding.ids.back() == *sampled.special_tokens().unk);
      for (const std::string& token : encoding.tokens) {
        CHECK(token != "aba");
        CHECK(token != "bab");
      }
    }
  }
}

TEST_CASE("without randomness sampling is normal encoding: ids, pieces and offsets") {
  for (const std::string& name : kSampled) {
    const SentencePiece tokenizer(bytes_of(name));
    CAPTURE(name);
    for (const std::string& text : kTexts) {
      CAPTURE(text);
      SubwordSampling sampling{.bpe_dropout = 0, .unigram_alpha = 1e4};
      const Encoding expected = tokenizer.encode(text, {.tokens = true});
      const Encoding encoding = tokenizer.encode(text, {.tokens = true, .sampling = &sampling});
      CHECK(encoding.ids == expected.ids);
      CHECK(encoding.tokens == expected.tokens);
      CHECK((encoding.offsets == expected.offsets));
      CHECK(encoding.word_ids == expected.word_ids);
    }
  }
}

TEST_CASE("every sampled segmentation decodes to the same text, and sampling goes on from a saved state") {
  for (const std::string& name : kSampled) {
    const SentencePiece tokenizer(bytes_of(name));
    CAPTURE(name);
    for (const double amount : {0.1, 0.5, 1.0}) {
      SubwordSampling sampling{.bpe_dropout = amount, .unigram_alpha = (1 - amount) / 4, .state = 7};
      std::set<Ids> different;
      for (int i = 0; i < 30; ++i) {
        const SubwordSampling saved = sampling;
        std::vector<Ids> drawn;
        for (const std::string& text : kTexts) {
          drawn.push_back(draw(tokenizer, text, sampling));
          CHECK(tokenizer.decode(drawn.back()) == tokenizer.decode(tokenizer.encode(text).ids));
        }
        SubwordSampling restored = saved;
        for (std::size_t t = 0; t < kTexts.size(); ++t) CHECK(draw(tokenizer, kTexts[t], restored) == drawn[t]);
        different.insert(drawn[0]);
      }
      const bool characters_only = amount == 1 && name.starts_with("bpe");
      CHECK((different.size() == 1) == characters_only);
    }
  }
}

TEST_CASE("a BPE model that leaves out every merge gives characters") {
  const SentencePiece tokenizer(bytes_of("bpe"));
  SubwordSampling sampling{.bpe_dropout = 1};
  for (const std::string& token : tokenizer.encode("the lamp", {.tokens = true, .sampling = &sampling}).tokens) {
    CHECK((token.size() == 1 || token == kSpaceSymbol));
  }
}

TEST_CASE("word and char models have one segmentation; a wrong probability is an error") {
  SubwordSampling sampling{.bpe_dropout = 0.5};
  for (const std::string name : {"word", "char"}) {
    const SentencePiece tokenizer(bytes_of(name));
    CHECK(draw(tokenizer, kTexts[0], sampling) == tokenizer.encode(kTexts[0]).ids);
  }
  CHECK(sampling.state == 0);
  SubwordSampling wrong{.bpe_dropout = 1.5, .unigram_alpha = -1};
  CHECK_THROWS_WITH(draw(SentencePiece(bytes_of("bpe")), "a", wrong), "bpe_dropout is 1.5, not a probability");
  CHECK_THROWS_WITH(draw(SentencePiece(bytes_of("unigram")), "a", wrong),
                    "unigram_alpha is -1, not a number from 0 on");
}

}  // namespace langzoo::test::sentencepiece_sampler_test
