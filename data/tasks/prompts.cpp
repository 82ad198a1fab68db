#include "data/tasks/prompts.h"

#include <algorithm>
#include <set>
#include <stdexcept>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "data/files/escaped.h"
#include "data/files/files.h"
#include "data/files/json_text.h"
#include "data/files/text_lines.h"
#include "data/random/permutation.h"
#include "data/tasks/text_tasks.h"

namespace langzoo {

namespace {

using nlohmann::json;

constexpr std::string_view kAnswerPlace = "{answer}";
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 24;

/// Where {answer} stands in a template, {{ being a brace.
std::vector<std::size_t> answer_places(std::string_view text) {
  std::vector<std::size_t> places;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text.substr(at).starts_with("{{"))
      ++at;
    else if (text.substr(at).starts_with(kAnswerPlace))
      places.push_back(at);
  }
  return places;
}

std::string text_of(const json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

/// Throws std::runtime_error naming the key.
std::vector<std::string> texts_of(const json& list, const std::string& key) {
  std::vector<std::string> texts;
  const bool is_list = list.is_array() && std::all_of(list.begin(), list.end(), [](const json& item) {
                         return item.is_string() || item.is_number();
                       });
  if (!is_list || list.empty()) throw std::runtime_error(fmt::format("\"{}\" is no list of texts", escaped(key)));
  for (const auto& item : list) texts.push_back(text_of(item));
  return texts;
}

PromptTask task_of(const json& object) {
  static const std::set<std::string> kKeys = {"name",    "description", "input", "target",
                                              "choices", "separator",   "metric"};
  for (const auto& [key, value] : object.items()) {
    if (!kKeys.contains(key))
      throw std::runtime_error(fmt::format("\"{}\" is unknown; a task has {}", escaped(key), fmt::join(kKeys, ", ")));
    if (key != "choices" && !value.is_string()) throw std::runtime_error(fmt::format("\"{}\" is no text", key));
  }
  const auto text = [&](const char* key, const char* otherwise = nullptr) {
    if (object.contains(key)) return object[key].get<std::string>();
    if (otherwise == nullptr) throw std::runtime_error(fmt::format("has no \"{}\"", key));
    return std::string(otherwise);
  };
  PromptTask task;
  task.name = text("name");
  task.description = text("description", "");
  task.input = text("input");
  task.target = text("target");
  task.separator = text("separator", "\n\n");
  if (object.contains("choices") && object["choices"] == "")
    throw std::runtime_error("\"choices\" is empty: a list of texts or the name of a field is expected");
  if (object.contains("choices") && object["choices"].is_string())
    task.choices_field = text("choices");
  else if (object.contains("choices"))
    task.choices = texts_of(object["choices"], "choices");
  const auto metric = text("metric", task.has_choices() ? "acc" : "exact_match");
  const auto* const found = std::find(std::begin(kAnswerKindNames), std::end(kAnswerKindNames), metric);
  if (found == std::end(kAnswerKindNames))
    throw std::runtime_error(
        fmt::format("\"metric\" is \"{}\", expected one of {}", escaped(metric), fmt::join(kAnswerKindNames, ", ")));
  task.metric = static_cast<AnswerKind>(found - std::begin(kAnswerKindNames));
  return task;
}

/// Throws std::runtime_error naming the field.
PromptExample example_of(const json& object, const PromptTask& task, const std::set<std::string>& needed) {
  PromptExample example;
  for (const auto& [key, value] : object.items()) {
    if (key != "answer" && !value.is_structured() && !value.is_null()) example.fields[key] = text_of(value);
  }
  for (const auto& name : needed) {
    if (example.fields.contains(name)) continue;
    const auto found = object.find(name);
    throw std::runtime_error(found == object.end()
                                 ? fmt::format("has no field \"{}\"", escaped(name))
                                 : fmt::format("field \"{}\" is no text and no number", escaped(name)));
  }
  example.choices = task.choices;
  if (!task.choices_field.empty()) {
    const auto found = object.find(task.choices_field);
    if (found == object.end())
      throw std::runtime_error(fmt::format("has no field \"{}\"", escaped(task.choices_field)));
    example.choices = texts_of(*found, task.choices_field);
  }

  for (const auto& choice : example.choices) {
    if (choice.find_first_not_of(" \t\r\n") == std::string::npos) throw std::runtime_error("has an empty choice");
  }

  const auto answer = object.find("answer");
  if (answer == object.end()) throw std::runtime_error("has no field \"answer\"");
  if (answer->is_structured() || answer->is_null())
    throw std::runtime_error("field \"answer\" is no text and no number");
  example.answer = text_of(*answer);
  if (example.choices.empty()) return example;
  const auto choices = std::ssize(example.choices);
  if (answer->is_number_integer()) {
    example.choice = answer->get<std::int64_t>();
    if (example.choice < 0 || example.choice >= choices)
      throw std::runtime_error(
          fmt::format("\"answer\" is {}: there are {} choices, counted from 0", example.choice, choices));
    example.answer = example.choices[static_cast<std::size_t>(example.choice)];
    return example;
  }
  const auto found = std::find(example.choices.begin(), example.choices.end(), example.answer);
  if (found == example.choices.end())
    throw std::runtime_error(
        fmt::format("\"answer\" is \"{}\", which is none of the choices", escaped(example.answer)));
  example.choice = found - example.choices.begin();
  return example;
}

std::string filled(const std::string& text, const PromptExample& example) {
  const TextTemplate form(text);
  return form.fill([&](std::size_t column) -> std::string_view { return example.fields.at(form.columns()[column]); });
}

}  // namespace

