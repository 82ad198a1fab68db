// Runs the program itself, as a user does.
#include "tests/support/test.h"

#include <fmt/format.h>

#include "data/files/files.h"
#include "tests/support/process.h"

using namespace langzoo;
using Catch::Contains;
using test::check_error;
using test::TempDir;

namespace {

test::Result noisy_channel(std::vector<std::string> arguments, const std::string& input = {}) {
  return test::Process("langzoo-noisy-channel", std::move(arguments), input).wait();
}

test::Result succeed(std::vector<std::string> arguments, const std::string& input = {}) {
  auto result = noisy_channel(std::move(arguments), input);
  INFO(result.err);
  REQUIRE(result.code == 0);
  return result;
}

/// "the red house", "la maison rouge": adjectives on either side of their nouns.
std::string colored_things() {
  std::string text;
  for (const auto& [color, couleur] : {std::pair{"red", "rouge"}, {"green", "verte"}, {"white", "blanche"}}) {
    for (const auto& [thing, chose] : {std::pair{"house", "maison"}, {"car", "voiture"}, {"door", "porte"}}) {
      for (const auto& [start, debut] :
           {std::pair{"I see", "Je vois"}, {"you see", "tu vois"}, {"we want", "nous voulons"}}) {
        text += fmt::format("{} the {} {}.\t{} la {} {}.\n", start, color, thing, debut, chose, couleur);
      }
    }
  }
  return text;
}

std::string train_things(const TempDir& dir) {
  test::write_file(dir / "pairs.tsv", colored_things());
  const auto pairs = (dir / "pairs.tsv").string(), run = (dir / "run").string();
  succeed({"train", "--data", pairs, "--valid", pairs, "--out", run, "--threads", "1", "--model1-iterations", "20",
           "--tuning-pairs", "9", "--num-beams", "10"});
  return run;
}

}  // namespace

TEST_CASE("microworld is learned: BLEU and alignments") {
  const TempDir dir;
  const auto run = (dir / "run").string();
  const auto trained = succeed({"train", "--data", "microworld-ko", "--pairs", "4000", "--tuning-pairs", "20",
                                "--num-beams", "10", "--out", run, "--threads", "2", "--json"})
                           .object();
  const auto likelihoods = trained["log_likelihoods"].get<std::vector<double>>();
  REQUIRE(likelihoods.size() == 10);
  CHECK(std::is_sorted(likelihoods.begin(), likelihoods.end()));
  CHECK(likelihoods.back() < 0);
  CHECK(trained["pairs"] == 3600);
  CHECK(trained["language_perplexity"] > 1.0);
  CHECK(trained["bleu"] > 30.0);

  const auto scores = succeed({"eval", "--model", run, "--data", "microworld-ko", "--pairs", "100", "--json"}).object();
  CHECK(scores["pairs"] == 100);
  CHECK(scores["bleu"] > 30.0);
  CHECK(scores["chrf"] > 40.0);
  CHECK(scores["alignment_error_rate"] < 0.2);
  CHECK_THAT(scores["bleu_signature"].get<std::string>(), Contains("tok:13a"));
}

TEST_CASE("words, their order and their alignment are learned from a few sentences") {
  const TempDir dir;
  const auto run = train_things(dir);
  const auto translated =
      succeed({"translate", "--model", run, "--text", "we want the white door.", "--json"}).object();
  CHECK(translated["text"] == "nous voulons la porte blanche.");
  CHECK(translated["source"] == "we want the white door.");
  CHECK(translated["ids"].size() == 6);
  CHECK(translated["score"] < 0.0);

  const std::vector<std::string> sentence = {
      "align", "--model", run, "--text", "we want the white door.", "--translation", "nous voulons la porte blanche."};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), sentence.begin(), sentence.end());
    return more;
  };
  CHECK_THAT(succeed(with({"--format", "pharaoh"})).out, Contains("3-4") && Contains("4-3") && Contains("1-1"));
  const auto aligned = succeed(with({"--json"})).object();
  CHECK(aligned["source_tokens"].size() == 6);
  REQUIRE(aligned["target_tokens"].size() == 7);
  CHECK(aligned["target_tokens"][6] == "NULL");
  for (std::size_t s = 0; s < 6; ++s) {
    double sum = 0;
    for (const auto& row : aligned["alignment"]) sum += row[s].get<double>();
    CHECK(sum == Approx(1));
  }
  CHECK_THAT(succeed(sentence).out, Contains("blanche") && Contains("█"));
  const auto page = (dir / "page.html").string();
  succeed({"align", "--model", run, "--data", (dir / "pairs.tsv").string(), "--out", page});
  CHECK_THAT(read_file(page), Contains("maison"));
}

TEST_CASE("alignments made by hand are what eval compares with") {
  const TempDir dir;
  const auto run = train_things(dir);
  test::write_file(dir / "two.tsv", "I see the red car.\tJe vois la voiture rouge.\n\t\ntu\ttu\n");
  const auto error_rate = [&](const std::string& links) {
    test::write_file(dir / "links", links);
    return succeed({"eval", "--model", run, "--data", (dir / "two.tsv").string(), "--alignments",
                    (dir / "links").string(), "--json"})
        .object()["alignment_error_rate"]
        .get<double>();
  };
  const auto right = error_rate("0?0 1?0 0?1 1?1 2?2 3-4 4-3 4?4\n\n\n"), wrong = error_rate("3-0 4-0\n\n\n");
  CHECK(right < 0.35);
  CHECK(wrong > 0.9);
  CHECK_FALSE(succeed({"eval", "--model", run, "--data", (dir / "two.tsv").string(), "--json"})
                  .object()
                  .contains("alignment_error_rate"));
  test::write_file(dir / "links", "0-0\n");
  check_error(noisy_channel({"eval", "--model", run, "--data", (dir / "two.tsv").string(), "--alignments",
                             (dir / "links").string()}),
              1, "links: has 1 lines for 3");
}

