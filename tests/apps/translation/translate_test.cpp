// Runs the program itself, as a user does.
#include "tests/support/test.h"

#include <fmt/format.h>

#include "data/files/files.h"
#include "tests/apps/translation/translation.h"

using namespace langzoo;
using test::check_error;
using test::seq2seq;
using test::succeed;
using test::TempDir;

namespace {

/// Trained so little that its hypotheses differ.
std::string small_model(const TempDir& dir, std::vector<std::string> settings = {}) {
  settings.push_back("data.translated=0");
  succeed(test::train_letters(dir, 20, std::move(settings)));
  return (dir / "run").string();
}

}  // namespace

TEST_CASE("a translation depends on its sentence alone") {
  const TempDir dir;
  const auto model = small_model(dir);
  const std::string input = "12345\n  \n9\n00\r\n7 x\n";
  const auto together = succeed({"translate", "--model", model, "--num-beams", "4", "--json"}, input).objects();
  REQUIRE(together.size() == 5);
  CHECK(together[1]["text"] == "");
  CHECK(together[1]["ids"].empty());
  CHECK(together[3]["source"] == "00");
  const auto single =
      succeed({"translate", "--model", model, "--num-beams", "4", "--batch-size", "1", "--json"}, input).objects();
  for (std::size_t i = 0; i < together.size(); ++i) {
    CHECK(single[i]["ids"] == together[i]["ids"]);
    CHECK(single[i]["score"].get<double>() == Approx(together[i]["score"].get<double>()).margin(1e-5));
  }
  test::write_file(dir / "input.txt", input);
  const auto of_file =
      succeed({"translate", "--model", model, "--num-beams", "4", "--data", (dir / "input.txt").string(), "--json"});
  CHECK(of_file.objects() == together);
}

TEST_CASE("n-best translations come best first") {
  const TempDir dir;
  const auto model = small_model(dir);
  const auto best =
      succeed({"translate", "--model", model, "--text", "123", "--num-beams", "5", "--n-best", "5", "--json"})
          .objects();
  REQUIRE(best.size() == 5);
  for (std::size_t i = 1; i < best.size(); ++i) {
    CHECK(best[i]["score"] <= best[i - 1]["score"]);
    CHECK(best[i]["ids"] != best[i - 1]["ids"]);
  }
  // Sentences have numbers, and text is what Moses writes.
  const auto lines = succeed({"translate", "--model", model, "--num-beams", "2", "--n-best", "2"}, "123\n\n45\n").out;
  const auto objects =
      succeed({"translate", "--model", model, "--num-beams", "2", "--n-best", "2", "--json"}, "123\n\n45\n").objects();
  REQUIRE(objects.size() == 5);
  std::string expected;
  for (const auto& object : objects) {
    expected += fmt::format("{} ||| {} ||| {:.4f}\n", object["sentence"].get<int>(), object["text"].get<std::string>(),
                            object["score"].get<double>());
  }
  CHECK(lines == expected);
  CHECK(objects[0]["sentence"] == 0);
  CHECK(objects[2]["sentence"] == 1);
  CHECK(objects[2]["text"] == "");
  CHECK(objects[4]["sentence"] == 2);
  check_error(seq2seq({"translate", "--model", model, "--text", "1", "--num-beams", "2", "--n-best", "3"}), 2,
              "--n-best 3: at most --num-beams, which is 2");
}

TEST_CASE("long sentences are cut, and that is said") {
  const TempDir dir;
  const auto model = small_model(dir);
  const auto cut = succeed({"translate", "--model", model, "--text", "123456", "--max-source", "3", "--json"});
  CHECK_THAT(cut.err, Catch::Contains("6 tokens, cut to 3"));
  CHECK(cut.object()["ids"] == succeed({"translate", "--model", model, "--text", "123", "--json"}).object()["ids"]);
}

TEST_CASE("sentences of a line are translated each by itself where that is asked for") {
  const TempDir dir;
  const auto model = small_model(dir);
  const std::string line = "123. 45!", input = line + "\n\n9\n";
  const auto objects = succeed({"translate", "--model", model, "--split-sentences", "--json"}, input).objects();
  REQUIRE(objects.size() == 3);
  const auto single = succeed({"translate", "--model", model, "--json"}, "123.\n45!\n\n9\n").objects();
  CHECK(objects[0]["source"] == line);
  REQUIRE(objects[0]["sentences"].size() == 2);
  auto ids = single[0]["ids"];
  for (const auto& id : single[1]["ids"]) ids.push_back(id);
  CHECK(objects[0]["ids"] == ids);
  CHECK(objects[0]["text"] == single[0]["text"].get<std::string>() + " " + single[1]["text"].get<std::string>());
  CHECK(objects[0]["score"].get<double>() ==
        Approx((single[0]["score"].get<double>() + single[1]["score"].get<double>()) / 2));
  CHECK(objects[0]["sentences"][1]["source"] == "45!");
  CHECK(objects[1]["text"] == "");
  CHECK(objects[1]["ids"].empty());
  CHECK(objects[2]["ids"] == single[3]["ids"]);
  // Unasked a line is one sentence.
  const auto whole = succeed({"translate", "--model", model, "--json"}, input).objects();
  REQUIRE(whole.size() == 3);
  CHECK_FALSE(whole[0].contains("sentences"));
  const auto text = succeed({"translate", "--model", model, "--split-sentences"}, input).out;
  CHECK(std::count(text.begin(), text.end(), '\n') == 3);
  const auto cut = succeed({"translate", "--model", model, "--split-sentences", "--max-source", "3"}, input);
  CHECK_THAT(cut.err, Catch::Contains("line 1, sentence 1: 4 tokens, cut to 3"));
  check_error(seq2seq({"translate", "--model", model, "--split-sentences", "--num-beams", "2", "--n-best", "2"}, input),
              2, "--n-best");
}