void PromptTask::validate() const {
  const auto fail = [&](const std::string& what) {
    throw std::invalid_argument(fmt::format("task {}: {}", name.empty() ? "\"\"" : escaped(name), what));
  };
  if (name.empty()) fail("the name is empty");
  for (const auto& [field, text] : {std::pair("input", &input), std::pair("target", &target)}) {
    try {
      const TextTemplate form(*text);
    } catch (const std::invalid_argument& error) {
      fail(fmt::format("{}: {}", field, error.what()));
    }
  }
  if (!answer_places(input).empty()) fail("input: {answer} is what is asked for; it belongs into target");
  if (answer_places(target).size() != 1) fail(fmt::format("target \"{}\" must have {{answer}} once", escaped(target)));
  if (metric == AnswerKind::kChoice && !has_choices()) fail("metric acc is of choices, and there are none");
  if (separator.empty()) fail("separator is empty");
}

PromptTask read_prompt_task(const std::filesystem::path& path) {
  return parse_prompt_task(read_file(path, kMostBytes), path);
}

PromptTask parse_prompt_task(std::string_view text, const std::filesystem::path& path) {
  if (nested_too_deeply(text)) throw FileError(path, "is nested too deeply");
  const auto object = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) throw FileError(path, "is no JSON object: {\"name\": ..., \"input\": ..., \"target\": ...}");
  try {
    auto task = task_of(object);
    task.validate();
    return task;
  } catch (const std::exception& error) {
    throw FileError(path, error.what());
  }
}

std::vector<PromptExample> read_prompt_examples(const std::filesystem::path& path, const PromptTask& task,
                                                bool chains) {
  std::set<std::string> needed;
  for (const auto* const text : {&task.input, &task.target}) {
    const TextTemplate form(*text);
    needed.insert(form.columns().begin(), form.columns().end());
  }
  needed.erase("answer");
  if (chains) needed.insert("reasoning");
  std::vector<PromptExample> examples;
  FileLines lines(path);
  for (std::string_view line; lines.next(line);) {
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    if (nested_too_deeply(line)) throw lines.error("is nested too deeply");
    const auto object = json::parse(line.begin(), line.end(), nullptr, /*allow_exceptions=*/false);
    if (!object.is_object()) throw lines.error("is no JSON object");
    try {
      examples.push_back(example_of(object, task, needed));
    } catch (const std::runtime_error& error) {
      throw lines.error(error.what());
    }
    examples.back().line = static_cast<std::int64_t>(lines.number());
  }
  if (examples.empty()) throw FileError(path, "holds no example");
  return examples;
}

Prompts::Prompts(const PromptTask& task, const std::vector<PromptExample>& pool, std::int64_t shots, std::uint64_t seed,
                 bool chains)
    : task_(task), count_(shots) {
  const auto place = answer_places(task.target).at(0);
  before_ = task.target.substr(0, place);
  after_ = task.target.substr(place + kAnswerPlace.size());
  if (shots == 0) return;
  std::set<std::string> seen;
  const Permutation order(std::max<std::size_t>(pool.size(), 1), seed, /*stream=*/0);
  for (std::size_t i = 0; i < pool.size() && std::ssize(shots_) <= shots; ++i) {
    const auto& example = pool[order(i)];
    const auto bare = answered(example, example.answer);
    if (!seen.insert(bare).second) continue;
    const auto chain = [&] {
      return fmt::format("{} {} {}.", example.fields.at("reasoning"), kAnswerTrigger, example.answer);
    };
    shots_.push_back({bare, chains ? answered(example, chain()) : bare});
  }
  if (std::ssize(shots_) < shots)
    throw std::invalid_argument(fmt::format("{} shots: there are but {} examples that differ", shots, shots_.size()));
}

std::string Prompts::question(const PromptExample& example) const {
  return filled(task_.input, example) + filled(before_, example);
}

std::string Prompts::answered(const PromptExample& example, const std::string& answer) const {
  return question(example) + answer + filled(after_, example);
}

std::string Prompts::join(const std::string& question, const PromptExample& item) const {
  std::string prompt;
  const auto add = [&](const std::string& part) { prompt += (prompt.empty() ? "" : task_.separator) + part; };
  if (!task_.description.empty()) add(task_.description);
  const auto own = count_ > 0 ? answered(item, item.answer) : "";
  const auto reserve = shots_.begin() + std::min<std::ptrdiff_t>(count_, std::ssize(shots_));
  for (auto shot = shots_.begin(); shot != reserve; ++shot) {
    if (shot->bare != own) {
      add(shot->text);
      continue;
    }
    if (reserve == shots_.end())
      throw std::invalid_argument(
          fmt::format("{} shots: one of them is the question of line {}, and there is no other "
                      "example to take its place",
                      count_, item.line));
    add(reserve->text);
  }
  add(question);
  return prompt;
}

std::string Prompts::prompt(const PromptExample& item) const {
  return join(question(item), item);
}

std::string Prompts::content_free_prompt(const PromptExample& item, std::string_view text) const {
  auto empty = item;
  for (auto& [name, value] : empty.fields) value = text;
  return join(question(empty), item);
}

}  // namespace langzoo
