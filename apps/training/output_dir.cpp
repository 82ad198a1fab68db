#include "apps/training/output_dir.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apps/training/checkpoints.h"
#include "apps/training/run_tokenizer.h"
#include "data/files/config_error.h"
#include "data/files/files.h"
#include "tokenizers/directory.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

constexpr const char* kLockFile = ".lock";
/// Where the run that is to be replaced waits until the new one is under way; what it is called while it is removed.
constexpr const char* kReplaced = ".replaced";
constexpr const char* kLeftOver = ".replaced.old";

/// What a run writes at the top of its folder, whatever its task, beside the files of its tokenizers: model, data,
/// logs.
constexpr std::string_view kRunEntries[] = {kRunFile,
                                            kLockFile,
                                            kReplaced,
                                            kLeftOver,
                                            kTargetTokenizerDir,
                                            kGeneratorDir,
                                            "config.json",
                                            "generation_config.json",
                                            "model.safetensors",
                                            "model.ngram",
                                            "task.json",
                                            "vocab.tsv",
                                            "best",
                                            "data",
                                            "training_state",
                                            "metrics.jsonl",
                                            "tensorboard",
                                            "report.html"};

bool is_run_entry(const fs::path& entry) {
  auto name = entry.filename().string();
  if (const auto meant = name_behind_temporary(name); !meant.empty()) name = meant;
  const auto files = tokenizer_files();
  return is_checkpoint_name(name) ||
         std::find(std::begin(kRunEntries), std::end(kRunEntries), name) != std::end(kRunEntries) ||
         std::find(files.begin(), files.end(), name) != files.end();
}

std::vector<fs::path> entries_of(const fs::path& dir) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator at(dir, error), end; !error && at != end; at.increment(error)) {
    entries.push_back(at->path());
  }
  if (error) throw FileError(dir, "cannot be read: " + error.message());
  return entries;
}

/// All below `dir`, links not followed, a folder before what is in it.
std::vector<fs::path> entries_below(const fs::path& dir) {
  std::vector<fs::path> entries;
  std::error_code error;
  fs::recursive_directory_iterator at(dir, fs::directory_options::skip_permission_denied, error), end;
  for (; !error && at != end; at.increment(error)) entries.push_back(at->path());
  if (error) throw FileError(dir, "cannot be read: " + error.message());
  return entries;
}

/// Moves a run into the folder kReplaced in its own, run.json last.
void set_run_aside(const fs::path& out) {
  const auto aside = out / kReplaced;
  fs::create_directory(aside);
  auto entries = entries_of(out);
  std::partition(entries.begin(), entries.end(), [](const auto& entry) { return entry.filename() != kRunFile; });
  for (const auto& entry : entries) {
    if (entry == aside || entry.filename() == kLockFile) continue;
    std::error_code error;
    fs::rename(entry, aside / entry.filename(), error);
    if (error) throw FileError(entry, "cannot be moved away: " + error.message());
  }
}

/// Moves it back, as far as that can be done.
void take_run_back(const fs::path& out) {
  const auto aside = out / kReplaced;
  std::error_code ignored;
  std::vector<fs::path> entries;
  for (fs::directory_iterator at(aside, ignored), end; at != end; at.increment(ignored)) entries.push_back(at->path());
  for (const auto& entry : entries) fs::rename(entry, out / entry.filename(), ignored);
  fs::remove(aside, ignored);
}

/// After a process that was killed: a run that was set aside for one that did not get under way is put back, and what
/// is left of one that was replaced goes. The folder is locked.
void recover(const fs::path& out) {
  const auto aside = out / kReplaced;
  if (fs::exists(aside / kRunFile)) {
    for (const auto& entry : entries_of(out)) {
      if (entry == aside || entry.filename() == kLockFile) continue;
      std::error_code error;
      fs::remove_all(entry, error);
      if (error) throw FileError(entry, "cannot be removed: " + error.message());
    }
  }
  take_run_back(out);
  std::error_code ignored;
  fs::remove_all(out / kLeftOver, ignored);
}

bool holds_nothing(const fs::path& out) {
  const auto entries = entries_of(out);
  return std::all_of(entries.begin(), entries.end(), [](const auto& entry) { return entry.filename() == kLockFile; });
}

}  // namespace

