#include <algorithm>
#include <cmath>
#include <sstream>
#include <stdexcept>

#include <fmt/format.h>

#include "apps/training/comparison/comparison_task.h"
#include "apps/training/families.h"
#include "apps/training/tasks/word_vectors.h"
#include "apps/training/text_corpus.h"
#include "data/files/config_error.h"
#include "data/files/files.h"
#include "data/files/numbers.h"
#include "data/files/text_lines.h"
#include "data/microworld/microworld.h"
#include "data/microworld/word_relations.h"
#include "data/text/fingerprint.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

/// Word vectors of one text of words, by questions about them. A budget of tokens is words of text: how often a method
/// passes over them, or over what it has counted of them, is the method's own matter. Methods step as they like, so
/// that budgets of time and of FLOPs are refused.
class VectorsComparison : public ComparisonTask {
 public:
  std::string_view name() const override { return "vectors"; }
  std::vector<ScoreInfo> scores() const override {
    return {{"spearman", Direction::kHigherIsBetter, "Spearman, similar words"},
            {"pearson", Direction::kHigherIsBetter, "Pearson, similar words"},
            {"3cosadd", Direction::kHigherIsBetter, "analogies, 3CosAdd"},
            {"3cosmul", Direction::kHigherIsBetter, "analogies, 3CosMul"}};
  }
  std::string segment_score() const override { return "3cosadd"; }
  std::string unit() const override { return "words"; }
  std::string loss_unit() const override { return "the method's own"; }
  std::vector<std::pair<std::string, std::string>> data_keys() const override {
    return {{"train", "a text file of words between blanks, or microworld"},
            {"test",
             "files of analogies (lines of four words below ': section') or of judged pairs (two words and a "
             "number), with commas between them; of microworld its own"},
            {"microworld_seed", "which stories it tells"}};
  }

  ComparisonData prepare(const ComparisonSpec& spec, const fs::path& dir, const Message& message) const override {
    if (spec.budget.kind != ComparisonBudget::Kind::kTokens && spec.budget.amount > 0)
      throw ConfigError(
          fmt::format("budget {}: word vectors take a budget of tokens, which are words", spec.budget.name()));
    const auto train = value(spec, "train");
    if (train.empty()) throw ConfigError("data.train is missing (--data): a text file, or microworld");
    ComparisonData data;
    const bool told = train == kMicroworld;
    auto source = fs::path(train);
    if (told) {
      std::uint64_t seed = 1;
      if (const auto text = value(spec, "microworld_seed");
          !text.empty() && read_number(text, seed) != NumberFault::kNone)
        throw ConfigError(fmt::format("data.microworld_seed = {}: expected a whole number", text));
      constexpr double kBytesOfWord = 5.5;
      const auto bytes = std::clamp(kBytesOfWord * spec.budget.amount, 1e5, 256e6);
      source = dir / "told.txt";
      write_file_atomically(source, microworld_words(microworld_text(2 * seed, static_cast<std::uint64_t>(bytes))));
    }
    // The first lines, as far as the budget goes.
    std::int64_t words = 0;
    const auto file = dir / "train.txt";
    write_file_atomically(file, [&](std::ostream& out) {
      FileLines lines(source);
      for (std::string_view line; lines.next(line);) {
        const auto more = std::ssize(words_of(line));
        if (static_cast<double>(words + more) > spec.budget.amount) break;
        words += more;
        out << line << '\n';
      }
    });
    if (words == 0)
      throw ConfigError(
          fmt::format("budget tokens={}: the first line of {} has more words", spec.budget.amount, train));
    data.facts["train"] = file.string();
    data.set("train_tokens", static_cast<double>(words));
    data.facts["test"] = value(spec, "test").empty() && told ? kMicroworld : value(spec, "test");
    if (data.fact("test").empty())
      throw ConfigError("data.test is missing (--test): a file of analogies or of judged pairs of words");
    std::vector<fs::path> files = {file};
    for (const auto& test : tests_of(data)) {
      if (test != kMicroworld) files.push_back(readable_file(test));
    }
    data.fingerprint = fmt::format("words {:016x} test {}", text_fingerprint(files, 1).print, data.fact("test"));
    message(fmt::format("{} words to learn from", words));
    return data;
  }

