#include "tests/support/plain_test.h"

#include "tests/apps/tokenizer/tokenizers.h"

namespace langzoo::test::decode_test {

using Json = nlohmann::ordered_json;

namespace {

const std::string kBytes = fixture_tokenizer("byte_level");
const std::string kBert = fixture_tokenizer("pipelines/bert_uncased");

std::string text_line(const std::string& text) {
  return Json{{"text", text}}.dump() + "\n";
}

}  // namespace

TEST_CASE("decode reads what encode prints, and lists by hand") {
  Files files;
  const std::string texts = "the river\n\nisn't \"it\" \u4e2d\u6587 \U0001F600?\n";
  const auto expected = text_line("the river") + text_line("") + text_line("isn't \"it\" \u4e2d\u6587 \U0001F600?");
  const auto json = output({"encode", "--tokenizer", kBytes, "--json"}, texts);
  const auto plain = output({"encode", "--tokenizer", kBytes}, texts);
  CHECK(output({"decode", "--tokenizer", kBytes, "--ids", files("a", json)}) == expected);
  CHECK(output({"decode", "--tokenizer", kBytes, "--ids", files("b", plain)}) == expected);
  CHECK(output({"decode", "--tokenizer", kBytes}, json) == expected);
  CHECK(output({"decode", "--tokenizer", kBytes, "--threads", "3", "--json"}, plain) == expected);
  auto commas = plain.substr(0, plain.find('\n'));
  std::replace(commas.begin(), commas.end(), ' ', ',');
  for (const auto& line : {commas, "[" + commas + "]", "  [" + commas + "] ", "{\"ids\": [" + commas + "]}"}) {
    CHECK(output({"decode", "--tokenizer", kBytes}, line) == text_line("the river"));
  }
}

TEST_CASE("special tokens are left out where asked for") {
  const auto ids = output({"encode", "--tokenizer", kBert, "--text", "the river"});
  CHECK(output({"decode", "--tokenizer", kBert}, ids) == text_line("[CLS] the river [SEP]"));
  CHECK(output({"decode", "--tokenizer", kBert, "--skip-special-tokens"}, ids) == text_line("the river"));
}

TEST_CASE("bytes that are no text become U+FFFD") {
  const auto ids = output({"encode", "--tokenizer", kBytes}, "\xe4\xb8\n");
  CHECK(output({"decode", "--tokenizer", kBytes}, ids) == text_line("\uFFFD"));
}

TEST_CASE("decode's errors name the line and the id") {
  Files files;
  for (const std::string bad :
       {"-1", "1 -1", "[-1]", "two", "1.5", "[1.5]", "[\"a\"]", "[1", "{\"id\": [1]}", "\"1\"", "99999999",
        "[99999999]", "99999999999999999999", "[99999999999999999999]", "{\"ids\": 3}"}) {
    INFO(bad);
    check_error(tokenizer({"decode", "--tokenizer", kBytes, "--ids", files("ids", "1 2\n" + bad + "\n")}), 1,
                "ids: line 2");
  }
  check_error(tokenizer({"decode", "--tokenizer", kBytes}, "1 -7"), 1, "-7");
  constexpr std::size_t kDeep = 300'000;
  check_error(tokenizer({"decode", "--tokenizer", kBytes}, std::string(kDeep, '[') + std::string(kDeep, ']')), 1,
              "[...] is not an id");
  check_error(tokenizer({"decode", "--tokenizer", kBytes}, "99999999"), 1, "99999999");
  check_error(tokenizer({"decode", "--tokenizer", kBytes, "--ids", files.path("none")}), 1, "none");
  check_error(tokenizer({"decode", "--ids", files.path("ids")}), 2, "--tokenizer");
}

TEST_CASE("--skip-errors leaves out lists that cannot be decoded and says how much") {
  const auto ids = output({"encode", "--tokenizer", kBytes, "--text", "the river"});
  const auto result = tokenizer({"decode", "--tokenizer", kBytes, "--skip-errors"}, "one\n" + ids + "99999999\n");
  INFO(result.err);
  CHECK(result.code == 0);
  CHECK(result.out == text_line("the river"));
  CHECK_THAT(result.err, Catch::Contains("left out: 2 of 3; stdin: line 1: "));
  check_error(tokenizer({"decode", "--tokenizer", kBytes, "--skip-errors"}, "one\n"), 1, "nothing is left");
}

}  // namespace langzoo::test::decode_test
