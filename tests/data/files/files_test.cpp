#include "data/files/files.h"
#include "data/files/mapped_file.h"

#include <future>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/files/file_kind.h"
#include "data/files/text_source.h"
#include "tests/support/plain_test.h"

namespace langzoo::files_test {

using test::TempDir;
namespace fs = std::filesystem;

namespace {

/// A pipe in the file system, to which `text` is written as soon as somebody reads.
class Fifo {
 public:
  explicit Fifo(fs::path path, std::string text) : path_(std::move(path)) {
    REQUIRE(mkfifo(path_.c_str(), 0600) == 0);
    writer_ = std::async(std::launch::async, [path = path_, text = std::move(text)] { test::write_file(path, text); });
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
  std::future<void> writer_;
};

/// A pipe without a name.
struct Pipe {
  Pipe() { REQUIRE(pipe(ends) == 0); }
  ~Pipe() {
    close(ends[0]);
    if (ends[1] >= 0) close(ends[1]);
  }
  std::string read_all() {
    close(std::exchange(ends[1], -1));
    std::string text(100, '\0');
    text.resize(static_cast<std::size_t>(read(ends[0], text.data(), text.size())));
    return text;
  }
  int ends[2];
};

std::size_t files_in(const fs::path& dir) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(dir), fs::directory_iterator()));
}

}  // namespace

TEST_CASE("a symbolic link stays, and the file it names is replaced") {
  const TempDir dir;
  fs::create_directory(dir / "there");
  test::write_file(dir / "there" / "file", "old");
  fs::create_symlink("there/file", dir / "link");
  fs::create_symlink("link", dir / "link to link");
  fs::permissions(dir / "there" / "file", fs::perms::owner_read | fs::perms::owner_write);
  write_file_atomically(dir / "link to link", "new");
  CHECK(fs::status(dir / "there" / "file").permissions() == (fs::perms::owner_read | fs::perms::owner_write));
  CHECK(fs::is_symlink(dir / "link"));
  CHECK(fs::is_symlink(dir / "link to link"));
  CHECK(fs::is_regular_file(fs::symlink_status(dir / "there" / "file")));
  CHECK(test::read_file(dir / "there" / "file") == "new");
  CHECK(files_in(dir / "there") == 1);
  CHECK(files_in(dir.path()) == 3);

  fs::create_symlink("there/absent", dir / "dangling");
  write_file_atomically(dir / "dangling", "made");
  CHECK(fs::is_symlink(dir / "dangling"));
  CHECK(test::read_file(dir / "there" / "absent") == "made");

  fs::create_symlink("circle", dir / "circle");
  CHECK_THROWS_WITH(write_file_atomically(dir / "circle", "x"), Catch::Contains("circle: cannot be written"));
}

