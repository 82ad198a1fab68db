#include "tests/support/plain_test.h"

#include "tests/apps/tokenizer/tokenizers.h"
#include "tokenizers/tokenizer.h"
#include "tokenizers/utf8.h"

namespace langzoo::test::encode_test {

using Json = nlohmann::ordered_json;
using test::check_error;
using test::Files;
using test::output;
using test::tokenizer;

namespace {

const std::string kBytes = test::fixture_tokenizer("byte_level");
const std::string kChars = test::fixture_tokenizer("char_level");
const std::string kBert = test::fixture_tokenizer("pipelines/bert_uncased");

const std::vector<std::string> kKeys = {
    "ids", "tokens", "offsets", "type_ids", "word_ids", "sequence_ids", "special_tokens_mask"};

std::vector<Json> objects(const std::string& out) {
  return test::Result{0, out, {}}.objects();
}

std::vector<Json> encoded(std::vector<std::string> arguments, const std::string& input = {}) {
  arguments.insert(arguments.begin(), "encode");
  arguments.push_back("--json");
  return objects(output(std::move(arguments), input));
}

std::vector<std::string> keys(const Json& object) {
  std::vector<std::string> names;
  for (const auto& [key, value] : object.items()) names.push_back(key);
  return names;
}

}  // namespace

TEST_CASE("encode --json gives what Python's tokenizers gives, offsets in characters") {
  Files files;
  for (const std::string name : {"byte_level", "pipelines/bert_uncased", "pipelines/roberta", "pipelines/t5"}) {
    const auto cases = Json::parse(test::read_file(test::fixture("tokenizers/" + name + ".cases.json")));
    std::string lines;
    std::vector<Json> expected;
    for (const auto& one : cases.is_array() ? cases : cases["cases"]) {
      Json line = {{"text", one["text"]}};
      if (one.contains("pair") && !one["pair"].is_null()) line["pair"] = one["pair"];
      lines += line.dump() + "\n";
      expected.push_back(one);
    }
    const auto results = encoded({"--tokenizer", test::fixture_tokenizer(name), "--jsonl", files("in.jsonl", lines)});
    REQUIRE(results.size() == expected.size());
    for (std::size_t i = 0; i < results.size(); ++i) {
      INFO(name << " " << expected[i]["text"]);
      for (const auto* key : {"ids", "tokens", "offsets", "type_ids", "word_ids", "special_tokens_mask"}) {
        if (expected[i].contains(key)) CHECK(results[i][key] == expected[i][key]);
      }
    }
  }
}

TEST_CASE("texts come from --text, a file, stdin or --jsonl, in order whatever the threads") {
  Files files;
  const auto one = encoded({"--tokenizer", kBytes, "--text", "one", "--text", "--two"});
  REQUIRE(one.size() == 2);
  CHECK(keys(one[0]) == kKeys);
  std::string text;
  for (int i = 0; i < 5000; ++i)
    text += "line " + std::to_string(i) + (i % 3 == 0 ? "\r\n" : "\n") + (i % 7 == 0 ? "\n" : "");
  const auto file = files("lines.txt", text + "no end");
  const auto lines = encoded({"--tokenizer", kBytes, file});
  CHECK(lines.size() == 5000 + 715 + 1);
  CHECK(lines[1]["ids"].empty());
  CHECK(encoded({"--tokenizer", kBytes, file, "--threads", "1"}) == lines);
  CHECK(encoded({"--tokenizer", kBytes, file, "--threads", "7"}) == lines);
  CHECK(encoded({"--tokenizer", kBytes}, text + "no end") == lines);
  CHECK(lines.back() == encoded({"--tokenizer", kBytes, "--text", "no end"})[0]);
  CHECK(encoded({"--tokenizer", kBytes}, "").empty());
  const auto jsonl = files("in.jsonl", "{\"text\": \"one\"}\n\n{\"text\": \"--two\", \"pair\": null, \"label\": 3}");
  CHECK(encoded({"--tokenizer", kBytes, "--jsonl", jsonl}) == one);
}

TEST_CASE("a byte order mark belongs to no text, and - is stdin") {
  Files files;
  const std::string text = "one two\r\nthree\n", mark = "\xef\xbb\xbf";
  const auto expected = encoded({"--tokenizer", kBytes, files("text", "one two\nthree\n")});
  CHECK(encoded({"--tokenizer", kBytes, files("marked", mark + text)}) == expected);
  CHECK(encoded({"--tokenizer", kBytes}, mark + text) == expected);
  CHECK(encoded({"--tokenizer", kBytes, "-"}, text) == expected);
  CHECK(encoded({"--tokenizer", kBytes, "/dev/stdin"}, text) == expected);
  CHECK(output({"decode", "--tokenizer", kBytes, "--ids", "-"}, mark + "+5 6\r\n") ==
        output({"decode", "--tokenizer", kBytes}, "5 6\n"));
}

TEST_CASE("lines longer than what is read at once are whole texts") {
  Files files;
  const std::string line(9 << 20, 'a');
  const auto stats = Json::parse(
      output({"encode", "--tokenizer", kBytes, files("long.txt", line + "\nb\n"), "--stats", "--threads", "2"}));
  CHECK(stats["texts"] == 2);
  CHECK(stats["bytes"] == line.size() + 1);
}

TEST_CASE("without --json a line holds ids or tokens") {
  const auto object = encoded({"--tokenizer", kBytes, "--text", "the river"})[0];
  std::string ids, tokens;
  for (const auto& id : object["ids"]) ids += (ids.empty() ? "" : " ") + id.dump();
  for (const auto& token : object["tokens"]) tokens += (tokens.empty() ? "" : " ") + token.get<std::string>();
  CHECK(output({"encode", "--tokenizer", kBytes, "--text", "the river"}) == ids + "\n");
  CHECK(output({"encode", "--tokenizer", kBytes, "--text", "the river", "--tokens"}) == tokens + "\n");
}

TEST_CASE("pairs, truncation and windows") {
  const auto loaded = load_tokenizer(kBert);
  const std::string question = "how many steps?", context = "the river is slow and it doesn't wait for a dog";
  EncodeOptions options;
  options.tokens = true;
  options.truncation = Truncation{.max_length = 16, .strategy = Truncation::Strategy::OnlySecond, .stride = 3};
  const auto expected = loaded->encode_pair(question, context, options);
  const auto result = encoded({"--tokenizer", kBert, "--text", question, "--pair", context, "--max-length", "16",
                               "--truncation", "only_second", "--stride", "3"})[0];
  auto with_windows = kKeys;
  with_windows.push_back("overflowing");
  CHECK(keys(result) == with_windows);
  std::vector<Json> sequence_ids;
  for (const auto id : expected.sequence_ids) sequence_ids.push_back(id < 0 ? Json() : Json(id));
  CHECK(result["sequence_ids"] == sequence_ids);
  CHECK(result["ids"] == expected.ids);
  CHECK(result["type_ids"] == expected.type_ids);
  REQUIRE(expected.overflowing.size() >= 1);
  REQUIRE(result["overflowing"].size() == expected.overflowing.size());
  for (std::size_t i = 0; i < expected.overflowing.size(); ++i) {
    const auto& window = result["overflowing"][i];
    CHECK(keys(window) == kKeys);
    CHECK(window["ids"] == expected.overflowing[i].ids);
    CHECK(window["tokens"] == expected.overflowing[i].tokens);
  }
  const auto plain = output({"encode", "--tokenizer", kBert, "--text", question, "--pair", context, "--max-length",
                             "16", "--truncation", "only_second", "--stride", "3"});
  CHECK(static_cast<std::size_t>(std::count(plain.begin(), plain.end(), '\n')) == 1 + expected.overflowing.size());
  const auto cut = encoded({"--tokenizer", kBert, "--text", context, "--max-length", "6", "--no-special-tokens"})[0];
  CHECK(cut["ids"].size() == 6);
  const auto whole = encoded({"--tokenizer", kBert, "--text", context, "--max-length", "600"})[0];
  CHECK(!whole.contains("overflowing"));
  check_error(tokenizer({"encode", "--tokenizer", kBert, "--text", "a a a", "--max-length", "3", "--truncation",
                         "only_second"}),
              1, "--text");
}

TEST_CASE("padding") {
  Files files;
  const auto file = files("in.txt", "a\nthe river is slow\n");
  const auto fixed = encoded({"--tokenizer", kBert, file, "--pad", "12"});
  CHECK(fixed[0]["ids"].size() == 12);
  CHECK(fixed[0]["tokens"].back() == "[PAD]");
  CHECK(fixed[0]["attention_mask"].back() == 0);
  CHECK(fixed[1]["attention_mask"].front() == 1);
  const auto longest = encoded({"--tokenizer", kBert, file, "--pad", "longest", "--pad-side", "left"});
  CHECK(longest[0]["ids"].size() == longest[1]["ids"].size());
  CHECK(longest[0]["tokens"].front() == "[PAD]");
  CHECK(longest[1]["tokens"].front() == "[CLS]");
  check_error(tokenizer({"encode", "--tokenizer", kChars, "--text", "a", "--pad", "4"}), 2, "padding token");
  check_error(tokenizer({"encode", "--tokenizer", kBert, "--text", "a", "--pad", "short"}), 2, "--pad");
}

TEST_CASE("--pad-to-multiple-of fills up further") {
  Files files;
  const auto file = files("in.txt", "a\nthe river is slow and it doesn't wait\n");
  const auto sizes = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--tokenizer", kBert, file});
    std::vector<std::size_t> sizes;
    for (const auto& line : encoded(arguments)) sizes.push_back(line["ids"].size());
    return sizes;
  };
  using Sizes = std::vector<std::size_t>;
  const auto longest = sizes({"--pad", "longest"})[1];
  REQUIRE(longest % 8 != 0);
  CHECK(sizes({"--pad", "longest", "--pad-to-multiple-of", "8"}) == Sizes(2, (longest / 8 + 1) * 8));
  CHECK(sizes({"--pad", "30", "--pad-to-multiple-of", "16"}) == Sizes(2, 32));
  check_error(tokenizer({"encode", "--tokenizer", kBert, file, "--pad-to-multiple-of", "8"}), 2,
              "--pad-to-multiple-of: needs --pad");
  check_error(tokenizer({"encode", "--tokenizer", kBert, file, "--pad", "30", "--pad-to-multiple-of", "0"}), 2,
              "--pad-to-multiple-of");
}

