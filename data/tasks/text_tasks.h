/// Tasks as text to text (Raffel et al. 2020): where examples come from, what is read and written of each, and how it
/// is measured. A table of them is a JSON file:
///
///     {"tasks": [{"name": "sentiment", "data": "train.csv", "valid": "dev.csv", "input": "sentiment: {text}",
///                 "target": "{label}", "metrics": ["accuracy"]}]}
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace langzoo {

/// A text with places for columns: "premise: {premise} hypothesis: {hypothesis}". {score:0.2} is a number rounded to a
/// multiple of 0.2, as T5 has those of STS-B; {{ and }} are braces.
class TextTemplate {
 public:
  /// Throws std::invalid_argument for a brace without its other one, an empty name, and a step that is no number above
  /// 0.
  explicit TextTemplate(std::string_view text);

  /// Each once, in their order.
  const std::vector<std::string>& columns() const { return columns_; }
  /// `value` gives a column's, by its place among columns(). Throws std::runtime_error for one that should be a number.
  std::string fill(const std::function<std::string_view(std::size_t column)>& value) const;

 private:
  struct Part {
    std::string text;          ///< as it is, before the column
    std::int64_t column = -1;  ///< of columns_; -1: none
    double step = 0;           ///< above 0: rounded to a multiple of it
    int decimals = 0;
  };
  std::vector<Part> parts_;
  std::vector<std::string> columns_;
};

struct TextTask {
  std::string name;
  std::string data;                  ///< a file, or a made-up table: microworld-ko, ...
  std::string valid;                 ///< likewise; empty: a part of `data`
  std::string input, target;         ///< templates
  std::vector<std::string> metrics;  ///< of text_metric_names()
  double weight = 1;                 ///< how much more often it is drawn from than the mixing says

  /// Of a name without blanks, templates with a column at least, known metrics, a weight above 0. Throws
  /// std::invalid_argument naming the field.
  void validate() const;
};

/// Those of a file, validated. Files that they name are relative to its folder, or else to the working directory.
/// Throws FileError naming task and field for what is missing, of another type, or no field, for two tasks of one name
/// and for none.
std::vector<TextTask> read_text_tasks(const std::filesystem::path& path);

/// The tasks that microworld has examples of: translation, classification, entailment, similarity, questions, choices.
const std::vector<TextTask>& microworld_text_tasks();
/// Whether `data` is a table that microworld makes: "microworld-questions".
bool is_microworld_table(std::string_view data);

/// Which rows of made-up tables there are.
struct MadeUpRows {
  std::uint64_t seed = 1;
  std::int64_t count = 5000;
};

struct TextExample {
  std::string input, target;
  /// What else would be right: where the target is one column, of JSON lines a list or of SQuAD's answers.
  std::vector<std::string> others;
  std::int64_t line = 0;  ///< where it comes from; of made-up ones the number

  /// The target first.
  std::vector<std::string> references() const;
};

/// The task's examples in `data`: a table (data/text/table.h) whose lists of texts, in JSON lines, count as their texts
/// with blanks between them, but for a target of one column; a .json file of SQuAD's with the columns question, context
/// and answer; or a made-up table. A row without a target is left out and counted in `left_out`. Throws FileError and
/// std::runtime_error naming the task, the file and the column or line.
std::vector<TextExample> read_text_examples(const TextTask& task, const std::string& data, const MadeUpRows& made_up,
                                            std::int64_t& left_out);

}  // namespace langzoo
