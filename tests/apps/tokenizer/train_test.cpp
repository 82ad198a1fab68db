#include "tests/support/plain_test.h"

#include <filesystem>

#include "tests/apps/tokenizer/tokenizers.h"
#include "tokenizers/utf8.h"

using Json = nlohmann::ordered_json;
using namespace langzoo::test;
namespace fs = std::filesystem;

namespace {

std::string text_of(int sentences) {
  std::string text;
  const char* names[] = {"Anna", "Bob", "Chloé", "Dmitri"};
  const char* things[] = {"apples", "rivers", "towers", "letters", "summers"};
  for (int i = 0; i < sentences; ++i) {
    text += std::string(names[i % 4]) + " has " + std::to_string(i % 11) + " " + things[i % 5] + ", isn't it?\n";
  }
  return text;
}

}  // namespace

TEST_CASE("every model is trained, saved, and reads what it was trained on") {
  Files files;
  const auto data = files("text.txt", text_of(300));
  for (const std::string model : {"bytebpe", "bpe", "wordpiece", "unigram", "word", "byteword", "char"}) {
    INFO(model);
    const auto out = files.path(model);
    const std::string size = model == "bytebpe" ? "300" : "100";
    const auto result =
        tokenizer({"train", "--model", model, "--vocab-size", size, "--data", data, "--out", out, "--json"});
    INFO(result.err);
    REQUIRE(result.code == 0);
    const auto summary = result.object();
    std::vector<std::string> keys;
    for (const auto& [key, value] : summary.items()) keys.push_back(key);
    CHECK(keys == std::vector<std::string>{"model", "vocab_size", "bytes", "seconds", "peak_memory_bytes"});
    CHECK(summary["model"] == model);
    CHECK(summary["bytes"] == fs::file_size(data));
    CHECK(summary["vocab_size"].get<int>() <= std::stoi(size));
    CHECK(fs::exists(fs::path(out) / "tokenizer.json"));
    CHECK(fs::exists(fs::path(out) / "tokenizer_config.json"));

    const std::string sentence = "Anna has 7 towers, isn't it?";
    const auto encoded = tokenizer({"encode", "--tokenizer", out, "--text", sentence, "--json"}).object();
    CHECK(encoded["ids"].size() > 3);
    const auto decoded = output({"decode", "--tokenizer", out, "--skip-special-tokens"}, encoded.dump());
    const auto same_letters = [](std::string text) {
      text.erase(std::remove(text.begin(), text.end(), ' '), text.end());
      return text;
    };
    CHECK(same_letters(Json::parse(decoded)["text"]) == same_letters(sentence));
    const auto info = tokenizer({"info", "--tokenizer", out, "--json"}).object();
    CHECK(info["vocab_size"] == summary["vocab_size"]);
  }
}

TEST_CASE("the result does not depend on threads, and lines of several files are one text after the other") {
  Files files;
  files("a.txt", text_of(50));
  files("b.txt", text_of(80));
  const auto both = files("both", text_of(50) + text_of(80));
  const auto train = [&](const std::string& out, const std::string& threads, const std::vector<std::string>& data) {
    std::vector<std::string> arguments = {"train", "--model",       "bytebpe",   "--vocab-size", "300",
                                          "--out", files.path(out), "--threads", threads,        "--data"};
    arguments.insert(arguments.end(), data.begin(), data.end());
    output(arguments);
    return read_file(files.dir / (out + "/tokenizer.json"));
  };
  const auto one = train("one", "1", {both});
  CHECK(train("two", "2", {both}) == one);
  CHECK(train("files", "2", {files.path("a.txt"), files.path("b.txt")}) == one);
  CHECK(train("folder", "1", {files.dir.path().string()}) == one);
}