void recover_replaced_run(const fs::path& out) {
  if (out.empty() || (!fs::exists(out / kReplaced) && !fs::exists(out / kLeftOver))) return;
  const OutputLock lock(out);
  recover(out);
}

fs::path run_to_read(const fs::path& dir) {
  std::error_code ignored;
  const auto waits_in = [&](const fs::path& run) { return fs::exists(run / kReplaced / kRunFile, ignored); };
  if (waits_in(dir)) return dir / kReplaced;
  const auto folder = dir.has_filename() ? dir : dir.parent_path();
  const bool best = folder.filename() == "best" && waits_in(folder.parent_path());
  return best ? folder.parent_path() / kReplaced / folder.filename() : dir;
}

bool is_new_or_empty(const fs::path& out) {
  if (out.empty()) throw ConfigError("the output folder has an empty name");
  if (!fs::exists(out)) return true;
  if (!fs::is_directory(out)) throw ConfigError(fmt::format("{}: is not a directory", out.string()));
  return holds_nothing(out);
}

fs::path replaceable_run(const fs::path& out) {
  auto run = out / kRunFile;
  if (!fs::exists(run)) {
    throw ConfigError(fmt::format("{}: is not empty and holds no run to replace (no {})", out.string(), kRunFile));
  }
  for (const auto& entry : entries_of(out)) {
    if (is_run_entry(entry)) continue;
    throw ConfigError(fmt::format("{}: holds {}, which is no run's: move it away before another run replaces all in it",
                                  out.string(), entry.filename().string()));
  }
  return run;
}

OutputLock::OutputLock(const fs::path& out) : path_(out / kLockFile) {
  for (;;) {
    descriptor_ = open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor_ < 0) throw FileError(path_, std::strerror(errno));
    if (flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
      const bool taken = errno == EWOULDBLOCK;
      close(std::exchange(descriptor_, -1));
      if (!taken) return;
      throw ConfigError(fmt::format("{}: another process is training in it", out.string()));
    }
    // Whoever held it before may have removed the file meanwhile: then it locks nobody out.
    struct stat locked {};
    struct stat named {};
    if (fstat(descriptor_, &locked) == 0 && stat(path_.c_str(), &named) == 0 && locked.st_ino == named.st_ino &&
        locked.st_dev == named.st_dev) {
      return;
    }
    close(descriptor_);
  }
}

OutputLock::~OutputLock() {
  if (descriptor_ < 0) return;
  unlink(path_.c_str());
  close(descriptor_);
}

OutputGuard::Folders::Folders(const fs::path& out) {
  std::error_code error;
  for (auto dir = fs::absolute(out).lexically_normal(); dir.has_relative_path(); dir = dir.parent_path()) {
    if (fs::exists(fs::symlink_status(dir, error))) break;
    made_.push_back(dir);
  }
  fs::create_directories(out, error);
  if (!error) return;
  remove();
  throw FileError(out, "cannot be created: " + error.message());
}

void OutputGuard::Folders::remove() const {
  std::error_code ignored;
  for (const auto& dir : made_) fs::remove(dir, ignored);
}

OutputGuard::OutputGuard(fs::path out, OutputUse use) : out_(std::move(out)), use_(use), folders_(out_), lock_(out_) {
  // Another process may have come and gone since the folder was looked at.
  if (use == OutputUse::kNew && !holds_nothing(out_)) {
    throw ConfigError(fmt::format("{}: is not empty any more", out_.string()));
  }
  if (use == OutputUse::kReplace) {
    try {
      recover(out_);
      set_run_aside(out_);
    } catch (...) {
      take_run_back(out_);
      throw;
    }
  }
  for (auto& entry : entries_below(out_)) before_.insert(std::move(entry));
}

OutputGuard::~OutputGuard() {
  if (keeps_) return;
  std::error_code ignored;
  try {
    for (const auto& entry : entries_below(out_)) {
      if (before_.count(entry) == 0) fs::remove_all(entry, ignored);
    }
  } catch (const FileError&) {  // what cannot be listed stays
  }
  if (use_ == OutputUse::kReplace) take_run_back(out_);
}

void OutputGuard::keep() {
  keeps_ = true;
  folders_.keep();
  // In one step it is no run any more that could be put back.
  std::error_code ignored;
  fs::rename(out_ / kReplaced, out_ / kLeftOver, ignored);
  fs::remove_all(out_ / kLeftOver, ignored);
}

}  // namespace langzoo
