#include "data/tasks/text_tasks.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "data/files/escaped.h"
#include "data/files/files.h"
#include "data/files/json_text.h"
#include "data/files/numbers.h"
#include "data/metrics/text_metrics.h"
#include "data/microworld/korean.h"
#include "data/microworld/tasks.h"
#include "data/tasks/questions.h"
#include "data/tasks/text_rows.h"

namespace langzoo {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// A row's columns; one that is a list has several texts.
struct TaskRow {
  std::vector<std::vector<std::string>> values;
  std::int64_t line = 0;
};
using TaskRows = std::vector<TaskRow>;

/// A table that is made up: its columns, and its rows.
struct MadeUpTable {
  std::vector<std::string> columns;
  TaskRows (*rows)(std::uint64_t seed, std::int64_t count);
};

TaskRow row_of(std::vector<std::string> texts, const TaskRows& before) {
  TaskRow row;
  for (auto& text : texts) row.values.push_back({std::move(text)});
  row.line = std::ssize(before) + 1;
  return row;
}

TaskRows korean_rows(std::uint64_t seed, std::int64_t count) {
  TaskRows rows;
  const auto pairs = microworld_korean_pairs(seed, count, MicroworldUnit::kEvent);
  for (SentencePair pair; pairs->next(pair);) rows.push_back(row_of({pair.source, pair.target}, rows));
  return rows;
}

template <auto kMake>
TaskRows story_rows(std::uint64_t seed, std::int64_t count) {
  TaskRows rows;
  for (const auto& [text, pair, label] : kMake(seed, count, MicroworldLanguage::kEnglish))
    rows.push_back(row_of({text, pair, label}, rows));
  return rows;
}

TaskRows similar_rows(std::uint64_t seed, std::int64_t count) {
  TaskRows rows;
  for (const auto& [a, b, value] : microworld_similarity(seed, count, MicroworldLanguage::kEnglish))
    rows.push_back(row_of({a, b, fmt::format("{}", value)}, rows));
  return rows;
}

TaskRow question_row(const Question& question, const TaskRows& before) {
  auto row = row_of({question.question, *question.context}, before);
  auto& answers = row.values.emplace_back();
  for (const auto& answer : question.answers) {
    if (std::find(answers.begin(), answers.end(), answer.text) == answers.end()) answers.push_back(answer.text);
  }
  return row;
}

TaskRows question_rows(std::uint64_t seed, std::int64_t count) {
  TaskRows rows;
  for (const auto& question : microworld_questions(seed, count, MicroworldLanguage::kEnglish))
    rows.push_back(question_row(question, rows));
  return rows;
}

TaskRows choice_rows(std::uint64_t seed, std::int64_t count) {
  TaskRows rows;
  for (const auto& example : microworld_choices(seed, count, MicroworldLanguage::kEnglish)) {
    rows.push_back(row_of(
        {example.premise, example.choices.at(0), example.choices.at(1), fmt::format("choice{}", example.label + 1)},
        rows));
  }
  return rows;
}

const std::map<std::string, MadeUpTable, std::less<>>& made_up_tables() {
  static const std::map<std::string, MadeUpTable, std::less<>> tables = {
      {"microworld-ko", {{"english", "korean"}, korean_rows}},
      {"microworld-classification", {{"text", "pair", "label"}, story_rows<microworld_classification>}},
      {"microworld-entailment", {{"text", "pair", "label"}, story_rows<microworld_entailment>}},
      {"microworld-similarity", {{"first", "second", "score"}, similar_rows}},
      {"microworld-questions", {{"question", "context", "answer"}, question_rows}},
      {"microworld-choices", {{"premise", "choice1", "choice2", "label"}, choice_rows}}};
  return tables;
}

/// The asked columns of rows that have these. Throws std::runtime_error naming one that is not there.
TaskRows picked(TaskRows rows, const std::vector<std::string>& columns, const std::vector<std::string>& asked) {
  std::vector<std::size_t> places;
  for (const auto& name : asked) {
    const auto found = std::find(columns.begin(), columns.end(), name);
    if (found == columns.end())
      throw std::runtime_error(
          fmt::format("has no column {}; the columns are {}", escaped(name), fmt::join(columns, ", ")));
    places.push_back(static_cast<std::size_t>(found - columns.begin()));
  }
  for (auto& row : rows) {
    std::vector<std::vector<std::string>> values;
    for (const auto place : places) values.push_back(row.values[place]);
    row.values = std::move(values);
  }
  return rows;
}

/// The texts of a JSON list. Throws std::runtime_error for a list of something else.
std::vector<std::string> texts_of_list(const std::string& text, const std::string& column) {
  std::vector<std::string> texts;
  for (const auto& item : json::parse(text)) {
    if (!item.is_string()) throw std::runtime_error(fmt::format("column {} is a list of what are no texts", column));
    texts.push_back(item.get<std::string>());
  }
  return texts;
}

TaskRows table_rows(const std::string& path, const std::vector<std::string>& asked) {
  std::vector<TableColumn> columns;
  for (const auto& name : asked) columns.push_back({.name = name, .list = true});
  TaskRows rows;
  for (auto& table_row : read_table(path, columns)) {
    TaskRow row{{}, table_row.line};
    for (std::size_t i = 0; i < asked.size(); ++i) {
      auto& value = table_row.values[i];
      const bool list = !table_row.lists.empty() && table_row.lists[i];
      try {
        row.values.push_back(list ? texts_of_list(value, asked[i]) : std::vector<std::string>{std::move(value)});
      } catch (const std::runtime_error& error) {
        throw FileError(path, fmt::format("line {}: {}", row.line, error.what()));
      }
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

TaskRows rows_of(const std::string& data, const std::vector<std::string>& asked, const MadeUpRows& made_up) {
  if (const auto table = made_up_tables().find(data); table != made_up_tables().end()) {
    try {
      return picked(table->second.rows(made_up.seed, made_up.count), table->second.columns, asked);
    } catch (const std::runtime_error& error) {
      throw std::runtime_error(fmt::format("{}: {}", data, error.what()));
    }
  }
  if (fs::path(data).extension() != ".json") return table_rows(data, asked);
  TaskRows rows;
  for (const auto& question : read_questions(data)) rows.push_back(question_row(question, rows));
  try {
    return picked(std::move(rows), {"question", "context", "answer"}, asked);
  } catch (const std::runtime_error& error) {
    throw FileError(data, error.what());
  }
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

// The file of tasks.

std::string text_field(const json& object, const char* name, bool required = true) {
  const auto found = object.find(name);
  if (found == object.end()) {
    if (!required) return {};
    throw std::runtime_error(fmt::format("has no \"{}\"", name));
  }
  if (!found->is_string()) throw std::runtime_error(fmt::format("\"{}\" is no text", name));
  return found->get<std::string>();
}

TextTask task_of(const json& object) {
  if (!object.is_object()) throw std::runtime_error("is no object");
  static const std::set<std::string> kKeys = {"name", "data", "valid", "input", "target", "metrics", "weight"};
  for (const auto& [key, value] : object.items()) {
    if (!kKeys.contains(key))
      throw std::runtime_error(fmt::format("\"{}\" is unknown; a task has {}", escaped(key), fmt::join(kKeys, ", ")));
  }
  TextTask task{text_field(object, "name"),
                text_field(object, "data"),
                text_field(object, "valid", false),
                text_field(object, "input"),
                text_field(object, "target"),
                {},
                1};
  const auto metrics = object.find("metrics");
  if (metrics == object.end()) throw std::runtime_error("has no \"metrics\"");
  if (!metrics->is_array()) throw std::runtime_error("\"metrics\" is no list of names");
  for (const auto& metric : *metrics) {
    if (!metric.is_string()) throw std::runtime_error("\"metrics\" is no list of names");
    task.metrics.push_back(metric.get<std::string>());
  }
  if (const auto weight = object.find("weight"); weight != object.end()) {
    if (!weight->is_number()) throw std::runtime_error("\"weight\" is no number");
    task.weight = weight->get<double>();
  }
  return task;
}

/// A file beside the one of the tasks, or as it is.
std::string beside(const fs::path& file, const std::string& data) {
  if (data.empty() || is_microworld_table(data)) return data;
  const auto there = file.parent_path() / data;
  std::error_code error;
  return absolute_if_there(fs::exists(there, error) ? there.string() : data);
}

}  // namespace

TextTemplate::TextTemplate(std::string_view text) {
  const auto fail = [&](const std::string& what) {
    throw std::invalid_argument(fmt::format("template \"{}\": {}", escaped(text), what));
  };
  Part part;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if ((c == '{' || c == '}') && text.substr(at + 1).starts_with(c)) {
      part.text += c;
      ++at;
      continue;
    }
    if (c == '}') fail("a } without its {; a brace itself is }}");
    if (c != '{') {
      part.text += c;
      continue;
    }
    const auto end = text.find_first_of("{}", at + 1);
    if (end == std::string_view::npos || text[end] == '{') fail("a { without its }; a brace itself is {{");
    auto name = text.substr(at + 1, end - at - 1);
    if (const auto colon = name.rfind(':'); colon != std::string_view::npos) {
      const auto step = name.substr(colon + 1);
      if (read_number(step, part.step) != NumberFault::kNone || !(part.step > 0) ||
          step.find_first_of("eE") != std::string_view::npos)
        fail(fmt::format("{{{}}}: {} is no step above 0 to round to, as 0.2", name, step));
      const auto point = step.find('.');
      part.decimals = point == std::string_view::npos ? 0 : static_cast<int>(step.size() - point - 1);
      name = name.substr(0, colon);
    }
    if (name.empty()) fail("a column's name is empty");
    auto found = std::find(columns_.begin(), columns_.end(), name);
    if (found == columns_.end()) found = columns_.insert(found, std::string(name));
    part.column = found - columns_.begin();
    parts_.push_back(std::move(part));
    part = {};
    at = end;
  }
  if (!part.text.empty()) parts_.push_back(std::move(part));
}

std::string TextTemplate::fill(const std::function<std::string_view(std::size_t)>& value) const {
  std::string filled;
  for (const auto& [text, column, step, decimals] : parts_) {
    filled += text;
    if (column < 0) continue;
    const auto of_column = value(static_cast<std::size_t>(column));
    if (step == 0) {
      filled += of_column;
      continue;
    }
    double number = 0;
    if (read_number(of_column, number) != NumberFault::kNone) {
      throw std::runtime_error(fmt::format("column {} is no number: \"{}\"", columns_[static_cast<std::size_t>(column)],
                                           escaped(of_column)));
    }
    filled += fmt::format("{:.{}f}", std::nearbyint(number / step) * step + 0.0, decimals);  // -0 is 0
  }
  return filled;
}

void TextTask::validate() const {
  const auto fail = [&](const std::string& what) {
    throw std::invalid_argument(fmt::format("task {}: {}", name.empty() ? "\"\"" : escaped(name), what));
  };
  if (name.empty() || name.find_first_of(" \t\r\n") != std::string::npos) fail("a name is one word");
  if (data.empty()) fail("data is empty");
  for (const auto& [field, text] : {std::pair("input", &input), std::pair("target", &target)}) {
    try {
      if (TextTemplate(*text).columns().empty())
        fail(fmt::format("{} \"{}\" has no column, as {{text}}", field, escaped(*text)));
    } catch (const std::invalid_argument& error) {
      if (std::string_view(error.what()).starts_with("task ")) throw;
      fail(fmt::format("{} {}", field, error.what()));
    }
  }
  if (metrics.empty()) fail(fmt::format("metrics is empty: {}", fmt::join(text_metric_names(), ", ")));
  for (auto metric = metrics.begin(); metric != metrics.end(); ++metric) {
    try {
      check_text_metric(*metric);
    } catch (const std::invalid_argument& error) {
      fail(error.what());
    }
    if (std::find(metrics.begin(), metric, *metric) != metric) fail(fmt::format("metric {} is there twice", *metric));
  }
  if (!(weight > 0 && weight < 1e9)) fail(fmt::format("weight is {}, expected above 0 and below 1e9", weight));
}

std::vector<TextTask> read_text_tasks(const fs::path& path) {
  constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 24;
  const auto text = read_file(path, kMostBytes);
  if (nested_too_deeply(text)) throw FileError(path, "is nested too deeply");
  json file;
  try {
    file = json::parse(text);
  } catch (const json::parse_error& error) {
    throw FileError(path, fmt::format("not valid JSON at byte {}", error.byte));
  } catch (const json::out_of_range&) {
    throw FileError(path, "holds a number that is too large");
  }
  const auto list = file.is_object() ? file.find("tasks") : file.end();
  if (!file.is_object() || list == file.end() || !list->is_array() || file.size() != 1)
    throw FileError(path, "is no file of tasks: expected {\"tasks\": [{\"name\": ...}]} and nothing else");
  if (list->empty()) throw FileError(path, "holds no task");
  std::vector<TextTask> tasks;
  std::set<std::string> names;
  for (const auto& object : *list) {
    try {
      auto task = task_of(object);
      task.validate();
      if (!names.insert(task.name).second) throw std::runtime_error("the name is there twice");
      task.data = beside(path, task.data);
      task.valid = beside(path, task.valid);
      tasks.push_back(std::move(task));
    } catch (const std::invalid_argument& error) {  // says which task
      throw FileError(path, error.what());
    } catch (const std::runtime_error& error) {
      const auto name = object.is_object() && object.contains("name") && object["name"].is_string()
                            ? escaped(object["name"].get<std::string>())
                            : fmt::format("{}", tasks.size() + 1);
      throw FileError(path, fmt::format("task {}: {}", name, error.what()));
    }
  }
  return tasks;
}

bool is_microworld_table(std::string_view data) {
  return made_up_tables().contains(data);
}

const std::vector<TextTask>& microworld_text_tasks() {
  static const std::vector<TextTask> tasks = {
      {"translation", "microworld-ko", "", "translate English to Korean: {english}", "{korean}", {"bleu", "chrf"}},
      {"classification", "microworld-classification", "", "found or missed: {text}", "{label}", {"accuracy"}},
      {"entailment", "microworld-entailment", "", "entailment claim: {pair} story: {text}", "{label}", {"accuracy"}},
      {"similarity",
       "microworld-similarity",
       "",
       "similarity first: {first} second: {second}",
       "{score:0.2}",
       {"pearson", "spearman"}},
      {"questions", "microworld-questions", "", "question: {question} context: {context}", "{answer}", {"squad"}},
      {"choices",
       "microworld-choices",
       "",
       "choice1: {choice1} choice2: {choice2} story: {premise}",
       "{label}",
       {"accuracy"}}};
  return tasks;
}

std::vector<std::string> TextExample::references() const {
  std::vector<std::string> all = {target};
  all.insert(all.end(), others.begin(), others.end());
  return all;
}

std::vector<TextExample> read_text_examples(const TextTask& task, const std::string& data, const MadeUpRows& made_up,
                                            std::int64_t& left_out) {
  const TextTemplate input(task.input), target(task.target);
  auto columns = input.columns();
  std::vector<std::size_t> of_target;
  for (const auto& name : target.columns()) {
    auto found = std::find(columns.begin(), columns.end(), name);
    if (found == columns.end()) found = columns.insert(found, name);
    of_target.push_back(static_cast<std::size_t>(found - columns.begin()));
  }
  const bool one_column = task.target == "{" + target.columns().at(0) + "}";
  const auto fail = [&](const std::string& what) {
    throw std::runtime_error(fmt::format("task {}: {}", task.name, what));
  };
  TaskRows rows;
  try {
    rows = rows_of(data, columns, made_up);
  } catch (const std::runtime_error& error) {
    fail(error.what());
  }
  std::vector<TextExample> examples;
  for (auto& [values, line] : rows) {
    TextExample example;
    example.line = line;
    if (one_column) {
      auto& texts = values[of_target[0]];
      if (!std::all_of(texts.begin(), texts.end(), is_blank)) std::erase_if(texts, is_blank);
      if (texts.size() > 1) example.others.assign(texts.begin() + 1, texts.end());
      texts.resize(1);
    }
    std::vector<std::string> joined;
    for (const auto& texts : values) joined.push_back(fmt::format("{}", fmt::join(texts, " ")));
    try {
      example.input = input.fill([&](std::size_t i) -> std::string_view { return joined[i]; });
      example.target = target.fill([&](std::size_t i) -> std::string_view { return joined[of_target[i]]; });
    } catch (const std::runtime_error& error) {
      fail(fmt::format("{}: line {}: {}", data, line, error.what()));
    }
    if (is_blank(example.target)) {
      ++left_out;
      continue;
    }
    try {
      for (const auto& metric : task.metrics) check_text_reference(metric, example.target);
    } catch (const std::invalid_argument& error) {
      fail(fmt::format("{}: line {}: {}", data, line, error.what()));
    }
    examples.push_back(std::move(example));
  }
  if (examples.empty()) fail(fmt::format("{}: has no row with a target", data));
  return examples;
}

}  // namespace langzoo