TEST_CASE("options of training") {
  Files files;
  const auto data = files("text.txt", text_of(200) + "Seldom\n");
  const auto tokens = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"train", "--data", data, "--out", files.path("out")});
    output(arguments);
    return Json::parse(read_file(files.dir / "out/tokenizer.json"));
  };
  const auto lower = tokens({"--model", "word", "--vocab-size", "500", "--lowercase"})["model"]["vocab"];
  CHECK(lower.contains("anna"));
  CHECK(!lower.contains("Anna"));
  const auto kept = tokens({"--model", "word", "--vocab-size", "500", "--no-lowercase"})["model"]["vocab"];
  CHECK(kept.contains("Anna"));
  CHECK(kept.contains("Seldom"));
  const auto frequent = tokens({"--model", "word", "--vocab-size", "500", "--min-frequency", "2"})["model"]["vocab"];
  CHECK(!frequent.contains("Seldom"));
  const auto special = tokens({"--model", "bytebpe", "--vocab-size", "300", "--special-tokens", "<a>", "<b>"});
  std::vector<std::string> contents;
  for (const auto& token : special["added_tokens"]) contents.push_back(token["content"]);
  CHECK(contents == std::vector<std::string>{"<|endoftext|>", "<a>", "<b>"});

  const auto longest = [](const Json& vocab) {
    std::size_t most = 0;
    for (const auto& [token, id] : vocab.items()) {
      if (token != "<unk>" && !token.starts_with("<0x")) most = std::max(most, langzoo::count_characters(token));
    }
    return most;
  };
  const auto bpe = tokens({"--model", "bpe", "--vocab-size", "400", "--max-token-length", "4", "--byte-fallback",
                           "--limit-alphabet", "8", "--initial-alphabet", "zq"})["model"];
  CHECK(bpe["byte_fallback"] == true);
  CHECK(bpe["vocab"].contains("<0xC3>"));
  CHECK(bpe["vocab"].contains("z"));
  CHECK_FALSE(bpe["vocab"].contains("é"));
  CHECK(longest(bpe["vocab"]) <= 4 + std::string("</w>").size());
  CHECK(Json::parse(output({"decode", "--tokenizer", files.path("out")},
                           output({"encode", "--tokenizer", files.path("out"), "--text", "Chloé x한"})))["text"] ==
        "Chloé x한");
  const auto unigram = tokens({"--model", "unigram", "--vocab-size", "60", "--max-token-length", "3",
                               "--initial-alphabet", "z", "--character-coverage", "0.98"})["model"]["vocab"];
  CHECK(std::any_of(unigram.begin(), unigram.end(), [](const auto& piece) { return piece[0] == "z"; }));
  CHECK(std::all_of(unigram.begin() + 4, unigram.end(), [](const auto& piece) {
    return langzoo::count_characters(piece[0].template get<std::string>()) <= 3;
  }));
  const auto wordpiece =
      tokens({"--model", "wordpiece", "--vocab-size", "60", "--limit-alphabet", "5"})["model"]["vocab"];
  CHECK(std::count_if(wordpiece.begin(), wordpiece.end(), [](const auto&) { return true; }) <= 60);
  const auto bytes = tokens({"--model", "bytebpe", "--vocab-size", "400", "--max-token-length", "3"})["model"]["vocab"];
  for (const auto& [token, id] : bytes.items()) {
    if (token != "<|endoftext|>") CHECK(langzoo::count_characters(token) <= 3);
  }
}

TEST_CASE("a vocabulary that the text does not fill is told of") {
  Files files;
  const auto data = files("text.txt", text_of(20));
  const auto train = [&](const std::string& model, const std::string& size) {
    return tokenizer(
        {"train", "--model", model, "--vocab-size", size, "--data", data, "--out", files.path("out"), "--json"});
  };
  const auto words = train("word", "500");
  const auto size = words.object()["vocab_size"].get<int>();
  CHECK(words.err == "note: --vocab-size 500: the text gives " + std::to_string(size) + " tokens\n");
  CHECK(train("word", std::to_string(size)).err.empty());
  CHECK(train("bytebpe", "270").err.empty());
  CHECK(train("char", "500").err.empty());
}

