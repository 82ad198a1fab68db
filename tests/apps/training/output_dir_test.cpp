#include "tests/support/test.h"

#include <csignal>

#include <sys/wait.h>
#include <unistd.h>

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

TEST_CASE("an output folder is one writer's at a time") {
  const TempDir dir;
  const auto out = dir / "out";
  {
    const OutputGuard guard(out);
    CHECK_THROWS_AS(OutputGuard(out), ConfigError);
    CHECK_THROWS_WITH(OutputGuard(out), Catch::Contains(out.string() + ": another process is training in it"));
    CHECK(fs::exists(out));  // the refused one removes nothing
    CHECK(is_new_or_empty(out));
  }
  CHECK(names_below(dir.path()).empty());
  fs::create_directories(out);
  for (int i = 0; i < 2; ++i) {
    OutputGuard guard(out);
    guard.keep();
  }
  CHECK(names_below(out).empty());
}

TEST_CASE("the lock of a process that is gone holds nobody up") {
  const TempDir dir;
  const auto out = dir / "out";
  const auto child = fork();
  if (child == 0) {
    const OutputGuard guard(out);
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WTERMSIG(status) == SIGKILL);
  CHECK(is_new_or_empty(out));
  OutputGuard guard(out, OutputUse::kNew);
  guard.keep();
}

TEST_CASE("a new run's folder is looked at again under the lock") {
  const TempDir dir;
  write_anything(dir / "out");
  CHECK_THROWS_AS(OutputGuard(dir / "out", OutputUse::kNew), ConfigError);
  CHECK(fs::exists(dir / "out/data/train.tokens"));
}

TEST_CASE("a run that is replaced comes back where the new one fails, and goes once it is under way") {
  const TempDir dir;
  const auto out = dir / "out";
  for (const auto* name : {"run.json", "data/train.tokens", "best/model.safetensors"}) {
    fs::create_directories((out / name).parent_path());
    write_file(out / name, "old");
  }
  CHECK(replaceable_run(out) == out / "run.json");
  const auto before = names_below(out);
  {
    const OutputGuard guard(out, OutputUse::kReplace);
    CHECK_FALSE(fs::exists(out / "run.json"));
    write_file(out / "run.json", "new");
    fs::create_directories(out / "data");
    write_file(out / "data/valid.tokens", "new");
  }
  CHECK(names_below(out) == before);
  CHECK(test::read_file(out / "run.json") == "old");

  const auto child = fork();  // killed before it got under way
  if (child == 0) {
    const OutputGuard guard(out, OutputUse::kReplace);
    write_file(out / "run.json", "new");
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  recover_replaced_run(out);
  CHECK(names_below(out) == before);
  CHECK(test::read_file(replaceable_run(out)) == "old");
  recover_replaced_run(out);
  CHECK(names_below(out) == before);

  fs::create_directories(out / ".replaced.old/best");  // of one that was killed while it removed what it replaced
  write_file(out / ".replaced.old/best/model.safetensors", "older");
  CHECK_NOTHROW(replaceable_run(out));
  recover_replaced_run(out);
  CHECK(names_below(out) == before);
  { const OutputGuard guard(out, OutputUse::kReplace); }
  CHECK(names_below(out) == before);
  {
    OutputGuard guard(out, OutputUse::kReplace);
    write_file(out / "run.json", "new");
    guard.keep();
  }
  CHECK(names_below(out) == std::set<std::string>{"run.json"});
  CHECK(test::read_file(out / "run.json") == "new");
}

TEST_CASE("a run that waits to be replaced is read where it waits") {
  const TempDir dir;
  const auto out = dir / "out";
  fs::create_directories(out / "best");
  write_file(out / "run.json", "{}");
  CHECK(run_to_read(out) == out);
  CHECK(run_to_read(out / "best") == out / "best");
  CHECK(run_to_read(dir / "none") == dir / "none");
  {
    OutputGuard guard(out, OutputUse::kReplace);
    CHECK(run_to_read(out) == out / ".replaced");
    CHECK(run_to_read(out.string() + "/") == out / ".replaced");
    CHECK(run_to_read(out / "best") == out / ".replaced/best");
    CHECK(run_to_read(out.string() + "/best/") == out / ".replaced/best");
    CHECK(run_to_read(out / "other") == out / "other");
  }
  CHECK(run_to_read(out) == out);
}

TEST_CASE("only what a run wrote is replaced") {
  const TempDir dir;
  write_file(dir / "notes.txt", "mine");
  CHECK_THROWS_AS(replaceable_run(dir.path()), ConfigError);
  CHECK_THROWS_WITH(replaceable_run(dir.path()), Catch::Contains("holds no run to replace"));
  write_file(dir / "run.json", "{}");
  CHECK_THROWS_WITH(replaceable_run(dir.path()), Catch::Contains("holds notes.txt, which is no run's"));
  for (const auto* mine : {"notes.tmp-old", "notes.txt.tmp-12-0", "model.safetensors.tmp-old"}) {
    write_file(dir / mine, "mine");
    CHECK_THROWS_WITH(replaceable_run(dir.path()), Catch::Contains("which is no run's"));
    fs::remove(dir / mine);
  }
  fs::rename(dir / "notes.txt", dir / "model.safetensors.tmp-12-0");
  fs::create_directory(dir / "generator");  // ELECTRA's
  CHECK_NOTHROW(replaceable_run(dir.path()));
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