TEST_CASE("a translation depends on its sentence alone, and n-best translations come best first") {
  const TempDir dir;
  const auto run = train_things(dir);
  const std::string input = "you see the red door.\n\nthe green car\nunheard words\n";
  const auto one = succeed({"translate", "--model", run, "--threads", "1", "--json"}, input).objects();
  const auto two = succeed({"translate", "--model", run, "--threads", "3", "--json"}, input).objects();
  REQUIRE(one.size() == 4);
  CHECK(one == two);
  CHECK(one[1]["text"] == "");
  CHECK(one[3]["text"] == "unheard words");
  const auto best =
      succeed({"translate", "--model", run, "--text", "the green car", "--n-best", "4", "--json"}).objects();
  REQUIRE(best.size() == 4);
  CHECK(best[0]["text"] == one[2]["text"]);
  for (std::size_t i = 1; i < best.size(); ++i) {
    CHECK(best[i]["score"] <= best[i - 1]["score"]);
    CHECK(best[i]["ids"] != best[i - 1]["ids"]);
  }
}

TEST_CASE("words that the model does not know are copied, and that is said") {
  const TempDir dir;
  const auto run = train_things(dir);
  const auto translated = [&](const std::string& text) {
    const auto result = succeed({"translate", "--model", run, "--text", text});
    return std::pair{result.out, result.err};
  };
  const auto [text, said] = translated("we want the purple door.");
  CHECK(text.find("purple") != std::string::npos);
  CHECK(text.find("porte") != std::string::npos);
  CHECK_THAT(said, Contains("1 token unknown to the model: copied"));
  CHECK(translated("Zoe Smith, you see the red door.").first.find("Zoe Smith") != std::string::npos);
  CHECK_THAT(translated("we want the white door.").second, !Contains("unknown"));
  test::write_file(dir / "new.tsv", "we want the purple door.\tnous voulons la porte violette.\nwe want\t\n");
  succeed({"eval", "--model", run, "--data", (dir / "new.tsv").string(), "--out", (dir / "out").string()});
  CHECK(read_file(dir / "out").find("purple") != std::string::npos);
}

TEST_CASE("what cannot be done is an error that says so, and a failed training leaves nothing behind") {
  const TempDir dir;
  test::write_file(dir / "pairs.tsv", colored_things());
  test::write_file(dir / "broken.tsv", "a\tb\nc d\n");
  const auto pairs = (dir / "pairs.tsv").string(), out = (dir / "new").string();
  const auto refused = [&](int code, const std::string& names, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"train", "--out", out});
    check_error(noisy_channel(arguments), code, names);
    CHECK_FALSE(std::filesystem::exists(out));
  };
  refused(2, "--data", {});
  refused(1, "absent.tsv", {"--data", (dir / "absent.tsv").string()});
  refused(1, "line 2", {"--data", (dir / "broken.tsv").string()});
  refused(2, "--order", {"--data", pairs, "--order", "0"});
  refused(2, "--model1-iterations", {"--data", pairs, "--model1-iterations", "0"});
  refused(2, "--device", {"--data", pairs, "--device", "cpu"});
  refused(2, "tokenizer", {"--data", pairs, "--tokenizer", "train:pieces:300"});
  refused(2, "addition", {"--data", "addition", "--target", pairs});

  const auto empty = noisy_channel({"train", "--out", out, "--data", pairs, "--max-words", "1"});
  CHECK(empty.code == 1);
  CHECK_THAT(empty.err, Contains("error: no pair is left to train on"));
  CHECK_FALSE(std::filesystem::exists(out));

  const auto run = train_things(dir);
  check_error(noisy_channel({"train", "--data", pairs, "--out", run}), 2, "not empty");
  check_error(noisy_channel({"train", "--data", pairs, "--out", run, "--pairs", "9"}), 2,
              "--pairs has no effect without such --data");
  check_error(noisy_channel({"train", "--data", pairs, "--out", run, "--valid-target", pairs}), 2,
              "--valid-target has no effect without --valid");
  check_error(noisy_channel({"translate", "--model", run, "--text", "x", "--num-beams", "0"}), 2, "--num-beams");
  check_error(noisy_channel({"translate", "--model", run, "--text", "x", "--num-beams", "2", "--n-best", "3"}), 2,
              "--n-best");
  check_error(noisy_channel({"align", "--model", run}), 2, "--text");
  check_error(noisy_channel({"align", "--model", run, "--text", "x", "--format", "page"}), 2, "--format");
  check_error(noisy_channel({"translate", "--model", (dir / "absent").string(), "--text", "x"}), 1, "absent");
  std::filesystem::remove(dir / "run/tokenizer.json");
  check_error(noisy_channel({"translate", "--model", run, "--text", "x"}), 1, "run");
}
