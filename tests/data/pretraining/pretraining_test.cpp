#include "tests/support/test.h"

#include <cmath>
#include <set>

#include "data/pretraining/pretraining.h"
#include "tests/data/pretraining/special_tokenizer.h"

using namespace langzoo;

namespace langzoo::pretraining_test {

using Ids = std::vector<std::int64_t>;

constexpr std::int64_t kFirst = 10;  ///< of the ids of text

/// A corpus in which every token occurs once: the documents' sentences have so many tokens each.
struct Text {
  std::vector<TokenId> ids;
  std::size_t vocab_size;
  std::vector<std::size_t> document_of;  ///< by id - kFirst
  std::vector<std::size_t> sentence_of;

  explicit Text(const std::vector<std::vector<std::size_t>>& documents) {
    std::size_t tokens = 0, sentences = 0;
    for (const auto& document : documents) {
      for (const auto length : document) tokens += length;
    }
    vocab_size = kFirst + tokens;
    const auto end = static_cast<TokenId>(vocab_size);
    TokenId next = kFirst;
    for (std::size_t d = 0; d < documents.size(); ++d) {
      for (const auto length : documents[d]) {
        for (std::size_t i = 0; i < length; ++i) {
          ids.push_back(next++);
          document_of.push_back(d);
          sentence_of.push_back(sentences);
        }
        ids.push_back(end);
        ++sentences;
      }
      ids.push_back(end + 1);
    }
  }
  std::size_t document(std::int64_t id) const { return document_of.at(static_cast<std::size_t>(id - kFirst)); }

