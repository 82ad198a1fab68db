#include <cmath>
#include <iostream>
#include <numeric>

#include <fmt/format.h>

#include "apps/cli/base/json_output.h"
#include "apps/cli/metrics/input.h"
#include "apps/cli/metrics/verbs.h"
#include "data/files/files.h"
#include "data/metrics/classification.h"
#include "data/metrics/correlation.h"
#include "data/metrics/perplexity.h"

namespace langzoo {

namespace {

void add_file_options(Options& options, std::string& hypothesis, std::string& reference) {
  options.add("--hyp", hypothesis, "what is to be scored (default: stdin)");
  options.add("--ref", reference, "what it should be").required();
}

JsonMembers json_of(const ClassScore& score) {
  return {{"precision", score.precision}, {"recall", score.recall}, {"f1", score.f1}};
}

class ClassificationVerb : public Verb {
 public:
  std::string name() const override { return "classification"; }
  std::string summary() const override { return "accuracy, precision, recall, F1 and Matthews correlation of labels"; }
  std::string examples() const override {
    return "classification --hyp predicted.txt --ref labels.txt\n"
           "classification --hyp predicted.txt --ref labels.txt --json\n";
  }
  std::string notes() const override {
    return "Files hold one label a line. Results are scikit-learn's, 0 where something divides by zero.\n"
           "Fields under --json: accuracy, mcc; micro, macro and weighted, each with precision, recall, f1; classes, "
           "by\n"
           "label the same and support, how often it is the true one.\n";
  }
  void add_options(Options& options) override { add_file_options(options, hypothesis_, reference_); }
  void run(const CommonOptions& common) override {
    check_stdin_once({&hypothesis_, 1}, {&reference_, 1});
    const auto predicted = read_lines(hypothesis_), truth = read_lines(reference_);
    check_line_counts(predicted, truth);
    const auto scores = score_classification(predicted.views(), truth.views());
    common.json ? print_json(json(scores)) : print_table(scores);
  }

 private:
  static JsonValue json(const ClassificationScores& scores) {
    JsonMembers classes;
    for (const auto& [label, score, support] : scores.labels) {
      auto members = json_of(score);
      members.emplace_back("support", support);
      classes.emplace_back(label, members);
    }
    return {{"accuracy", scores.accuracy},    {"mcc", scores.matthews_correlation},   {"micro", json_of(scores.micro)},
            {"macro", json_of(scores.macro)}, {"weighted", json_of(scores.weighted)}, {"classes", classes}};
  }
  static void print_table(const ClassificationScores& scores) {
    std::cout << fmt::format("accuracy {:.4f}, Matthews correlation {:.4f}\n\n", scores.accuracy,
                             scores.matthews_correlation);
    std::cout << fmt::format("{:<20} {:>9} {:>9} {:>9} {:>9}\n", "", "precision", "recall", "F1", "support");
    const auto row = [](const std::string& name, const ClassScore& s, const std::string& support) {
      std::cout << fmt::format("{:<20} {:>9.4f} {:>9.4f} {:>9.4f} {:>9}\n", name, s.precision, s.recall, s.f1, support);
    };
    for (const auto& [label, score, support] : scores.labels) row(label, score, std::to_string(support));
    row("micro average", scores.micro, "");
    row("macro average", scores.macro, "");
    row("weighted average", scores.weighted, "");
  }

  std::string hypothesis_, reference_;
};

class CorrelationVerb : public Verb {
 public:
  std::string name() const override { return "correlation"; }
  std::string summary() const override { return "Pearson's and Spearman's correlation of numbers"; }
  std::string examples() const override {
    return "correlation --hyp predicted.txt --ref scores.txt\n"
           "correlation --hyp predicted.txt --ref scores.txt --json\n";
  }
  std::string notes() const override {
    return "Files hold one number a line: 3, -2.5, +1e3, inf, nan. Results are scipy's; null where a correlation is\n"
           "undefined: all numbers of a file are equal, or one is nan. Fields under --json: pearson, spearman, n.\n";
  }
  void add_options(Options& options) override { add_file_options(options, hypothesis_, reference_); }
  void run(const CommonOptions& common) override {
    check_stdin_once({&hypothesis_, 1}, {&reference_, 1});
    const auto hypothesis = read_lines(hypothesis_), reference = read_lines(reference_);
    check_line_counts(hypothesis, reference);
    const auto x = read_numbers(hypothesis), y = read_numbers(reference);
    const double pearson = pearson_correlation(x, y), spearman = spearman_correlation(x, y);
    if (common.json) return print_json({{"pearson", pearson}, {"spearman", spearman}, {"n", x.size()}});
    const auto said = [](double value) { return std::isnan(value) ? "undefined" : fmt::format("{:.4f}", value); };
    std::cout << fmt::format("Pearson {}, Spearman {} ({} pairs)\n", said(pearson), said(spearman), x.size());
  }

 private:
  std::string hypothesis_, reference_;
};

class PerplexityVerb : public Verb {
 public:
  std::string name() const override { return "perplexity"; }
  std::string summary() const override { return "perplexity of log-probabilities"; }
  std::string examples() const override { return "perplexity --hyp log_probabilities.txt --json\n"; }
  std::string notes() const override {
    return "The file holds the natural logarithm of one token's probability a line. Perplexity is exp of minus their\n"
           "mean. Fields under --json: perplexity, nats_per_token, bits_per_token, tokens.\n";
  }
  void add_options(Options& options) override { options.add("--hyp", path_, "log-probabilities (default: stdin)"); }
  void run(const CommonOptions& common) override {
    const auto file = read_lines(path_);
    const auto logs = read_numbers(file);
    if (logs.empty()) throw FileError(file.name, "no lines");
    for (std::size_t i = 0; i < logs.size(); ++i) {
      if (!(logs[i] <= 0))
        throw FileError(file.name, fmt::format("line {}: the logarithm of a probability is at most 0", i + 1));
    }
    const double nats = -std::accumulate(logs.begin(), logs.end(), 0.0), tokens = static_cast<double>(logs.size());
    if (common.json) {
      return print_json({{"perplexity", perplexity(nats, tokens)},
                         {"nats_per_token", nats / tokens},
                         {"bits_per_token", bits_per(nats, tokens)},
                         {"tokens", logs.size()}});
    }
    std::cout << fmt::format("perplexity {:.4f} ({:.4f} nats, {:.4f} bits a token, {} tokens)\n",
                             perplexity(nats, tokens), nats / tokens, bits_per(nats, tokens), logs.size());
  }

 private:
  std::string path_;
};

}  // namespace

std::unique_ptr<Verb> classification_verb() {
  return std::make_unique<ClassificationVerb>();
}

std::unique_ptr<Verb> correlation_verb() {
  return std::make_unique<CorrelationVerb>();
}

std::unique_ptr<Verb> perplexity_verb() {
  return std::make_unique<PerplexityVerb>();
}

}  // namespace langzoo
