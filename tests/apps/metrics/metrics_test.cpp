#include "tests/support/plain_test.h"

#include <cmath>

#include "tests/apps/tokenizer/tokenizers.h"

using Json = nlohmann::ordered_json;
using namespace langzoo::test;

namespace {

Result metrics(std::vector<std::string> arguments, const std::string& input = {}) {
  return Process("langzoo-metrics", std::move(arguments), input).wait();
}

Json scored(std::vector<std::string> arguments, const std::string& input = {}) {
  arguments.push_back("--json");
  const auto result = metrics(std::move(arguments), input);
  INFO(result.err);
  REQUIRE(result.code == 0);
  return result.object();
}

/// A translation, its references, and a worse one.
struct Translations : Files {
  std::string hyp = (*this)("hyp.txt", "The cat sat on the mat.\nIt's 3.5 km to go, isn't it?\nAll dogs bark.\n");
  std::string ref = (*this)("ref.txt", "The cat is on the mat.\nIt is 3.5 km to go, is it?\nAll dogs bark.\n");
  std::string ref2 = (*this)("ref2.txt", "A cat sat on a mat.\nIt's 3.5 km, isn't it?\nDogs bark.\n");
  std::string worse = (*this)("worse.txt", "A dog.\nIt's far.\nDogs bark.\n");
};

}  // namespace

TEST_CASE("translations are scored with the fields that scripts rely on") {
  const Translations files;
  const auto bleu = scored({"bleu", "--hyp", files.hyp, "--ref", files.ref});
  // sacrebleu 2.6.0 says so.
  CHECK(bleu["score"].get<double>() == Approx(54.66790312207204).epsilon(1e-14));
  CHECK(bleu["precisions"].size() == 4);
  CHECK(bleu["bp"].get<double>() == 0.951229424500714);
  CHECK(bleu["sys_len"] == 20);
  CHECK(bleu["ref_len"] == 21);
  CHECK(bleu["signature"] == "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:langzoo-0.1.0");
  CHECK(scored({"chrf", "--hyp", files.hyp, "--ref", files.ref, files.ref2, "--word-order", "2"})["score"]
            .get<double>() == Approx(80.67039077142351).epsilon(1e-14));
  CHECK(scored({"ter", "--hyp", files.hyp, "--ref", files.ref, "--normalized", "--no-punct", "--case-sensitive",
                "--asian-support"})["score"]
            .get<double>() == Approx(17.647058823529413).epsilon(1e-14));
}

TEST_CASE("every flag of sacreBLEU's changes what it is for") {
  const Translations files;
  const auto score = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin() + 1, {"--hyp", files.hyp, "--ref", files.ref});
    return scored(std::move(arguments));
  };
  const auto bleu = score({"bleu"});
  for (const std::string tokenizer : {"intl", "char", "zh", "none"}) {
    const auto other = score({"bleu", "--tokenize", tokenizer});
    CHECK_THAT(other["signature"].get<std::string>(), Catch::Contains("|tok:" + tokenizer + "|"));
    if (tokenizer == "char" || tokenizer == "none") CHECK(other["score"] != bleu["score"]);
  }
  CHECK_THAT(score({"bleu", "--smooth-method", "floor", "--smooth-value", "0.3", "--lowercase"})["signature"]
                 .get<std::string>(),
             Catch::Contains("case:lc|eff:no|tok:13a|smooth:floor[0.30]"));
  CHECK(score({"bleu", "--max-ngram-order", "2"})["precisions"].size() == 2);
  const auto chrf = score({"chrf"});
  CHECK(chrf["name"] == "chrF2");
  for (const auto& flags : std::vector<std::vector<std::string>>{
           {"--char-order", "3"}, {"--word-order", "1"}, {"--beta", "1"}, {"--whitespace"}, {"--eps-smoothing"}}) {
    std::vector<std::string> arguments = {"chrf"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    CHECK(score(arguments)["score"] != chrf["score"]);
  }
  CHECK(score({"ter"})["signature"] == "nrefs:1|case:lc|tok:tercom|norm:no|punct:yes|asian:no|version:langzoo-0.1.0");
}

