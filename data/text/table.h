/// Tables of texts, row by row: the examples of classification, and of whatever else learns from texts in columns.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace langzoo {

struct TableColumn {
  std::string name;
  bool required = false;  ///< an empty value is an error
};

struct TableRow {
  std::vector<std::string> values;  ///< of the columns asked for, in their order
  std::int64_t line = 0;            ///< where it begins, from 1
};

/// The rows of a .csv (RFC 4180), of a .jsonl, whose columns are fields, or of any other file as TSV without quotes.
/// Columns have the names of the file's first line, or, where the first one asked for is a number, numbers from 1 and
/// the file has no such line. Throws FileError naming file and line; values are UTF-8.
std::vector<TableRow> read_table(const std::filesystem::path& path, const std::vector<TableColumn>& columns);

}  // namespace langzoo
