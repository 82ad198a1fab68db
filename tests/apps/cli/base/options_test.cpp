#include "tests/support/plain_test.h"

#include <iostream>
#include <sstream>

#include "apps/cli/base/program.h"

using namespace langzoo;

namespace {

using Declare = std::function<void(Options&)>;

class DeclaredVerb : public Verb {
 public:
  DeclaredVerb(Declare declare, bool& ran, bool heeds_seed)
      : declare_(std::move(declare)), ran_(ran), heeds_seed_(heeds_seed) {}
  std::string name() const override { return "do"; }
  std::string summary() const override { return "what is asked"; }
  std::string examples() const override { return "do --it\n"; }
  void add_options(Options& options) override { declare_(options); }
  bool heeds_seed() const override { return heeds_seed_; }
  void run(const CommonOptions&) override { ran_ = true; }

 private:
  Declare declare_;
  bool& ran_;
  bool heeds_seed_;
};

/// What goes to a stream as long as the object is there.
struct Captured {
  explicit Captured(std::ostream& captured) : stream(captured), before(captured.rdbuf(text.rdbuf())) {}
  ~Captured() { stream.rdbuf(before); }
  std::ostringstream text;
  std::ostream& stream;
  std::streambuf* before;
};

struct Outcome {
  int code;
  bool ran;
  std::string out, err;
};

/// What a program with these options does with `arguments`.
Outcome run(const Declare& declare, std::vector<std::string> arguments, bool heeds_seed = true) {
  bool ran = false;
  Verbs verbs;
  verbs.push_back(std::make_unique<DeclaredVerb>(declare, ran, heeds_seed));
  arguments.insert(arguments.begin(), {"program", "do"});
  std::vector<char*> argv;
  for (auto& argument : arguments) argv.push_back(argument.data());
  const Captured out(std::cout), err(std::cerr);
  const int code = run_program(static_cast<int>(argv.size()), argv.data(), "program", "a test", verbs);
  return {code, ran, out.text.str(), err.text.str()};
}

void check_refused(const Declare& declare, const std::vector<std::string>& arguments, const std::string& error) {
  const auto outcome = run(declare, arguments);
  CHECK(outcome.code == 2);
  CHECK_FALSE(outcome.ran);
  CHECK(outcome.out.empty());
  CHECK(outcome.err == "error: " + error + "\nprogram do --help shows what it takes\n");
}

std::string help_of(const Declare& declare) {
  const auto outcome = run(declare, {"--help"});
  CHECK(outcome.code == 0);
  return outcome.out;
}

}  // namespace

TEST_CASE("options set the fields that they are declared on") {
  std::string text = "before";
  std::filesystem::path path;
  std::int64_t whole = 3;
  std::uint64_t large = 0;
  int small = 1;
  double number = 0.5;
  bool flag = false, lower = true;
  std::optional<std::string> maybe_text, no_text;
  std::optional<double> maybe_number;
  std::vector<std::string> list, each, rest;
  const auto declare = [&](Options& options) {
    options.add("--text", text, "");
    options.add("--path", path, "");
    options.add("--whole", whole, "");
    options.add("--large", large, "");
    options.add("--small", small, "");
    options.add("--number", number, "");
    options.add("--flag", flag, "");
    options.add("--lower,!--no-lower", lower, "");
    options.add("--maybe", maybe_text, "");
    options.add("--none", no_text, "");
    options.add("--maybe-number", maybe_number, "");
    options.add("--list", list, "");
    options.add("--each", each, "").one_each();
    options.add("REST", rest, "").values(2);
  };
  const auto nothing = run(declare, {});
  CHECK(nothing.ran);
  CHECK(text == "before");
  CHECK(whole == 3);
  CHECK_FALSE(maybe_number);

  const auto all = run(declare, {"--text",
                                 "a b",
                                 "--path",
                                 "x/y",
                                 "--whole",
                                 "9223372036854775807",
                                 "--large",
                                 "18446744073709551615",
                                 "--small",
                                 "0",
                                 "--number",
                                 "-2.5e3",
                                 "--flag",
                                 "--no-lower",
                                 "--maybe",
                                 "",
                                 "--maybe-number=nan",
                                 "--list",
                                 "1",
                                 "2",
                                 "--each",
                                 "3",
                                 "--each",
                                 "4",
                                 "five",
                                 "six"});
  INFO(all.err);
  CHECK(all.ran);
  CHECK(text == "a b");
  CHECK(path == "x/y");
  CHECK(whole == std::numeric_limits<std::int64_t>::max());
  CHECK(large == std::numeric_limits<std::uint64_t>::max());
  CHECK(small == 0);
  CHECK(number == -2500);
  CHECK(flag);
  CHECK_FALSE(lower);
  CHECK(maybe_text == "");
  CHECK_FALSE(no_text);
  CHECK(maybe_number != maybe_number);
  CHECK(list == std::vector<std::string>{"1", "2"});
  CHECK(each == std::vector<std::string>{"3", "4"});
  CHECK(rest == std::vector<std::string>{"five", "six"});
}

