/// Files read whole or replaced atomically: the one piece every layer may use. No torch.
///
/// Every function throws FileError, whose message names the path and the reason.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <ostream>
#include <string>
#include <string_view>

#include "data/files/file_error.h"

namespace langzoo {

/// A regular file with the bytes of `path`: `path` itself where it is one, and where there is nothing to copy (a
/// folder, a missing file). Of a pipe or device, and of stdin, whose name is "-", a copy without a name on the disk of
/// temporary files: such a source can be read once, so that whoever opens it again in this process gets the first copy.
/// Throws for a device without an end (/dev/zero), and where there is more to copy than `max_bytes`.
std::filesystem::path readable_file(const std::filesystem::path& path,
                                    std::uint64_t max_bytes = std::numeric_limits<std::uint64_t>::max());

/// What a FileError calls the file `path` from now on: the name by which the user knows what is in it. That of a
/// readable_file is the name of its source.
void show_as(const std::filesystem::path& path, const std::string& name);

/// The whole file, a readable_file. Throws when it is missing, a directory, or larger than `max_bytes`.
std::string read_file(const std::filesystem::path& path, std::uint64_t max_bytes = std::uint64_t{1} << 32);

/// `path` as an absolute one where there is such a file or folder, else as it is: for what is to be found again from
/// another directory.
std::string absolute_if_there(const std::string& path);

/// Replaces `path` by what `write` puts into the stream: a temporary name beside it, fsync, rename. Whatever goes wrong
/// (a full disk, an exception out of `write`), the old file is untouched and the temporary one is removed. A symbolic
/// link stays, and the file that it names is replaced; so do a file's permissions. What is no regular file (a pipe, a
/// device, /dev/stdout, or "-" for it) is written to as the bytes come; there the stream cannot seek.
void write_file_atomically(const std::filesystem::path& path, const std::function<void(std::ostream&)>& write);
void write_file_atomically(const std::filesystem::path& path, std::string_view bytes);

/// The name of the file that a temporary one of write_file_atomically, left by a process that was killed, was to
/// become. Empty: `name` is no such file's.
std::string name_behind_temporary(const std::string& name);

/// Throws where write_file_atomically could not write `path`: to be said before there is work to lose.
void check_writable(const std::filesystem::path& path);

/// Whether writing `path` writes to stdout: "-", /dev/stdout, or whatever stdout is open to, but for /dev/null. What
/// else a program prints would stand between the lines of such a file.
bool is_standard_output(const std::filesystem::path& path);

}  // namespace langzoo
