#include "data/text/table.h"

#include <algorithm>
#include <optional>

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "data/files/escaped.h"
#include "data/files/file_kind.h"
#include "data/files/mapped_file.h"
#include "data/files/text_lines.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

/// Takes the next record off `rest` and counts its line ends. Within quotes, where there are any, separators are text.
std::vector<std::string> next_record(std::string_view& rest, char separator, bool quotes, std::int64_t& line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  std::size_t at = 0;
  for (; at < rest.size() && (quoted || rest[at] != '\n'); ++at) {
    const char c = rest[at];
    if (quotes && quoted && rest.substr(at).starts_with("\"\"")) {
      fields.back() += rest[++at];
    } else if (quotes && c == '"' && (quoted || fields.back().empty())) {
      quoted = !quoted;
    } else if (c == separator && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += c;
      line += c == '\n';
    }
  }
  if (quoted) throw std::runtime_error("a quote is not closed");
  ++line;
  rest.remove_prefix(std::min(at + 1, rest.size()));
  if (fields.back().ends_with('\r')) fields.back().pop_back();
  return fields;
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

/// The field's value, and whether it is a list. None: there is no such field.
std::optional<std::string> json_field(const std::string& line, const TableColumn& column, bool& list) {
  const auto& name = column.name;
  const auto object = nlohmann::json::parse(line, nullptr, false);
  if (!object.is_object()) throw std::runtime_error("is not a JSON object");
  const auto field = object.find(name);
  if (field == object.end() && column.optional) return std::nullopt;
  if (field == object.end()) throw std::runtime_error("has no field \"" + name + "\"");
  list = column.list && field->is_array();
  if ((field->is_structured() && !list) || field->is_null())
    throw std::runtime_error("field \"" + name + "\" is not a text");
  return field->is_string() ? field->get<std::string>() : field->dump();
}

/// The names of an object's fields, in their order; none of what is no object.
std::vector<std::string> field_names(const std::string& line) {
  std::vector<std::string> names;
  const auto object = nlohmann::ordered_json::parse(line, nullptr, false);
  if (object.is_object()) {
    for (const auto& field : object.items()) names.push_back(field.key());
  }
  return names;
}

std::string empty_column(const std::string& name, bool numbered) {
  return fmt::format("has an empty {}{}", numbered ? "column " : "", name);
}

TableFormat format_of(const std::filesystem::path& path) {
  const auto suffix = path.extension();
  return suffix == ".csv" ? TableFormat::kCsv : suffix == ".jsonl" ? TableFormat::kJsonLines : TableFormat::kTsv;
}

}  // namespace

std::vector<TableRow> read_table(const std::filesystem::path& path, const std::vector<TableColumn>& columns,
                                 TableFormat format, std::vector<std::string>* unread) {
  refuse_other_kind(path);
  const MappedFile file(path);
  std::string_view rest = without_byte_order_mark(file.text());
  const bool guessed = format == TableFormat::kOfName;
  if (guessed) format = format_of(path);
  const bool json = format == TableFormat::kJsonLines, csv = format == TableFormat::kCsv;
  const auto& first = columns.at(0).name;
  const bool numbered = !first.empty() && first.find_first_not_of("0123456789") == std::string::npos;
  std::vector<std::string> names;
  std::vector<TableRow> rows;
  std::int64_t line = 1;
  try {
    for (std::int64_t next = 1; !rest.empty(); line = next) {
      const auto record = next_record(rest, json ? '\n' : csv ? ',' : '\t', csv, next);
      if (record.size() == 1 && is_blank(record[0])) continue;
      const bool header = names.empty() && !json && !numbered;
      if (names.empty()) {
        names = json ? field_names(record[0]) : record;
        for (std::size_t i = 0; numbered && !json && i < names.size(); ++i) names[i] = std::to_string(i + 1);
      }
      if (!json && record.size() > names.size()) {
        throw std::runtime_error(fmt::format("has {} columns, the first line {}", record.size(), names.size()));
      }
      bool list = false;
      const auto value = [&](const TableColumn& column) -> std::optional<std::string> {
        const auto& name = column.name;
        if (json) return json_field(record[0], column, list);
        const auto i = static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
        if (header && std::count(names.begin(), names.end(), name) > 1)
          throw std::runtime_error(fmt::format("has the column {} twice", escaped(name)));
        if (i < record.size() && i < names.size()) return record[i];
        if (column.optional && i == names.size()) return std::nullopt;
        if (i < names.size())
          throw std::runtime_error(
              fmt::format("has no column {}: it ends after {} of {}", name, record.size(), names.size()));
        // Without a suffix, as a pipe is, a file of another form is read as one long column.
        const bool other_form = guessed && !csv && names.size() == 1;
        throw std::runtime_error(fmt::format("has no column {}; the columns are {}{}", name,
                                             escaped(fmt::format("{}", fmt::join(names, ", "))),
                                             other_form ? " (read as TSV; the format csv or jsonl can be named)" : ""));
      };
      TableRow row{{}, line};
      for (const auto& column : columns) {
        list = false;
        const auto found = value(column);
        if (json) row.lists.push_back(list);
        if (found && column.required && is_blank(*found)) throw std::runtime_error(empty_column(column.name, numbered));
        row.values.push_back(found.value_or(""));
        if (!is_valid_utf8(row.values.back())) throw std::runtime_error("is not UTF-8");
      }
      if (!header) rows.push_back(std::move(row));
    }
  } catch (const std::runtime_error& error) {
    throw FileError(path, fmt::format("line {}: {}", line, error.what()));
  }
  if (rows.empty()) throw FileError(path, "holds no texts");
  for (const auto& name : names) {
    const auto asked = [&](const TableColumn& column) { return column.name == name; };
    const bool read = std::any_of(columns.begin(), columns.end(), asked);
    if (unread != nullptr && !read) unread->push_back(name);
  }
  return rows;
}

}  // namespace langzoo
