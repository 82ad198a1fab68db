/// The folder that a training writes.
#pragma once

#include <filesystem>
#include <set>
#include <vector>

namespace langzoo {

/// The settings of a run, in its folder.
inline constexpr const char* kRunFile = "run.json";

/// Puts back the run that an OutputUse::kReplace, killed before it got under way, has left aside in `out`: to be called
/// before the folder is looked at. Throws ConfigError where another process writes into it, FileError.
void recover_replaced_run(const std::filesystem::path& out);

/// The folder to read a run from that is in `dir`, or whose folder best `dir` is: `dir` itself, or where the run waits
/// until the one that is to replace it is under way, be that being prepared or killed meanwhile. Nothing is moved.
std::filesystem::path run_to_read(const std::filesystem::path& dir);

/// Whether there is nothing in `out` yet. Throws ConfigError for what can be no folder.
bool is_new_or_empty(const std::filesystem::path& out);

/// The run.json of the run in `out` that another one is to replace. Throws ConfigError unless there is one, and nothing
/// else in `out` than what a run writes: a folder of somebody's own is never emptied.
std::filesystem::path replaceable_run(const std::filesystem::path& out);

/// An output folder is one process's at a time: the lock is gone when the process is, however it ended. Where a file
/// system has no locks there is none.
class OutputLock {
 public:
  /// Throws ConfigError where another process, or another object of this one, writes into `out`; FileError where that
  /// cannot be told.
  explicit OutputLock(const std::filesystem::path& out);
  ~OutputLock();
  OutputLock(const OutputLock&) = delete;
  OutputLock& operator=(const OutputLock&) = delete;

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
};

enum class OutputUse {
  kNew,      ///< the folder is new or empty
  kGoOn,     ///< it may hold an earlier part of the run, which stays
  kReplace,  ///< it holds another run, which goes when this one gets under way
};

/// Locks a run's folder, and removes what the run put into it, whatever it was, unless the run gets under way: a
/// mistake in the data or the settings must not leave behind a folder that the next attempt is refused. What was there
/// before stays: the data that an earlier part of the run prepared, the run that was to be replaced.
class OutputGuard {
 public:
  /// Makes the folder, and those above it. Throws FileError, ConfigError as OutputLock and for a folder that is not
  /// what `use` says.
  explicit OutputGuard(std::filesystem::path out, OutputUse use = OutputUse::kGoOn);
  ~OutputGuard();
  OutputGuard(const OutputGuard&) = delete;
  OutputGuard& operator=(const OutputGuard&) = delete;
  /// The run is under way: all stays, and the run that it replaces is gone.
  void keep();
  bool keeps() const { return keeps_; }

 private:
  /// Makes folders, and removes them again.
  class Folders {
   public:
    explicit Folders(const std::filesystem::path& out);
    ~Folders() { remove(); }
    Folders(const Folders&) = delete;
    Folders& operator=(const Folders&) = delete;
    void keep() { made_.clear(); }

   private:
    /// Only those that are empty: a folder above may have got another run's meanwhile.
    void remove() const;

    std::vector<std::filesystem::path> made_;  ///< from the inside out
  };

  std::filesystem::path out_;
  OutputUse use_;
  Folders folders_;  // outlives the lock, whose file is in it
  OutputLock lock_;
  std::set<std::filesystem::path> before_;  ///< what was in the folder, at any depth
  bool keeps_ = false;
};

}  // namespace langzoo
