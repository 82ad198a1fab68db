#include <algorithm>
#include <cmath>
#include <iostream>

#include <fmt/format.h>

#include "apps/cli/corpus.h"
#include "apps/cli/word_vectors/vectors_verb.h"
#include "apps/cli/word_vectors/verbs.h"
#include "data/metrics/correlation.h"
#include "data/microworld/word_relations.h"
#include "models/word_vectors/analogy.h"
#include "models/word_vectors/similarity.h"

namespace langzoo {

namespace {

using Json = nlohmann::ordered_json;

struct NamedScore {
  std::string name;
  AnalogyScore score;
};

struct AnalogyResult {
  std::vector<NamedScore> sections, totals;
};

struct SimilarityResult {
  std::string file;
  std::size_t pairs, covered;
  double spearman, pearson;  ///< NaN where too few pairs are covered
};

std::vector<AnalogySection> find_analogies(const std::string& file) {
  if (file != kMicroworld) return read_analogies(file);
  std::vector<AnalogySection> sections;
  for (auto& [section, questions] : microworld_analogies()) sections.push_back({section, std::move(questions)});
  return sections;
}

std::vector<WordPair> find_word_pairs(const std::string& file) {
  if (file != kMicroworld) return read_word_pairs(file);
  std::vector<WordPair> pairs;
  for (const auto& [a, b, score] : microworld_similarities()) pairs.push_back({a, b, score});
  return pairs;
}

double ratio(std::int64_t part, std::int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : std::nan("");
}

Json number_or_null(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

std::string figure(double value, double scale, int decimals) {
  return std::isfinite(value) ? fmt::format("{:.{}f}", value * scale, decimals) : "-";
}

Json json_of(const NamedScore& named) {
  const auto& score = named.score;
  return {{"name", named.name},
          {"questions", score.questions},
          {"covered", score.covered},
          {"3cosadd", number_or_null(ratio(score.correct_add, score.covered))},
          {"3cosmul", number_or_null(ratio(score.correct_mul, score.covered))}};
}

Json json_of(const std::vector<NamedScore>& scores) {
  Json list = Json::array();
  for (const auto& score : scores) list.push_back(json_of(score));
  return list;
}

Json json_of(const SimilarityResult& result) {
  return {{"file", result.file},
          {"pairs", result.pairs},
          {"covered", result.covered},
          {"spearman", number_or_null(result.spearman)},
          {"pearson", number_or_null(result.pearson)}};
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

void print(const std::vector<SimilarityResult>& results) {
  std::size_t width = 10;
  for (const auto& result : results) width = std::max(width, result.file.size());
  std::cout << fmt::format("{:<{}}{:>9}{:>11}{:>11}{:>11}\n", "similarity", width, "covered", "pairs", "Spearman",
                           "Pearson");
  for (const auto& result : results) {
    std::cout << fmt::format("{:<{}}{:>9}{:>11}{:>11}{:>11}\n", result.file, width, result.covered, result.pairs,
                             figure(result.spearman, 1, 4), figure(result.pearson, 1, 4));
  }
}

class EvalVerb : public VectorsVerb {
 public:
  std::string name() const override { return "eval"; }
  std::string summary() const override { return "measure vectors by analogies and by people's judgement"; }
  std::string examples() const override {
    return "eval --model run --analogies questions-words.txt --similarity wordsim353.tsv\n"
           "eval --model vectors.bin --similarity wordsim353.tsv --similarity rg65.tsv --json\n"
           "eval --model vectors.bin --analogies questions-words.txt --restrict 30000\n"
           "eval --model world --analogies microworld --similarity microworld\n";
  }
  std::string notes() const override {
    return "Questions and pairs with a word that the model lacks are left out: covered is how many there were.\n"
           "Upper and lower case are one unless --case-sensitive is given. Sections named gram... are the syntactic "
           "half.\n"
           "Fields under --json: words, dim; analogies: sections and totals (name, questions, covered, 3cosadd and "
           "3cosmul\n"
           "as fractions of covered); similarity: a list of file, pairs, covered, spearman, pearson.\n";
  }

 protected:
  void add_own_options(CLI::App& app) override {
    app.add_option("--analogies", analogies_file_,
                   "questions as in questions-words.txt (': section', then 'a b c d'), or microworld: its own");
    app.add_option("--similarity", similarity_files_,
                   "lines 'word word score', or microworld; may be given several times")
        ->allow_extra_args(false);
    app.add_option("--restrict", lookup_.restrict_vocab, "only the model's first N words; 0: all")
        ->check(integer_from(0))
        ->capture_default_str();
    app.add_flag("--case-sensitive", case_sensitive_, "a word is known in its own spelling only");
  }
  void check() override {
    if (analogies_file_.empty() && similarity_files_.empty()) {
      throw UsageError("nothing to measure: give --analogies, --similarity or both");
    }
    lookup_.ignore_case = !case_sensitive_;
    if (!analogies_file_.empty()) analogies_ = find_analogies(analogies_file_);
    for (const auto& file : similarity_files_) pairs_.push_back(find_word_pairs(file));
  }
  void use(const WordVectors& vectors, const CommonOptions& common) override {
    std::vector<SimilarityResult> similarity;
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      const auto scores = score_word_pairs(vectors, pairs_[i], lookup_);
      similarity.push_back({similarity_files_[i], pairs_[i].size(), scores.gold.size(),
                            spearman_correlation(scores.gold, scores.cosine),
                            pearson_correlation(scores.gold, scores.cosine)});
    }
    const auto analogies = evaluate(vectors);
    if (common.json) {
      Json result{{"words", vectors.size()}, {"dim", vectors.dim()}};
      if (!analogies_.empty()) {
        result["analogies"] = {{"sections", json_of(analogies.sections)}, {"totals", json_of(analogies.totals)}};
      }
      if (!similarity.empty()) result["similarity"] = Json::array();
      for (const auto& each : similarity) result["similarity"].push_back(json_of(each));
      return print_json(result);
    }
    if (!analogies_.empty()) print(analogies);
    if (!analogies_.empty() && !similarity.empty()) std::cout << '\n';
    if (!similarity.empty()) print(similarity);
  }

 private:
  AnalogyResult evaluate(const WordVectors& vectors) const {
    const auto scores = evaluate_analogies(vectors, analogies_, lookup_);
    AnalogyResult result{{}, {{"semantic", {}}, {"syntactic", {}}, {"total", {}}}};
    for (std::size_t i = 0; i < scores.size(); ++i) {
      result.sections.push_back({analogies_[i].name, scores[i]});
      result.totals[analogies_[i].syntactic() ? 1 : 0].score += scores[i];
      result.totals[2].score += scores[i];
    }
    return result;
  }

  std::string analogies_file_;
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