TEST_CASE("lines are scored one by one, and hypotheses come from stdin") {
  const Translations files;
  const auto result = metrics({"bleu", "--hyp", files.hyp, "--ref", files.ref, "--sentence-level", "--json"}).objects();
  REQUIRE(result.size() == 3);
  CHECK(result[2]["score"].get<double>() == Approx(100));
  CHECK_THAT(result[0]["signature"].get<std::string>(), Catch::Contains("eff:yes"));
  const auto text = langzoo::test::read_file(files.hyp);
  CHECK(scored({"bleu", "--ref", files.ref}, text)["score"] ==
        scored({"bleu", "--hyp", files.hyp, "--ref", files.ref})["score"]);
}

TEST_CASE("summaries and answers have their fields") {
  const Translations files;
  const auto rouge = scored({"rouge", "--hyp", files.hyp, "--ref", files.ref, "--stem"});
  for (const auto* type : {"rouge1", "rouge2", "rougeL"}) {
    for (const auto* field : {"precision", "recall", "fmeasure"}) {
      const auto value = rouge[type][field].get<double>();
      CHECK((value > 0.4 && value <= 1));
    }
  }
  const auto qa = scored({"qa", "--hyp", files.hyp, "--ref", files.ref, files.ref2});
  CHECK(qa["exact_match"].get<double>() == Approx(200.0 / 3));
  CHECK(qa["f1"].get<double>() > 90);
  CHECK_THAT(metrics({"qa", "--hyp", files.hyp, "--ref", files.ref}).out,
             Catch::Contains("exact match = 33.33\nF1 = "));
}

TEST_CASE("confidence and comparisons are of every score") {
  const Translations files;
  const auto bleu = scored({"bleu", "--hyp", files.hyp, "--ref", files.ref, "--confidence", "--confidence-n", "100"});
  const auto& interval = bleu["confidence"]["score"];
  CHECK(interval["low"] <= interval["high"]);
  CHECK_THAT(bleu["signature"].get<std::string>(), Catch::StartsWith("nrefs:1|bs:100|seed:12345|case"));
  for (const std::string flag : {"--paired-bs", "--paired-ar"}) {
    const auto systems =
        metrics({"rouge", "--hyp", files.worse, files.hyp, "--ref", files.ref, flag, "--json", "--seed", "3"})
            .objects();
    REQUIRE(systems.size() == 2);
    CHECK(systems[0]["system"] == files.worse);
    CHECK(!systems[0].contains("p_value"));
    CHECK(systems[1]["p_value"].size() == 3);
    CHECK(systems[1]["p_value"]["rouge1"] <= 1);
    CHECK(systems[1].contains("confidence") == (flag == "--paired-bs"));
  }
  CHECK_THAT(metrics({"chrf", "--hyp", files.worse, files.hyp, "--ref", files.ref, "--paired-bs", "--signature"}).out,
             Catch::Contains("chrF2|nrefs:1|bs:1000|seed:12345|") && Catch::Contains("(p = "));
}

TEST_CASE("labels, numbers and log-probabilities are scored") {
  const Files files;
  const auto hyp = files("hyp", "a\nb\nb\n"), ref = files("ref", "a\nb\na\n");
  const auto labels = scored({"classification", "--hyp", hyp, "--ref", ref});
  CHECK(labels["accuracy"].get<double>() == Approx(2.0 / 3));
  CHECK(labels["mcc"].get<double>() == Approx(0.5));
  CHECK(labels["classes"]["a"] == Json({{"precision", 1.0}, {"recall", 0.5}, {"f1", 2.0 / 3}, {"support", 2}}));
  CHECK_THAT(metrics({"classification", "--hyp", hyp, "--ref", ref}).out, Catch::Contains("macro average"));
  const auto x = files("x", "1\n2\n3.5\n"), y = files("y", "-1\n-2\n-9e1\n"), same = files("same", "1\n1\n1\n");
  const auto correlation = scored({"correlation", "--hyp", x, "--ref", y});
  CHECK(correlation["spearman"].get<double>() == Approx(-1));
  CHECK(correlation["n"] == 3);
  CHECK(scored({"correlation", "--hyp", x, "--ref", same})["pearson"].is_null());
  CHECK(scored({"perplexity"}, "-1\n-3\n")["perplexity"].get<double>() == Approx(std::exp(2.0)));
  check_error(metrics({"perplexity"}, "-1\n0.5\n"), 1, "line 2");
}

