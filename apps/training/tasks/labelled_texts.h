/// Texts, or pairs of texts, each with what is to be found out about it: what classification and regression read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "apps/training/tasks/examples.h"

namespace langzoo {

/// Columns unless told otherwise. A file without a column "pair" has single texts.
inline constexpr std::string_view kLabelledTextColumns = "text,pair,label";
inline constexpr std::string_view kLabelledTextColumnsHelp =
    "of the text, of a second text where there are pairs, and of the label: names of the first line, or numbers from 1 "
    "in files without names";

struct LabelledText {
  std::string text, pair, label;
  std::int64_t line = 0;

  std::vector<std::string> texts() const;
};

/// Without targets a file without columns is a text a line, blank ones too. A label may be a JSON list. Throws FileError,
/// also for an empty text, pair or label in a column, std::invalid_argument for other numbers of columns.
std::vector<LabelledText> read_labelled_texts(const std::filesystem::path& file, const ExampleReading& reading);

}  // namespace langzoo
