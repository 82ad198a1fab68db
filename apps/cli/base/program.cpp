#include "apps/cli/base/program.h"

#include <algorithm>
#include <csignal>
#include <deque>
#include <functional>
#include <iostream>
#include <sstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include "apps/cli/base/json_output.h"
#include "data/files/config_error.h"
#include "data/files/cpus.h"
#include "data/files/escaped.h"

namespace langzoo {

namespace {

void add_common_options(Options& options, CommonOptions& common) {
  options.add("--threads", common.threads, "threads to compute with").range(1, 4096).group(kCommonGroup);
  options.add("--seed", common.seed, "seed of everything random").group(kCommonGroup);
  options.add("--json", common.json, "results as one JSON object a line, nothing else on stdout").group(kCommonGroup);
}

std::string example(const std::string& program, std::string line) {
  const std::string place = "{program}";
  const auto at = line.find(place);
  if (at == std::string::npos) return fmt::format("  {} {}\n", program, line);
  return "  " + line.replace(at, place.size(), program) + "\n";
}

std::string examples_footer(const std::string& program, const std::string& examples, const std::string& notes) {
  std::string footer = "Examples:\n";
  std::istringstream lines(examples);
  for (std::string line; std::getline(lines, line);) footer += example(program, line);
  return notes.empty() ? footer : footer + "\n" + notes;
}

std::string program_footer(const std::string& program, const Verbs& verbs) {
  std::string footer = "Examples:\n";
  for (const auto& verb : verbs) {
    const auto examples = verb->examples();
    footer += example(program, examples.substr(0, examples.find('\n')));
  }
  return footer + fmt::format("\n{} VERB --help says what a verb takes.\n", program);
}

int fail(int code, const std::string& message, const std::string& hint = {}) {
  std::cerr << "error: " << message << '\n' << hint;
  return code;
}

/// A standard stream that is closed would lend its descriptor to the next file opened, and messages would end up in a
/// checkpoint. In its place goes one that fails as the closed stream did.
void occupy_closed_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(fd, F_GETFD) != -1) continue;
    [[maybe_unused]] const int occupied = open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  }
}

/// CLI11's messages may span lines (a list of what is allowed); stderr gets one.
std::string flattened(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  std::replace(text.begin(), text.end(), '\n', ' ');
  text = escaped(text);
  constexpr std::size_t kLongest = 2000;
  if (text.size() > kLongest) text = text.substr(0, kLongest) + " ...";
  return valid_utf8(text);
}

/// The exit code of `work`, whose errors are told.
int code_of(const std::function<int()>& work) {
  // A file too large for the limits is then an error that names it.
  std::signal(SIGXFSZ, SIG_IGN);
  int code = 0;
  try {
    code = work();
  } catch (const UsageError& error) {
    return fail(2, one_line(error));
  } catch (const ConfigError& error) {
    return fail(2, one_line(error));
  } catch (const std::bad_alloc&) {
    return fail(1, "out of memory");
  } catch (const std::exception& error) {
    return fail(1, one_line(error));
  }
  std::cout.flush();
  return std::cout ? code : fail(1, "stdout cannot be written");
}

}  // namespace

std::size_t threads_of(const CommonOptions& common) {
  return common.threads ? *common.threads : available_cpus();
}

int run_program(int argc, char** argv, const std::string& name, const std::string& description, const Verbs& verbs) {
  occupy_closed_streams();
  CLI::App app(description, name);
  app.set_version_flag("--version", fmt::format("{} {}", name, LANGZOO_VERSION));
  app.require_subcommand(1);
  app.get_formatter()->label("SUBCOMMAND", "VERB");
  app.footer(program_footer(name, verbs));
  CommonOptions common;
  std::deque<Options> options;
  for (const auto& verb : verbs) {
    auto& sub = *app.add_subcommand(verb->name(), verb->summary())->group("Verbs");
    verb->add_options(options.emplace_back(sub));
    add_common_options(options.back(), common);
    if (!verb->heeds_seed()) options.back().idle_where("--seed", "nothing is drawn", [] { return true; });
    sub.footer(examples_footer(name, verb->examples(), verb->notes()));
  }

  std::string names;
  for (const auto& verb : verbs) names += (names.empty() ? "" : ", ") + verb->name();
  const std::string first = argc > 1 ? argv[1] : "";
  const auto named = [&](const auto& verb) { return verb->name() == first; };
  if (!first.empty() && first[0] != '-' && std::none_of(verbs.begin(), verbs.end(), named)) {
    return fail(2, flattened(fmt::format("{}: unknown verb; there are {}", first, names)));
  }
  const auto usage_error = [&](const std::exception& error) {
    std::string where = name;
    for (const auto* sub : app.get_subcommands()) where += " " + sub->get_name();
    return fail(2, flattened(error.what()), fmt::format("{} --help shows what it takes\n", where));
  };
  std::size_t chosen = 0;
  try {
    app.parse(argc, argv);
    while (!app.got_subcommand(verbs[chosen]->name())) ++chosen;
    options[chosen].check();
    if (!verbs[chosen]->warns_itself()) warn_of_idle(options[chosen]);
  } catch (const CLI::RequiredError& error) {
    if (!app.get_subcommands().empty()) return usage_error(error);
    return usage_error(UsageError("a verb is missing; there are " + names));
  } catch (const CLI::ParseError& error) {
    return error.get_exit_code() == 0 ? app.exit(error, std::cout, std::cerr) : usage_error(error);
  } catch (const UsageError& error) {
    return usage_error(error);
  }
  return code_of([&] {
    verbs[chosen]->run(common);
    return 0;
  });
}

int run_command(int argc, char** argv, const std::string& name, const std::string& description, Command& command) {
  occupy_closed_streams();
  CLI::App app(description, name);
  app.set_version_flag("--version", fmt::format("{} {}", name, LANGZOO_VERSION));
  Options options(app);
  command.add_options(options);
  app.footer(examples_footer(name, command.examples(), command.notes()));
  try {
    app.parse(argc, argv);
    options.check();
    warn_of_idle(options);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error, std::cout, std::cerr);
    return fail(2, flattened(error.what()), name + " --help shows what it takes\n");
  } catch (const UsageError& error) {
    return fail(2, flattened(error.what()), name + " --help shows what it takes\n");
  }
  return code_of([&] { return command.run(); });
}

void warn_of_idle(const Options& options) {
  for (const auto& flag : options.idle()) std::cerr << "warning: " << flag << '\n';
}

void print_message(const std::string& text) {
  std::cerr << text << std::endl;
}

std::string one_line(const std::exception& error) {
  std::string text = error.what();
  // LibTorch's errors carry a backtrace, and their message may go on after its first line.
  if (text.find("\nException raised from ") != std::string::npos) text = text.substr(0, text.find('\n'));
  return flattened(text);
}

std::int64_t peak_memory_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::int64_t>(usage.ru_maxrss) * 1024;
}

}  // namespace langzoo
