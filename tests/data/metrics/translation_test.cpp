#include "tests/support/plain_test.h"

#include <cmath>
#include <map>

#include "data/metrics/bleu.h"
#include "data/metrics/chrf.h"
#include "data/metrics/python_text.h"
#include "data/metrics/ter.h"
#include "tests/data/metrics/metric_texts.h"

using namespace langzoo;
using namespace langzoo::test;
using nlohmann::json;

namespace {

BleuOptions bleu_options(const json& setting) {
  BleuOptions options;
  options.tokenizer = bleu_tokenizer(setting["tokenize"].get<std::string>());
  const std::map<std::string, BleuSmoothing> methods = {{"exp", BleuSmoothing::kExp},
                                                        {"floor", BleuSmoothing::kFloor},
                                                        {"add-k", BleuSmoothing::kAddK},
                                                        {"none", BleuSmoothing::kNone}};
  options.smoothing = methods.at(setting["smooth_method"]);
  if (!setting["smooth_value"].is_null()) options.smooth_value = setting["smooth_value"].get<double>();
  options.lowercase = setting["lowercase"];
  return options;
}

Chrf chrf_of(const json& s) {
  return Chrf({s["char_order"], s["word_order"], s["beta"], s["lowercase"], s["whitespace"], s["eps_smoothing"]});
}

Ter ter_of(const json& s) {
  return Ter({s["normalized"], s["no_punct"], s["asian_support"], s["case_sensitive"]});
}

/// sacreBLEU's signature without its version.
std::string signature(const SegmentMetric& metric, const json& setting) {
  return fmt::format("nrefs:{}|{}|version:2.6.0", setting["references"].get<int>(), metric.settings());
}

/// The scores of all cases under the settings, which take turns, are exactly sacreBLEU's.
template <class Make>
void check_sentences(const json& golden, const Make& make) {
  const auto& settings = golden["settings"];
  for (std::size_t i = 0; i < MetricTexts::kCases; ++i) {
    const auto& setting = settings[i % settings.size()];
    const auto& texts = MetricTexts::cases()[i];
    INFO("case " << i << ", " << setting.dump());
    CHECK(segment_scores(make(setting), texts.hypothesis, texts.some_references(setting["references"]))[0] ==
          golden["sentences"][i].get<double>());
  }
}

template <class Make>
void check_corpora(const json& golden, std::size_t cases, const Make& make) {
  for (std::size_t i = 0; i < golden["settings"].size(); ++i) {
    const auto& setting = golden["settings"][i];
    INFO(setting.dump());
    const auto metric = make(setting);
    CHECK(metric.scores(measure_cases(metric, cases, setting["references"]).sums())[0] ==
          golden["corpora"][i]["score"].template get<double>());
    CHECK(signature(metric, setting) == golden["signatures"][i]);
  }
}

std::string tokens(BleuTokenizer tokenizer, std::string_view text) {
  const auto tokenized = tokenize_for_bleu(tokenizer, python_rstrip(text));
  std::string joined;
  for (const auto word : split_words(tokenized)) joined.append(joined.empty() ? "" : " ").append(word);
  return joined;
}

const std::vector<std::string_view> kPapineni = {
    "It is a guide to action that ensures that the military will forever heed Party commands",
    "It is the guiding principle which guarantees the military forces always being under the command of the Party",
    "It is the practical guide for the army always to heed the directions of the party"};
constexpr auto kPapineniHypothesis =
    "It is a guide to action which ensures that the military always obeys the commands of the party";

BleuOptions plain_bleu() {
  BleuOptions options;
  options.tokenizer = BleuTokenizer::kNone;
  options.smoothing = BleuSmoothing::kNone;
  return options;
}

}  // namespace

TEST_CASE("tokens are sacreBLEU's") {
  const auto golden = metrics_fixture("translation")["tokens"];
  REQUIRE(golden.size() == 5);
  for (const auto& [name, expected] : golden.items()) {
    INFO(name);
    std::vector<std::string> tokenized;
    for (const auto& text : MetricTexts::all_texts()) tokenized.push_back(tokens(bleu_tokenizer(name), text));
    CHECK(digests(tokenized, 400) == expected.get<std::vector<std::string>>());
  }
}

