#include "tests/support/plain_test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/files/file_kind.h"
#include "data/files/file_error.h"

using namespace langzoo;
using Catch::Contains;
using test::TempDir;
namespace fs = std::filesystem;

namespace {

struct Case {
  FileKind kind;
  std::string bytes, words;
};

std::vector<Case> cases() {
  using namespace std::string_literals;
  return {
      {FileKind::kGitLfsPointer, "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
       "git lfs"},
      {FileKind::kGzip, "\x1f\x8b\x08\0\0\0\0\0"s, "gunzip"},
      {FileKind::kBzip2, "BZh91AY&SY", "bunzip2"},
      {FileKind::kXz,
       "\xfd"
       "7zXZ\0\0\4"s,
       "unxz"},
      {FileKind::kZstandard, "\x28\xb5\x2f\xfd\x24", "unzstd"},
      {FileKind::kZip, "PK\x03\x04\x14", "zip archive"},
      {FileKind::kPickle, "\x80\x04\x95\x10\0\0\0"s, "pickle"},
      {FileKind::kPickle, "\x80\x02}q\0"s, "pickle"},
      {FileKind::kFastTextModel, "\xba\x16\x4f\x2f\x0c\0\0\0"s, "fastText"},
      {FileKind::kSafetensors, "\x40\0\0\0\0\0\0\0{\"w\":{}}"s, "safetensors"},
      {FileKind::kNumpy, "\x93NUMPY\x01\0"s, "NumPy"},
      {FileKind::kHdf5, "\x89HDF\r\n\x1a\n", "HDF5"},
      {FileKind::kParquet, "PAR1\x15", "table"},
      {FileKind::kArrow, "ARROW1\0\0"s, "table"},
      {FileKind::kUtf16,
       "\xff\xfe"
       "a\0"s,
       "UTF-8"},
      {FileKind::kUtf16, "\xfe\xff\0a"s, "UTF-8"},
  };
}

}  // namespace

TEST_CASE("a file of another kind is named by its first bytes, with what to do") {
  const TempDir dir;
  for (const auto& [kind, bytes, words] : cases()) {
    CAPTURE(words);
    test::write_file(dir / "given", bytes);
    CHECK((file_kind(dir / "given") == kind));
    CHECK_THROWS_AS(refuse_other_kind(dir / "given"), FileError);
    CHECK_THROWS_WITH(refuse_other_kind(dir / "given"), Contains((dir / "given").string()) && Contains(words));
    CHECK_NOTHROW(refuse_other_kind(dir / "given", {FileKind::kOther, kind}));
  }
}

TEST_CASE("text, parts of a signature, and what cannot be read are no other kind") {
  const TempDir dir;
  for (const std::string text : {"", "a", "B", "version 2 of the story", "PK", "\x80", "\x80\x04", "\xef\xbb\xbftext",
                                 "{\"model\": {}}", "\x0a\x0e\n\x05<unk>"}) {
    CAPTURE(text);
    test::write_file(dir / "given", text);
    CHECK((file_kind(dir / "given") == FileKind::kOther));
    CHECK_NOTHROW(refuse_other_kind(dir / "given"));
  }
  CHECK((file_kind(dir / "missing") == FileKind::kOther));
  CHECK((file_kind(dir.path()) == FileKind::kOther));
}

TEST_CASE("a pipe keeps its first bytes") {
  const TempDir dir;
  const auto path = dir / "pipe";
  REQUIRE(mkfifo(path.c_str(), 0600) == 0);
  const int both = open(path.c_str(), O_RDWR | O_NONBLOCK);  // neither end blocks
  REQUIRE(write(both, "\x1f\x8b", 2) == 2);
  CHECK((file_kind(path) == FileKind::kOther));
  char kept[2] = {};
  CHECK(read(both, kept, 2) == 2);
  close(both);
}
