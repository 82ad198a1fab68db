#include <cmath>
#include <iostream>
#include <numeric>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "apps/cli/base/json_output.h"
#include "apps/cli/metrics/input.h"
#include "apps/cli/metrics/verbs.h"
#include "data/files/file_error.h"
#include "data/metrics/classification.h"
#include "data/metrics/correlation.h"
#include "data/metrics/entities.h"
#include "data/metrics/perplexity.h"
#include "data/metrics/python_text.h"

namespace langzoo {

namespace {

void add_file_options(Options& options, std::string& hypothesis, std::string& reference) {
  options.add("--hyp", hypothesis, "what is to be scored (default: stdin)");
  options.add("--ref", reference, "what it should be").required();
}

JsonMembers json_of(const ClassScore& score) {
  return {{"precision", score.precision}, {"recall", score.recall}, {"f1", score.f1}};
}

void add_json(const LabelAverages& scores, const char* labels_name, JsonMembers& members) {
  JsonMembers labels;
  for (const auto& [label, score, support] : scores.labels) {
    auto of_label = json_of(score);
    of_label.emplace_back("support", support);
    labels.emplace_back(label, of_label);
  }
  members.emplace_back("micro", json_of(scores.micro));
  members.emplace_back("macro", json_of(scores.macro));
  members.emplace_back("weighted", json_of(scores.weighted));
  members.emplace_back(labels_name, labels);
}

void print_table(const LabelAverages& scores) {
  std::cout << fmt::format("{:<20} {:>9} {:>9} {:>9} {:>9}\n", "", "precision", "recall", "F1", "support");
  const auto row = [](const std::string& name, const ClassScore& s, const std::string& support) {
    std::cout << fmt::format("{:<20} {:>9.4f} {:>9.4f} {:>9.4f} {:>9}\n", name, s.precision, s.recall, s.f1, support);
  };
  for (const auto& [label, score, support] : scores.labels) row(label, score, std::to_string(support));
  row("micro average", scores.micro, "");
  row("macro average", scores.macro, "");
  row("weighted average", scores.weighted, "");
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
    if (common.json) {
      JsonMembers members = {{"accuracy", scores.accuracy}, {"mcc", scores.matthews_correlation}};
      add_json(scores, "classes", members);
      return print_json(members);
    }
    std::cout << fmt::format("accuracy {:.4f}, Matthews correlation {:.4f}\n\n", scores.accuracy,
                             scores.matthews_correlation);
    print_table(scores);
  }

 private:
  std::string hypothesis_, reference_;
};

const std::vector<std::pair<std::string, std::optional<TagScheme>>> kSchemes = {
    {"any", std::nullopt},      {"IOB1", TagScheme::kIob1},   {"IOB2", TagScheme::kIob2},  {"IOE1", TagScheme::kIoe1},
    {"IOE2", TagScheme::kIoe2}, {"IOBES", TagScheme::kIobes}, {"BILOU", TagScheme::kBilou}};

class EntitiesVerb : public Verb {
 public:
  std::string name() const override { return "entities"; }
  std::string summary() const override { return "precision, recall and F1 of named entities, as seqeval"; }
  std::string examples() const override {
    return "entities --hyp predicted.txt --ref tags.txt\n"
           "entities --hyp predicted.txt --ref tags.txt --scheme IOB2 --json\n";
  }
  std::string notes() const override {
    return "Files hold the tags of a sentence a line, white space between: B-PER I-PER O. An entity is right where "
           "its\n"
           "type, beginning and end are. --scheme any finds entities of B, I, E and S as conlleval does; a scheme "
           "finds\n"
           "those only that are spelled as it demands (seqeval's mode strict). Results are 0 where something divides "
           "by\n"
           "zero. Fields under --json: accuracy (of tags); micro, macro and weighted, each with precision, recall, "
           "f1;\n"
           "types, by type the same and support, how many there are.\n";
  }
  void add_options(Options& options) override {
    add_file_options(options, hypothesis_, reference_);
    options.add("--scheme", scheme_, kSchemes, "any, IOB1, IOB2, IOE1, IOE2, IOBES or BILOU");
  }
  void run(const CommonOptions& common) override {
    check_stdin_once({&hypothesis_, 1}, {&reference_, 1});
    const auto predicted = read_lines(hypothesis_), truth = read_lines(reference_);
    check_line_counts(predicted, truth);
    EntityScores scores;
    try {
      scores = score_entities(tags_of(predicted), tags_of(truth), scheme_);
    } catch (const std::invalid_argument& error) {
      throw std::runtime_error(fmt::format("{}, {}: {}", predicted.name, truth.name, error.what()));
    }
    if (common.json) {
      JsonMembers members = {{"accuracy", scores.accuracy}};
      add_json(scores, "types", members);
      return print_json(members);
    }
    std::cout << fmt::format("accuracy of tags {:.4f}\n\n", scores.accuracy);
    print_table(scores);
  }

 private:
  static std::vector<TagSequence> tags_of(const LineFile& file) {
    std::vector<TagSequence> sentences;
    for (const auto& line : file.lines) sentences.push_back(split_words(line));
    return sentences;
  }

  std::string hypothesis_, reference_;
  std::optional<TagScheme> scheme_;
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

std::unique_ptr<Verb> entities_verb() {
  return std::make_unique<EntitiesVerb>();
}

std::unique_ptr<Verb> correlation_verb() {
  return std::make_unique<CorrelationVerb>();
}

std::unique_ptr<Verb> perplexity_verb() {
  return std::make_unique<PerplexityVerb>();
}

}  // namespace langzoo
