/// Verbs, their options, and what every langzoo program does alike: common flags, help, errors and exit codes. No torch
/// here; verbs that compute with tensors are in apps/cli/compute_verb.h.
///
/// stdout carries results and nothing else; messages go to stderr. Exit code 0: done; 1: a failure; 2: a usage error.
/// An error is at most three lines on stderr.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

namespace langzoo {

/// The command line or the run configuration asks for something that cannot be: exit code 2.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The flags that every verb has.
struct CommonOptions {
  std::int64_t threads = 0;  ///< 0: not asked for
  std::optional<std::uint64_t> seed;
  bool json = false;

  std::uint64_t seed_or(std::uint64_t otherwise) const { return seed.value_or(otherwise); }
};

/// --threads, or as many as the machine has.
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
  virtual void add_options(CLI::App& app) = 0;
  virtual void run(const CommonOptions& common) = 0;
};

using Verbs = std::vector<std::unique_ptr<Verb>>;

/// Parses the command line, runs the verb it names and returns the exit code. `name` is the program's, "langzoo-gpt".
int run_program(int argc, char** argv, const std::string& name, const std::string& description, const Verbs& verbs);

/// One JSON object on its own line of stdout; bytes that are not UTF-8 become U+FFFD.
void print_json(const nlohmann::ordered_json& object);

/// `text` with every byte that is not UTF-8 replaced by U+FFFD.
std::string valid_utf8(const std::string& text);

/// The first line of `error`'s message without LibTorch's backtrace, control characters replaced.
std::string one_line(const std::exception& error);

/// Checks that an option's text is a decimal integer in [least, most]; what would overflow is not.
CLI::Validator integer_from(std::uint64_t least, std::uint64_t most = std::numeric_limits<std::int64_t>::max());

/// The largest resident set the process has had.
std::int64_t peak_memory_bytes();

}  // namespace langzoo