TEST_CASE("BLEU is sacreBLEU's to the last digit, for sentences and corpora") {
  const auto golden = metrics_fixture("translation")["bleu"];
  check_sentences(golden, [](const json& setting) {
    auto options = bleu_options(setting);
    options.effective_order = true;
    return Bleu(options);
  });
  check_corpora(golden, MetricTexts::kCases, [](const json& setting) { return Bleu(bleu_options(setting)); });
  for (std::size_t i = 0; i < golden["settings"].size(); ++i) {
    const auto& setting = golden["settings"][i];
    const auto& expected = golden["corpora"][i];
    INFO(setting.dump());
    const Bleu bleu(bleu_options(setting));
    const auto result = bleu.result(measure_cases(bleu, MetricTexts::kCases, setting["references"]).sums());
    CHECK(result.precisions == expected["precisions"].get<std::vector<double>>());
    CHECK(result.brevity_penalty == expected["bp"].get<double>());
    CHECK(result.sys_len == expected["sys_len"]);
    CHECK(result.ref_len == expected["ref_len"]);
    CHECK(result.counts == expected["counts"].get<std::vector<double>>());
    CHECK(result.totals == expected["totals"].get<std::vector<double>>());
  }
}

TEST_CASE("chrF and chrF++ are sacreBLEU's to the last digit") {
  const auto golden = metrics_fixture("translation")["chrf"];
  check_sentences(golden, chrf_of);
  check_corpora(golden, MetricTexts::kCases, chrf_of);
  CHECK(Chrf().name() == "chrF2");
  CHECK(Chrf({.word_order = 2}).name() == "chrF2++");
}

TEST_CASE("TER is sacreBLEU's to the last digit") {
  const auto golden = metrics_fixture("translation")["ter"];
  check_sentences(golden, ter_of);
  check_corpora(golden, 200, ter_of);
}

TEST_CASE("BLEU has the values of the paper's and NLTK's examples") {
  const Bleu bleu(plain_bleu());
  std::vector<double> sums(bleu.width()), second(bleu.width());
  bleu.measure(kPapineniHypothesis, kPapineni, sums);
  auto result = bleu.result(sums);
  CHECK(result.score == Approx(50.45666840).epsilon(1e-9));
  CHECK(result.counts == std::vector<double>{17, 10, 7, 4});
  CHECK(result.totals == std::vector<double>{18, 17, 16, 15});
  bleu.measure("he read the book because he was interested in world history",
               std::vector<std::string_view>{"he was interested in world history because he read the book"}, second);
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += second[i];
  result = bleu.result(sums);
  CHECK(result.score == Approx(59.20778869).epsilon(1e-9));
  CHECK(result.counts == std::vector<double>{28, 19, 13, 8});
  CHECK(result.totals == std::vector<double>{29, 27, 25, 23});
}

TEST_CASE("a word counts as often as one reference has it") {
  const Bleu bleu(plain_bleu());
  std::vector<double> sums(bleu.width());
  bleu.measure("the the the the the the the",
               std::vector<std::string_view>{"the cat is on the mat", "there is a cat on the mat"}, sums);
  CHECK(bleu.result(sums).counts[0] == 2);
  CHECK(bleu.result(sums).ref_len == 7);
}

TEST_CASE("edits are counted as by hand") {
  const auto edits = [](std::vector<std::uint32_t> hypothesis, std::vector<std::uint32_t> reference) {
    return count_edits(hypothesis, reference);
  };
  CHECK(edits({}, {}) == 0);
  CHECK(edits({1, 2}, {}) == 2);
  CHECK(edits({}, {1, 2, 3}) == 3);
  CHECK(edits({1, 2, 3}, {1, 4, 3}) == 1);
  CHECK(edits({4, 5, 1, 2, 3}, {1, 2, 3, 4, 5}) == 1);        // one shift
  CHECK(edits({4, 5, 1, 2, 9, 3}, {1, 2, 3, 4, 5}) == 2);     // and a deletion
  CHECK(edits({1, 2, 3, 4}, {1, 2, 3, 4, 5, 6, 7, 8}) == 4);  // insertions
}

