// All metrics of texts on hostile texts: scores are finite and within their range, a text agrees with itself, and one
// with no words in common does not. An input's first byte chooses options, the rest is a hypothesis and references, a
// record separator (0x1E) between two.
#include "tests/support/plain_test.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <stdexcept>

#include "data/metrics/bleu.h"
#include "data/metrics/chrf.h"
#include "data/metrics/classification.h"
#include "data/metrics/entities.h"
#include "data/metrics/python_text.h"
#include "data/metrics/rouge.h"
#include "data/metrics/squad.h"
#include "data/metrics/ter.h"
#include "tests/support/fuzz.h"
#include "tokenizers/utf8.h"

namespace {

using namespace langzoo;

using langzoo::test::require;

std::vector<std::unique_ptr<SegmentMetric>> metrics_of(unsigned options) {
  const auto bit = [options](int i) { return (options >> i & 1) != 0; };
  std::vector<std::unique_ptr<SegmentMetric>> metrics;
  metrics.push_back(std::make_unique<Bleu>(BleuOptions{.tokenizer = static_cast<BleuTokenizer>(options % 5),
                                                       .smoothing = static_cast<BleuSmoothing>(options / 5 % 4),
                                                       .lowercase = bit(6),
                                                       .effective_order = bit(7)}));
  metrics.push_back(std::make_unique<Chrf>(
      ChrfOptions{.word_order = options % 3, .lowercase = bit(5), .whitespace = bit(6), .eps_smoothing = bit(7)}));
  metrics.push_back(std::make_unique<Ter>(
      TerOptions{.normalized = bit(0), .no_punct = bit(1), .asian_support = bit(2), .case_sensitive = bit(3)}));
  metrics.push_back(std::make_unique<Rouge>(RougeOptions{.stem = bit(0), .sentence_separator = bit(1) ? "\n" : ""}));
  metrics.push_back(std::make_unique<Squad>());
  return metrics;
}

std::vector<double> scores_of(const SegmentMetric& metric, std::string_view hypothesis,
                              std::span<const std::string_view> references) {
  std::vector<double> statistics(metric.width());
  metric.measure(hypothesis, references, statistics);
  for (const double x : statistics) require(std::isfinite(x) && x >= 0, metric.name() + ": statistics");
  const auto scores = metric.scores(statistics);
  require(scores.size() == metric.score_names().size(), metric.name() + ": how many scores");
  const bool fraction = metric.name() == "ROUGE";
  for (const double score : scores) {
    require(std::isfinite(score) && score >= 0, metric.name() + ": a score");
    if (metric.name() != "TER")
      require(score <= (fraction ? 1 : 100) * (1 + 1e-9), metric.name() + ": beyond its range");
  }
  return scores;
}

void check_texts(unsigned options, std::string_view hypothesis, std::span<const std::string_view> references) {
  for (const auto& metric : metrics_of(options)) {
    scores_of(*metric, hypothesis, references);
    const auto same = scores_of(*metric, hypothesis, std::span(&hypothesis, 1))[0];
    if (const auto* ter = dynamic_cast<const Ter*>(metric.get())) {
      const auto once = ter->tokenize(hypothesis);  // what a second time changes, sacreBLEU counts as edits
      require(same == 0 || ter->tokenize(once) != once, "edits of nothing");
    }
    if (metric->name() == "SQuAD") require(same == 100, "a text that does not match itself");
    if (metric->name().starts_with("chrF") && (options >> 7 & 1) == 0 && !split_words(hypothesis).empty()) {
      require(same > 100 - 1e-9, "characters that differ from themselves");
    }
  }
}

}  // namespace

LANGZOO_FUZZER(metrics) {
  std::string shuffled_a, shuffled_b, same, tall;
  for (int i = 0; i < 400; ++i) {
    shuffled_a += std::to_string(i * 7 % 50) + " ";
    shuffled_b += std::to_string(i * 11 % 50) + " ";
    same += "a ";
    tall += "Σ'\u0301.,&amp;-\n";
  }
  std::vector<std::string> seeds = {"",
                                    "\x01",
                                    "\x02the cat sat on the mat\x1ethere is a cat on the mat\x1e"
                                    "a mat",
                                    "\x03"
                                    "1,000.50 U.S. don't &quot;x&quot; <skipped>-\n3-4\x1e"
                                    "1 000 50",
                                    "\x1f 你好，世界。 ＡＢＣ 「引用」 ﾃｽﾄ 한국어\x1e你好 世界",
                                    "\x3fİstanbul ΟΔΟΣ ΑΣ' ẞ\x1eistanbul οδος ας ss",
                                    "\x7f generalizations yyyyyying skies flying relational\x1egeneral skying",
                                    "\xff\x80\xc3\xe2\x80\x1e\xf0\x9f\x98\xed\xa0\x80",
                                    "\x05" + shuffled_a + "\x1e" + shuffled_b,
                                    "\x06" + same + "\x1e" + same + same,
                                    "\x47" + tall + "\x1e" + tall.substr(0, tall.size() / 2),
                                    "\x05"
                                    "B-PER I-PER O B-LOC I-ORG E-X S-X I U L",
                                    "\x08" + shuffled_a +
                                        "\x1e"
                                        "7",
                                    "\x09"
                                    "7\x1e" +
                                        shuffled_a};
  return test::fuzz_main(argc, argv, seeds, [](const std::string& bytes) {
    if (bytes.empty()) return;
    std::vector<std::string_view> texts;
    for (std::size_t begin = 1; begin <= bytes.size();) {
      const auto end = std::min(bytes.find('\x1e', begin), bytes.size());
      texts.push_back(std::string_view(bytes).substr(begin, end - begin));
      begin = end + 1;
    }
    while (texts.size() < 2) texts.emplace_back();
    texts.resize(std::min<std::size_t>(texts.size(), 5));
    check_texts(static_cast<unsigned char>(bytes[0]), texts[0], std::span(texts).subspan(1));
    const auto labels = split_words(texts[0]);
    try {
      const std::vector<TagSequence> tags = {labels};
      const std::optional<TagScheme> schemes[] = {std::nullopt, TagScheme::kIob1, TagScheme::kIoe1, TagScheme::kIobes};
      const auto scores = score_entities(tags, tags, schemes[static_cast<unsigned char>(bytes[0]) % 4]);
      require(scores.labels.empty() || scores.micro.f1 == 1, "entities that differ from themselves");
    } catch (const std::invalid_argument&) {  // no tags
    }
    if (!labels.empty()) {
      auto rotated = labels;
      std::rotate(rotated.begin(), rotated.begin() + 1, rotated.end());
      const auto scores = score_classification(labels, rotated);
      require(std::abs(scores.matthews_correlation) <= 1 + 1e-9, "a correlation beyond 1");
    }
  });
}
