#include "tests/support/test.h"

#include <cmath>
#include <map>

#include "data/parallel/subword_sampler.h"
#include "tokenizers/char_level.h"

namespace langzoo::test::subword_sampler_test {

namespace {

const std::vector<std::string> kTexts = {"the old river", "children and kettles", "two steps, and the door",
                                         "she turned to the river", "a stone"};

std::vector<TokenId> ids_of(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<TokenId> ids;
  tokenizer.encode(text, ids);
  return ids;
}

/// Each text with itself, backwards in the list.
ParallelCorpus corpus_of(const Tokenizer& source, const Tokenizer& target) {
  ParallelCorpus corpus;
  for (std::size_t i = 0; i < kTexts.size(); ++i) {
    const auto &from = kTexts[i], &to = kTexts[kTexts.size() - 1 - i];
    corpus.add(ids_of(source, from), ids_of(target, to), from, to);
  }
  return corpus;
}

std::vector<TokenId> source_of(const ParallelCorpus& corpus, std::int64_t pair) {
  return {corpus.source(pair).begin(), corpus.source(pair).end()};
}
std::vector<TokenId> target_of(const ParallelCorpus& corpus, std::int64_t pair) {
  return {corpus.target(pair).begin(), corpus.target(pair).end()};
}

const std::vector<std::int64_t> kAll = {0, 1, 2, 3, 4};

std::unique_ptr<Tokenizer> bpe() {
  return load_tokenizer(fixture("tokenizers/byte_level.json"));
}
std::unique_ptr<Tokenizer> unigram() {
  return load_tokenizer(fixture("tokenizers/sentencepiece/unigram.model"));
}

}  // namespace

TEST_CASE("what is drawn depends on seed, epoch and pair, and on nothing else") {
  const auto source = bpe(), target = unigram();
  const auto corpus = corpus_of(*source, *target);
  const SubwordSamplerOptions options{.bpe_dropout = 0.3, .unigram_alpha = 0.3, .seed = 5};
  const SubwordSampler sampler(corpus, *source, *target, options);
  const auto whole = sampler.draw(kAll, 2);
  REQUIRE(whole.size() == 5);
  // In another order, one by one, and after other draws.
  sampler.draw(kAll, 9);
  for (const std::int64_t pair : {4, 0, 2, 1, 3}) {
    const auto alone = sampler.draw(std::vector{pair}, 2);
    CHECK(source_of(alone, 0) == source_of(whole, pair));
    CHECK(target_of(alone, 0) == target_of(whole, pair));
  }
  const SubwordSampler again(corpus, *source, *target, options);
  CHECK(again.draw(kAll, 2).fingerprint() == whole.fingerprint());
  CHECK(again.draw(kAll, 3).fingerprint() != whole.fingerprint());
  auto other = options;
  other.seed = 6;
  CHECK(SubwordSampler(corpus, *source, *target, other).draw(kAll, 2).fingerprint() != whole.fingerprint());
  // However it is cut, it is the text.
  for (const auto pair : kAll) {
    const auto n = static_cast<std::size_t>(pair);
    CHECK(source->decode(source_of(whole, pair)) == kTexts[n]);
    CHECK(target->decode(target_of(whole, pair)) == kTexts[kTexts.size() - 1 - n]);
  }
}

TEST_CASE("a probability of nothing changes nothing; one of everything leaves characters") {
  const auto source = bpe();
  const auto corpus = corpus_of(*source, *source);
  const SubwordSampler least(corpus, *source, *source, {.bpe_dropout = 1e-300});
  for (const auto pair : kAll) {
    CHECK(source_of(least.draw(kAll, 0), pair) == source_of(corpus, pair));
    CHECK(target_of(least.draw(kAll, 0), pair) == target_of(corpus, pair));
  }
  const SubwordSampler most(corpus, *source, *source, {.bpe_dropout = 1});
  const auto bytes = most.draw(kAll, 0);
  for (const auto pair : kAll) CHECK(bytes.source(pair).size() == kTexts[static_cast<std::size_t>(pair)].size());
}

TEST_CASE("over the epochs segmentations come as often as their probabilities say") {
  const auto source = unigram();
  ParallelCorpus corpus;
  const std::string text = "children and kettles";
  corpus.add(ids_of(*source, text), ids_of(*source, text), text, text);
  constexpr int kEpochs = 3000;
  constexpr double kAlpha = 0.1;
  const SubwordSampler sampler(corpus, *source, *source, {.unigram_alpha = kAlpha, .seed = 1});
  std::map<std::vector<TokenId>, int> drawn, otherwise;
  SubwordSampling one_after_another{.unigram_alpha = kAlpha, .state = 77};
  EncodeOptions options;
  options.sampling = &one_after_another;
  for (int epoch = 0; epoch < kEpochs; ++epoch) {
    const auto pair = sampler.draw(std::vector<std::int64_t>{0}, epoch);
    ++drawn[source_of(pair, 0)];
    ++otherwise[source->encode(text, options).ids];
  }
  CHECK(drawn.size() > 3);
  // Against the stream of one generator, whose probabilities the model's own tests hold to the exact ones.
  for (const auto& [ids, count] : otherwise) {
    if (count < 50) continue;
    const double p = static_cast<double>(count) / kEpochs, deviation = std::sqrt(2 * p * (1 - p) / kEpochs);
    CHECK(static_cast<double>(drawn[ids]) / kEpochs == Approx(p).margin(5 * deviation));
  }
}

TEST_CASE("a sentence that would be too long stays as it is") {
  const auto source = bpe();
  const auto corpus = corpus_of(*source, *source);
  const auto most = static_cast<std::int64_t>(corpus.source(0).size());
  const SubwordSampler sampler(corpus, *source, *source, {.bpe_dropout = 1, .max_source = most, .max_target = 1});
  const auto drawn = sampler.draw(kAll, 0);
  for (const auto pair : kAll) {
    CHECK(source_of(drawn, pair) == source_of(corpus, pair));
    CHECK(target_of(drawn, pair) == target_of(corpus, pair));
  }
}

TEST_CASE("a setting is for the kind of tokenizer it names, and touches no other") {
  const auto pieces = bpe(), likely = unigram();
  const auto letters = CharLevel::from_text("abcdefghijklmnopqrstuvwxyz ,");
  const auto refused = [](const Tokenizer& source, const Tokenizer& target, const SubwordSamplerOptions& options,
                          const std::string& names) {
    CHECK_THROWS_WITH(SubwordSampler(corpus_of(source, target), source, target, options), Catch::Contains(names));
  };
  refused(*likely, *letters, {.bpe_dropout = 0.1}, "bpe_dropout: neither side's tokenizer is a BPE");
  refused(*pieces, *letters, {.unigram_alpha = 0.1}, "unigram_alpha: neither side's tokenizer is a Unigram");
  refused(*letters, *letters, {.bpe_dropout = 0.1}, "bpe_dropout");
  refused(*pieces, *pieces, {.bpe_dropout = 1.1}, "bpe_dropout is 1.1");
  refused(*likely, *likely, {.unigram_alpha = -1}, "unigram_alpha is -1");
  const auto corpus = corpus_of(*pieces, *likely);
  const auto drawn = SubwordSampler(corpus, *pieces, *likely, {.bpe_dropout = 0.5}).draw(kAll, 1);
  bool changed = false;
  for (const auto pair : kAll) {
    changed = changed || source_of(drawn, pair) != source_of(corpus, pair);
    CHECK(target_of(drawn, pair) == target_of(corpus, pair));
  }
  CHECK(changed);
  ParallelCorpus without;
  without.add(ids_of(*pieces, "a"), ids_of(*pieces, "b"));
  CHECK_THROWS_WITH(SubwordSampler(without, *pieces, *pieces, {.bpe_dropout = 0.1}), Catch::Contains("its texts"));
}

TEST_CASE("every kind of tokenizer that draws is known by what it does") {
  const auto name = GENERATE(as<std::string>(), "tokenizers/sentencepiece/bpe.model", "tokenizers/byte_level.json");
  CAPTURE(name);
  const auto tokenizer = load_tokenizer(fixture(name));
  const auto corpus = corpus_of(*tokenizer, *tokenizer);
  CHECK_NOTHROW(SubwordSampler(corpus, *tokenizer, *tokenizer, {.bpe_dropout = 0.1}));
  CHECK_THROWS(SubwordSampler(corpus, *tokenizer, *tokenizer, {.unigram_alpha = 0.1}));
}

TEST_CASE("batches are those of the plain corpus, with segmentations of their epoch") {
  const auto source = bpe();
  const auto corpus = corpus_of(*source, *source);
  const SubwordSampler sampler(corpus, *source, *source, {.bpe_dropout = 0.5, .seed = 3});
  const ParallelSpecialTokens marks{.start = 2, .source_end = 3, .target_end = 4, .pad = 1};
  const auto plain = parallel_batches(corpus, marks, {.sentences = 2}, 8),
             drawn = parallel_batches(corpus, marks, {.sentences = 2}, 8, 2, {}, &sampler);
  CHECK(drawn->batches_per_epoch() == plain->batches_per_epoch());
  bool changed = false;
  for (std::int64_t i = 0; i < 3 * plain->batches_per_epoch(); ++i) {
    const auto epoch = i / plain->batches_per_epoch();
    const auto expected = plain->next(), batch = drawn->next();
    REQUIRE(batch.pairs == expected.pairs);
    const auto texts = sampler.draw(batch.pairs, epoch);
    for (std::size_t row = 0; row < batch.pairs.size(); ++row) {
      const auto n = static_cast<std::int64_t>(row);
      const auto length = batch.source_lengths[n].item<std::int64_t>();
      REQUIRE(length == std::ssize(texts.source(n)) + 1);
      for (std::int64_t k = 0; k + 1 < length; ++k)
        CHECK(batch.source[n][k].item<std::int64_t>() == texts.source(n)[k]);
    }
    changed = changed || !torch::equal(batch.source_lengths, expected.source_lengths);
  }
  CHECK(changed);
}

TEST_CASE("a corpus that keeps its texts has another fingerprint where only they differ") {
  const auto letters = CharLevel::from_text("ab");
  ParallelCorpus a, b;
  a.add(ids_of(*letters, "ab"), ids_of(*letters, "b"), "ab", "b");
  b.add(ids_of(*letters, "ab"), ids_of(*letters, "b"), "aB", "b");
  CHECK(a.fingerprint() != b.fingerprint());
  ParallelCorpus copy;
  copy.add_pair_of(a, 0);
  CHECK(copy.fingerprint() == a.fingerprint());
  CHECK(copy.source_text(0) == "ab");
}

}  // namespace langzoo::test::subword_sampler_test
