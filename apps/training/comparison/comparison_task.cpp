#include "apps/training/comparison/comparison_task.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/training/families.h"
#include "data/files/config_error.h"
#include "data/files/files.h"
#include "data/files/text_lines.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

std::vector<std::string> names_of(std::span<const ComparisonTask* const> tasks) {
  std::vector<std::string> names;
  for (const auto* const task : tasks) names.emplace_back(task->name());
  return names;
}

std::int64_t now() {
  return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
}

}  // namespace

const std::string& ComparisonData::fact(const std::string& name) const {
  const auto found = facts.find(name);
  if (found == facts.end()) throw std::logic_error("a comparison's data does not say " + name);
  return found->second;
}

double ComparisonData::number(const std::string& name) const {
  return std::stod(fact(name));
}

void ComparisonData::set(const std::string& name, double number) {
  facts[name] = fmt::format("{}", number);
}

std::unique_ptr<TaskSetup> ComparisonTask::pretraining_setup(const ModelSpec& model) const {
  throw ConfigError(
      fmt::format("model {}: pretraining {}: a comparison of {} has none", model.name, model.pretraining, name()));
}

std::span<const ComparisonTask* const> comparison_tasks() {
  static const std::vector<const ComparisonTask*> tasks = {&lm_comparison(), &translation_comparison(),
                                                           &classification_comparison(), &tagging_comparison(),
                                                           &vectors_comparison()};
  return tasks;
}

const ComparisonTask& comparison_task(std::string_view name) {
  for (const auto* const task : comparison_tasks()) {
    if (task->name() == name) return *task;
  }
  throw ConfigError(fmt::format("task {}: {}", name, unknown_name(std::string(name), names_of(comparison_tasks()))));
}

void RatioMetric::measure(std::string_view /*hypothesis*/, std::span<const std::string_view> /*references*/,
                          std::span<double> /*statistics*/) const {
  throw std::logic_error("a ratio is not measured of texts");
}

TextParts split_text(const ComparisonSpec& spec, const fs::path& dir) {
  const auto given = [&](const char* key) {
    const auto found = spec.data.find(key);
    return found == spec.data.end() ? std::string() : found->second;
  };
  const auto train = given("train");
  if (train.empty()) throw ConfigError("data.train is missing (--data): a text file, or microworld");
  TextParts parts;
  parts.train = readable_file(train);
  for (auto [part, key] : {std::pair(&parts.valid, "valid"), std::pair(&parts.test, "test")}) {
    if (!given(key).empty()) *part = readable_file(given(key));
  }
  if (!parts.valid.empty() && !parts.test.empty()) return parts;
  constexpr std::size_t kShare = 20, kLeast = 40;
  std::size_t lines = 0;
  FileLines counted(parts.train);
  for (std::string_view line; counted.next(line);) ++lines;
  if (lines < kLeast) {
    throw ConfigError(
        fmt::format("{}: has {} lines, fewer than the {} of which some can be set aside; --valid and "
                    "--test name other files",
                    train, lines, kLeast));
  }
  const auto aside = lines / kShare;
  auto begin_test = parts.test.empty() ? lines - aside : lines;
  auto begin_valid = parts.valid.empty() ? begin_test - aside : begin_test;
  const auto write = [&](const fs::path& path, std::size_t begin, std::size_t end) {
    write_file_atomically(path, [&](std::ostream& out) {
      FileLines reader(parts.train);
      std::size_t at = 0;
      for (std::string_view line; at < end && reader.next(line); ++at) {
        if (at >= begin) out << line << '\n';
      }
    });
    return path;
  };
  const auto source = parts.train;
  if (parts.valid.empty()) parts.valid = write(dir / "valid.txt", begin_valid, begin_test);
  if (parts.test.empty()) parts.test = write(dir / "test.txt", begin_test, lines);
  parts.train = write(dir / "train.txt", 0, begin_valid);
  return parts;
}

const Family& compared_family(const ModelSpec& model, std::span<const std::string_view> tasks) {
  std::vector<std::string> names;
  for (const auto& family : families()) {
    if (std::find(tasks.begin(), tasks.end(), family.task) == tasks.end()) continue;
    if (family.model_type == model.family || family.architecture == model.family) return family;
    if (names.empty() || names.back() != family.model_type) names.emplace_back(family.model_type);
  }
  throw ConfigError(
      fmt::format("model {}: family {}: {}", model.name, model.family, unknown_name(model.family, names)));
}

StopWatch::StopWatch() : begin_(now()) {}

double StopWatch::seconds() const {
  return static_cast<double>(now() - begin_) / 1e9;
}

}  // namespace langzoo