TEST_CASE("a tokenizer's own truncation and padding can be switched off") {
  Files files;
  auto described = Json::parse(test::read_file(kBert));
  described["truncation"] = {{"direction", "Right"}, {"max_length", 6}, {"strategy", "LongestFirst"}, {"stride", 0}};
  described["padding"] = {{"strategy", {{"Fixed", 10}}},
                          {"direction", "Right"},
                          {"pad_to_multiple_of", nullptr},
                          {"pad_id", 0},
                          {"pad_type_id", 0},
                          {"pad_token", "[PAD]"}};
  const auto path = files("tokenizer.json", described.dump());
  const std::string text = "the river is slow and it doesn't wait";
  const auto one = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--tokenizer", path, "--text", text});
    return encoded(arguments)[0];
  };
  const auto own = one({});
  CHECK(own["ids"].size() == 10);
  CHECK(own["attention_mask"].back() == 0);
  CHECK(own.contains("overflowing"));
  const auto unpadded = one({"--no-padding"});
  CHECK(unpadded["ids"].size() == 6);
  CHECK_FALSE(unpadded.contains("attention_mask"));
  const auto whole = one({"--no-padding", "--no-truncation"});
  CHECK(whole == encoded({"--tokenizer", kBert, "--text", text})[0]);
  CHECK(one({"--no-truncation", "--pad-to-multiple-of", "32"})["ids"].size() == 32);
  CHECK(Json::parse(output({"encode", "--tokenizer", path, "--text", text, "--no-padding", "--no-truncation",
                            "--stats"}))["tokens"] == whole["ids"].size());
  check_error(tokenizer({"encode", "--tokenizer", path, "--text", text, "--no-padding", "--pad", "3"}), 2,
              "--no-padding: not with --pad");
  check_error(tokenizer({"encode", "--tokenizer", path, "--text", text, "--no-truncation", "--max-length", "3"}), 2,
              "--no-truncation: not with --max-length");
}

