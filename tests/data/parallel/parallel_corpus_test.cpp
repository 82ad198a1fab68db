#include "data/parallel/parallel_corpus.h"

#include <numeric>

#include "data/text/causal_lm.h"
#include "tests/data/byte_tokenizer.h"
#include "tests/support/test.h"
#include "tokenizers/char_level.h"

using namespace langzoo;

namespace {

/// Pairs from a list.
class ListedPairs : public SentencePairs {
 public:
  explicit ListedPairs(std::vector<std::pair<std::string, std::string>> pairs) : pairs_(std::move(pairs)) {}
  bool next(SentencePair& pair) override {
    if (at_ == pairs_.size()) return false;
    pair = {pairs_[at_].first, pairs_[at_].second, static_cast<std::int64_t>(at_ + 1)};
    ++at_;
    return true;
  }
  std::string name() const override { return "list"; }

 private:
  std::vector<std::pair<std::string, std::string>> pairs_;
  std::size_t at_ = 0;
};

ParallelCorpus corpus_of(std::vector<std::pair<std::string, std::string>> pairs,
                         const ParallelCorpusOptions& options = {}) {
  ListedPairs list(std::move(pairs));
  return ParallelCorpus::read(list, test::ByteTokenizer(), test::ByteTokenizer(), options);
}

std::string text_of(std::span<const TokenId> ids) {
  std::string text;
  for (const TokenId id : ids) text += static_cast<char>(id);
  return text;
}

torch::Tensor matrix(std::vector<std::vector<std::int64_t>> rows) {
  std::vector<torch::Tensor> tensors;
  for (const auto& row : rows) tensors.push_back(torch::tensor(row, torch::kInt64));
  return torch::stack(tensors);
}

/// Many pairs of many lengths: "aaa" -> "bbbb", the first characters telling which.
std::vector<std::pair<std::string, std::string>> many(int n) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (int i = 0; i < n; ++i) {
    const auto name = std::to_string(i);
    pairs.emplace_back(name + std::string(static_cast<std::size_t>(i * i % 23), 'a'),
                       name + std::string(static_cast<std::size_t>(i * i % 23 + i % 3), 'b'));
  }
  return pairs;
}

bool equal(const ParallelBatch& a, const ParallelBatch& b) {
  return torch::equal(a.source, b.source) && torch::equal(a.source_lengths, b.source_lengths) &&
         torch::equal(a.decoder_input, b.decoder_input) && torch::equal(a.labels, b.labels) && a.pairs == b.pairs;
}

const ParallelSpecialTokens kMarks{.start = 2, .source_end = 3, .target_end = 4, .pad = 1};

}  // namespace

TEST_CASE("a corpus keeps what has words and is not too long, and counts the rest") {
  const auto corpus = corpus_of({{"ab", "xyz"}, {"", "x"}, {"a", " \t"}, {"abcd", "x"}, {"a", "wxyz"}, {"abc", "z"}},
                                {.max_source = 3, .max_target = 3});
  REQUIRE(corpus.size() == 2);
  CHECK(text_of(corpus.source(0)) == "ab");
  CHECK(text_of(corpus.target(0)) == "xyz");
  CHECK(text_of(corpus.source(1)) == "abc");
  CHECK(text_of(corpus.target(1)) == "z");
  CHECK(corpus.source_tokens() == 5);
  CHECK(corpus.target_tokens() == 4);
  CHECK(corpus.empty() == 2);
  CHECK(corpus.too_long() == 2);
  CHECK_THROWS_WITH(corpus_of({{"a", ""}, {"", ""}}), "list: no sentence pair is left of 2 empty and 0 over-long ones");
  CHECK_THROWS_AS(corpus_of({{"a", "b"}}, {.max_source = -1}), std::invalid_argument);
}

