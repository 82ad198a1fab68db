#include "tests/support/plain_test.h"

#include "tests/apps/tokenizer/tokenizers.h"

using Json = nlohmann::ordered_json;
using namespace langzoo::test;

TEST_CASE("info says what a tokenizer is") {
  const auto bert = tokenizer({"info", "--tokenizer", fixture_tokenizer("pipelines/bert_uncased"), "--json"}).object();
  std::vector<std::string> keys;
  for (const auto& [key, value] : bert.items()) keys.push_back(key);
  CHECK(keys == std::vector<std::string>{"model", "vocab_size", "special_tokens", "added_tokens", "normalizer",
                                         "pre_tokenizer", "post_processor", "decoder", "truncation", "padding",
                                         "longest_tokens"});
  CHECK(bert["model"]["type"] == "WordPiece");
  CHECK(!bert["model"].contains("vocab"));
  CHECK(bert["vocab_size"] == 313);
  CHECK(bert["normalizer"]["type"] == "BertNormalizer");
  CHECK(bert["pre_tokenizer"]["type"] == "BertPreTokenizer");
  CHECK(bert["added_tokens"].size() == 5);
  CHECK(bert["truncation"].is_null());
  const auto& longest = bert["longest_tokens"];
  REQUIRE(longest.size() == 8);
  for (std::size_t i = 1; i < longest.size(); ++i) CHECK(longest[i - 1]["characters"] >= longest[i]["characters"]);

  const auto bytes = tokenizer({"info", "--tokenizer", fixture_tokenizer("byte_level"), "--json"}).object();
  CHECK(bytes["model"]["type"] == "BPE");
  CHECK(!bytes["model"].contains("merges"));
  CHECK(bytes["special_tokens"]["eos"]["token"] == "<|endoftext|>");
  const auto marian = tokenizer({"info", "--tokenizer", fixture("marian/opus").string(), "--json"}).object();
  CHECK(marian["model"]["type"] == "Marian");
  CHECK(marian["special_tokens"]["pad"]["token"] == "<pad>");
  CHECK(marian["post_processor"]["type"] == "TemplateProcessing");
  const auto text = output({"info", "--tokenizer", fixture_tokenizer("byte_level")});
  for (const auto* part : {"BPE", "vocabulary", "eos", "<|endoftext|>", "pre-tokenizer", "ByteLevel", "none"}) {
    CHECK_THAT(text, Catch::Contains(part));
  }
}

TEST_CASE("info shows the beginning of what is long") {
  Files files;
  const auto path = files(
      "long.json", R"({"version": "1.0", "normalizer": {"type": "Prepend", "prepend": ")" + std::string(5000, 'x') +
                       R"("}, "model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}})");
  const auto text = output({"info", "--tokenizer", path});
  CHECK_THAT(text, Catch::Contains("Prepend(prepend=xxx") && Catch::Contains("x... (5000 bytes))"));
  CHECK(text.size() < 2000);
}

TEST_CASE("info's errors") {
  Files files;
  check_error(tokenizer({"info"}), 2, "--tokenizer");
  check_error(tokenizer({"info", "--tokenizer", files.path("none")}), 1, "none");
  check_error(tokenizer({"info", "--tokenizer", files.dir.path().string()}), 1, files.dir.path().string());
  check_error(tokenizer({"infos"}), 2, "infos");
}

TEST_CASE("help has examples, and version goes to stdout") {
  for (const std::string verb : {"train", "encode", "decode", "info", "show"}) {
    const auto help = output({verb, "--help"});
    CHECK_THAT(help, Catch::Contains("Examples:\n  ") && Catch::Contains("langzoo-tokenizer " + verb));
    CHECK_THAT(help, !Catch::Contains("--device") && !Catch::Contains("--dtype"));
  }
  CHECK(output({"--version"}).rfind("langzoo-tokenizer ", 0) == 0);
}
