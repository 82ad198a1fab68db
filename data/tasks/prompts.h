/// Prompts for in-context learning (Brown et al. 2020, section 2): a task in words, examples of it with their answers
/// ("shots"), and a question whose answer is the language model's to give. A task is a JSON file,
///
///     {"name": "capitals", "description": "Name the capital.", "input": "Q: {country}\n", "target": "A: {answer}",
///      "choices": "options", "separator": "\n\n", "metric": "acc"}
///
/// and its examples are JSON lines: {"country": "France", "options": ["Paris", "Lyon"], "answer": 0}.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "data/tasks/answers.h"

namespace langzoo {

struct PromptTask {
  std::string name;
  std::string description;           ///< begins every prompt unless empty
  std::string input, target;         ///< templates (text_tasks.h); `target` has {answer} once
  std::vector<std::string> choices;  ///< the same for all examples
  std::string choices_field;         ///< or the field of an example that lists them
  std::string separator = "\n\n";    ///< between description, shots and question; where a free answer ends
  AnswerKind metric = AnswerKind::kChoice;

  bool has_choices() const { return !choices.empty() || !choices_field.empty(); }
  /// Throws std::invalid_argument naming the field.
  void validate() const;
};

/// Throws FileError naming the field that is missing, unknown or of another type.
PromptTask read_prompt_task(const std::filesystem::path& path);
/// The same of a file's text; `origin` is what errors name.
PromptTask parse_prompt_task(std::string_view text, const std::filesystem::path& origin);

struct PromptExample {
  std::map<std::string, std::string> fields;  ///< texts, numbers and truth values, as texts
  std::vector<std::string> choices;           ///< of the task, or its own
  std::string answer;                         ///< a text; with choices one of them
  std::int64_t choice = -1;                   ///< which; -1: the task has none
  std::int64_t line = 0;                      ///< from 1

  bool operator==(const PromptExample&) const = default;
};

/// The objects of a file of JSON lines. Throws FileError naming line and field: one that a template needs and is
/// missing, is a list or an object, an answer that is no choice, and where `chains`, no `reasoning`.
std::vector<PromptExample> read_prompt_examples(const std::filesystem::path& path, const PromptTask& task,
                                                bool chains = false);

/// Makes the prompts of a task, all with the same shots.
class Prompts {
 public:
  /// `shots` of the `pool`, drawn without replacement by the seed; of more shots the fewer ones are the first. With
  /// `chains` a shot's answer is "{reasoning} The answer is {answer}." (Wei et al. 2022). Throws std::invalid_argument
  /// where the pool has fewer that differ; an item to come may be among them, so that one is kept in reserve.
  Prompts(const PromptTask& task, const std::vector<PromptExample>& pool, std::int64_t shots, std::uint64_t seed,
          bool chains = false);

  /// Description, shots and question, joined by the separator. A shot that reads as the item with its answer is not
  /// among them, whatever other fields it has: in its place stands the reserve.
  std::string prompt(const PromptExample& item) const;
  /// The same with the question's fields, all but its choices, being `text`: what contextual calibration asks (Zhao et
  /// al. 2021).
  std::string content_free_prompt(const PromptExample& item, std::string_view text) const;

 private:
  struct Shot {
    std::string bare;  ///< without its chain
    std::string text;
  };

  std::string answered(const PromptExample& example, const std::string& answer) const;
  std::string question(const PromptExample& example) const;
  std::string join(const std::string& question, const PromptExample& item) const;

  PromptTask task_;
  std::string before_, after_;  ///< templates: `target` before and after {answer}
  std::vector<Shot> shots_;     ///< and the reserve, where the pool has one
  std::int64_t count_;
};

}  // namespace langzoo
