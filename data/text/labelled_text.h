/// Texts with labels, for classification.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace langzoo {

struct LabelledText {
  std::string text, label;
  std::int64_t line = 0;  ///< where it begins, from 1
};

/// The rows of a .csv (RFC 4180), of a .jsonl, whose columns are fields, or of any other file as TSV without quotes.
/// Columns have the names of the file's first line, or numbers from 1 where it has no such line. Without a label column
/// labels are empty. Throws FileError naming file and line; texts are UTF-8.
std::vector<LabelledText> read_labelled_text(const std::filesystem::path& path, const std::string& text_column,
                                             const std::string& label_column);

}  // namespace langzoo