TEST_CASE("a corpus is the same from any number of threads, and each side has its tokenizer") {
  const auto one = corpus_of(many(20'000), {.threads = 1}), three = corpus_of(many(20'000), {.threads = 3});
  CHECK(one.size() == 20'000);
  CHECK(one.fingerprint() == three.fingerprint());
  CHECK(text_of(three.source(12'345)) == many(12'346).back().first);
  CHECK(one.fingerprint() != corpus_of(many(19'999)).fingerprint());
  auto changed = many(20'000);
  std::swap(changed[100].first, changed[100].second);
  CHECK(one.fingerprint() != corpus_of(changed).fingerprint());

  const auto letters = CharLevel::from_text("ab"), digits = CharLevel::from_text("0123456789");
  ListedPairs list({{"ba", "907"}});
  const auto both = ParallelCorpus::read(list, *letters, *digits);
  CHECK(std::vector(both.source(0).begin(), both.source(0).end()) == std::vector<TokenId>{1, 0});
  CHECK(std::vector(both.target(0).begin(), both.target(0).end()) == std::vector<TokenId>{9, 0, 7});
}

TEST_CASE("what a tokenizer cannot encode is told with its line, the first of many") {
  const auto letters = CharLevel::from_text("ab");
  std::vector<std::pair<std::string, std::string>> pairs(5000, {"ab", "ba"});
  pairs[1234].second = "b!a";
  for (std::size_t i = 1300; i < 5000; ++i) pairs[i].first = "?";
  ListedPairs list(pairs);
  CHECK_THROWS_WITH(ParallelCorpus::read(list, *letters, *letters, {.threads = 4}),
                    Catch::Matchers::StartsWith("list: line 1235: "));
}

TEST_CASE("a batch: sources, inputs and labels, padded on the right") {
  const auto corpus = corpus_of({{"ab", "xyz"}, {"abc", "z"}, {"a", "xy"}});
  const auto batch = parallel_batch(corpus, {1, 0}, kMarks);
  CHECK(torch::equal(batch.source, matrix({{'a', 'b', 'c', 3}, {'a', 'b', 3, 1}})));
  CHECK(torch::equal(batch.source_lengths, torch::tensor({4, 3}, torch::kInt64)));
  CHECK(torch::equal(batch.decoder_input, matrix({{2, 'z', 1, 1}, {2, 'x', 'y', 'z'}})));
  CHECK(torch::equal(batch.labels, matrix({{'z', 4, -100, -100}, {'x', 'y', 'z', 4}})));
  CHECK(batch.pairs == std::vector<std::int64_t>{1, 0});

  // Without end tokens: a target of one length, as in the book.
  const auto plain = parallel_batch(corpus, {2, 0}, {.start = 2, .pad = 1});
  CHECK(torch::equal(plain.source, matrix({{'a', 1}, {'a', 'b'}})));
  CHECK(torch::equal(plain.source_lengths, torch::tensor({1, 2}, torch::kInt64)));
  CHECK(torch::equal(plain.decoder_input, matrix({{2, 'x', 1}, {2, 'x', 'y'}})));
  CHECK(torch::equal(plain.labels, matrix({{'x', 'y', -100}, {'x', 'y', 'z'}})));

  const auto source = source_batch(std::vector{corpus.source(2), corpus.source(1)}, kMarks);
  CHECK(torch::equal(source.source, matrix({{'a', 3, 1, 1}, {'a', 'b', 'c', 3}})));
  CHECK(torch::equal(source.source_lengths, torch::tensor({2, 4}, torch::kInt64)));
  CHECK_THROWS_AS(parallel_batch(corpus, {3}, kMarks), std::out_of_range);
  CHECK_THROWS_AS(parallel_batch(corpus, {-1}, kMarks), std::out_of_range);
}

TEST_CASE("a pair without tokens and a batch without pairs are tensors without columns or rows") {
  ParallelCorpus corpus;
  corpus.add({}, {});
  const auto batch = parallel_batch(corpus, {0}, {.start = 2});
  CHECK(batch.source.sizes() == torch::IntArrayRef{1, 0});
  CHECK(batch.labels.sizes() == torch::IntArrayRef{1, 0});
  CHECK(parallel_batch(corpus, {}, kMarks).source.sizes() == torch::IntArrayRef{0, 0});
}

TEST_CASE("training batches: all tokens of the corpus once an epoch, within the budget, ends and starts included") {
  const auto corpus = corpus_of(many(700));
  const auto batches = parallel_batches(corpus, kMarks, {.tokens = 200}, 9);
  for (int epoch = 0; epoch < 2; ++epoch) {
    std::int64_t sources = 0, targets = 0;
    for (std::int64_t i = 0; i < batches->batches_per_epoch(); ++i) {
      const auto batch = batches->next();
      REQUIRE((batch.source.numel() + batch.labels.numel() <= 200 || batch.source.size(0) == 1));
      REQUIRE(batch.decoder_input.sizes() == batch.labels.sizes());
      REQUIRE(batch.decoder_input.select(1, 0).eq(2).all().item<bool>());
      sources += batch.source_lengths.sum().item<std::int64_t>() - batch.source.size(0);
      targets += batch.labels.ne(kIgnoredTarget).sum().item<std::int64_t>() - batch.labels.size(0);
      // A label is the next input, until the padding.
      const auto next = batch.decoder_input.slice(1, 1), label = batch.labels.slice(1, 0, -1);
      REQUIRE((next.eq(label) | next.eq(1)).all().item<bool>());
    }
    CHECK(sources == corpus.source_tokens());
    CHECK(targets == corpus.target_tokens());
  }
  CHECK(batches->position() == DataPosition{2, 0});
}

TEST_CASE("training batches resumed anywhere go on as if never interrupted, with and without a thread") {
  const auto corpus = corpus_of(many(120));
  const auto plain = parallel_batches(corpus, kMarks, {.tokens = 150}, 4);
  std::vector<ParallelBatch> uninterrupted;
  std::vector<DataPosition> positions;
  const auto total = 2 * plain->batches_per_epoch() + 3;
  for (std::int64_t i = 0; i < total; ++i) {
    positions.push_back(plain->position());
    uninterrupted.push_back(plain->next());
  }
  for (const std::size_t ahead : {0, 3}) {
    const auto resumed = parallel_batches(corpus, kMarks, {.tokens = 150}, 4, ahead);
    for (std::size_t start = 0; start < uninterrupted.size(); start += 5) {
      resumed->seek(positions[start]);
      for (std::size_t i = start; i < std::min(start + 8, uninterrupted.size()); ++i) {
        REQUIRE(equal(resumed->next(), uninterrupted[i]));
      }
    }
  }
}

TEST_CASE("evaluation batches: the longest first, every pair once, within the limits") {
  const auto corpus = corpus_of(many(300));
  const auto lengths = pair_lengths(corpus, kMarks);
  CHECK(lengths[0] == PairLength{2, 2});  // "0" and its end
  for (const BatchLimits limits : {BatchLimits{.tokens = 250}, BatchLimits{.sentences = 16},
                                   BatchLimits{.source_tokens = 150, .target_tokens = 100}, BatchLimits{}}) {
    const auto batches = batches_by_length(lengths, limits);
    std::vector<int> seen(300);
    std::int64_t before = 1 << 20;
    for (const auto& pairs : batches) {
      const auto batch = parallel_batch(corpus, pairs, kMarks);
      if (limits.tokens > 0) REQUIRE((batch.source.numel() + batch.labels.numel() <= 250 || pairs.size() == 1));
      if (limits.sentences > 0) REQUIRE(pairs.size() <= 16);
      if (limits.source_tokens > 0) REQUIRE((batch.source.numel() <= 150 || pairs.size() == 1));
      if (limits.target_tokens > 0)
        REQUIRE((batch.labels.ge(0).sum().item<std::int64_t>() <= 100 || pairs.size() == 1));
      REQUIRE(batch.source.size(1) <= before);
      before = batch.source_lengths.min().item<std::int64_t>();
      for (const auto pair : batch.pairs) ++seen.at(static_cast<std::size_t>(pair));
    }
    CHECK(std::all_of(seen.begin(), seen.end(), [](int times) { return times == 1; }));
    CHECK((limits.tokens + limits.sentences + limits.target_tokens > 0 || batches.size() == 1));
  }
  CHECK(batches_by_length({}, {.tokens = 5}).empty());
}