TEST_CASE("alignments are drawn in the terminal and on a page") {
  const TempDir dir;
  const auto model = small_model(dir);
  const auto text = succeed({"align", "--model", model, "--text", "12", "--translation", "bc"}).out;
  CHECK(std::count(text.begin(), text.end(), '\n') == 8);  // "</s>" downwards, three rows, a blank line
  const auto page = dir / "alignment.html";
  succeed({"align", "--model", model, "--data", (dir / "valid.tsv").string(), "--pairs", "3", "--out", page.string()});
  const auto html = read_file(page);
  CHECK(html.find("\\u003c/s>") != std::string::npos);
  CHECK(html.find("3 sentence pairs") != std::string::npos);
}

TEST_CASE("a model without attention has nothing to align") {
  const TempDir dir;
  const auto model = small_model(dir, {"model.attention=none", "model.input_feeding=false", "model.output=hidden"});
  check_error(seq2seq({"align", "--model", model, "--text", "12", "--translation", "bc"}), 1, "no attention");
}

TEST_CASE("what verbs cannot do is an error that says so") {
  const TempDir dir;
  const auto model = small_model(dir);
  check_error(seq2seq({"translate", "--model", (dir / "absent").string(), "--text", "1"}), 1, "absent");
  check_error(seq2seq({"translate", "--model", model, "--data", (dir / "absent.txt").string()}), 1, "absent.txt");
  check_error(seq2seq({"translate", "--model", model, "--text", "1", "--num-beams", "0"}), 2, "--num-beams");
  check_error(seq2seq({"align", "--model", model}), 2, "--text");
  check_error(seq2seq({"align", "--model", model, "--text", "1", "--data", "x.tsv"}), 2, "only one of them");
  test::write_file(dir / "empty.tsv", "\n\n");
  check_error(seq2seq({"eval", "--model", model, "--data", (dir / "empty.tsv").string()}), 1, "empty.tsv");
  std::filesystem::remove(dir / "run/tokenizer.json");
  check_error(seq2seq({"translate", "--model", model, "--text", "1"}), 1, "run");
}

TEST_CASE("a folder that lost the targets' tokenizer is no model") {
  const TempDir dir;
  test::write_file(dir / "pairs.tsv", test::letters_of_digits(30, 1));
  const auto run = (dir / "run").string();
  succeed({"train", "--data", (dir / "pairs.tsv").string(), "--tokenizer", "char", "--target-tokenizer",
           "train:word:300", "--out", run, "--threads", "1", "--set", "train.max_steps=1", "data.translated=0",
           "model.embedding_size=8", "model.hidden_size=8"});
  std::filesystem::remove_all(dir / "run/target_tokenizer");
  check_error(seq2seq({"translate", "--model", run, "--text", "12"}), 1, "target_tokenizer");
}

TEST_CASE("flags that would say nothing are warned of, or refused where they ask for what a verb does not do") {
  const TempDir dir;
  const auto model = small_model(dir);
  const auto warned = [&](const std::vector<std::string>& arguments, const std::string& warning) {
    CHECK_THAT(seq2seq(arguments).err, Catch::Contains("warning: " + warning + "\n"));
  };
  warned({"translate", "--model", model, "--text", "1", "--length-penalty", "2"},
         "--length-penalty has no effect without --num-beams above 1");
  warned({"align", "--model", model, "--text", "1", "--pairs", "3"}, "--pairs has no effect without --data");
  warned({"align", "--model", model, "--text", "1", "--format", "pharaoh", "--json"},
         "--format has no effect with --json");
  const std::vector<std::string> aligned = {"align", "--model", model, "--text", "1", "--format", "pharaoh"};
  const auto with = [&](std::vector<std::string> flags) {
    flags.insert(flags.begin(), aligned.begin(), aligned.end());
    return seq2seq(flags).out;
  };
  CHECK_THAT(with({"--json"}), Catch::StartsWith("{"));
  CHECK(with({"--out", (dir / "page.html").string()}).empty());
  CHECK_THAT(read_file(dir / "page.html"), Catch::Contains("1 sentence pairs"));
  warned({"eval", "--model", model, "--data", "x.tsv", "--skip", "3"}, "--skip has no effect without such --data");
  const auto pairs = (dir / "valid.tsv").string();
  for (const auto* verb : {"eval", "align"}) {
    check_error(seq2seq({verb, "--model", model, "--data", pairs, "--num-beams", "2", "--n-best", "2"}), 2, "--n-best");
  }
}
