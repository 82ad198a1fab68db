/// The texts that the goldens of tests/reference/make_metrics.py are of: `Texts` there, made again.
#pragma once

#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "data/metrics/segment_metric.h"
#include "data/random/random.h"
#include "tests/support/plain_test.h"
#include "tokenizers/utf8.h"

namespace langzoo::test {

inline nlohmann::json metrics_fixture(const std::string& name) {
  return nlohmann::json::parse(read_file(fixture("metrics/" + name + ".json")));
}

class MetricTexts {
 public:
  static constexpr std::size_t kCases = 1000;

  struct Case {
    std::string hypothesis;
    std::vector<std::string> references;

    std::vector<std::string_view> some_references(std::size_t n) const {
      return {references.begin(), references.begin() + static_cast<std::ptrdiff_t>(n)};
    }
  };

  /// All of them, made once.
  static const std::vector<Case>& cases() {
    static const auto all = [] {
      const auto parts = metrics_fixture("texts");
      std::vector<Case> cases;
      for (std::size_t i = 0; i < kCases; ++i) {
        cases.push_back(MetricTexts(i, parts["atoms"], parts["separators"]).made());
      }
      return cases;
    }();
    return all;
  }
  /// Hypotheses and references in the order of the digests.
  static std::vector<std::string> all_texts() {
    std::vector<std::string> texts;
    for (const auto& c : cases()) {
      texts.push_back(c.hypothesis);
      texts.insert(texts.end(), c.references.begin(), c.references.end());
    }
    return texts;
  }

 private:
  using Words = std::vector<std::string>;

  MetricTexts(std::size_t number, Words atoms, Words separators)
      : number_(number), atoms_(std::move(atoms)), separators_(std::move(separators)), random_(7, number) {}

  Case made() {
    const std::size_t kind = number_ % 10;
    std::size_t length = number_ % 100 == 9 ? 100 + below(60) : 1 + below(25);
    const Words reference = words(kind == 0 ? 0 : kind == 1 ? 1 : length);
    Words hypothesis;
    if (kind == 4) hypothesis = reference;
    if (kind == 5) hypothesis = words(length);
    if (kind < 3) hypothesis = edited(reference);
    if (kind >= 6) hypothesis = moved(edited(reference));
    const Words second = edited(reference), third = moved(reference);
    Case made;
    made.hypothesis = joined(hypothesis);
    for (const auto& w : {reference, second, third}) made.references.push_back(joined(w));
    return made;
  }

  std::size_t below(std::size_t n) { return random_.below(n); }

  std::string word() {
    if (below(20) > 0) return atoms_[below(atoms_.size())];
    static constexpr std::pair<char32_t, std::size_t> kRanges[] = {{0, 0x3000}, {0x3000, 0xA800}, {0x10000, 0x10000}};
    const auto& [first, size] = kRanges[below(3)];
    std::string word;
    append_utf8(word, first + static_cast<char32_t>(below(size)));
    return word;
  }

  Words words(std::size_t n) {
    Words words;
    for (std::size_t i = 0; i < n; ++i) words.push_back(word());
    return words;
  }

  Words edited(const Words& words) {
    Words result;
    for (auto text : words) {
      const auto edit = below(10);
      if (edit == 1) text = word();
      if (edit == 2) result.push_back(word());
      if (edit != 0) result.push_back(text);
    }
    return result;
  }

  Words moved(Words words) {
    for (std::size_t moves = 1 + below(3); moves > 0 && words.size() > 1; --moves) {
      const auto at = [](Words& w, std::size_t i) { return w.begin() + static_cast<std::ptrdiff_t>(i); };
      const std::size_t begin = below(words.size());
      const std::size_t end = begin + 1 + below(std::min<std::size_t>(8, words.size() - begin));
      const Words block(at(words, begin), at(words, end));
      words.erase(at(words, begin), at(words, end));
      words.insert(at(words, below(words.size() + 1)), block.begin(), block.end());
    }
    return words;
  }

  std::string joined(const Words& words) {
    std::string text;
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (i > 0) text += below(12) > 0 ? " " : separators_[below(separators_.size())];
      text += words[i];
    }
    return text;
  }

  std::size_t number_;
  Words atoms_, separators_;
  Random random_;
};

/// FNV-1a over texts, a zero byte behind each.
class Digest {
 public:
  void add(std::string_view text) {
    for (const char c : text) add_byte(static_cast<unsigned char>(c));
    add_byte(0);
  }
  std::string text() const { return fmt::format("{:016x}", hash_); }

 private:
  void add_byte(unsigned char byte) { hash_ = (hash_ ^ byte) * 0x100000001B3u; }
  std::uint64_t hash_ = 0xCBF29CE484222325u;
};

/// Of every `size` texts.
inline std::vector<std::string> digests(const std::vector<std::string>& texts, std::size_t size) {
  std::vector<std::string> all;
  for (std::size_t begin = 0; begin < texts.size(); begin += size) {
    Digest digest;
    for (std::size_t i = begin; i < std::min(begin + size, texts.size()); ++i) digest.add(texts[i]);
    all.push_back(digest.text());
  }
  return all;
}

/// One hypothesis as the metric sees it.
inline std::vector<double> segment_scores(const SegmentMetric& metric, std::string_view hypothesis,
                                          const std::vector<std::string_view>& references) {
  std::vector<double> statistics(metric.width());
  metric.measure(hypothesis, references, statistics);
  return metric.scores(statistics);
}

/// The first `cases` of MetricTexts as a corpus, measured.
inline SegmentStatistics measure_cases(const SegmentMetric& metric, std::size_t cases, std::size_t references,
                                       std::size_t threads = 2) {
  std::vector<std::string_view> hypotheses;
  std::vector<std::vector<std::string_view>> by_file(references);
  for (std::size_t i = 0; i < cases; ++i) {
    const auto& c = MetricTexts::cases()[i];
    hypotheses.push_back(c.hypothesis);
    for (std::size_t r = 0; r < references; ++r) by_file[r].push_back(c.references[r]);
  }
  return measure_segments(metric, {hypotheses, by_file}, threads);
}

}  // namespace langzoo::test