TEST_CASE("scores do not depend on threads, nor on the order of segments") {
  const Bleu bleu;
  CHECK(measure_cases(bleu, 300, 2, 1).sums() == measure_cases(bleu, 300, 2, 3).sums());
  const std::vector<std::string_view> forth = {"a b c d", "e f"}, back = {"e f", "a b c d"};
  const std::vector<std::vector<std::string_view>> forth_references = {{"a b c e", "e f g"}},
                                                   back_references = {{"e f g", "a b c e"}};
  CHECK(measure_segments(bleu, {forth, forth_references}).sums() ==
        measure_segments(bleu, {back, back_references}).sums());
}

TEST_CASE("lines of a million words or characters are scored before the time-out, which quadratic work would not be") {
  // Two seconds' work; 10^12 steps would take a quarter of an hour and more.
  constexpr int kWords = 1'000'000;
  std::string same, counted, backwards;
  for (int i = 0; i < kWords; ++i) {
    same += "w ";
    counted += std::to_string(i) + " ";
    backwards += std::to_string(kWords - 1 - i) + " ";
  }
  CHECK(segment_scores(Bleu(), same, {same})[0] == Approx(100));
  CHECK(segment_scores(Bleu(), counted, {counted})[0] == Approx(100));
  // All words are found but no pair of words: precisions 100, and smoothed 50, 25 and 12.5 in a million.
  CHECK(segment_scores(Bleu(), counted, {backwards})[0] == Approx(100 * std::pow(1e-18 / 64, 0.25)).epsilon(1e-4));
  CHECK(segment_scores(Ter(), same, {same})[0] == 0);
  CHECK(segment_scores(Ter(), same, {counted})[0] == 100);
  CHECK(segment_scores(Ter(), counted, {"0 " + counted})[0] == Approx(100. / (kWords + 1)));
  const auto characters = std::string_view(counted).substr(0, 1'000'000), others = std::string_view(same).substr(1);
  CHECK(segment_scores(Chrf(), characters, {characters})[0] == 100);
  CHECK(segment_scores(Chrf(), others, {others})[0] == 100);
  CHECK(segment_scores(Chrf(), characters, {others})[0] == 0);
}

TEST_CASE("of the shifts of a long line TER tries a thousand: all of them would outlast the time-out") {
  // Of ten words each has ten of its kind within reach: a million shifts to try before each of the thousands to make.
  Random random(1);
  std::string hypothesis, reference;
  for (int i = 0; i < 100'000; ++i) {
    for (auto* text : {&hypothesis, &reference}) text->append(std::to_string(random.below(10)) + " ");
  }
  const auto score = segment_scores(Ter(), hypothesis, {reference})[0];
  CHECK((score > 40 && score < 90));
}

TEST_CASE("what cannot be is refused") {
  CHECK_THROWS_AS(bleu_tokenizer("14a"), std::invalid_argument);
  CHECK_THROWS_AS(Bleu({.smoothing = BleuSmoothing::kExp, .smooth_value = 1}), std::invalid_argument);
  CHECK_THROWS_AS(Bleu({.smoothing = BleuSmoothing::kFloor, .smooth_value = -1}), std::invalid_argument);
  CHECK_THROWS_AS(Bleu({.max_order = 0}), std::invalid_argument);
  CHECK_THROWS_AS(Chrf({.char_order = 0}), std::invalid_argument);
  CHECK_THROWS_AS(Chrf({.beta = 0}), std::invalid_argument);
  const std::vector<std::string_view> two = {"a", "b"};
  const std::vector<std::vector<std::string_view>> one = {{"a"}}, none;
  CHECK_THROWS_AS(measure_segments(Bleu(), {two, one}), std::invalid_argument);
  CHECK_THROWS_AS(measure_segments(Bleu(), {two, none}), std::invalid_argument);
  CHECK_THROWS_AS(measure_segments(Bleu(), {}), std::invalid_argument);
}
