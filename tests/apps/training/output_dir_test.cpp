#include "tests/support/test.h"

#include <optional>

#include "apps/training/output_dir.h"
#include "data/files/config_error.h"
#include "data/files/files.h"

using namespace langzoo;
using test::TempDir;
using test::write_file;
namespace fs = std::filesystem;

namespace {

std::set<std::string> names_below(const fs::path& dir) {
  std::set<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(dir)) names.insert(entry.path().lexically_relative(dir));
  return names;
}

void write_anything(const fs::path& out) {
  for (const auto* name : {"run.json", "spiece.model", "a name of its own", "data/train.tokens", "deep/er/still"}) {
    fs::create_directories((out / name).parent_path());
    write_file(out / name, "x");
  }
}

}  // namespace

TEST_CASE("what a failed start made goes away, whatever it was, with the folders above it") {
  const TempDir dir;
  {
    const OutputGuard guard(dir / "runs/one/out");
    CHECK(fs::is_directory(dir / "runs/one/out"));
    write_anything(dir / "runs/one/out");
  }
  CHECK(names_below(dir.path()).empty());
  {
    const OutputGuard guard(dir / "runs/one");
    write_anything(dir / "runs/one");
    fs::create_directories(dir / "runs/two");  // another run's
  }
  CHECK(names_below(dir.path()) == std::set<std::string>{"runs", "runs/two"});
}

TEST_CASE("what was there before a failed start stays") {
  const TempDir dir;
  const auto out = dir / "out";
  fs::create_directories(out);
  {
    const OutputGuard guard(out);
    write_anything(out);
  }
  CHECK(names_below(out).empty());

  fs::create_directories(out / "data");
  write_file(out / "run.json", "{}");
  write_file(out / "data/train.tokens", "hours of work");
  const auto before = names_below(out);
  {
    const OutputGuard guard(out);
    write_anything(out);
    write_file(out / "data/valid.tokens", "new");
  }
  CHECK(names_below(out) == before);
}

TEST_CASE("a run that got under way keeps all") {
  const TempDir dir;
  {
    OutputGuard guard(dir / "out");
    write_anything(dir / "out");
    guard.keep();
  }
  CHECK(fs::exists(dir / "out/deep/er/still"));
}

TEST_CASE("folders that cannot be are named") {
  const TempDir dir;
  write_file(dir / "file", "x");
  fs::create_symlink(dir / "nowhere", dir / "dangling");
  CHECK_THROWS_AS(OutputGuard(dir / "file/below"), FileError);
  CHECK_THROWS_AS(OutputGuard(dir / "dangling/below/deeper"), FileError);
  CHECK(names_below(dir.path()) == std::set<std::string>{"file", "dangling"});
  CHECK_THROWS_AS(is_new_or_empty(""), ConfigError);
  CHECK_THROWS_WITH(is_new_or_empty(dir / "file"), Catch::Contains("file: is not a directory"));
  CHECK(is_new_or_empty(dir / "new"));
  CHECK_FALSE(is_new_or_empty(dir.path()));
}
