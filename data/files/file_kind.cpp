#include "data/files/file_kind.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <string>
#include <system_error>

#include "data/files/files.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

using namespace std::string_view_literals;

struct Signature {
  FileKind kind;
  std::string_view bytes;
  std::string_view words;
};

// What is unpacked or converted before any of our readers takes it has the same advice everywhere.
constexpr auto kPointer =
    "is a Git LFS pointer, which stands for a file that was not downloaded: git lfs pull fetches it"sv;
constexpr auto kPickled =
    "is a Python pickle, which only Python opens: write it as text there (gensim: "
    "save_word2vec_format), or as safetensors"sv;
constexpr auto kFastText = "is a fastText model (.bin): its vectors in text form are the .vec file beside it"sv;
constexpr auto kUnicode = "is UTF-16 or UTF-32 text: make it UTF-8 first (iconv -t UTF-8)"sv;
constexpr auto kTable = "is a table of another program: write it as text first (.csv, .tsv or .jsonl)"sv;

constexpr Signature kSignatures[] = {
    {FileKind::kGitLfsPointer, "version https://git-lfs.github.com/spec/"sv, kPointer},
    {FileKind::kGzip, "\x1f\x8b"sv, "is compressed (gzip): gunzip it first"sv},
    {FileKind::kBzip2, "BZh"sv, "is compressed (bzip2): bunzip2 it first"sv},
    {FileKind::kXz,
     "\xfd"
     "7zXZ\0"sv,
     "is compressed (xz): unxz it first"sv},
    {FileKind::kZstandard, "\x28\xb5\x2f\xfd"sv, "is compressed (zstd): unzstd it first"sv},
    {FileKind::kZip, "PK\x03\x04"sv, "is a zip archive, or PyTorch's or NumPy's: unpack it first"sv},
    {FileKind::kFastTextModel, "\xba\x16\x4f\x2f"sv, kFastText},
    {FileKind::kNumpy, "\x93NUMPY"sv, "is a NumPy array: write it as text or as safetensors first"sv},
    {FileKind::kHdf5, "\x89HDF\r\n\x1a\n"sv, "is an HDF5 file: write it as text or as safetensors first"sv},
    {FileKind::kParquet, "PAR1"sv, kTable},
    {FileKind::kArrow, "ARROW1"sv, kTable},
    {FileKind::kUtf16, "\xff\xfe"sv, kUnicode},
    {FileKind::kUtf16, "\xfe\xff"sv, kUnicode},
    {FileKind::kUtf16, "\0\0\xfe\xff"sv, kUnicode},
};
constexpr auto kTensors = "is a safetensors file: weights of a model, whose folder is meant"sv;

/// Protocols 2 to 5 begin with their number and an opcode; that of the older ones could be text.
bool is_pickle(std::string_view bytes) {
  constexpr auto kOpcodes = "\x95\x8a(]})cX\x8c"sv;
  return bytes.size() > 2 && bytes[0] == '\x80' && bytes[1] >= 2 && bytes[1] <= 5 &&
         kOpcodes.find(bytes[2]) != std::string_view::npos;
}

/// The length of a header of less than 100 MB, and the header, which is a JSON object.
bool is_safetensors(std::string_view bytes) {
  return bytes.size() > 9 && bytes.substr(5, 3) == "\0\0\0"sv && bytes.substr(8, 2) == "{\""sv;
}

}  // namespace

FileKind kind_of(std::string_view first_bytes) {
  for (const auto& [kind, bytes, words] : kSignatures) {
    if (first_bytes.starts_with(bytes)) return kind;
  }
  if (is_pickle(first_bytes)) return FileKind::kPickle;
  return is_safetensors(first_bytes) ? FileKind::kSafetensors : FileKind::kOther;
}

FileKind file_kind(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return FileKind::kOther;
  std::array<char, kFileKindBytes> bytes{};
  std::ifstream file(path, std::ios::binary);
  file.read(bytes.data(), bytes.size());
  return kind_of({bytes.data(), static_cast<std::size_t>(file.gcount())});
}

std::string_view in_words(FileKind kind) {
  if (kind == FileKind::kPickle) return kPickled;
  if (kind == FileKind::kSafetensors) return kTensors;
  const auto* const found = std::find_if(std::begin(kSignatures), std::end(kSignatures),
                                         [&](const Signature& signature) { return signature.kind == kind; });
  return found == std::end(kSignatures) ? ""sv : found->words;
}

void refuse_other_kind(const fs::path& path, std::initializer_list<FileKind> wanted) {
  const auto kind = file_kind(readable_file(path));
  if (kind == FileKind::kOther || std::find(wanted.begin(), wanted.end(), kind) != wanted.end()) return;
  throw FileError(path, std::string(in_words(kind)));
}

}  // namespace langzoo
