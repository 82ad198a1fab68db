#include "tests/support/plain_test.h"

#include <algorithm>
#include <map>

#include <sys/resource.h>

#include "data/metrics/porter_stemmer.h"
#include "data/metrics/rouge.h"
#include "tests/data/metrics/metric_texts.h"

using namespace langzoo;
using namespace langzoo::test;

namespace {

std::size_t slow_common_subsequence(const std::vector<std::uint32_t>& a, const std::vector<std::uint32_t>& b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (const auto x : a) {
    std::size_t diagonal = 0;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const auto above = row[j];
      row[j] = x == b[j - 1] ? diagonal + 1 : std::max(above, row[j - 1]);
      diagonal = above;
    }
  }
  return row.back();
}

/// The words of `reference` that a walk back through the whole table finds in both.
std::vector<bool> slow_common_words(const std::vector<std::string>& reference, const std::vector<std::string>& text) {
  std::vector<std::vector<std::size_t>> length(reference.size() + 1, std::vector<std::size_t>(text.size() + 1));
  for (std::size_t i = 1; i <= reference.size(); ++i) {
    for (std::size_t j = 1; j <= text.size(); ++j) {
      length[i][j] =
          reference[i - 1] == text[j - 1] ? length[i - 1][j - 1] + 1 : std::max(length[i - 1][j], length[i][j - 1]);
    }
  }
  std::vector<bool> common(reference.size());
  for (std::size_t i = reference.size(), j = text.size(); i > 0 && j > 0;) {
    if (reference[i - 1] == text[j - 1]) {
      common[--i] = true;
      --j;
    } else if (length[i][j - 1] > length[i - 1][j]) {
      --j;
    } else {
      --i;
    }
  }
  return common;
}

/// The largest resident set that the process has had.
std::int64_t peak_kilobytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

}  // namespace

TEST_CASE("ROUGE is rouge-score's, with and without stems, of one reference and of several") {
  const auto golden = metrics_fixture("rouge")["scores"];
  REQUIRE(golden.size() == MetricTexts::kCases);
  for (std::size_t i = 0; i < golden.size(); ++i) {
    INFO("case " << i);
    const auto& texts = MetricTexts::cases()[i];
    const Rouge rouge({.stem = i % 2 == 1});
    std::vector<double> statistics(rouge.width());
    rouge.measure(texts.hypothesis, texts.some_references(1 + i % 3), statistics);
    for (std::size_t k = 0; k < 9; ++k) CHECK(statistics[k] == Approx(golden[i][k].get<double>()).margin(2e-12));
    CHECK(statistics[9] == 1);
  }
}

TEST_CASE("ROUGE-Lsum is rouge-score's, sentence by sentence") {
  const auto golden = metrics_fixture("rouge_sentences")["scores"];
  REQUIRE(golden.size() == MetricTexts::kCases / 3);
  for (std::size_t g = 0; g < golden.size(); ++g) {
    const std::size_t first = 3 * g;
    INFO("case " << first);
    const auto joined = [&](std::size_t begin, const auto& text_of) {
      std::string all;
      for (std::size_t i = 0; i < 3; ++i) {
        all += (i > 0 ? "<n>" : "") + text_of(MetricTexts::cases()[first + (begin + i) % 3]);
      }
      return all;
    };
    const auto hypothesis = joined(0, [](const auto& texts) { return texts.hypothesis; });
    std::vector<std::string> references;
    for (std::size_t r = 0; r < 1 + first % 2; ++r) {
      references.push_back(joined(r, [r](const auto& texts) { return texts.references[r]; }));
    }
    const Rouge rouge({.stem = first % 4 == 1, .sentence_separator = "<n>"});
    std::vector<double> statistics(rouge.width());
    REQUIRE(statistics.size() == 13);
    rouge.measure(hypothesis, std::vector<std::string_view>(references.begin(), references.end()), statistics);
    for (std::size_t k = 0; k < 3; ++k) CHECK(statistics[9 + k] == Approx(golden[g][k].get<double>()).margin(2e-12));
  }
}

