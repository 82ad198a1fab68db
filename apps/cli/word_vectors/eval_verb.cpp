#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <iostream>

#include <fmt/format.h>

#include "apps/cli/word_vectors/model_dir.h"
#include "apps/cli/word_vectors/vectors_verb.h"
#include "apps/cli/word_vectors/verbs.h"
#include "data/metrics/correlation.h"
#include "data/words/wordnet.h"

namespace langzoo {

namespace {

struct NamedScore {
  std::string name;
  AnalogyScore score;
};

struct AnalogyResult {
  std::vector<NamedScore> sections, totals;
};

/// Two correlations with people's judgement of the pairs of a file; NaN where too few pairs are covered.
struct Correlations {
  std::string file;
  std::size_t pairs, covered;
  std::array<double, 2> values;
};

/// What those of the vectors are called, and those of the two similarities of a thesaurus (Spearman's).
struct CorrelationNames {
  const char* table;
  std::array<const char*, 2> columns, keys;
};
constexpr CorrelationNames kOfVectors = {"similarity", {"Spearman", "Pearson"}, {"spearman", "pearson"}};
constexpr CorrelationNames kOfThesaurus = {"WordNet", {"path", "Wu-Palmer"}, {"path", "wu_palmer"}};

double ratio(std::int64_t part, std::int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : std::nan("");
}

std::string figure(double value, double scale, int decimals) {
  return std::isfinite(value) ? fmt::format("{:.{}f}", value * scale, decimals) : "-";
}

JsonValue json_of(const NamedScore& named) {
  const auto& score = named.score;
  return {{"name", named.name},
          {"questions", score.questions},
          {"covered", score.covered},
          {"3cosadd", ratio(score.correct_add, score.covered)},
          {"3cosmul", ratio(score.correct_mul, score.covered)}};
}

JsonValue json_of(const std::vector<NamedScore>& scores) {
  std::vector<JsonValue> list;
  for (const auto& score : scores) list.push_back(json_of(score));
  return list;
}

JsonValue json_of(const std::vector<Correlations>& results, const CorrelationNames& names) {
  std::vector<JsonValue> list;
  for (const auto& [file, pairs, covered, values] : results) {
    list.push_back({{"file", file},
                    {"pairs", pairs},
                    {"covered", covered},
                    {names.keys[0], values[0]},
                    {names.keys[1], values[1]}});
  }
  return list;
}

void print(const AnalogyResult& result) {
  std::size_t width = 0;
  for (const auto& section : result.sections) width = std::max(width, section.name.size());
  const auto row = [&](const NamedScore& named) {
    const auto& [name, score] = named;
    std::cout << fmt::format("{:<{}}{:>9}{:>11}{:>11}{:>11}\n", name, width, score.covered, score.questions,
                             figure(ratio(score.correct_add, score.covered), 100, 2),
                             figure(ratio(score.correct_mul, score.covered), 100, 2));
  };
  width = std::max<std::size_t>(width, 9);
  std::cout << fmt::format("{:<{}}{:>9}{:>11}{:>11}{:>11}\n", "analogies", width, "covered", "questions", "3CosAdd %",
                           "3CosMul %");
  for (const auto& section : result.sections) row(section);
  for (const auto& total : result.totals) row(total);
}

void print(const std::vector<Correlations>& results, const CorrelationNames& names) {
  std::size_t width = 10;
  for (const auto& result : results) width = std::max(width, result.file.size());
  std::cout << fmt::format("{:<{}}{:>9}{:>11}{:>11}{:>11}\n", names.table, width, "covered", "pairs", names.columns[0],
                           names.columns[1]);
  for (const auto& [file, pairs, covered, values] : results) {
    std::cout << fmt::format("{:<{}}{:>9}{:>11}{:>11}{:>11}\n", file, width, covered, pairs, figure(values[0], 1, 4),
                             figure(values[1], 1, 4));
  }
}

Correlations score_by(const WordNet& wordnet, const std::string& file, const std::vector<WordPair>& pairs) {
  std::vector<double> gold, path, wu_palmer;
  for (const auto& [a, b, score] : pairs) {
    const auto by_path = wordnet.path_similarity(a, b), by_depth = wordnet.wu_palmer_similarity(a, b);
    if (!by_path || !by_depth) continue;
    gold.push_back(score);
    path.push_back(*by_path);
    wu_palmer.push_back(*by_depth);
  }
  return {file, pairs.size(), gold.size(), {spearman_correlation(gold, path), spearman_correlation(gold, wu_palmer)}};
}

WordNet read_wordnet(const std::string& folder) {
  const std::filesystem::path installed = "/usr/share/wordnet";
  if (folder != "auto") return WordNet(folder);
  if (!std::filesystem::exists(installed)) {
    throw std::runtime_error(
        fmt::format("--wordnet auto: there is no {}; Debian's package wordnet-base brings it, or name a folder",
                    installed.string()));
  }
  return WordNet(installed);
}

class EvalVerb : public ComputeVerb {
 public:
  std::string name() const override { return "eval"; }
  std::string summary() const override { return "measure vectors by analogies and by people's judgement"; }
  std::string examples() const override {
    return "eval --model vectors --analogies questions-words.txt --similarity wordsim353.tsv\n"
           "eval --model vectors.bin --similarity wordsim353.tsv --similarity rg65.tsv --json\n"
           "eval --model vectors.bin --analogies questions-words.txt --restrict 30000\n"
           "eval --wordnet auto --similarity wordsim353.tsv rg65.tsv\n"
           "eval --model world --analogies microworld --similarity microworld\n";
  }
  std::string notes() const override {
    return "Questions and pairs with a word that the model lacks are left out: covered is how many there were.\n"
           "Upper and lower case are one unless --case-sensitive is given.\n"
           "Sections named gram... are the syntactic half.\n"
           "--wordnet measures a thesaurus on the similarity files too, by Spearman; --model may then be left out.\n"
           "Fields under --json: words, dim; analogies: sections and totals (name, questions, covered,\n"
           "3cosadd and 3cosmul as fractions of covered); similarity: a list of file, pairs, covered, spearman,\n"
           "pearson; wordnet: a list of file, pairs, covered, path, wu_palmer.\n";
  }
  void add_own_options(Options& options) override {
    add_model_option(options, model_);
    options
        .add("--analogies", analogies_file_,
             "questions as in questions-words.txt (': section', then 'a b c d'), or microworld: its own")
        .needs("--model");
    options.add("--similarity", similarity_files_, "files of lines 'word word score', or microworld");
    options
        .add("--wordnet", wordnet_,
             "a folder with a WordNet database, measured beside the model; auto: the one installed")
        .needs("--similarity");
    options.add("--restrict", lookup_.restrict_vocab, "only the model's first N words; 0: all").needs("--model");
    options.add("--case-sensitive", case_sensitive_, "a word is known in its own spelling only").needs("--model");
  }
  bool has_device() const override { return false; }
  void compute(const ComputeOptions& common) override {
    read_questions();
    const auto thesaurus = evaluate_thesaurus();
    AnalogyResult analogies;
    std::vector<Correlations> similarity;
    JsonMembers result;
    if (!model_.empty()) {
      const auto vectors = load_vectors(model_);
      result = {{"words", vectors.size()}, {"dim", vectors.dim()}};
      similarity = evaluate_similarity(vectors);
      analogies = evaluate_analogies_of(vectors);
    }
    if (common.json) {
      if (!analogies_.empty()) {
        result.push_back(
            {"analogies", {{"sections", json_of(analogies.sections)}, {"totals", json_of(analogies.totals)}}});
      }
      if (!similarity.empty()) result.emplace_back("similarity", json_of(similarity, kOfVectors));
      if (!thesaurus.empty()) result.emplace_back("wordnet", json_of(thesaurus, kOfThesaurus));
      return print_json(result);
    }
    if (!analogies_.empty()) print(analogies);
    if (!analogies_.empty() && !similarity.empty()) std::cout << '\n';
    if (!similarity.empty()) print(similarity, kOfVectors);
    if (!similarity.empty() && !thesaurus.empty()) std::cout << '\n';
    if (!thesaurus.empty()) print(thesaurus, kOfThesaurus);
  }