TEST_CASE("flags that say nothing to a model are refused by name") {
  Files files;
  const auto data = files("text.txt", text_of(20));
  const std::vector<std::pair<std::string, std::vector<std::string>>> refused = {
      {"bytebpe", {"--limit-alphabet", "9"}},
      {"bytebpe", {"--initial-alphabet", "a"}},
      {"bytebpe", {"--byte-fallback"}},
      {"wordpiece", {"--max-token-length", "9"}},
      {"wordpiece", {"--byte-fallback"}},
      {"unigram", {"--limit-alphabet", "9"}},
      {"bpe", {"--character-coverage", "0.99"}},
      {"bpe", {"--user-defined-symbols", "a"}},
      {"unigram", {"--normalization", "nfkc"}},
      {"unigram", {"--max-sentence-length", "90"}},
      {"word", {"--max-token-length", "9"}},
      {"char", {"--initial-alphabet", "a"}},
      {"unigram", {"--format", "sentencepiece", "--limit-alphabet", "9"}},
      {"bpe", {"--format", "sentencepiece", "--initial-alphabet", "a"}},
      {"word", {"--format", "sentencepiece", "--byte-fallback"}},
      {"char", {"--format", "sentencepiece", "--max-token-length", "9"}}};
  for (const auto& [model, flags] : refused) {
    std::vector<std::string> arguments = {"train",  "--model", model,   "--vocab-size",   "300",
                                          "--data", data,      "--out", files.path("out")};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    const auto& flag = flags[0] == "--format" ? flags[2] : flags[0];
    check_error(tokenizer(arguments), 2, flag + ": says nothing to --model " + model);
  }
  check_error(tokenizer({"train", "--model", "unigram", "--vocab-size", "40", "--data", data, "--out", "o", "--format",
                         "sentencepiece", "--normalization", "nfd"}),
              2, "nmt_nfkc");
  check_error(tokenizer({"train", "--model", "unigram", "--vocab-size", "40", "--data", data, "--out", "o", "--format",
                         "sentencepiece", "--normalization", "nfkc", "--lowercase"}),
              2, "--lowercase: not with --normalization");
}

TEST_CASE("--format sentencepiece writes a file of libsentencepiece's trainer") {
  Files files;
  const auto data = files("text.txt", text_of(300));
  for (const std::string model : {"unigram", "bpe", "word", "char"}) {
    INFO(model);
    const auto out = files.path(model);
    const std::string size = model == "bpe" ? "60" : model == "word" ? "20" : model == "char" ? "35" : "40";
    const auto result = tokenizer({"train", "--format", "sentencepiece", "--model", model, "--vocab-size", size,
                                   "--data", data, "--out", out, "--json"});
    INFO(result.err);
    REQUIRE(result.code == 0);
    CHECK(result.object()["bytes"] == fs::file_size(data));
    const auto file = out + "/spiece.model";
    const auto ids = output({"encode", "--tokenizer", file, "--text", "Anna has 7 towers"});
    CHECK(Json::parse(output({"decode", "--tokenizer", file}, ids)).contains("text"));
    CHECK(tokenizer({"info", "--tokenizer", file, "--json"}).object()["model"]["type"] == "SentencePiece");
  }
  const auto train = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(),
                     {"train", "--format", "sentencepiece", "--data", data, "--out", files.path("o")});
    return tokenizer(arguments);
  };
  const auto trained = [&](std::vector<std::string> arguments) {
    const auto result = train(std::move(arguments));
    INFO(result.err);
    REQUIRE(result.code == 0);
    return result.err;
  };
  const auto file = files.path("o") + "/spiece.model";
  CHECK(trained({"--model", "unigram", "--vocab-size", "295", "--byte-fallback", "--user-defined-symbols", "towers",
                 "--max-token-length", "4", "--character-coverage", "0.99", "--normalization", "identity"})
            .empty());
  CHECK_THAT(output({"encode", "--tokenizer", file, "--tokens", "--text", "Ⅷ towers has"}),
             Catch::StartsWith("▁ <0xE2> <0x85> <0xA7> ▁ towers ▁"));
  CHECK_THAT(trained({"--model", "unigram", "--vocab-size", "36", "--max-sentence-length", "28"}),
             Catch::Contains("left out: ") && Catch::Contains("longer than 28 bytes"));
  check_error(train({"--model", "unigram", "--vocab-size", "40", "--max-sentence-length", "10"}), 1, "too long");
  check_error(train({"--model", "wordpiece", "--vocab-size", "60"}), 2, "--format");
  check_error(train({"--model", "unigram", "--vocab-size", "60", "--min-frequency", "2"}), 2, "--min-frequency");
  check_error(train({"--model", "char"}), 2, "--vocab-size");
  check_error(train({"--model", "unigram", "--vocab-size", "50000"}), 2, "--vocab-size 50000, expected at most ");
  check_error(train({"--model", "bpe", "--vocab-size", "9"}), 2, "--vocab-size 9, expected at least ");
}