  std::string program_of(const ModelSpec& model) const override {
    return std::string(compared_family(model, kTasks).program);
  }
  std::unique_ptr<TaskSetup> setup(const ModelSpec& model) const override {
    return compared_family(model, kTasks).setup();
  }
  void configure(RunConfig& config, const ComparisonSpec& /*spec*/, const ComparisonData& data) const override {
    config.set("data.train", data.fact("train"), "the comparison");
  }
  RowLengths row(const ComparisonSpec& /*spec*/, const ComparisonData& /*data*/) const override {
    return {.target = 1};
  }
  void complete(ModelConfig& /*config*/, const ComparisonData& /*data*/) const override {}
  bool prepares_by_counting() const override { return true; }

  MeasuredModel measure(const ModelToMeasure& model, const ComparisonSpec& /*spec*/,
                        const ComparisonData& data) const override {
    const auto vectors = load_word_vectors(model.dir);
    MeasuredModel measured;
    const StopWatch watch;
    for (const auto& test : tests_of(data)) {
      for (const auto& [name, metric] : evaluate_word_vectors(vectors, test)) {
        if (std::isfinite(metric.value)) measured.scores[name] = metric.value;
      }
      add_questions(vectors, test, measured);
    }
    measured.seconds = watch.seconds();
    // What is near to words of the middle of the vocabulary.
    const auto count = vectors.size();
    for (std::size_t i = std::min<std::size_t>(40, count / 4); i < count && measured.samples.size() < 6;
         i += std::max<std::size_t>(1, i / 2)) {
      std::string near;
      const auto& word = vectors.words()[i];
      for (const auto& neighbor : vectors.nearest(vectors.vectors()[static_cast<std::int64_t>(i)], 6, {word}))
        near += fmt::format("{}{}", near.empty() ? "" : ", ", neighbor.word);
      measured.samples.push_back({word + ": ", near});
    }
    return measured;
  }
  const SegmentMetric& segment_metric() const override {
    static const RatioMetric metric("3cosadd");
    return metric;
  }

 private:
  static constexpr std::string_view kTasks[] = {"word-vectors"};

  static std::string value(const ComparisonSpec& spec, const char* key) {
    const auto found = spec.data.find(key);
    return found == spec.data.end() ? std::string() : found->second;
  }
  static std::vector<std::string> tests_of(const ComparisonData& data) {
    std::vector<std::string> tests;
    std::istringstream parts(data.fact("test"));
    for (std::string part; std::getline(parts, part, ',');) tests.push_back(part);
    return tests;
  }

  /// The answers of the questions, some together, which all models of a text know or do not.
  static void add_questions(const WordVectors& vectors, const std::string& test, MeasuredModel& measured) {
    if (!measured.scores.contains("3cosadd") || !measured.segments.empty()) return;
    constexpr std::size_t kParts = 300;
    std::vector<AnalogySection> parts;
    const auto sections = open_analogies(test);
    std::size_t count = 0;
    for (const auto& section : sections) count += section.questions.size();
    const auto each = std::max<std::size_t>(1, count / kParts);
    for (const auto& section : sections) {
      for (const auto& question : section.questions) {
        if (parts.empty() || parts.back().questions.size() == each) parts.emplace_back();
        parts.back().questions.push_back(question);
      }
    }
    for (const auto& score : evaluate_analogies(vectors, parts, {.ignore_case = true}))
      measured.segments.push_back({static_cast<double>(score.correct_add), static_cast<double>(score.covered)});
    measured.tokens = static_cast<double>(count);
  }
};

}  // namespace

const ComparisonTask& vectors_comparison() {
  static const VectorsComparison task;
  return task;
}

}  // namespace langzoo