 private:
  /// What can be said before the vectors are read, which may take long.
  void read_questions() {
    if (analogies_file_.empty() && similarity_files_.empty()) {
      throw UsageError("nothing to measure: give --analogies, --similarity or both");
    }
    if (model_.empty() && wordnet_.empty()) throw UsageError("nothing to measure: give --model or --wordnet");
    if (model_.empty() && similarity_files_.empty()) throw UsageError("nothing to measure: --analogies needs --model");
    lookup_.ignore_case = !case_sensitive_;
    if (!analogies_file_.empty()) analogies_ = open_analogies(analogies_file_);
    for (const auto& file : similarity_files_) pairs_.push_back(open_word_pairs(file));
  }
  std::vector<Correlations> evaluate_thesaurus() const {
    std::vector<Correlations> results;
    if (wordnet_.empty()) return results;
    const auto wordnet = read_wordnet(wordnet_);
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      results.push_back(score_by(wordnet, similarity_files_[i], pairs_[i]));
    }
    return results;
  }
  std::vector<Correlations> evaluate_similarity(const WordVectors& vectors) const {
    std::vector<Correlations> results;
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      const auto scores = score_word_pairs(vectors, pairs_[i], lookup_);
      results.push_back(
          {similarity_files_[i],
           pairs_[i].size(),
           scores.gold.size(),
           {spearman_correlation(scores.gold, scores.cosine), pearson_correlation(scores.gold, scores.cosine)}});
    }
    return results;
  }
  AnalogyResult evaluate_analogies_of(const WordVectors& vectors) const {
    const auto scores = evaluate_analogies(vectors, analogies_, lookup_);
    AnalogyResult result{{}, {{"semantic", {}}, {"syntactic", {}}, {"total", {}}}};
    for (std::size_t i = 0; i < scores.size(); ++i) {
      result.sections.push_back({analogies_[i].name, scores[i]});
      result.totals[analogies_[i].syntactic() ? 1 : 0].score += scores[i];
      result.totals[2].score += scores[i];
    }
    return result;
  }

  std::string model_, analogies_file_, wordnet_;
  std::vector<std::string> similarity_files_;
  LookupOptions lookup_;
  bool case_sensitive_ = false;
  std::vector<AnalogySection> analogies_;
  std::vector<std::vector<WordPair>> pairs_;  ///< a list a file
};

}  // namespace

std::unique_ptr<Verb> eval_verb() {
  return std::make_unique<EvalVerb>();
}

}  // namespace langzoo