TEST_CASE("train's errors") {
  Files files;
  const auto data = files("text.txt", text_of(20));
  const auto out = files.path("out");
  const auto train = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "train");
    return tokenizer(arguments);
  };
  check_error(train({"--vocab-size", "300", "--data", data, "--out", out}), 2, "--model");
  check_error(train({"--model", "lstm", "--vocab-size", "300", "--data", data, "--out", out}), 2, "bytebpe");
  check_error(train({"--model", "bytebpe", "--data", data, "--out", out}), 2, "--vocab-size");
  check_error(train({"--model", "bytebpe", "--vocab-size", "-3", "--data", data, "--out", out}), 2, "--vocab-size");
  check_error(train({"--model", "bytebpe", "--vocab-size", "9", "--data", data, "--out", out}), 2, "256");
  check_error(train({"--model", "char", "--vocab-size", "9", "--data", data, "--out", out}), 2, "--vocab-size");
  for (const std::string model : {"bpe", "wordpiece", "unigram"}) {
    INFO(model);
    check_error(train({"--model", model, "--vocab-size", "12", "--data", data, "--out", out}), 2,
                "--vocab-size 12, expected at least ");
  }
  check_error(train({"--model", "bpe", "--vocab-size", "12", "--data", data, "--out", out}), 2, "--limit-alphabet");
  check_error(train({"--model", "bytebpe", "--vocab-size", "300", "--out", out}), 2, "--data");
  check_error(train({"--model", "bytebpe", "--vocab-size", "300", "--data", data}), 2, "--out");
  check_error(train({"--model", "bytebpe", "--vocab-size", "300", "--data", data, "--out", ""}), 2, "--out");
  check_error(train({"--model", "bytebpe", "--vocab-size", "300", "--data", data, "--out", data}), 2, "--out");
  check_error(train({"--model", "bytebpe", "--vocab-size", "300", "--data", files.path("none"), "--out", out}), 1,
              "none");
  check_error(train({"--model", "bytebpe", "--vocab-size", "300", "--data", files("e", ""), "--out", out}), 1, "empty");
  check_error(train({"--model", "char", "--data", files("latin1", "caf\xe9"), "--out", out}), 1, "UTF-8");
  check_error(train({"--model", "char", "--data", data, "--out", out, "--lowercase"}), 2, "--lowercase");
  check_error(train({"--model", "char", "--data", data, "--out", out, "--min-frequency", "2"}), 2, "--min-frequency");
  check_error(
      train({"--model", "bytebpe", "--vocab-size", "300", "--data", data, "--out", out, "--special-tokens", ""}), 2,
      "--special-tokens");
  CHECK(!fs::exists(out));
}