TEST_CASE("--split-special-tokens reads special tokens in the text as text") {
  const auto tokens = [](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"encode", "--tokenizer", kBert, "--text", "the [SEP] river"});
    return output(arguments);
  };
  CHECK(tokens({"--tokens"}) == "[CLS] the [SEP] river [SEP]\n");
  CHECK(tokens({"--tokens", "--split-special-tokens"}) == "[CLS] the [UNK] s ##e ##p [UNK] river [SEP]\n");
  CHECK(Json::parse(tokens({"--stats", "--split-special-tokens"}))["tokens"] == 9);
}

TEST_CASE("--skip-errors leaves out what cannot be encoded and says how much") {
  Files files;
  const auto text = files("in.txt", "a\n\u4e2d\nb\n\u4e2d\n");
  const auto run = [](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"encode", "--tokenizer", kChars, "--skip-errors"});
    const auto result = tokenizer(arguments);
    INFO(result.err);
    REQUIRE(result.code == 0);
    CHECK_THAT(result.err, Catch::Contains("left out: 2 of 4; ") && Catch::Contains(": line 2: "));
    return result.out;
  };
  const auto good = output({"encode", "--tokenizer", kChars, "--text", "a", "--text", "b"});
  CHECK(run({text}) == good);
  CHECK(Json::parse(run({text, "--stats"})) == Json{{"texts", 2}, {"tokens", 2}, {"bytes", 2}, {"skipped", 2}});
  CHECK(run({"--jsonl", files("in.jsonl",
                              "{\"text\": \"a\"}\n{\"text\": \"\xff\"}\n{\"text\": \"\u4e2d\"}\n{\"text\": "
                              "\"b\"}\n")}) == good);
  const auto padded = tokenizer({"encode", "--tokenizer", kBert, "--skip-errors", "--pad", "longest", "--jsonl",
                                 files("p.jsonl", "{\"text\": \"a\"}\n{}\n{\"text\": \"the river\"}\n"), "--json"});
  REQUIRE(padded.objects().size() == 2);
  CHECK(padded.objects()[0]["ids"].size() == padded.objects()[1]["ids"].size());
  // Without the flag the first one ends the program, and where nothing is left that is an error too.
  check_error(tokenizer({"encode", "--tokenizer", kChars, text}), 1, "in.txt: line 2: ");
  check_error(tokenizer({"encode", "--tokenizer", kChars, "--skip-errors", "--text", "\u4e2d"}), 1, "nothing is left");
}

