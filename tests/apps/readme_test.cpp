// The documentation beside the programs. It needs every program, those with LibTorch too: hence test.h.
#include "tests/support/test.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <sstream>
#include <utility>

#include "tests/support/process.h"

namespace langzoo::test::readme_test {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

namespace {

const std::regex kProgram("langzoo-[a-z][a-z0-9-]*");
const std::regex kAssignment("((model|train|data)\\.[a-z0-9_]+)=.*");

Words words_in(const std::string& text) {
  std::istringstream in(text);
  return {std::istream_iterator<std::string>(in), {}};
}

Words lines_in(const std::string& text) {
  Words lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

/// The code in a Markdown text: lines of blocks, which a backslash joins, and what stands between backticks.
Words code_in(const std::string& markdown) {
  Words code;
  std::string paragraph;
  bool fenced = false, joined = false;
  for (auto line : lines_in(markdown + "\n\n")) {
    const bool fence = line.starts_with("```");
    const bool block = !fence && (fenced || line.starts_with("    "));
    fenced ^= fence;
    if (block) {
      const bool goes_on = line.ends_with("\\");
      if (goes_on) line.pop_back();
      if (joined) {
        code.back() += line;
      } else {
        code.push_back(line);
      }
      joined = goes_on;
    } else if (fence || line.empty()) {
      std::istringstream parts(std::exchange(paragraph, {}));
      bool span = false;
      for (std::string part; std::getline(parts, part, '`'); span = !span) {
        if (span) code.push_back(part);
      }
    } else {
      paragraph += line + '\n';
    }
  }
  return code;
}

struct Command {
  std::string program;
  Words arguments;
};

/// What a shell would run of ours: a program's name at the beginning, behind $ or |, or behind the -- of
/// langzoo-launch. Its arguments are all that follow.
std::vector<Command> commands_in(const std::string& code) {
  std::vector<Command> commands;
  bool begins = true;
  for (const auto& word : words_in(code)) {
    if (word == "$" || word == "|" || word == "--") {
      begins = true;
      continue;
    }
    const auto name = word.substr(word.rfind('/') + 1);
    if (std::exchange(begins, false) && std::regex_match(name, kProgram)) {
      commands.push_back({name, {}});
    } else if (!commands.empty()) {
      commands.back().arguments.push_back(word);
    }
  }
  return commands;
}

/// The help of a program, or of one of its verbs; nothing where there is no such one.
std::optional<std::string> help_of(const std::string& program, const std::string& verb = {}) {
  static std::map<std::string, std::optional<std::string>> known;
  const auto [found, is_new] = known.try_emplace(program + " " + verb);
  if (is_new) {
    const auto result = Process(program, verb.empty() ? Words{"--help"} : Words{verb, "--help"}).wait();
    if (result.code == 0) found->second = result.out;
  }
  return found->second;
}

/// "--flag" and its other names, from lines like "  -h,--help  Print this help".
std::set<std::string> flags_in(const std::string& help) {
  std::set<std::string> flags;
  for (const auto& line : lines_in(help)) {
    const auto words = words_in(line);
    if (!line.starts_with(" ") || words.empty() || words[0][0] != '-') continue;
    std::istringstream names(words[0].substr(0, words[0].find('{')));
    for (std::string name; std::getline(names, name, ',');) flags.insert(name);
  }
  return flags;
}

/// Lines "  NAME ..." of the section that begins with `title`: verbs, presets, keys.
std::set<std::string> names_in(const std::string& help, const std::string& title) {
  std::set<std::string> names;
  bool inside = false;
  for (const auto& line : lines_in(help)) {
    if (line.starts_with(title)) {
      inside = true;
    } else if (inside && line.starts_with("  ")) {
      names.insert(words_in(line)[0]);
    } else {
      inside = false;
    }
  }
  return names;
}

Words programs() {
  Words names;
  for (const auto& file : fs::directory_iterator(fixture("../../apps"))) {
    if (file.path().extension() != ".cpp") continue;
    auto name = "langzoo-" + file.path().stem().string();
    std::replace(name.begin(), name.end(), '_', '-');
    names.push_back(name);
  }
  return names;
}

std::set<std::string> keys_in(const std::string& help) {
  return names_in(help, "Keys of --set");
}

/// What any verb of any program takes.
struct Everything {
  std::set<std::string> flags, keys;

  Everything() {
    for (const auto& program : programs()) {
      flags.merge(flags_in(help_of(program).value_or("")));
      for (const auto& verb : names_in(help_of(program).value_or(""), "Verbs:")) {
        const auto help = help_of(program, verb).value_or("");
        flags.merge(flags_in(help));
        keys.merge(keys_in(help));
      }
    }
  }
};

/// Adds what is wrong with a command, in words.
void check_command(const Command& command, Words& wrong) {
  const auto& arguments = command.arguments;
  const bool has_verb = !arguments.empty() && arguments[0][0] != '-';
  const auto verb = has_verb ? arguments[0] : std::string();
  const auto name = has_verb ? command.program + " " + verb : command.program;
  const auto help = help_of(command.program, verb);
  if (!help) {
    wrong.push_back("there is no " + name);
    return;
  }
  const auto flags = flags_in(*help), presets = names_in(*help, "Presets:"), keys = keys_in(*help);
  std::string flag;
  for (const auto& word : arguments) {
    if (word.starts_with("--")) {
      flag = word.substr(0, word.find('='));
      if (!flags.contains(flag)) wrong.push_back(name + " has no " + flag);
    } else if (flag == "--preset") {
      if (!presets.contains(word)) wrong.push_back(name + " has no preset " + word);
      flag.clear();
    } else if (flag == "--set") {
      const auto key = word.substr(0, word.find('='));
      if (!keys.contains(key)) wrong.push_back(name + " has no key " + key);
    }
  }
}

/// Adds what is wrong with code that is no command: "--flag VALUE" and "section.key=value" by themselves.
void check_fragment(const std::string& code, Words& wrong) {
  static const Everything everything;
  for (const auto& word : words_in(code)) {
    std::smatch match;
    if (code.starts_with("--") && word.starts_with("--") && !everything.flags.contains(word)) {
      wrong.push_back("no program has " + word);
    } else if (std::regex_match(word, match, kAssignment) && !everything.keys.contains(match[1])) {
      wrong.push_back("no program has a key " + match[1].str());
    }
  }
}

/// What is wrong with the code of a Markdown text. `commands` counts what was checked.
Words complaints(const std::string& markdown, std::size_t& commands) {
  Words wrong;
  for (const auto& code : code_in(markdown)) {
    const auto found = commands_in(code);
    commands += found.size();
    for (const auto& command : found) check_command(command, wrong);
    if (found.empty()) check_fragment(code, wrong);
  }
  return wrong;
}

Words complaints(const std::string& markdown) {
  std::size_t commands = 0;
  return complaints(markdown, commands);
}

/// The Markdown files of the root, and the README of each folder.
std::vector<fs::path> documents() {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(fixture("../.."))) {
    if (entry.path().extension() == ".md") found.push_back(entry.path());
    if (fs::exists(entry.path() / "README.md")) found.push_back(entry.path() / "README.md");
  }
  return found;
}

}  // namespace

TEST_CASE("every command of the documentation exists as it stands there") {
  std::size_t commands = 0;
  for (const auto& document : documents()) {
    INFO(document.lexically_normal());
    CHECK(complaints(read_file(document), commands) == Words{});
  }
  CHECK(commands > 50);
}

TEST_CASE("a command that does not exist is found, wherever it stands") {
  CHECK(complaints("Try `langzoo-gpt train --data a.txt --out run --resume`.") == Words{});
  CHECK(complaints("Try `langzoo-gpt train --made-up 3`.") == Words{"langzoo-gpt train has no --made-up"});
  CHECK(complaints("    $ build/bin/langzoo-gpt generate \\\n        --data text") ==
        Words{"langzoo-gpt generate has no --data"});
  CHECK(complaints("```\n$ langzoo-tokenizer encode | langzoo-tokenizer decode --stats\n```") ==
        Words{"langzoo-tokenizer decode has no --stats"});
  CHECK(complaints("| to | `langzoo-gpt\ntranslate --text a` |") == Words{"there is no langzoo-gpt translate"});
  CHECK(complaints("`langzoo-launch --processes 2 -- langzoo-gpt train --made-up 3`") ==
        Words{"langzoo-gpt train has no --made-up"});
  CHECK(complaints("`langzoo-gpt-2`") == Words{"there is no langzoo-gpt-2"});
  CHECK(complaints("`langzoo-gpt train --preset huge`") == Words{"langzoo-gpt train has no preset huge"});
  CHECK(complaints("`langzoo-gpt train --set model.n_layer=2 model.peeky=true`") ==
        Words{"langzoo-gpt train has no key model.peeky"});
  CHECK(complaints("`model.peeky=true train.max_step=2`") == Words{"no program has a key train.max_step"});
  CHECK(complaints("With `--made-up` or `--top-k 3`.") == Words{"no program has --made-up"});
  CHECK(complaints("langzoo-gpt --made-up is no code here, `python bench.py langzoo-gpt --rounds 3` none of ours") ==
        Words{});
}

TEST_CASE("every program and every verb is in the documentation") {
  const auto readme = read_file(fixture("../../README.md"));
  const auto rows = lines_in(read_file(fixture("../../apps/README.md")));
  for (const auto& program : programs()) {
    INFO(program);
    CHECK_THAT(readme, Catch::Contains("`" + program + "`"));
    const auto begin = "| `" + program + "` |";
    const auto row = std::find_if(rows.begin(), rows.end(), [&](const auto& line) { return line.starts_with(begin); });
    REQUIRE(row != rows.end());
    const auto verbs = names_in(help_of(program).value_or(""), "Verbs:");
    CHECK(verbs.empty() == (program == "langzoo-launch"));
    const std::regex separators("[^a-z-]+");
    const std::set<std::string> described(std::sregex_token_iterator(row->begin(), row->end(), separators, -1), {});
    for (const auto& verb : verbs) CHECK(described.contains(verb));
  }
}

}  // namespace langzoo::test::readme_test
