/// What a file is by its first bytes, for readers that are given one of another kind: a pointer that Git LFS left in
/// its place, an archive, a pickle. No torch, no other langzoo header but file_error.h and files.h.
///
///     refuse_other_kind(path);                      // a reader of text
///     refuse_other_kind(path, {FileKind::kZip});    // one of PyTorch's archives
#pragma once

#include <filesystem>
#include <initializer_list>
#include <string_view>

namespace langzoo {

enum class FileKind {
  kOther,  ///< text, or bytes that begin like nothing below
  kGitLfsPointer,
  kGzip,
  kBzip2,
  kXz,
  kZstandard,
  kZip,  ///< PyTorch's .bin and .pt are such archives
  kPickle,
  kFastTextModel,  ///< fastText's .bin
  kSafetensors,
  kNumpy,
  kHdf5,
  kParquet,
  kArrow,
  kUtf16,  ///< text in UTF-16 or UTF-32, by its byte order mark
};

/// The first bytes that tell kinds apart: so many of a file, or all it has.
inline constexpr std::size_t kFileKindBytes = 64;

/// By the first kFileKindBytes of a file, or more.
FileKind kind_of(std::string_view first_bytes);
/// kOther also for what is no regular file, which is not touched (a pipe would lose its beginning), or cannot be read.
FileKind file_kind(const std::filesystem::path& path);

/// "is compressed (gzip): gunzip it first"; empty for kOther.
std::string_view in_words(FileKind kind);

/// Throws FileError that says what `path` is and what to do, unless its kind is kOther or among `wanted`. Of a pipe
/// that is the kind of its readable_file, which its reader has to open as well.
void refuse_other_kind(const std::filesystem::path& path, std::initializer_list<FileKind> wanted = {});

}  // namespace langzoo
