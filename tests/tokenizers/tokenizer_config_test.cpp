#include "tests/support/plain_test.h"

#include "data/files/file_error.h"
#include "tests/tokenizers/tokenizer_goldens.h"

namespace langzoo::test {

namespace {

using Files = std::map<std::string, std::string>;

std::string words(const std::string& added_tokens = "[]") {
  return R"({"added_tokens": )" + added_tokens +
         R"(, "pre_tokenizer": {"type": "Whitespace"}, "model": {"type": "WordLevel", "vocab": {"[UNK]": 0, "a": 1},
         "unk_token": "[UNK]"}})";
}

std::unique_ptr<Tokenizer> load(const TempDir& dir, const Files& files) {
  for (const auto& [name, content] : files) write_file(dir / name, content);
  return load_tokenizer(dir.path());
}

/// What loading a directory of a tokenizer.json and `files` says, without the directory's name.
std::string error_of(Files files) {
  files.emplace("tokenizer.json", words());
  const TempDir dir;
  try {
    load(dir, files);
  } catch (const FileError& error) {
    return std::string(error.what()).substr(dir.path().string().size() + 1);
  }
  return "no error";
}

}  // namespace

TEST_CASE("tokenizer_config: a directory of tokenizer.json is what transformers makes of it") {
  const auto entries = golden("configurations.json");
  REQUIRE(entries.size() > 40);
  for (const auto& entry : entries) {
    CAPTURE(entry["name"].get<std::string>());
    const TempDir dir, saved;
    const auto tokenizer = load(dir, entry["files"].get<Files>());
    CHECK(tokenizer->vocab_size() == entry["size"].get<std::size_t>());
    tokenizer->save(saved.path());
    const auto again = load_tokenizer(saved.path());
    for (const auto& c : entry["cases"]) {
      check_case(*tokenizer, c);
      check_case(*again, c);
    }
    if (entry["special_tokens"].is_null()) continue;
    const SpecialTokens& special = tokenizer->special_tokens();
    const std::pair<const char*, std::optional<TokenId>> roles[] = {
        {"bos", special.bos}, {"eos", special.eos}, {"unk", special.unk},  {"sep", special.sep},
        {"pad", special.pad}, {"cls", special.cls}, {"mask", special.mask}};
    for (const auto& [role, id] : roles) {
      CAPTURE(role);
      const auto& expected = entry["special_tokens"];
      CHECK(id == (expected.contains(role) ? std::optional(expected[role].get<TokenId>()) : std::nullopt));
    }
  }
}

TEST_CASE("tokenizer_config: a vocabulary's files are read with the tokens beside it, a single file without") {
  const TempDir dir;
  const auto tokenizer = load(dir, {{"vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\ncats\n"},
                                    {"tokenizer_config.json", R"({"tokenizer_class": "BertTokenizer"})"},
                                    {"special_tokens_map.json", R"({"additional_special_tokens": ["<x>"]})"},
                                    {"added_tokens.json", R"({"</e1>": 7, "<e1>": 6})"}});
  CHECK(tokenizer->encode("<e1>cats</e1><x>").ids == std::vector<TokenId>{2, 6, 5, 7, 8, 3});
  CHECK(tokenizer->decode(std::vector<TokenId>{6, 5, 8}, true) == "<e1> cats");
  CHECK(load_tokenizer(dir / "vocab.txt")->vocab_size() == 6);
}

TEST_CASE("tokenizer_config: bytes without a token are left out of a vocabulary's files as of tokenizer.json") {
  for (const auto& entry : golden("configurations.json")) {
    if (entry["name"] != "bytes_missing") continue;
    const auto file = nlohmann::json::parse(entry["files"]["tokenizer.json"].get<std::string>());
    std::string merges;
    for (const auto& pair : file["model"]["merges"]) {
      merges += pair[0].get<std::string>() + " " + pair[1].get<std::string>() + "\n";
    }
    const TempDir dir;
    const auto tokenizer = load(
        dir, {{"vocab.json", file["model"]["vocab"].dump()},
              {"merges.txt", merges},
              {"tokenizer_config.json",
               R"({"tokenizer_class": "GPT2Tokenizer", "unk_token": null, "bos_token": null, "eos_token": null})"}});
    for (const auto& c : entry["cases"]) check_case(*tokenizer, c);
  }
}