TEST_CASE("numbers are read as Python's float does, without underscores and what a double does not hold") {
  const Files files;
  const auto y = files("y", "1\n2\n3\n");
  const auto read = [&](const std::string& number) {
    return metrics({"correlation", "--hyp", files("x", "10\n20\n" + number + "\n"), "--ref", y, "--json"});
  };
  for (const std::string number : {"30", "+30", " 30\t", "3e1", "+3.E+01", "300e-1"}) {
    INFO(number);
    CHECK(read(number).object()["pearson"] == read("30").object()["pearson"]);
  }
  for (const std::string number : {"nan", "-NaN", "inf", "+Infinity"}) {
    INFO(number);
    CHECK(read(number).object()["pearson"].is_null());
  }
  CHECK(read("inf").object()["spearman"] == 1.0);
  CHECK(read("-inf").object()["spearman"] == -0.5);
  for (const std::string number :
       {"", "+", "++1", "+-1", "-+1", "+ 1", "1_000", "0x1", "1,5", "1 2", "one", "\xD9\xA3"}) {
    INFO(number);
    check_error(read(number), 1, files.path("x") + ": line 3 is no number");
  }
  CHECK(read("-1e-999").object()["pearson"] == read("0").object()["pearson"]);
  check_error(read("1e999"), 1, files.path("x") + ": line 3 is out of range");
}

TEST_CASE("several metrics of the same texts, as each verb gives them") {
  const Translations files;
  const std::vector<std::string> texts = {"--hyp", files.hyp, files.worse, "--ref", files.ref, files.ref2, "--json"};
  std::string expected;
  for (const std::string verb : {"ter", "bleu", "chrf", "rouge", "qa"}) {
    std::vector<std::string> arguments = {verb};
    arguments.insert(arguments.end(), texts.begin(), texts.end());
    expected += metrics(arguments).out;
  }
  std::vector<std::string> arguments = {"score", "--metrics", "ter", "bleu", "chrf", "rouge", "qa"};
  arguments.insert(arguments.end(), texts.begin(), texts.end());
  const auto result = metrics(arguments);
  CHECK(result.out == expected);
  CHECK(result.objects().size() == 10);
  const auto from_stdin = metrics({"score", "--metrics", "bleu", "chrf", "--ref", files.ref}, "a b\nc\nd\n");
  CHECK_THAT(from_stdin.out, Catch::Contains("BLEU = ") && Catch::Contains("chrF2 = "));
  check_error(metrics({"score", "--metrics", "meteor", "--hyp", files.hyp, "--ref", files.ref}), 2, "meteor");
  check_error(metrics({"score", "--metrics", "bleu", "--hyp", files.hyp, "--ref", files.ref, "--paired-bs"}), 2,
              "--paired-bs");
}

TEST_CASE("ROUGE-Lsum is there where sentences are told apart") {
  const Files files;
  const auto hyp = files("hyp", "a b<n>b c\n"), ref = files("ref", "b c<n>a\n");
  CHECK_FALSE(scored({"rouge", "--hyp", hyp, "--ref", ref}).contains("rougeLsum"));
  const auto result = scored({"rouge", "--hyp", hyp, "--ref", ref, "--sentence-separator", "<n>"});
  CHECK(result["rougeLsum"]["precision"] == 0.75);
  CHECK(result["rougeLsum"]["recall"] == 1.0);
}

TEST_CASE("entities are scored by type and on average") {
  const Files files;
  const auto hyp = files("hyp", "B-PER I-PER O\nO B-LOC\n"), ref = files("ref", "B-PER I-PER O\r\nB-ORG I-LOC\r\n");
  const auto result = scored({"entities", "--hyp", hyp, "--ref", ref});
  CHECK(result["accuracy"] == 0.6);
  CHECK(result["micro"]["precision"] == 1.0);
  CHECK(result["types"]["LOC"]["f1"] == 1.0);
  CHECK(result["types"]["ORG"]["support"] == 1);
  CHECK(result["weighted"]["recall"].get<double>() == Approx(2.0 / 3));
  const auto strict = scored({"entities", "--hyp", hyp, "--ref", ref, "--scheme", "IOB2"});
  CHECK(strict["types"]["LOC"]["f1"] == 0.0);
  CHECK_THAT(metrics({"entities", "--hyp", hyp, "--ref", ref}).out, Catch::Contains("macro average"));
  check_error(metrics({"entities", "--hyp", files("bad", "B-PER x O\nO O\n"), "--ref", ref}), 1,
              "sentence 1: x is no tag of OBIES");
  check_error(metrics({"entities", "--hyp", files("short", "O O O\nO\n"), "--ref", ref}), 1,
              "sentence 2: 1 predicted tags, 2 true ones");
  check_error(metrics({"entities", "--hyp", hyp, "--ref", ref, "--scheme", "IOX"}), 2, "IOX");
}

