#include "data/tasks/text_rows.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "data/files/numbers.h"
#include "data/files/text_lines.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

std::string_view without_spaces(std::string_view text) {
  const auto begin = text.find_first_not_of(kSpaces);
  return begin == std::string_view::npos ? "" : text.substr(begin, text.find_last_not_of(kSpaces) + 1 - begin);
}

/// The texts between commas.
std::vector<std::string_view> comma_list(std::string_view text) {
  std::vector<std::string_view> parts;
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find(',', at), text.size());
    parts.push_back(without_spaces(text.substr(at, end - at)));
    at = end + 1;
  }
  return parts;
}

bool is_table(const std::filesystem::path& path) {
  const auto suffix = path.extension();
  return suffix == ".csv" || suffix == ".tsv" || suffix == ".jsonl";
}

}  // namespace

std::vector<std::string> column_names(std::string_view list) {
  const auto parts = comma_list(list);
  for (auto part = parts.begin(); part != parts.end(); ++part) {
    if (part->empty()) throw std::invalid_argument(fmt::format("columns \"{}\": a name is empty", list));
    if (std::find(parts.begin(), part, *part) != part)
      throw std::invalid_argument(fmt::format("columns \"{}\": {} is there twice", list, *part));
  }
  return {parts.begin(), parts.end()};
}

std::vector<TableRow> read_rows(const std::filesystem::path& path, const std::vector<TableColumn>& columns,
                                TableFormat format, std::vector<std::string>* unread) {
  const auto needed =
      std::count_if(columns.begin(), columns.end(), [](const auto& column) { return !column.optional; });
  if (is_table(path) || format != TableFormat::kOfName || needed > 1) return read_table(path, columns, format, unread);
  std::vector<TableRow> rows;
  std::int64_t number = 0;
  for_each_line(path, [&](std::string_view line) {
    ++number;
    if (!is_valid_utf8(line)) throw std::runtime_error("is not UTF-8");
    rows.push_back({std::vector<std::string>(columns.size()), number});
    rows.back().values.at(0) = line;
  });
  if (rows.empty()) throw FileError(path, "holds no texts");
  return rows;
}

std::vector<std::string> labels_of(std::string_view text) {
  std::vector<std::string> labels;
  text = without_spaces(text);
  if (text.empty()) return labels;
  if (text.starts_with('[')) {
    const auto list = nlohmann::json::parse(text, nullptr, false);
    if (!list.is_array()) throw std::runtime_error(fmt::format("{} is no list of labels", text));
    for (const auto& label : list) {
      if (label.is_structured() || label.is_null())
        throw std::runtime_error(fmt::format("{} is no list of labels", text));
      labels.push_back(label.is_string() ? label.get<std::string>() : label.dump());
    }
    return labels;
  }
  for (const auto label : comma_list(text)) {
    if (!label.empty()) labels.emplace_back(label);
  }
  return labels;
}

double value_of(std::string_view text) {
  double value = 0;
  const auto fault = read_number(without_spaces(text), value);
  if (fault != NumberFault::kNone) throw std::runtime_error(fmt::format("value \"{}\": {}", text, name_of(fault)));
  return value;
}

std::vector<ChoiceExample> read_choices(const std::filesystem::path& path, std::span<const std::string> columns,
                                        bool labels, TableFormat format, std::vector<std::string>* unread) {
  if (columns.size() < (labels ? 4U : 3U)) {
    throw std::invalid_argument(fmt::format("{} columns: expected a premise, two choices or more{}", columns.size(),
                                            labels ? " and a label" : ""));
  }
  std::vector<TableColumn> wanted;
  for (const auto& column : columns) wanted.push_back({column, /*required=*/true});
  wanted.push_back({"question", false, /*optional=*/true});
  std::vector<ChoiceExample> examples;
  for (auto& row : read_rows(path, wanted, format, unread)) {
    auto& values = row.values;
    ChoiceExample example;
    example.line = row.line;
    example.premise = values[0] + (values.back().empty() ? "" : " " + values.back());
    const auto end = values.end() - (labels ? 2 : 1);
    example.choices.assign(values.begin() + 1, end);
    if (labels) {
      const auto count = static_cast<std::int64_t>(example.choices.size());
      if (read_number(*end, example.label) != NumberFault::kNone || example.label < 0 || example.label >= count) {
        throw FileError(path,
                        fmt::format("line {}: label {} is no choice; they are 0 to {}", row.line, *end, count - 1));
      }
    }
    examples.push_back(std::move(example));
  }
  return examples;
}

}  // namespace langzoo