TEST_CASE("what is no regular file is written to, never replaced") {
  const TempDir dir;
  SECTION("a pipe of the file system") {
    const auto path = dir / "fifo";
    REQUIRE(mkfifo(path.c_str(), 0600) == 0);
    auto reader = std::async(std::launch::async, [&] { return test::read_file(path); });
    check_writable(path);
    write_file_atomically(path, std::string(200'000, 'x') + "end");
    CHECK(reader.get() == std::string(200'000, 'x') + "end");
    CHECK(fs::is_fifo(path));
  }
  SECTION("a descriptor, by a link as /dev/stdout is one") {
    Pipe pipe;
    fs::create_symlink("/proc/self/fd/" + std::to_string(pipe.ends[1]), dir / "stdout");
    check_writable(dir / "stdout");
    write_file_atomically(dir / "stdout", "some");
    write_file_atomically("/dev/fd/" + std::to_string(pipe.ends[1]), " text");
    CHECK(pipe.read_all() == "some text");
    CHECK(fs::is_symlink(dir / "stdout"));
  }
  SECTION("a descriptor that is a file: what was written to it stays") {
    test::write_file(dir / "file", "");
    const int file = open((dir / "file").c_str(), O_WRONLY);
    REQUIRE(write(file, "first ", 6) == 6);
    write_file_atomically("/dev/fd/" + std::to_string(file), "second");
    REQUIRE(write(file, " third", 6) == 6);
    close(file);
    CHECK(test::read_file(dir / "file") == "first second third");
  }
  SECTION("a device") {
    fs::create_symlink("/dev/null", dir / "null");
    write_file_atomically(dir / "null", "text");
    CHECK(fs::is_character_file(fs::status("/dev/null")));
    CHECK(fs::is_symlink(dir / "null"));
    CHECK_THROWS_WITH(write_file_atomically("/dev/full", "text"), Catch::Contains("/dev/full: cannot be written"));
    CHECK_THROWS_WITH(write_file_atomically("/dev/fd/x", "text"), Catch::Contains("/dev/fd/x: cannot be written"));
  }
}

TEST_CASE("what cannot be written is said before there is work to lose") {
  const TempDir dir;
  check_writable(dir / "new");
  CHECK_THROWS_AS(check_writable(dir / "none" / "new"), FileError);
  CHECK_THROWS_WITH(check_writable(dir.path()), Catch::Contains("is a directory"));
  CHECK_THROWS_AS(write_file_atomically(dir / "none" / "new", "x"), FileError);
  CHECK_THROWS_WITH(write_file_atomically(dir.path(), "x"), Catch::Contains("is a directory"));
  CHECK(files_in(dir.path()) == 0);
}

TEST_CASE("a pipe is read wherever a file is, and by whoever comes after") {
  const TempDir dir;
  const std::string text(300'000, 'y');
  const Fifo pipe(dir / "fifo", text + "\n");
  CHECK(MappedFile(pipe.path()).text() == text + "\n");
  CHECK(read_file(pipe.path()) == text + "\n");
  CHECK(RandomAccessFile(pipe.path()).size() == text.size() + 1);
  TextReader reader(pipe.path(), 1 << 20);
  std::string chunk;
  REQUIRE(reader.next(chunk));
  CHECK(chunk == text + "\n");
  const auto documents = find_text_files(pipe.path());
  REQUIRE(documents.size() == 1);
  CHECK(fs::file_size(documents[0]) == text.size() + 1);
  CHECK_THROWS_WITH(read_file(pipe.path(), 1000), Catch::Contains("fifo: has 300001 bytes"));
}

TEST_CASE("a pipe without a name is a file, an empty one is empty") {
  Pipe pipe;
  REQUIRE(write(pipe.ends[1], "text", 4) == 4);
  close(std::exchange(pipe.ends[1], -1));
  const auto name = "/dev/fd/" + std::to_string(pipe.ends[0]);
  CHECK(read_file(name) == "text");
  CHECK(read_file(name) == "text");
  CHECK(MappedFile("/dev/null").size() == 0);
  CHECK_THROWS_WITH(find_text_files("/dev/null"), Catch::Contains("/dev/null: is empty"));
  CHECK(readable_file("none") == "none");
}

TEST_CASE("what is copied is bounded: devices without an end are refused, pipes by what their reader takes") {
  const TempDir dir;
  for (const std::string device : {"/dev/zero", "/dev/urandom", "/dev/full"}) {
    CHECK_THROWS_WITH(readable_file(device), Catch::Contains(device + ": is a device"));
    CHECK_THROWS_AS(read_file(device), FileError);
  }
  const Fifo pipe(dir / "fifo", std::string(1000, 'x'));
  CHECK_THROWS_WITH(read_file(pipe.path(), 999), Catch::Contains("fifo: has more than the 999 bytes allowed here"));
}

TEST_CASE("a pipe of another kind is refused by its own name") {
  const TempDir dir;
  const Fifo compressed(dir / "one", "\x1f\x8b\x08 compressed"), empty(dir / "two", "");
  CHECK_THROWS_WITH(find_text_files(compressed.path()), Catch::Contains((dir / "one").string() + ": is compressed"));
  CHECK_THROWS_WITH(refuse_other_kind(compressed.path()), Catch::Contains((dir / "one").string() + ": is compressed"));
  CHECK_THROWS_WITH(find_text_files(empty.path()), Catch::Contains((dir / "two").string() + ": is empty"));
}

TEST_CASE("errors call a file what the user knows it by") {
  const TempDir dir;
  const Fifo fifo(dir / "pipe", "text");
  const auto copy = readable_file(fifo.path());
  CHECK(copy != fifo.path());
  CHECK(FileError(copy, "is wrong").what() == (fifo.path().string() + ": is wrong"));
  show_as(dir / "scratch.txt", "microworld");
  CHECK(FileError(dir / "scratch.txt", "is wrong").what() == std::string("microworld: is wrong"));
  CHECK(FileError("", "no such directory").what() == std::string("an empty name: no such directory"));
}

TEST_CASE("what stdout is open to is known by its names") {
  const TempDir dir;
  CHECK(is_standard_output("-"));
  const Pipe pipe;
  const int before = dup(STDOUT_FILENO);
  dup2(pipe.ends[1], STDOUT_FILENO);
  const bool link = is_standard_output("/dev/stdout"), descriptor = is_standard_output("/proc/self/fd/1");
  dup2(before, STDOUT_FILENO);
  close(before);
  CHECK(link);
  CHECK(descriptor);
  CHECK_FALSE(is_standard_output(""));
  CHECK_FALSE(is_standard_output("/dev/null"));
  CHECK_FALSE(is_standard_output(dir / "none"));
  test::write_file(dir / "file", "");
  CHECK_FALSE(is_standard_output(dir / "file"));
}

}  // namespace langzoo::files_test
