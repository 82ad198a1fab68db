/// Tables of texts, row by row: the examples of classification, and of whatever else learns from texts in columns.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace langzoo {

struct TableColumn {
  std::string name;
  bool required = false;  ///< an empty value, or one of white space, is an error
  bool optional = false;  ///< where there is no such column, or field, its values are empty, required or not
  bool list = false;      ///< a JSON list is a value, as JSON; else it is an error
};

struct TableRow {
  std::vector<std::string> values;  ///< of the columns asked for, in their order
  std::int64_t line = 0;            ///< where it begins, from 1
  std::vector<bool> lists = {};     ///< which of the values are JSON lists (TableColumn::list); empty: none can be
};

/// How a table is written.
enum class TableFormat {
  kOfName,  ///< CSV where the file's name ends in .csv, JSON lines where in .jsonl, else TSV
  kTsv,     ///< without quotes
  kCsv,     ///< RFC 4180
  kJsonLines,
};
/// "auto", "tsv", "csv", "jsonl": in the order of TableFormat.
inline constexpr const char* kTableFormatNames[] = {"auto", "tsv", "csv", "jsonl"};

/// The rows of a table. Of JSON lines columns are fields; else they have the names of the file's first line, or, where
/// the first one asked for is a number, numbers from 1 and the file has no such line. The first line says how many
/// columns there are: a row of more is an error, as text would be lost. `unread`, if given, gets the names of those
/// that nobody asked for, of JSON lines those of the first one. Throws FileError naming file and line; values are
/// UTF-8.
std::vector<TableRow> read_table(const std::filesystem::path& path, const std::vector<TableColumn>& columns,
                                 TableFormat format = TableFormat::kOfName, std::vector<std::string>* unread = nullptr);

}  // namespace langzoo