TEST_CASE("whole numbers are decimal, in their field's type and in range") {
  int small = 1;
  std::optional<std::uint64_t> large;
  const auto declare = [&](Options& options) {
    options.add("--small", small, "").range(1, 1000);
    options.add("--large", large, "");
    options.add("--any", small, "").range(2);
  };
  for (const std::string text :
       {"0", "1001", "-1", "++1", "1.0", "0x10", " 1", "1 ", "", "one", "99999999999999999999"}) {
    check_refused(declare, {"--small", text}, "--small: " + text + " is not an integer from 1 to 1000");
  }
  check_refused(declare, {"--large", "18446744073709551616"},
                "--large: 18446744073709551616 is not an integer from 0 to 2^64 - 1");
  check_refused(declare, {"--any", "2147483648"}, "--any: 2147483648 is not an integer from 2 to 2^31 - 1");
  CHECK(small == 1);
  CHECK(run(declare, {"--small", "1000"}).ran);
  CHECK(small == 1000);
  CHECK(run(declare, {"--small", "+7"}).ran);
  CHECK(small == 7);
}

TEST_CASE("other numbers are numbers, and in range where there is one") {
  double any = 1, part = 0.5;
  const auto declare = [&](Options& options) {
    options.add("--any", any, "");
    options.add("--part", part, "").between(0, 1);
  };
  for (const std::string text : {"", "x", "1x", "1,5", "1e999"}) {
    check_refused(declare, {"--any", text}, "--any: " + text + " is not a number");
  }
  for (const std::string text : {"1.01", "-0.1", "nan", "inf", "1e999", "half"}) {
    check_refused(declare, {"--part", text}, "--part: " + text + " is not a number from 0 to 1");
  }
  CHECK(part == 0.5);
  CHECK(run(declare, {"--any", "-1e-3", "--part", "1"}).ran);
  CHECK(any == -1e-3);
  CHECK(part == 1);
}

TEST_CASE("choices are values of a text or of a type") {
  enum class Side { kLeft, kRight };
  Side side = Side::kRight;
  std::string color = "auto";
  const auto declare = [&](Options& options) {
    options.add("--side", side, {{"left", Side::kLeft}, {"right", Side::kRight}}, "where");
    options.add("--color", color, "when").one_of({"auto", "never"});
  };
  CHECK(run(declare, {"--side", "left", "--color", "never"}).ran);
  CHECK(side == Side::kLeft);
  CHECK(color == "never");
  check_refused(declare, {"--side", "top"}, "--side: top not in {left,right}");
  check_refused(declare, {"--color", "Never"}, "--color: Never not in {auto,never}");
}

TEST_CASE("an option is given once, or the last time counts") {
  std::string once, last;
  std::vector<std::string> told;
  int flags = 0;
  const auto declare = [&](Options& options) {
    options.add("--once", once, "");
    options.add("--last", last, "").take_last();
    options
        .on(
            "--tell", [&](const std::string& text) { told.push_back(text); }, "")
        .take_last();
    options.on_flag(
        "--flag", [&] { ++flags; }, "");
  };
  CHECK(run(declare, {"--once", "a", "--once", "b"}).code == 2);
  CHECK(run(declare, {"--last", "a", "--last", "b", "--tell", "c", "--tell", "d", "--flag"}).ran);
  CHECK(last == "b");
  CHECK(told == std::vector<std::string>{"d"});
  CHECK(flags == 1);
}

TEST_CASE("what is missing is named") {
  std::string out;
  std::vector<std::string> words;
  const auto declare = [&](Options& options) {
    options.add("--out", out, "").required();
    options.add("WORDS", words, "").values(3).required();
  };
  check_refused(declare, {"a", "b", "c"}, "--out is required");
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"--out", "x"}, {"--out", "x", "a", "b"}, {"--out", "x", "a", "b", "c", "d"}}) {
    const auto outcome = run(declare, arguments);
    CHECK(outcome.code == 2);
    CHECK_FALSE(outcome.ran);
  }
  CHECK(run(declare, {"--out", "x", "a", "b", "c"}).ran);
  const auto unknown = run(declare, {"--out", "x", "a", "b", "c", "--outt"});
  CHECK(unknown.code == 2);
  CHECK_THAT(unknown.err, Catch::Contains("--outt"));
}

