#include "models/noisy_channel/noisy_channel.h"

#include <cmath>

#include "data/random/random.h"
#include "models/ngram/ngram_estimator.h"
#include "tests/support/test.h"

namespace langzoo::test::noisy_channel_test {

namespace {

using Words = std::vector<std::int32_t>;

struct Bitext {
  std::vector<Words> e, f;

  IbmModel channel(int iterations) const {
    std::vector<TranslatedSentence> sentences;
    for (std::size_t i = 0; i < e.size(); ++i) sentences.push_back({e[i], f[i]});
    return train_ibm_model(sentences, {.model1_iterations = iterations}).model;
  }
  NGramModel language(std::int32_t vocabulary, int order) const {
    const std::vector<std::span<const std::int32_t>> sentences(e.begin(), e.end());
    return estimate_ngrams(sentences, vocabulary + 1, vocabulary, {.order = order, .discount_fallback = true});
  }
};

/// e: subject verb object; f: subject object verb, by other ids, and a particle (0) behind the subject.
Bitext verb_last(std::uint64_t seed, int n) {
  Random random(seed);
  Bitext bitext;
  for (int i = 0; i < n; ++i) {
    const auto subject = static_cast<std::int32_t>(random.below(5)),
               verb = static_cast<std::int32_t>(5 + random.below(5)),
               object = static_cast<std::int32_t>(10 + random.below(5));
    bitext.e.push_back({subject, verb, object});
    bitext.f.push_back({subject + 1, 0, object + 1, verb + 1});
  }
  return bitext;
}

/// All ways of explaining f, one after another: the best score, and its e.
void search_all(const IbmModel& channel, const NGramModel& language, const NoisyChannelOptions& options, const Words& f,
                std::vector<bool>& explained, int last, const Words& e, double score, double& best, Words& best_e) {
  const auto first = std::find(explained.begin(), explained.end(), false) - explained.begin();
  const auto log_p = [&](std::int32_t word) {
    return options.language_weight * std::log(language.probability(language.start(), e, word));
  };
  if (first == static_cast<std::ptrdiff_t>(f.size())) {
    score += log_p(language.sentence_end());
    if (score > best) {
      best = score;
      best_e = e;
    }
    return;
  }
  for (auto j = first; j <= std::min<std::ptrdiff_t>(first + options.window, static_cast<std::ptrdiff_t>(f.size()) - 1);
       ++j) {
    const auto at = static_cast<std::size_t>(j);
    if (explained[at]) continue;
    explained[at] = true;
    const double moved = score - options.jump_penalty * std::abs(static_cast<int>(j) - last - 1);
    const auto go_on = [&](const Words& longer, double gain) {
      search_all(channel, language, options, f, explained, static_cast<int>(j), longer, moved + gain, best, best_e);
    };
    const auto log_t = [&](std::int32_t by) { return std::log(static_cast<double>(channel.t(f[at], by))); };
    if (channel.t(f[at], kUnaligned) > 0) go_on(e, log_t(kUnaligned));
    if (!e.empty() && channel.t(f[at], e.back()) > 0) go_on(e, log_t(e.back()));
    for (std::int32_t word = 0; word < language.sentence_end(); ++word) {
      if (!(channel.t(f[at], word) > 0)) continue;
      Words longer = e;
      longer.push_back(word);
      go_on(longer, log_t(word) + options.word_bonus + log_p(word));
    }
    explained[at] = false;
  }
}

}  // namespace

TEST_CASE("a wide beam finds the best of all translations") {
  Random random(6);
  Bitext bitext;
  for (int i = 0; i < 30; ++i) {
    Words e(1 + random.below(3)), f(1 + random.below(3));
    for (auto& word : e) word = static_cast<std::int32_t>(random.below(4));
    for (auto& word : f) word = static_cast<std::int32_t>(random.below(4));
    bitext.e.push_back(e);
    bitext.f.push_back(f);
  }
  const IbmModel channel = bitext.channel(3);
  for (const int order : {1, 2, 3}) {
    const NGramModel language = bitext.language(4, order);
    for (const int window : {0, 1, 4}) {
      const NoisyChannelOptions options{
          .beam = 100'000, .candidates = 4, .window = window, .word_bonus = 2.5, .jump_penalty = 0.3};
      const NoisyChannel decoder(channel, language, options);
      for (const Words& f : {Words{2}, Words{0, 3}, Words{1, 2, 3}, Words{3, 3, 0, 1}}) {
        std::vector<bool> explained(f.size());
        double best = -1e30;
        Words expected;
        search_all(channel, language, options, f, explained, -1, {}, 0, best, expected);
        const auto found = decoder.translate(f, 5);
        CHECK(found.front().words == expected);
        CHECK(found.front().score == Approx(best));
        for (std::size_t i = 1; i < found.size(); ++i) {
          CHECK(found[i].score <= found[i - 1].score);
          CHECK(found[i].words != found[i - 1].words);
        }
      }
    }
  }
}

TEST_CASE("words and their order are learnt: verbs go to the middle, particles vanish") {
  const Bitext bitext = verb_last(1, 400), test = verb_last(2, 50);
  const IbmModel channel = bitext.channel(15);
  const NGramModel language = bitext.language(15, 3);
  const NoisyChannel decoder(channel, language, {.beam = 20, .word_bonus = 2});
  int right = 0;
  for (std::size_t i = 0; i < test.f.size(); ++i) right += decoder.translate(test.f[i]).front().words == test.e[i];
  CHECK(right == 50);
}

TEST_CASE("nothing to translate, unknown words, and long sentences") {
  const Bitext bitext = verb_last(1, 100);
  const IbmModel channel = bitext.channel(5);
  const NGramModel language = bitext.language(15, 3);
  const NoisyChannel decoder(channel, language, {.beam = 3, .candidates = 2, .window = 31, .word_bonus = 4});
  CHECK(decoder.translate({}).front().words.empty());
  CHECK(decoder.translate(Words{999, -1, 1'000'000}).front().words.empty());
  Words f = bitext.f[0], with_unknown = f;
  with_unknown.insert(with_unknown.begin() + 1, 999);
  CHECK(decoder.translate(f).front().words == decoder.translate(with_unknown).front().words);
  Words many;
  for (int i = 0; i < 100; ++i) many.insert(many.end(), f.begin(), f.end());
  CHECK(decoder.translate(many).front().words.size() >= 100);
  CHECK_THROWS_AS(NoisyChannel(channel, language, {.beam = 0}), std::invalid_argument);
  CHECK_THROWS_AS(NoisyChannel(channel, language, {.window = 32}), std::invalid_argument);
  CHECK_THROWS_AS(NoisyChannel(channel, language, {.candidates = 0}), std::invalid_argument);
}

TEST_CASE("a word of f that the channel does not know becomes its copy, or is left out") {
  const auto bitext = verb_last(3, 200);
  const auto channel = bitext.channel(10);
  const auto language = bitext.language(20, 3);
  const Words known = {1, 0, 11, 6}, unknown = {1, 0, 11, 6, 40};
  const NoisyChannel without(channel, language);
  CHECK(without.knows(11));
  CHECK_FALSE(without.knows(40));
  CHECK_FALSE(without.knows(-1));
  CHECK(without.translate(unknown)[0].words == without.translate(known)[0].words);
  const NoisyChannel copying(channel, language, {}, [](std::int32_t f) { return f == 40 ? Words{18, 19} : Words{}; });
  auto expected = without.translate(known)[0].words;
  CHECK(copying.translate(known)[0].words == expected);
  CHECK(copying.translate(Words{1, 41})[0].words == without.translate(Words{1})[0].words);
  const auto found = copying.translate(unknown)[0].words;
  CHECK(found.size() == expected.size() + 2);
  const auto copy = std::find(found.begin(), found.end(), 18);
  REQUIRE(found.end() - copy >= 2);
  CHECK(copy[1] == 19);
}

}  // namespace langzoo::test::noisy_channel_test
