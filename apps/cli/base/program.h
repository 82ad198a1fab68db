/// Verbs, their options, and what every langzoo program does alike: common flags, help, errors and exit codes. No torch
/// here; verbs that compute with tensors are in apps/cli/compute_verb.h.
///
/// stdout carries results and nothing else; messages go to stderr. Exit code 0: done; 1: a failure; 2: a usage error.
/// An error is at most three lines on stderr.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/cli/base/options.h"

namespace langzoo {

/// The flags that every verb has.
struct CommonOptions {
  std::optional<std::size_t> threads;
  std::optional<std::uint64_t> seed;
  bool json = false;

  std::uint64_t seed_or(std::uint64_t otherwise) const { return seed.value_or(otherwise); }
};

/// --threads, or as many as there are CPUs for the process.
std::size_t threads_of(const CommonOptions& common);

/// Where the help lists the flags that are not one verb's own.
inline constexpr const char* kCommonGroup = "Common options";

/// One verb of a program: `langzoo-gpt <name> ...`.
class Verb {
 public:
  virtual ~Verb() = default;
  virtual std::string name() const = 0;
  virtual std::string summary() const = 0;
  /// Commands to try, one a line; {program} stands for the program's name, which goes in front where it is missing.
  virtual std::string examples() const = 0;
  /// What else the help should say, shown below the examples once the options are declared.
  virtual std::string notes() const { return {}; }
  /// Declares the verb's own options.
  virtual void add_options(Options& options) = 0;
  /// Whether --seed may mean something to it; where that depends on other flags, add_options() says so by idle_where().
  virtual bool heeds_seed() const { return false; }
  /// Whether it calls warn_of_idle() itself, because what has an effect shows later than the flags do.
  virtual bool warns_itself() const { return false; }
  virtual void run(const CommonOptions& common) = 0;
};

using Verbs = std::vector<std::unique_ptr<Verb>>;

/// Parses the command line, runs the verb it names and returns the exit code. `name` is the program's, "langzoo-gpt".
int run_program(int argc, char** argv, const std::string& name, const std::string& description, const Verbs& verbs);

/// A program without verbs.
class Command {
 public:
  virtual ~Command() = default;
  /// As Verb's.
  virtual std::string examples() const = 0;
  virtual std::string notes() const { return {}; }
  virtual void add_options(Options& options) = 0;
  virtual int run() = 0;  ///< the exit code
};

/// Likewise.
int run_command(int argc, char** argv, const std::string& name, const std::string& description, Command& command);

/// Tells the user on stderr which of the flags that are given change nothing.
void warn_of_idle(const Options& options);

/// A line on stderr.
void print_message(const std::string& text);

/// The first line of `error`'s message without LibTorch's backtrace, control characters escaped.
std::string one_line(const std::exception& error);

/// The largest resident set the process has had.
std::int64_t peak_memory_bytes();

}  // namespace langzoo
