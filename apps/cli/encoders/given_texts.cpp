#include "apps/cli/encoders/given_texts.h"

#include <iterator>
#include <stdexcept>

#include <fmt/format.h>

#include "apps/cli/base/line_batches.h"
#include "apps/training/tasks/examples.h"
#include "tokenizers/utf8.h"

namespace langzoo {

void GivenTexts::add_to(Options& options, const std::string& what, bool pairs) {
  pairs_ = pairs;
  format_ = kTableFormatNames[0];
  options.add("--data", data_,
              fmt::format("a file, - for stdin: {} a line, or a .csv, .tsv or .jsonl with a column of texts", what));
  options
      .add("--columns", columns_,
           fmt::format("the column of texts in a table{}: name or number", pairs ? ", and that of their pairs" : ""))
      .needs("--data");
  options.add("--format", format_, kTableFormatHelp)
      .one_of({std::begin(kTableFormatNames), std::end(kTableFormatNames)})
      .needs("--data");
  options.add("--text", text_, "or " + what);
  options.exactly_one_of({"--data", "--text"});
  if (pairs) options.add("--pair", pair_, "a second text, read with it").needs("--text");
}

bool GivenTexts::is_table() const {
  if (!data_) return false;
  const auto suffix = std::filesystem::path(*data_).extension();
  return suffix == ".csv" || suffix == ".tsv" || suffix == ".jsonl" || format_ != kTableFormatNames[0];
}

void GivenTexts::check() const {
  if (columns_ && data_ && !is_table())
    throw UsageError(fmt::format("--columns: {} is no .csv, .tsv or .jsonl (--format)", *data_));
  if (columns_ && !pairs_ && columns_->find(',') != std::string::npos)
    throw UsageError(fmt::format("--columns {}: a text is of one column", *columns_));
}

std::vector<LabelledText> GivenTexts::rows() const {
  const auto columns = columns_.value_or(pairs_ ? "" : "text");
  try {
    return read_labelled_texts(*data_, {.columns = columns, .targets = false, .format = table_format_of(format_)});
  } catch (const std::invalid_argument& error) {
    throw UsageError(fmt::format("--columns {}: {}", columns, error.what()));
  }
}

void GivenTexts::for_each(std::size_t at_once, const std::function<void(const std::vector<GivenText>&)>& visit) const {
  std::vector<GivenText> texts;
  const auto flush = [&] {
    if (!texts.empty()) visit(texts);
    texts.clear();
  };
  const auto add = [&](GivenText text) {
    texts.push_back(std::move(text));
    if (texts.size() == at_once) flush();
  };
  if (text_) add({*text_, pair_.value_or(""), "--text"});
  if (is_table()) {
    for (auto& row : rows())
      add({std::move(row.text), std::move(row.pair), fmt::format("{}: line {}", *data_, row.line)});
  } else if (data_) {
    LineBatches lines(*data_);
    while (lines.next()) {
      for (std::size_t i = 0; i < lines.lines().size(); ++i) {
        const auto line = lines.lines()[i];
        if (!is_valid_utf8(line)) throw std::runtime_error(lines.where(i) + ": is not UTF-8");
        add({std::string(line), {}, lines.where(i)});
      }
      flush();
    }
  }
  flush();
}

}  // namespace langzoo