  PretrainingDataset dataset(const PretrainingOptions& options, std::uint64_t seed = 1) const {
    return {TokenView(ids, vocab_size + 2), test::SpecialTokenizer(vocab_size), options, seed};
  }
};

/// 40 documents of so many sentences of one token.
Text single_tokens(std::size_t sentences = 50) {
  return Text(std::vector(40, std::vector<std::size_t>(sentences, 1)));
}

struct Halves {
  Ids a, b;
};
/// Checks [CLS] a [SEP] b [SEP] and the types.
Halves halves_of(const PretrainingExample& example) {
  Halves halves;
  const auto& ids = example.ids;
  REQUIRE(ids.front() == 1);
  REQUIRE(ids.back() == 2);
  REQUIRE(example.type_ids.size() == ids.size());
  REQUIRE(example.labels.size() == ids.size());
  const auto sep = static_cast<std::size_t>(std::find(ids.begin(), ids.end(), 2) - ids.begin());
  for (std::size_t i = 0; i < ids.size(); ++i) REQUIRE(example.type_ids[i] == (i > sep ? 1 : 0));
  halves.a.assign(ids.begin() + 1, ids.begin() + static_cast<std::ptrdiff_t>(sep));
  if (sep + 1 < ids.size()) halves.b.assign(ids.begin() + static_cast<std::ptrdiff_t>(sep) + 1, ids.end() - 1);
  return halves;
}

bool consecutive(const Ids& ids) {
  for (std::size_t i = 1; i < ids.size(); ++i) {
    if (ids[i] != ids[i - 1] + 1) return false;
  }
  return true;
}

bool plausible(double count, double n, double p) {
  return std::abs(count - n * p) < 4 * std::sqrt(n * p * (1 - p));
}

TEST_CASE("next sentences: B goes on from A, or is another document's; what is not used begins the next example") {
  const auto text = single_tokens();
  const auto dataset = text.dataset({.sentences = SentenceTask::kNextSentence, .max_length = 15});
  double others = 0, all = 0, short_ones = 0;
  for (std::int64_t epoch = 0; epoch < 8; ++epoch) {
    std::multiset<std::int64_t> used;
    for (std::int64_t n = 0; n < dataset.num_examples(); ++n) {
      const auto example = dataset.unmasked_example(epoch, n);
      const auto [a, b] = halves_of(example);
      REQUIRE(consecutive(a));
      REQUIRE(consecutive(b));
      REQUIRE(a.size() + b.size() <= 12);
      ++all;
      used.insert(a.begin(), a.end());
      if (example.sentence_label == 0) {
        REQUIRE(b.front() == a.back() + 1);
        REQUIRE(text.document(a.front()) == text.document(b.front()));
        used.insert(b.begin(), b.end());
      } else {
        REQUIRE(example.sentence_label == 1);
        REQUIRE(text.document(a.front()) != text.document(b.front()));
        ++others;
      }
      short_ones += a.size() + b.size() < 12;
    }
    if (epoch == 0) {  // all of its cuts
      REQUIRE(used.size() == 2000);
      REQUIRE(std::set<std::int64_t>(used.begin(), used.end()).size() == 2000);
    }
  }
  // More than one half: where a document ends with one sentence there is no next one.
  CHECK(others / all > 0.5);
  CHECK(others / all < 0.62);
  CHECK(short_ones / all > 0.1);  // and at the documents' ends
  CHECK(short_ones / all < 0.4);
}

TEST_CASE("a tenth of the examples have a random length") {
  // One document: nothing else ends an example early.
  const Text text({std::vector<std::size_t>(20000, 1), {1}});
  const auto dataset = text.dataset({.sentences = SentenceTask::kPair, .max_length = 13});
  double all = 0, shorter = 0;
  std::set<std::size_t> lengths;
  for (std::int64_t n = 0; n < dataset.num_examples(); ++n) {
    const auto [a, b] = halves_of(dataset.unmasked_example(0, n));
    ++all;
    shorter += a.size() + b.size() < 10;
    lengths.insert(a.size() + b.size());
  }
  CHECK(plausible(shorter, all, 0.1 * 8 / 9));  // of 2 to 10 the last is no shorter
  CHECK(lengths == std::set<std::size_t>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
}

TEST_CASE("sentence order: neighbours in order or swapped; of a single sentence another document's") {
  const auto text = single_tokens(49);
  const auto dataset = text.dataset({.sentences = SentenceTask::kSentenceOrder, .max_length = 15});
  double swapped = 0, all = 0, single = 0;
  for (std::int64_t epoch = 0; epoch < 4; ++epoch) {
    for (std::int64_t n = 0; n < dataset.num_examples(); ++n) {
      const auto example = dataset.unmasked_example(epoch, n);
      const auto [a, b] = halves_of(example);
      if (text.document(a.front()) != text.document(b.front())) {
        REQUIRE(a.size() == 1);
        REQUIRE(example.sentence_label == 1);
        ++single;
        continue;
      }
      ++all;
      swapped += example.sentence_label == 1;
      REQUIRE((example.sentence_label == 1 ? a.front() == b.back() + 1 : b.front() == a.back() + 1));
    }
  }
  CHECK(plausible(swapped, all, 0.5));
  CHECK(single > 0);
  CHECK(single < all / 4);
}

TEST_CASE("what is too long loses tokens of the longer half at both ends") {
  const Text text(std::vector(30, std::vector<std::size_t>{5, 5, 5, 5, 5, 5}));
  const auto dataset = text.dataset({.sentences = SentenceTask::kPair, .max_length = 16, .short_examples = 0});
  bool front = false, back = false;
  for (std::int64_t n = 0; n < dataset.num_examples(); ++n) {
    const auto [a, b] = halves_of(dataset.unmasked_example(0, n));
    REQUIRE(a.size() + b.size() == 13);  // of 15
    REQUIRE(consecutive(a));
    REQUIRE(consecutive(b));
    front |= (a.front() - kFirst) % 5 != 0;
    back |= (b.back() - kFirst) % 5 != 4;
    REQUIRE(std::max(a.size(), b.size()) < 10);
  }
  CHECK(front);
  CHECK(back);
}

TEST_CASE("packed examples are whole sentences in a row, documents separated") {
  std::vector<std::vector<std::size_t>> documents;
  for (std::size_t d = 0; d < 60; ++d) documents.emplace_back(1 + d % 9, 1 + d % 4);
  const Text text(documents);
  const auto dataset = text.dataset({.sentences = SentenceTask::kPacked, .max_length = 20});
  std::set<std::int64_t> used;
  double length = 0;
  for (std::int64_t n = 0; n < dataset.num_examples(); ++n) {
    const auto example = dataset.unmasked_example(0, n);
    REQUIRE(example.ids.size() <= 20);
    REQUIRE(example.sentence_label == -100);
    REQUIRE(example.ids.front() == 1);
    REQUIRE(example.ids.back() == 2);
    length += static_cast<double>(example.ids.size());
    Ids ids;
    for (std::size_t i = 1; i + 1 < example.ids.size(); ++i) {
      const auto id = example.ids[i];
      REQUIRE(example.type_ids[i] == 0);
      if (id == 2) {
        REQUIRE(text.document(example.ids[i - 1]) + 1 == text.document(example.ids[i + 1]));
        continue;
      }
      if (!ids.empty() && example.ids[i - 1] != 2) REQUIRE(text.document(ids.back()) == text.document(id));
      ids.push_back(id);
      REQUIRE(used.insert(id).second);
    }
    REQUIRE(consecutive(ids));
    const auto begins = [&](std::int64_t id) {
      const auto i = static_cast<std::size_t>(id - kFirst);
      return i == 0 || i == text.sentence_of.size() || text.sentence_of[i] != text.sentence_of[i - 1];
    };
    REQUIRE(begins(ids.front()));
    REQUIRE(begins(ids.back() + 1));
  }
  CHECK(used.size() == text.document_of.size());
  CHECK(length / static_cast<double>(dataset.num_examples()) > 15);
  CHECK(dataset.unmasked_example(0, 0).ids != dataset.unmasked_example(1, 0).ids);
}

TEST_CASE("an example depends on seed, epoch and number alone; masks change with the epoch unless told otherwise") {
  const auto text = single_tokens();
  const PretrainingOptions options{.max_length = 32};
  const auto dataset = text.dataset(options), again = text.dataset(options), other = text.dataset(options, 2);
  const auto here = dataset.example(3, 7);
  dataset.example(0, 1);
  for (const auto* same : {&dataset, &again}) {
    CHECK(same->example(3, 7).ids == here.ids);
    CHECK(same->example(3, 7).labels == here.labels);
  }
  CHECK(other.example(3, 7).ids != here.ids);
  CHECK(dataset.example(4, 7).ids != here.ids);
  CHECK(dataset.example(3, 8).ids != here.ids);

  auto fixed = options;
  fixed.dynamic_examples = false;
  const auto masked_anew = text.dataset(fixed);
  CHECK(masked_anew.unmasked_example(5, 7).ids == masked_anew.unmasked_example(0, 7).ids);
  CHECK(masked_anew.example(5, 7).labels != masked_anew.example(0, 7).labels);
  fixed.dynamic_masking = false;
  const auto as_a_file = text.dataset(fixed);
  CHECK(as_a_file.example(5, 7).ids == as_a_file.example(0, 7).ids);
}

TEST_CASE("the masks of an example are those of its tokens") {
  const auto text = single_tokens();
  const auto dataset = text.dataset({.max_length = 64, .masking = {.most = 5}});
  for (std::int64_t n = 0; n < dataset.num_examples(); ++n) {
    const auto example = dataset.example(2, n), whole = dataset.unmasked_example(2, n);
    std::int64_t count = 0;
    for (std::size_t i = 0; i < whole.ids.size(); ++i) {
      if (example.labels[i] == -100) {
        REQUIRE(example.ids[i] == whole.ids[i]);
        continue;
      }
      ++count;
      REQUIRE(example.labels[i] == whole.ids[i]);
      REQUIRE(whole.ids[i] >= kFirst);
    }
    REQUIRE(count <= 5);
    REQUIRE(count >= 1);
    REQUIRE(example.sentence_label == whole.sentence_label);
  }
}

TEST_CASE("rare tokens of the text are masked more often where that is asked for") {
  // A 100 times, b to y once: ids 10, and 11 to 34.
  std::vector<TokenId> ids;
  for (TokenId i = 0; i < 24; ++i) ids.insert(ids.end(), {10, 10, 10, 10, 11 + i, 40});
  const TokenView tokens(ids, 42);
  double rare = 0, all = 0;
  const PretrainingDataset dataset(tokens, test::SpecialTokenizer(40),
                                   {.sentences = SentenceTask::kPacked, .prefer_rare = 0.7}, 1);
  for (std::int64_t epoch = 0; epoch < 40; ++epoch) {
    const auto example = dataset.example(epoch, 0);
    for (const auto label : example.labels) {
      rare += label > 10;
      all += label >= 0;
    }
  }
  CHECK(rare / all > 0.6);  // instead of a fifth
}

TEST_CASE("batches of examples: padded, resumed exactly, shared out among ranks") {
  const auto text = single_tokens();
  const auto dataset = text.dataset({.max_length = 24});
  const auto batches = pretraining_batches(dataset, 4);
  const auto first = batches->next();
  CHECK(first.ids.size(0) == 4);
  CHECK(first.ids.size(1) == first.lengths.max().item<std::int64_t>());
  for (std::int64_t r = 0; r < 4; ++r) {
    const auto length = first.lengths[r].item<std::int64_t>();
    CHECK(first.ids[r][length - 1].item<std::int64_t>() == 2);
    CHECK(first.ids[r].slice(0, length).eq(0).all().item<bool>());
    CHECK(first.type_ids[r].slice(0, length).eq(0).all().item<bool>());
    CHECK(first.labels[r].slice(0, length).eq(-100).all().item<bool>());
    CHECK(first.sentence_labels[r].item<std::int64_t>() >= 0);
  }
  const auto second = batches->next();
  const auto resumed = pretraining_batches(dataset, 4, 2);
  resumed->seek({0, 1});
  CHECK(resumed->next().ids.equal(second.ids));
  CHECK(pretraining_batches(dataset, 4, 0, {1, 2})->next().labels.equal(second.labels));
}

TEST_CASE("pretraining data that cannot be is refused") {
  const auto text = single_tokens();
  CHECK_THROWS_WITH(text.dataset({.max_length = 4}), "max_length is 4, expected at least 5");
  CHECK_THROWS_WITH(text.dataset({.short_examples = 2}), "short_examples is 2, expected 0 to 1");
  CHECK_THROWS_AS(text.dataset({.prefer_rare = -1}), std::invalid_argument);
  CHECK_THROWS_AS(text.dataset({.masking = {.probability = 2}}), std::invalid_argument);
  CHECK_THROWS_AS(text.dataset({}).example(0, 100000), std::out_of_range);
  CHECK_THROWS_WITH(PretrainingDataset(TokenView(text.ids, text.vocab_size + 2),
                                       test::SpecialTokenizer(text.vocab_size, false), {}, 1),
                    "the tokenizer has no [MASK] token, which pretraining needs: give it one");
  CHECK_THROWS_WITH(PretrainingDataset(TokenView(text.ids, text.vocab_size + 2), test::SpecialTokenizer(50), {}, 1),
                    "sentences of a vocabulary of 2010 for one of 50");
}

}  // namespace langzoo::pretraining_test
