/// What langzoo-tokenizer reads: texts to encode, lists of ids to decode, which language models take as well.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/cli/base/line_batches.h"
#include "apps/cli/base/program.h"
#include "apps/cli/tokenizer/line_errors.h"
#include "tokenizers/tokenizer.h"

namespace langzoo {

/// Where texts come from; stdin, one a line, where nothing is given.
struct TokenizerInput {
  std::vector<std::string> texts;   // --text
  std::optional<std::string> pair;  // --pair: the second text of each
  std::string file;                 // one text a line
  std::string jsonl;                // one {"text", "pair"?} a line

  void add_options(Options& options);
  /// Throws UsageError for more than one source.
  void check() const;
};

/// The texts of an input, in batches.
class TextBatches {
 public:
  /// Throws FileError for a file that cannot be opened. `input` and `errors` must outlive the object.
  TextBatches(const TokenizerInput& input, LineErrors& errors);

  /// False at the end. `errors` has a say in what happens to a line that is no such object.
  bool next();
  /// They stay until the next call of next().
  const std::vector<TextPair>& texts() const { return texts_; }
  /// Where texts()[i] stands, for messages: "book.txt: line 7".
  std::string where(std::size_t i) const;

 private:
  void parse_objects();

  const TokenizerInput& input_;
  LineErrors& errors_;
  std::optional<LineBatches> lines_;
  std::vector<TextPair> texts_;
  std::vector<std::size_t> line_of_;  // texts()[i] is from lines()[line_of_[i]]
  std::deque<std::string> parsed_;
  bool given_ = false;
};

/// The ids of a line: [1,2], {"ids": [1,2]}, or numbers with spaces or commas between them. Throws std::runtime_error
/// saying what is no id.
std::vector<TokenId> parse_ids(std::string_view line);

}  // namespace langzoo