TEST_CASE("SQuAD's files give what its script gives") {
  const Files files;
  const auto data =
      files("data.json", R"({"version": "v2.0", "data": [{"title": "t", "paragraphs": [{"context": "c", "qas": [
      {"id": "1", "question": "q", "answers": [{"text": "Denver Broncos", "answer_start": 0}, {"text": "Broncos"}]},
      {"id": "2", "question": "q", "answers": [], "is_impossible": true},
      {"id": "3", "question": "q", "answers": [{"text": "a cat"}]}]}]}]})");
  const auto predictions =
      files("p.json", R"({"3": "the dog", "2": "nothing", "1": "the Broncos", "4": "no question"})");
  const auto result = scored({"squad", "--data", data, "--predictions", predictions});
  CHECK(result["exact"].get<double>() == Approx(100.0 / 3));
  CHECK(result["HasAns_total"] == 2);
  CHECK(result["HasAns_exact"] == 50.0);
  CHECK(result["NoAns_f1"] == 0.0);
  CHECK_FALSE(result.contains("best_f1"));
  const auto chances = files("na.json", R"({"1": 0.1, "2": 0.9, "3": 0.5})");
  const auto best = scored({"squad", "--data", data, "--predictions", predictions, "--no-answer-probabilities", chances,
                            "--no-answer-threshold", "0.6"});
  CHECK(best["NoAns_exact"] == 100.0);
  CHECK(best["best_exact"].get<double>() == Approx(200.0 / 3));
  CHECK(best["best_exact_thresh"] == 0.1);
  CHECK_THAT(metrics({"squad", "--data", data, "--predictions", "-"}, read_file(predictions)).out,
             Catch::Contains("with answer    exact match 50.00, F1 50.00 (2 questions)"));
  CHECK(metrics({"squad", "--data", data, "--predictions", predictions}).err ==
        "left out: 1 question of " + predictions + " that --data does not have: 4\n");
  const auto many = files("many.json", R"({"1": "", "2": "", "3": "", "a\u0000b": "", "5": ""})");
  CHECK(metrics({"squad", "--data", data, "--predictions", many}).err ==
        "left out: 2 questions of " + many + " that --data does not have: a\\x00b, ...\n");
  const auto refused = [&](const std::string& text, const std::string& names) {
    check_error(metrics({"squad", "--data", data, "--predictions", files("bad.json", text)}), 1, names);
  };
  refused("{", "bad.json: is not JSON");
  refused("[]", "bad.json: is no JSON object");
  refused(R"({"1": "a", "2": ""})", "bad.json: has nothing for the question 3");
  refused(R"({"1": 1, "2": "", "3": ""})", "bad.json: 1: is no string");
  refused(R"({"1": "a", "2": [], "3": ""})", "bad.json: 2: is no string");
  refused(R"({"1": "a", "2": "", "3": "", "1": "b"})", "bad.json: has the question 1 twice");
  refused(std::string(200, '['), "bad.json: is nested too deeply");
  for (const std::string value : {"NaN", "Infinity", "1e999"}) {
    INFO(value);
    check_error(metrics({"squad", "--data", data, "--predictions", predictions, "--no-answer-probabilities",
                         files("bad.json", R"({"1": 0, "3": )" + value + R"(, "2": 1})")}),
                1, "bad.json: is not JSON at the question 3");
  }
  check_error(metrics({"squad", "--data", chances, "--predictions", predictions}), 1, "na.json: lacks a \"data\"");
  check_idle(metrics({"squad", "--data", data, "--predictions", predictions, "--no-answer-threshold", "1"}),
             "--no-answer-threshold");
}