TEST_CASE("a flag without effect is warned of, one that contradicts another is refused") {
  std::string prompt, prompts, page;
  std::int64_t beams = 1;
  double penalty = 0;
  bool json = false;
  const auto declare = [&](Options& options) {
    beams = 1;
    options.add("--penalty", penalty, "").needs("--num-beams above 1", [&] { return beams > 1; });
    options.add("--num-beams", beams, "");
    options.add("--prompt", prompt, "").idle_with("--num-beams above 4", [&] { return beams > 4; });
    options.add("--prompts", prompts, "").excludes("--prompt").needs("--page");
    options.add("--page", page, "").idle_with("--json");
    options.add("--other", json, "");
    options.idle_where("--seed", "there is one beam", [&] { return beams == 1; });
  };
  const auto warnings = [&](const std::vector<std::string>& arguments) {
    const auto outcome = run(declare, arguments);
    CHECK(outcome.ran);
    CHECK(outcome.out.empty());
    return outcome.err;
  };
  const std::string idle = "warning: --penalty has no effect without --num-beams above 1\n";
  CHECK(warnings({"--penalty", "1"}) == idle);
  CHECK(warnings({"--penalty", "1", "--num-beams", "1"}) == idle);
  CHECK(warnings({"--penalty", "1", "--num-beams", "2"}).empty());  // the field is set whatever the order
  CHECK(warnings({"--num-beams", "5", "--prompt", "a"}) ==
        "warning: --prompt has no effect with --num-beams above 4\n");
  CHECK(warnings({"--prompts", "a"}) == "warning: --prompts has no effect without --page\n");
  CHECK(warnings({"--prompts", "a", "--page", "b"}).empty());
  // Flags that every verb has.
  CHECK(warnings({"--page", "a", "--json"}) == "warning: --page has no effect with --json\n");
  CHECK(warnings({"--seed", "1"}) == "warning: --seed has no effect where there is one beam\n");
  CHECK(warnings({"--num-beams", "5", "--other", "--seed", "1"}).empty());
  CHECK(run([](Options&) {}, {"--seed", "1"}, /*heeds_seed=*/false).err ==
        "warning: --seed has no effect where nothing is drawn\n");
  check_refused(declare, {"--num-beams", "2", "--prompts", "a", "--prompt", "b", "--page", "c"},
                "--prompts: not with --prompt");

  const auto help = help_of(declare);
  CHECK_THAT(help, Catch::Contains("(needs --num-beams above 1)") && Catch::Contains("(not with --prompt)"));
}

TEST_CASE("a rule about a flag that does not exist is a mistake that every run shows") {
  std::string text;
  const auto declare = [&](Options& options) { options.add("--text", text, "").needs("--tekst"); };
  CHECK_THROWS_WITH(run(declare, {}), Catch::Contains("--tekst"));
}

TEST_CASE("one of several flags is needed, and only one") {
  std::string text, ids;
  const auto declare = [&](Options& options) {
    options.add("--text", text, "");
    options.add("--ids", ids, "");
    options.exactly_one_of({"--text", "--ids"});
  };
  check_refused(declare, {}, "--text or --ids is missing");
  check_refused(declare, {"--ids", "a", "--text", "b"}, "--text, --ids: only one of them can be given");
  CHECK(run(declare, {"--ids", "a"}).ran);
}

TEST_CASE("whether an option was given is known") {
  std::string text = "same";
  bool text_given = false, flag = false;
  const auto declare = [&](Options& options) {
    auto& option = options.add("--text", text, "");
    CHECK(option.name() == "--text");
    CHECK(options.declares("--text"));
    CHECK_FALSE(options.declares("--tekst"));
    options.add("--flag", flag, "").needs("nothing", [&] {
      text_given = option.given();
      return true;
    });
  };
  run(declare, {});
  CHECK_FALSE(text_given);
  run(declare, {"--text", "same"});
  CHECK(text_given);
}

TEST_CASE("help shows groups, types, what is required, defaults and choices") {
  std::string name = "base", none;
  std::int64_t top = 10;
  double part = 0.25;
  std::optional<std::int64_t> stride;
  const auto help = help_of([&](Options& options) {
    options.add("--name", name, "of the model").required();
    options.add("--none", none, "of nothing");
    options.add("--top", top, "how many").group("Search");
    options.add("--part", part, "how much").between(0, 1);
    options.add("--stride", stride, "how far");
    options.add("--kind", name, "which").one_of({"base", "large"});
  });
  const auto line_of = [&](const std::string& flag) {
    const auto begin = help.find("  " + flag);
    REQUIRE(begin != std::string::npos);
    return help.substr(begin, help.find('\n', begin) - begin);
  };
  CHECK(line_of("--name") == "  --name TEXT=base REQUIRED   of the model");
  CHECK(line_of("--none") == "  --none TEXT                 of nothing");
  CHECK(line_of("--top") == "  --top INT=10                how many");
  CHECK(line_of("--part") == "  --part FLOAT in [0 - 1]=0.25");
  CHECK(line_of("--stride") == "  --stride INT                how far");
  CHECK(line_of("--kind") == "  --kind TEXT:{base,large}=base");
  CHECK(line_of("--threads") == "  --threads INT               threads to compute with");
  CHECK_THAT(help, Catch::Contains("Search:\n  --top") && Catch::Contains("Common options:\n  --threads"));
}
