#include "tests/support/plain_test.h"

#include <vector>

#include "apps/cli/base/line_batches.h"
#include "data/files/file_error.h"

using namespace langzoo;
using test::TempDir;

TEST_CASE("all lines come in order, whatever the size of a batch") {
  TempDir dir;
  const auto path = (dir / "lines.txt").string();
  std::string text;
  std::vector<std::string> expected;
  for (int i = 0; i < 200; ++i) {
    expected.push_back(std::string(static_cast<std::size_t>(i * i % 37), 'a') + (i % 5 == 0 ? "\r\u4e2d" : ""));
    text += expected.back() + (i % 2 == 0 ? "\r\n" : "\n");
  }
  for (const std::string end : {"", "no end", "\r", "\n"}) {
    test::write_file(path, (end == "\n" ? "" : "\xef\xbb\xbf") + text + end);
    auto all = expected;
    if (!end.empty()) all.push_back(end == "no end" ? end : "");
    for (const std::size_t bytes : {1, 7, 64, 1000, 100000}) {
      LineBatches batches(path, bytes);
      std::vector<std::string> lines;
      while (batches.next()) {
        for (std::size_t i = 0; i < batches.lines().size(); ++i) {
          CHECK(batches.where(i) == path + ": line " + std::to_string(lines.size() + 1));
          lines.emplace_back(batches.lines()[i]);
        }
      }
      CHECK(lines == all);
      CHECK(!batches.next());
    }
  }
}

TEST_CASE("an empty file has no lines, and a missing one is named") {
  TempDir dir;
  test::write_file(dir / "empty", "");
  CHECK(!LineBatches((dir / "empty").string()).next());
  test::write_file(dir / "mark", "\xef\xbb\xbf");
  CHECK(!LineBatches((dir / "mark").string()).next());
  CHECK_THROWS_AS(LineBatches((dir / "none").string()), FileError);
  LineBatches folder(dir.path().string());
  CHECK_THROWS_AS(folder.next(), FileError);
}
