/// The texts of verbs that read no examples: --text, or the lines or a table of --data.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "apps/cli/base/options.h"
#include "apps/training/tasks/labelled_texts.h"

namespace langzoo {

struct GivenText {
  std::string text, pair;  ///< pair: empty where there is none
  std::string where;       ///< "--text", "lines.txt: line 3"
};

class GivenTexts {
 public:
  /// --data, --columns, --format, --text, and with `pairs` --pair. `what`: "a text with gaps".
  void add_to(Options& options, const std::string& what, bool pairs);
  /// Throws UsageError where the flags do not fit the file; to be asked before a model is opened.
  void check() const;
  bool of_file() const { return data_.has_value(); }
  /// In their order, so many at a time at most. Throws FileError.
  void for_each(std::size_t at_once, const std::function<void(const std::vector<GivenText>&)>& visit) const;

 private:
  bool is_table() const;
  std::vector<LabelledText> rows() const;

  bool pairs_ = false;
  std::optional<std::string> data_, columns_, text_, pair_;
  std::string format_;
};

}  // namespace langzoo