TEST_CASE("ROUGE-Lsum of long sentences is that of the whole table") {
  Random random(5);
  const Rouge rouge({.sentence_separator = "<n>"});
  for (int round = 0; round < 100; ++round) {
    const auto words = 1 + random.below(round % 2 == 0 ? 5 : 100);
    std::vector<std::string> sides[3];  // the reference, and two sentences of the hypothesis
    std::map<std::string, int> left_in_text, left_in_reference;
    for (auto& side : sides) {
      side.resize(random.below(300));
      for (auto& word : side) {
        word = "w" + std::to_string(random.below(words));
        ++(&side == &sides[0] ? left_in_reference : left_in_text)[word];
      }
    }
    const auto first = slow_common_words(sides[0], sides[1]), second = slow_common_words(sides[0], sides[2]);
    double matches = 0;
    for (std::size_t i = 0; i < sides[0].size(); ++i) {
      const auto& word = sides[0][i];
      if ((!first[i] && !second[i]) || left_in_text[word] == 0 || left_in_reference[word] == 0) continue;
      ++matches;
      --left_in_text[word];
      --left_in_reference[word];
    }
    const auto joined = [](const std::vector<std::string>& side) {
      std::string text;
      for (const auto& word : side) text += word + " ";
      return text;
    };
    const auto reference = joined(sides[0]);
    std::vector<double> statistics(rouge.width());
    rouge.measure(joined(sides[1]) + "<n>" + joined(sides[2]), std::vector<std::string_view>{reference}, statistics);
    CHECK(statistics[10] == Approx(matches / std::max<double>(1, static_cast<double>(sides[0].size()))));
  }
}

TEST_CASE("ROUGE-Lsum counts a word once, and refuses what would fill the memory") {
  const Rouge rouge({.sentence_separator = "\n"});
  // "b" is in a common subsequence with either sentence.
  std::vector<double> statistics(rouge.width());
  rouge.measure("a b\nb c", std::vector<std::string_view>{"b c\na"}, statistics);
  CHECK(statistics[9] == 0.75);
  CHECK(statistics[10] == 1);
  CHECK(rouge.score_names().back() == "rougeLsum");
  CHECK(segment_scores(rouge, "", {"a"})[3] == 0);
  std::string huge;
  for (int i = 0; i < 70000; ++i) huge += "w ";
  CHECK_THROWS_WITH(segment_scores(rouge, huge, {huge}), Catch::Contains("too long for ROUGE-Lsum"));
}

TEST_CASE("ROUGE of a corpus is the mean of its lines") {
  const Rouge rouge;
  const auto statistics = measure_cases(rouge, 50, 1);
  const auto results = rouge.results(statistics.sums());
  double recall = 0, fmeasure = 0;
  for (std::size_t i = 0; i < 50; ++i) recall += statistics.of(i)[4] / 50, fmeasure += statistics.of(i)[8] / 50;
  CHECK(results[1].recall == Approx(recall));
  CHECK(results[2].fmeasure == Approx(fmeasure));
  CHECK(rouge.scores(statistics.sums())[2] == results[2].fmeasure);
}

TEST_CASE("stems are NLTK's") {
  const auto golden = metrics_fixture("rouge");
  std::vector<std::string> words, stems;
  const auto parts = golden["stem_parts"].get<std::vector<std::vector<std::string>>>();
  for (const auto& begin : parts[0]) {
    for (const auto& middle : parts[1]) {
      for (const auto& end : parts[2]) words.push_back(begin + middle + end);
    }
  }
  for (const auto& word : golden["more_words"]) words.push_back(word);
  REQUIRE(words.size() > 10000);
  CHECK(digests(words, 500) == golden["words"].get<std::vector<std::string>>());
  for (const auto& word : words) stems.push_back(porter_stem(word));
  CHECK(digests(stems, 500) == golden["stems"].get<std::vector<std::string>>());
  CHECK(porter_stem("generalizations") == "gener");
  CHECK(porter_stem("flying") == "fli");
  CHECK(porter_stem("") == "");
}

TEST_CASE("the longest common subsequence is that of the table") {
  Random random(3);
  for (int round = 0; round < 300; ++round) {
    std::vector<std::uint32_t> a(random.below(300)), b(random.below(300));
    const auto words = 1 + random.below(round % 3 == 0 ? 3 : 200);
    for (auto* side : {&a, &b}) {
      for (auto& word : *side) word = static_cast<std::uint32_t>(random.below(words));
    }
    CHECK(common_subsequence(a, b) == slow_common_subsequence(a, b));
    CHECK(common_subsequence(a, a) == a.size());
  }
  CHECK(common_subsequence({}, {}) == 0);
}

TEST_CASE("ROUGE-L of long lines takes no table") {
  // Even with one bit a cell a table of 100,000 x 100,000 words would be 1,250 MB.
  const auto before = peak_kilobytes();
  std::string same, counted;
  for (int i = 0; i < 100000; ++i) same += "word ", counted += std::to_string(i) + " ";
  const Rouge rouge;
  CHECK(segment_scores(rouge, same, {same})[2] == 1);
  CHECK(segment_scores(rouge, counted, {counted})[2] == 1);
  CHECK(segment_scores(rouge, counted, {same})[2] == 0);
  CHECK(peak_kilobytes() - before < 300'000);
}