TEST_CASE("--stats counts what would be printed") {
  Files files;
  const std::string text = "the river\n\nis slow, isn't it?\n";
  const auto file = files("in.txt", text);
  for (const auto& path : {kBytes, kBert}) {
    std::size_t tokens = 0;
    for (const auto& line : encoded({"--tokenizer", path, file})) tokens += line["ids"].size();
    const Json expected = {{"texts", 3}, {"tokens", tokens}, {"bytes", text.size() - 3}};
    CHECK(output({"encode", "--tokenizer", path, file, "--stats"}) == expected.dump() + "\n");
    CHECK(output({"encode", "--tokenizer", path, file, "--stats", "--max-length", "500"}) == expected.dump() + "\n");
  }
}

TEST_CASE("sampled segmentations depend on the seed alone") {
  const auto sampled = [](const std::string& seed, const std::string& dropout) {
    return output({"encode", "--tokenizer", kBytes, "--text", "the river", "--text", "the river", "--sample", "--seed",
                   seed, "--dropout", dropout});
  };
  CHECK(sampled("1", "0.5") == sampled("1", "0.5"));
  CHECK(sampled("1", "0.5") != sampled("2", "0.5"));
  CHECK(sampled("1", "0") == output({"encode", "--tokenizer", kBytes, "--text", "the river", "--text", "the river"}));
  std::istringstream lines(sampled("1", "1"));
  for (std::string line; std::getline(lines, line);) CHECK(std::count(line.begin(), line.end(), ' ') == 8);
  check_idle(tokenizer({"encode", "--tokenizer", kBytes, "--text", "a", "--dropout", "0.5"}), "--dropout");
  check_error(tokenizer({"encode", "--tokenizer", kBytes, "--text", "a", "--sample", "--dropout", "2"}), 2,
              "--dropout");
  check_error(tokenizer({"encode", "--tokenizer", kBytes, "--text", "a", "--sample", "--alpha", "0"}), 2, "--alpha");
}