TEST_CASE("tokenizer_config: numbers that JSON does not have, which Python writes") {
  const TempDir dir;
  const auto tokenizer = load(
      dir, {{"tokenizer.json", words()},
            {"tokenizer_config.json", R"({"model_max_length": Infinity, "x": [NaN, -Infinity], "pad_token": "NaN"})"}});
  CHECK(tokenizer->id_to_token(*tokenizer->special_tokens().pad) == "NaN");
  CHECK(error_of({{"tokenizer_config.json", R"({"pad_token": Infinity})"}}) ==
        "tokenizer_config.json: pad_token: is 1.7976931348623157e+308, expected a string");
  CHECK(
      error_of({{"tokenizer_config.json", R"({"pad_token": In})"}}).starts_with("tokenizer_config.json: is not valid"));
  CHECK(error_of({{"tokenizer.json", words(R"([{"id": Infinity, "content": "b"}])")}})
            .starts_with("tokenizer.json: is not valid JSON: "));
}

TEST_CASE("tokenizer_config: what is malformed or not done is named") {
  const auto config = [](const std::string& text) { return error_of({{"tokenizer_config.json", text}}); };
  CHECK(config(R"({"split_special_tokens": true})") ==
        "tokenizer_config.json: split_special_tokens: true is not supported here; where a text is encoded it is "
        "(split_special_tokens)");
  CHECK(config(R"({"split_special_tokens": false, "extra_special_tokens": null, "pad_token": ""})") == "no error");
  CHECK(config(R"({"extra_special_tokens": "<e>"})") ==
        "tokenizer_config.json: extra_special_tokens: is \"<e>\", expected an array");
  CHECK(config(R"({"extra_special_tokens": [3]})") ==
        "tokenizer_config.json: extra_special_tokens[0]: is 3, expected a string");
  CHECK(config(R"({"extra_special_tokens": {"image_token": 3}})") ==
        "tokenizer_config.json: extra_special_tokens.image_token: is 3, expected a string");
  CHECK(config(R"({"image_token": "<i>", "boi_token": "<b>"})") ==
        "tokenizer_config.json: boi_token and image_token are tokens that the vocabulary lacks, and their order would "
        "decide on their ids, which is not supported; list them in added_tokens_decoder");
  CHECK(config(R"({"image_token": "<i>", "boi_token": "a"})") == "no error");
  CHECK(config(R"({"added_tokens_decoder": {"x": {"content": "<e>"}}})") ==
        "tokenizer_config.json: added_tokens_decoder.x: 'x' is not an id");
  CHECK(config(R"({"added_tokens_decoder": {"7": "<e>"}})") ==
        "tokenizer_config.json: added_tokens_decoder.7: is \"<e>\", expected an object");
  CHECK(config(R"({"added_tokens_decoder": {"7": {"content": "<e>", "colour": 1}}})") ==
        "tokenizer_config.json: added_tokens_decoder.7: the key 'colour' is not supported");
  CHECK(error_of({{"added_tokens.json", R"({"<e>": -1})"}}) ==
        "added_tokens.json: <e>: -1 is not an id from 0 to 2097151");
  CHECK(error_of({{"added_tokens.json", "[]"}}) == "added_tokens.json: is [], expected an object");
  CHECK(error_of({{"special_tokens_map.json", R"({"pad_token": {"lstrip": true}})"}}) ==
        "special_tokens_map.json: pad_token.content: is missing");
  CHECK(error_of({{"special_tokens_map.json", "{"}}).starts_with("special_tokens_map.json: is not valid JSON: "));
}

}  // namespace langzoo::test
