/// Texts and what is to be found out about them, from files of every kind: classes, values, choices.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/text/table.h"

namespace langzoo {

/// The columns that "text,label" or "2,4" name, in their order. Throws std::invalid_argument for none, and an empty
/// name.
std::vector<std::string> column_names(std::string_view list);

/// The rows of a table (data/text/table.h: .csv, .tsv, .jsonl, or a format that is said). Of any other file those of
/// TSV, or, where one column is asked for, its lines, blank ones too: a row each. Throws as read_table().
std::vector<TableRow> read_rows(const std::filesystem::path& path, const std::vector<TableColumn>& columns,
                                TableFormat format = TableFormat::kOfName, std::vector<std::string>* unread = nullptr);

/// The labels of a row that may have several: a JSON list of texts (TableColumn::list), else
/// texts between commas; none of an empty text. Spaces at their ends are left out. Throws std::runtime_error for a list
/// that is none.
std::vector<std::string> labels_of(std::string_view text);

/// A target of regression. Throws std::runtime_error for what is no finite number.
double value_of(std::string_view text);

/// Which of the choices goes on from the premise.
struct ChoiceExample {
  std::string premise;
  std::vector<std::string> choices;
  std::int64_t label = -1;  ///< from 0; -1: not asked for
  std::int64_t line = 0;
};

/// Columns are the premise, two or more choices and, with `labels`, the label, a number from 0. A column "question"
/// (XCOPA's "cause" or "effect") is put behind the premise and a space. Throws FileError naming file and line.
std::vector<ChoiceExample> read_choices(const std::filesystem::path& path, std::span<const std::string> columns,
                                        bool labels = true, TableFormat format = TableFormat::kOfName,
                                        std::vector<std::string>* unread = nullptr);

}  // namespace langzoo