TEST_CASE("texts of any bytes give valid JSON") {
  const auto object = encoded({"--tokenizer", kBytes}, "a\xff\x01\"\\\x7f\n")[0];
  CHECK(object["ids"].size() == object["offsets"].size());
  CHECK(object["offsets"].back() == Json{5, 6});
}

TEST_CASE("encode's errors name what is wrong") {
  Files files;
  const auto file = files("in.txt", "a\n");
  check_error(tokenizer({"encode", "--text", "a"}), 2, "--tokenizer");
  check_error(tokenizer({"encode", "--tokenizer", files.path("none"), "--text", "a"}), 1, "none");
  check_error(tokenizer({"encode", "--tokenizer", files("x.json", "{}"), "--text", "a"}), 1, "x.json");
  check_error(tokenizer({"encode", "--tokenizer", files("y.json", "not json"), "--text", "a"}), 1, "y.json");
  check_error(tokenizer({"encode", "--tokenizer", kBytes, files.path("none.txt")}), 1, "none.txt");
  check_error(tokenizer({"encode", "--tokenizer", kBytes, files.dir.path().string()}), 1, files.dir.path().string());
  check_error(tokenizer({"encode", "--tokenizer", kBytes, "--text", "a", file}), 2, "--text and the file");
  check_error(tokenizer({"encode", "--tokenizer", kBytes, "--jsonl", file, file}), 2, "--jsonl");
  check_error(tokenizer({"encode", "--tokenizer", kBytes, "--jsonl", file, "--pair", "b"}), 2, "--pair");
  check_error(tokenizer({"encode", "--tokenizer", kBytes, "--text", "a", "--tokens", "--json"}), 2, "--tokens");
  check_error(tokenizer({"encode", "--tokenizer", kBytes, "--text", "a", "--tokens", "--stats"}), 2,
              "--tokens: not with --stats");
  for (const std::string line :
       {"a", "[]", "{\"txt\": \"a\"}", "{\"text\": 3}", "{\"text\": \"a\", \"pair\": 3}", "{\"text\": \"\xff\"}"}) {
    const auto bad = files("bad.jsonl", "{\"text\": \"good\"}\n" + line + "\n");
    check_error(tokenizer({"encode", "--tokenizer", kBytes, "--jsonl", bad}), 1, "bad.jsonl: line 2");
  }
  check_error(tokenizer({"encode", "--tokenizer", kChars, files("z.txt", "a\n\u4e2d\n")}), 1, "z.txt: line 2");
  check_error(tokenizer({"encode", "--tokenizer", kChars, files("z.txt", "a\n\u4e2d\n"), "--stats"}), 1,
              "z.txt: line 2");
  check_error(tokenizer({"encode", "--tokenizer", kBytes, file, "--max-length", "0"}), 2, "--max-length");
  check_idle(tokenizer({"encode", "--tokenizer", kBytes, file, "--stride", "2"}), "--stride");
  check_error(tokenizer({"encode", "--tokenizer", kBytes, file, "--max-length", "2", "--stride", "2"}), 2, "--stride");
  check_idle(tokenizer({"encode", "--tokenizer", kBytes, file, "--truncation", "longest_first"}), "--truncation");
  check_error(tokenizer({"encode", "--tokenizer", kBytes, file, "--max-length", "2", "--truncation", "x"}), 2,
              "--truncation");
  check_error(tokenizer({"encode", "--tokenizer", kBytes, file, "--threads", "0"}), 2, "--threads");
}

}  // namespace langzoo::test::encode_test
