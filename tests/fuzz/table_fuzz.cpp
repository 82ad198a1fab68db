// Tables. An input's first byte says the format: c CSV, t TSV, j JSON lines; 1 TSV whose columns are numbers. What is
// read is UTF-8, and the same when it is written as CSV and read again.
#include "data/text/table.h"

#include "tests/support/fuzz.h"
#include "tests/support/test.h"
#include "tokenizers/utf8.h"

namespace {

using namespace langzoo;
using langzoo::test::require;

std::string as_csv(const std::vector<TableRow>& rows) {
  std::string csv = "text,label\r\n";
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.values.size(); ++i) {
      csv += i == 0 ? "\"" : ",\"";
      for (const char c : row.values[i]) csv += c == '"' ? "\"\"" : std::string(1, c);
      csv += '"';
    }
    csv += "\r\n";
  }
  return csv;
}

}  // namespace

LANGZOO_FUZZER(table) {
  const test::TempDir dir;
  const std::string csv = "id,text,label\n1,\"one, \"\"two\"\"\nthree\",a\r\n2,,b\n",
                    tsv = "text\tlabel\na\tx\n\nb\ty\r\n";
  const std::vector<std::string> seeds = {
      "c" + csv, "t" + tsv, "1" + tsv, "c\xef\xbb\xbf" + csv,
      "j{\"text\": \"a\\u00e9\", \"label\": 3}\n\n{\"label\": true, \"text\": \"\"}"};
  return test::fuzz_main(argc, argv, seeds, [&](const std::string& input) {
    if (input.empty()) return;
    const bool numbered = input[0] == '1';
    const std::vector<TableColumn> columns = {{numbered ? "1" : "text"}, {numbered ? "2" : "label", true}};
    const auto format = input[0] == 'c'   ? TableFormat::kCsv
                        : input[0] == 'j' ? TableFormat::kJsonLines
                                          : TableFormat::kTsv;
    test::write_file(dir / "fuzzed", input.substr(1));
    const auto rows = read_table(dir / "fuzzed", columns, format);
    for (const auto& row : rows) {
      require(row.values.size() == 2 && !row.values[1].empty(), "a row of other columns");
      for (const auto& value : row.values) require(is_valid_utf8(value), "no UTF-8");
    }
    test::write_file(dir / "again", as_csv(rows));
    const auto again = read_table(dir / "again", {{"text"}, {"label"}}, TableFormat::kCsv);
    require(again.size() == rows.size(), "not as many rows again");
    for (std::size_t i = 0; i < rows.size(); ++i) require(again[i].values == rows[i].values, "other values again");
  });
}