TEST_CASE("of equal probabilities SQuAD's thresholds take the questions in their file's order") {
  const Files files;
  std::string qas, predictions, up, down;
  for (int i = 0; i < 50; ++i) {
    const auto id = std::to_string(i), text = "\"" + id + "\": ", comma = std::string(i > 0 ? ", " : "");
    qas += comma + R"({"id": ")" + id + R"(", "answers": [)" + (i < 25 ? R"({"text": "x"})" : "") + "]}";
    predictions += comma + text + "\"x\"";
    up += comma + text + "0.5";
    down = text + "0.5" + comma + down;
  }
  const auto data = files("data.json", R"({"data": [{"paragraphs": [{"qas": [)" + qas + "]}]}]}");
  const auto best = [&](const std::string& chances) {
    return scored({"squad", "--data", data, "--predictions", files("p.json", "{" + predictions + "}"),
                   "--no-answer-probabilities", files("na.json", "{" + chances + "}")})["best_exact"];
  };
  CHECK(best(up) == 100.0);   // those that have an answer come first
  CHECK(best(down) == 50.0);  // and here last
}

TEST_CASE("files of another kind are named as what they are, pipes too") {
  const Translations files;
  const auto pointer = files("pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n");
  const std::string what = "is a Git LFS pointer";
  for (const std::string verb : {"bleu", "chrf", "ter", "rouge", "qa", "classification", "correlation"}) {
    check_error(metrics({verb, "--hyp", pointer, "--ref", files.ref}), 1, pointer + ": " + what);
    check_error(metrics({verb, "--hyp", files.hyp, "--ref", pointer}), 1, pointer + ": " + what);
  }
  check_error(metrics({"bleu", "--ref", files.ref}, "\x1f\x8b\x08 compressed"), 1, "stdin: is compressed (gzip)");
  check_error(metrics({"squad", "--data", pointer, "--predictions", files.ref}), 1, pointer + ": " + what);
  check_error(metrics({"squad", "--data", "-", "--predictions", files.ref}, "\x1f\x8b\x08 compressed"), 1,
              "-: is compressed (gzip)");
}

TEST_CASE("files of lines may begin with a byte order mark and be pipes") {
  const Translations files;
  const auto mark = files("mark", "\xef\xbb\xbf" + read_file(files.hyp));
  CHECK(scored({"bleu", "--hyp", mark, "--ref", files.hyp})["score"].get<double>() == Approx(100));
  CHECK(scored({"bleu", "--hyp", "/dev/stdin", "--ref", files.hyp}, read_file(mark))["score"].get<double>() ==
        Approx(100));
}

TEST_CASE("stdin is read once") {
  const Translations files;
  const std::string text = "a b c d\n";
  for (const std::string verb : {"bleu", "chrf", "ter", "rouge", "qa", "classification", "correlation"}) {
    check_error(metrics({verb, "--ref", "-"}, text), 2, "--hyp and --ref: stdin can be read once");
    check_error(metrics({verb, "--hyp", "-", "--ref", "-"}, text), 2, "stdin");
  }
  check_error(metrics({"bleu", "--hyp", "-", "-", "--ref", files.ref}, text), 2, "stdin");
  check_error(metrics({"bleu", "--hyp", files.hyp, "--ref", "-", files.ref, "-"}, text), 2, "stdin");
  CHECK(scored({"bleu", "--hyp", files("line", text), "--ref", "-"}, text)["score"].get<double>() == Approx(100));
}

TEST_CASE("n-grams are counted in whole numbers") {
  const Translations files;
  const auto bleu = metrics({"bleu", "--hyp", files.hyp, "--ref", files.ref, "--json"});
  CHECK_THAT(bleu.out, Catch::Contains("\"counts\":[17,12,7,4],\"totals\":[20,17,14,11],"));
  const auto smoothed = metrics(
      {"bleu", "--hyp", files.hyp, "--ref", files.ref, "--smooth-method", "add-k", "--smooth-value", "0.5", "--json"});
  CHECK_THAT(smoothed.out, Catch::Contains("\"counts\":[17,12.5,7.5,4.5],\"totals\":[20,17.5,14.5,11.5],"));
}

