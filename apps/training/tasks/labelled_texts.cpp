#include "apps/training/tasks/labelled_texts.h"

#include <stdexcept>

#include <fmt/format.h>

#include "data/tasks/text_rows.h"

namespace langzoo {

std::vector<std::string> LabelledText::texts() const {
  if (pair.empty()) return {text};
  return {text, pair};
}

std::vector<LabelledText> read_labelled_texts(const std::filesystem::path& file, const ExampleReading& reading) {
  const bool targets = reading.targets;
  const auto& columns = reading.columns;
  const bool usual = columns.empty() || columns == kLabelledTextColumns;
  auto names = column_names(usual ? std::string(kLabelledTextColumns) : columns);
  if (usual && !targets) names.pop_back();
  const auto inputs = names.size() - (targets ? 1 : 0);
  if (inputs < 1 || inputs > 2) {
    throw std::invalid_argument(fmt::format("expected a text or a pair of texts{}, not {} columns",
                                            targets ? ", and a label" : "", names.size()));
  }
  std::vector<TableColumn> wanted;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const bool label = targets && i == inputs;
    wanted.push_back({names[i], /*required=*/true, /*optional=*/usual && i == 1, /*list=*/label});
  }
  std::vector<LabelledText> texts;
  for (auto& row : read_rows(file, wanted, reading.format, reading.unread)) {
    LabelledText text{std::move(row.values[0]), {}, {}, row.line};
    if (inputs == 2) text.pair = std::move(row.values[1]);
    if (targets) text.label = std::move(row.values[inputs]);
    texts.push_back(std::move(text));
  }
  return texts;
}

}  // namespace langzoo