TEST_CASE("files that do not belong together are told apart by their counts") {
  const Files files;
  const auto two = files("two.txt", "a\nb"), three = files("three.txt", "a\nb\n\n"), none = files("none.txt", "");
  for (const std::string verb : {"bleu", "chrf", "ter", "rouge", "qa", "classification", "correlation"}) {
    check_error(metrics({verb, "--hyp", two, "--ref", three}), 1, "two.txt has 2 lines, " + three + " has 3 lines");
    check_error(metrics({verb, "--hyp", none, "--ref", two}), 1, "none.txt has 0 lines, ");
    check_error(metrics({verb, "--hyp", none, "--ref", none}), 1, "no lines");
  }
  check_error(metrics({"bleu", "--hyp", two, "--ref", two, three}), 1, "three.txt");
  check_error(metrics({"bleu", "--hyp", files.path("missing"), "--ref", two}), 1, "missing");
  check_error(metrics({"bleu", "--hyp", files("latin1", "ok\nna\xEFve\n"), "--ref", two}), 1, "line 2 is not UTF-8");
}

TEST_CASE("line ends are those of sacreBLEU: CRLF is LF, other separators end no line") {
  const Files files;
  const auto lf = files("lf", "a b c d\ne f g h\n"), crlf = files("crlf", "a b c d \r\ne f\u2028g\x0bh");
  CHECK(scored({"bleu", "--hyp", crlf, "--ref", lf})["score"].get<double>() == Approx(100));
  CHECK(scored({"chrf", "--whitespace", "--hyp", files("space", "a b c d\u3000\ne f g h\t\n"), "--ref", lf})["score"] ==
        100.0);
}

TEST_CASE("what cannot be asked for is a usage error") {
  const Translations files;
  check_error(metrics({"bleu", "--hyp", files.hyp}), 2, "--ref");
  check_error(metrics({"bleu", "--hyp", files.hyp, "--ref", files.ref, "--tokenize", "14a"}), 2, "14a");
  check_idle(metrics({"bleu", "--hyp", files.hyp, "--ref", files.ref, "--smooth-value", "1"}), "--smooth-value");
  check_error(metrics({"bleu", "--hyp", files.hyp, "--ref", files.ref, "--paired-bs"}), 2, "--paired-bs");
  check_error(metrics({"bleu", "--hyp", files.hyp, files.worse, "--ref", files.ref, "--sentence-level"}), 2,
              "--sentence-level");
  check_error(metrics({"bleu", "--hyp", files.hyp, "--ref", files.ref, "--sentence-level", "--confidence"}), 2,
              "--sentence-level");
  check_error(metrics({"chrf", "--hyp", files.hyp, "--ref", files.ref, "--char-order", "0"}), 2, "--char-order");
  for (const std::string value : {"-1", "nan", "inf", "1e7", "1e999", "one"}) {
    INFO(value);
    const auto result =
        metrics({"bleu", "--hyp", files.hyp, "--ref", files.ref, "--smooth-method", "floor", "--smooth-value", value});
    check_error(result, 2, "--smooth-value: " + value + " is not a number from 0 to 1000000");
  }
  for (const std::string mode : {"--confidence", "--paired-bs", "--paired-ar"}) {
    const auto result = metrics({"bleu", "--hyp", files.hyp, files.worse, "--ref", files.ref, mode + "-n", "10"});
    CHECK(result.code == 0);
    CHECK(result.err == "warning: " + mode + "-n has no effect without " + mode + "\n");
  }
  check_error(metrics({"meteor"}), 2, "meteor");
}

TEST_CASE("the help tells what a p-value of equal systems is") {
  const Translations files;
  CHECK_THAT(metrics({"bleu", "--help"}).out, Catch::Contains("of two equal systems it is the least there is"));
  for (const std::string mode : {"--paired-bs", "--paired-ar"}) {
    const auto systems =
        metrics({"bleu", "--hyp", files.hyp, files.hyp, "--ref", files.ref, mode, mode + "-n", "9", "--json"})
            .objects();
    REQUIRE(systems.size() == 2);
    CHECK(systems[1]["p_value"]["score"] == 0.1);
  }
}

TEST_CASE("every verb's help has examples") {
  for (const std::string verb : {"bleu", "chrf", "ter", "rouge", "qa", "score", "squad", "classification", "entities",
                                 "correlation", "perplexity"}) {
    const auto help = metrics({verb, "--help"});
    CHECK(help.code == 0);
    CHECK_THAT(help.out,
               Catch::Contains("Examples:\n  langzoo-metrics " + verb) && Catch::Contains("Fields under --json"));
  }
}
