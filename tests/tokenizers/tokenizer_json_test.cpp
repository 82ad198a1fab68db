#include "tests/support/plain_test.h"

#include <functional>

#include <fmt/format.h>

#include "data/files/files.h"
#include "tests/tokenizers/tokenizer_goldens.h"
#include "tokenizers/post_processors/post_processor.h"
#include "tokenizers/tokenizer_json.h"

namespace langzoo::test {
namespace {

using nlohmann::json;

/// What loading a changed copy of a fixture says.
std::string error_of(const std::string& name, const std::function<void(json&)>& change,
                     const std::string& config = {}) {
  json file = golden(name);
  change(file);
  try {
    parse_tokenizer_json(file.dump(), config, "dir/tokenizer.json");
  } catch (const FileError& error) {
    return error.what();
  }
  return "no error";
}

std::string error_of_text(const std::string& text, const std::string& config = {}) {
  try {
    parse_tokenizer_json(text, config, "dir/tokenizer.json");
  } catch (const FileError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("tokenizer.json: saved and loaded it is the same model") {
  for (const char* name : {"byte_level.json", "prefix_space.json", "added_tokens.json"}) {
    const auto original = load_tokenizer(fixture(std::string("tokenizers/") + name));
    const TempDir dir;
    original->save(dir / "new");
    const auto loaded = load_tokenizer(dir / "new");
    const auto& a = dynamic_cast<const ByteLevelBpe&>(*original).model();
    const auto& b = dynamic_cast<const ByteLevelBpe&>(*loaded).model();
    CHECK(a.tokens == b.tokens);
    CHECK((a.merges == b.merges));
    CHECK(a.add_prefix_space == b.add_prefix_space);
    CHECK(original->rules().post_processor->to_json() == loaded->rules().post_processor->to_json());
    CHECK((a.special_tokens == b.special_tokens));
    REQUIRE(a.added_tokens.size() == b.added_tokens.size());
    for (std::size_t i = 0; i < a.added_tokens.size(); ++i) {
      CHECK(a.added_tokens[i].content == b.added_tokens[i].content);
      CHECK(a.added_tokens[i].id == b.added_tokens[i].id);
      CHECK(a.added_tokens[i].special == b.added_tokens[i].special);
      CHECK(a.added_tokens[i].normalized == b.added_tokens[i].normalized);
    }
  }
}

TEST_CASE("tokenizer.json: no token gets the id that another has beyond a hole in the vocabulary") {
  json file = {
      {"version", "1.0"},
      {"added_tokens", json::array()},
      {"normalizer", nullptr},
      {"pre_tokenizer", {{"type", "Whitespace"}}},
      {"post_processor", nullptr},
      {"decoder", nullptr},
      {"model", {{"type", "WordLevel"}, {"unk_token", "[UNK]"}, {"vocab", {{"[UNK]", 0}, {"a", 1}, {"b", 4}}}}}};
  for (const char* content : {"<new>", "b"}) file["added_tokens"].push_back({{"id", 9}, {"content", content}});
  const auto opened = parse_tokenizer_json(file.dump(), R"({"pad_token": "[PAD]"})", "dir/tokenizer.json");
  CHECK(opened->special_tokens().pad == 5);
  const TempDir dir;
  opened->save(dir / "new");
  const auto reopened = load_tokenizer(dir / "new");
  for (const auto& tokenizer : {opened.get(), reopened.get()}) {
    CHECK(tokenizer->encode("a<new>b[PAD]").ids == std::vector<TokenId>{1, 3, 4, 5});
  }
  file["added_tokens"].insert(file["added_tokens"].begin(), json{{"id", 9}, {"content", "<next>"}});
  CHECK(parse_tokenizer_json(file.dump(), {}, "dir/tokenizer.json")->encode("<next><new>b").ids ==
        std::vector<TokenId>{3, 5, 4});
}

TEST_CASE("tokenizer.json: vocab.json with merges.txt is the same tokenizer") {
  const json file = golden("byte_level.json");
  const TempDir dir;
  write_file(dir / "vocab.json", file["model"]["vocab"].dump());
  std::string merges = "#version: 0.2\n";
  for (const json& merge : file["model"]["merges"])
    merges += merge[0].get<std::string>() + " " + merge[1].get<std::string>() + "\r\n";
  write_file(dir / "merges.txt", merges);
  const auto tokenizer = load_tokenizer(dir.path());
  check_cases(*tokenizer, "byte_level.cases.json");
  CHECK((tokenizer->special_tokens() == SpecialTokens{.bos = 0, .eos = 0, .unk = 0}));

  write_file(dir / "merges.txt", "#version: 0.2\n\u0120 t\nt h e\n");
  CHECK_THROWS_WITH(load_tokenizer(dir.path()),
                    (dir / "merges.txt").string() + ": line 3: 't h e' is not two tokens with one space between them");
  write_file(dir / "merges.txt", "t \u4e00\n");
  CHECK_THROWS_WITH(load_tokenizer(dir.path()),
                    (dir / "merges.txt").string() + ": line 1: '\u4e00' is not in the vocabulary");
}

TEST_CASE("tokenizer.json: tokenizer_config.json names the special tokens") {
  const std::string text = read_file(fixture("tokenizers/byte_level.json"));
  const auto roles = [&](const std::string& config) {
    return parse_tokenizer_json(text, config, "dir/tokenizer.json")->special_tokens();
  };
  CHECK((roles("") == SpecialTokens{.bos = 0, .eos = 0, .unk = 0}));
  CHECK((roles(R"({"tokenizer_class": "GPT2Tokenizer", "bos_token": null, "pad_token": "!"})") ==
         SpecialTokens{.eos = 0, .unk = 0, .pad = 1}));
  CHECK((roles(R"({"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": {"content": "<|endoftext|>"}})") ==
         SpecialTokens{.eos = 0}));
  // A special token that the vocabulary lacks gets an id of its own, as transformers does it.
  const auto size = static_cast<TokenId>(parse_tokenizer_json(text, {}, "dir/tokenizer.json")->vocab_size());
  const auto padded = parse_tokenizer_json(text, R"({"pad_token": "[PAD]"})", "dir/tokenizer.json");
  CHECK(padded->special_tokens().pad == size);
  CHECK(padded->vocab_size() == static_cast<std::size_t>(size) + 1);
  CHECK(padded->encode("a[PAD]").ids.back() == size);
  CHECK(error_of_text(text, R"({"bos_token": 3})") == "dir/tokenizer_config.json: bos_token: is 3, expected a string");
  CHECK(error_of_text(text, "[]") == "dir/tokenizer_config.json: is [], expected an object");
  CHECK(error_of_text(text, "{").starts_with("dir/tokenizer_config.json: is not valid JSON: "));
}

TEST_CASE("tokenizer.json: as many added tokens as there may be load in time that does not grow with their square") {
  constexpr std::size_t kCount = 200'000;
  json file = golden("byte_level.json");
  json decoder = json::object();
  for (std::size_t i = 0; i < kCount; ++i) {
    const std::string content = fmt::format("<{}>", i);
    file["added_tokens"].push_back({{"id", 1000 + i}, {"content", content}, {"special", true}});
    decoder[fmt::format("{}", 1000 + i)] = {{"content", content}, {"special", true}};
  }
  const auto listed = parse_tokenizer_json(file.dump(), {}, "dir/tokenizer.json");
  const auto configured =
      parse_tokenizer_json(golden("byte_level.json").dump(), json{{"added_tokens_decoder", decoder}}.dump(), "t.json");
  CHECK(listed->vocab_size() == configured->vocab_size());
  CHECK(listed->encode("<7><199999>").ids == configured->encode("<7><199999>").ids);
  CHECK(listed->encode("<199999>").ids == std::vector{static_cast<TokenId>(listed->vocab_size() - 1)});
}

TEST_CASE("tokenizer.json: truncation and padding are read, kept and written") {
  json file = golden("byte_level.json");
  file["truncation"] = {{"direction", "Left"}, {"max_length", 5}, {"strategy", "OnlyFirst"}, {"stride", 2}};
  file["padding"] = {
      {"strategy", {{"Fixed", 7}}}, {"direction", "Left"}, {"pad_to_multiple_of", nullptr}, {"pad_id", 1},
      {"pad_type_id", 2},           {"pad_token", "!"}};
  const auto tokenizer = parse_tokenizer_json(file.dump(), {}, "dir/tokenizer.json");
  CHECK(tokenizer->rules().truncation ==
        Truncation{.max_length = 5, .strategy = Truncation::Strategy::OnlyFirst, .stride = 2, .side = Side::Left});
  CHECK(tokenizer->rules().padding ==
        Padding{.length = 7, .side = Side::Left, .pad_id = 1, .pad_type_id = 2, .pad_token = "!"});
  const Encoding encoding = tokenizer->encode("one two three four five six seven eight");
  CHECK(encoding.size() == 7);
  CHECK(encoding.attention_mask == std::vector<std::uint8_t>{0, 0, 1, 1, 1, 1, 1});
  const TempDir dir;
  tokenizer->save(dir.path());
  const auto loaded = load_tokenizer(dir.path());
  CHECK(loaded->rules().truncation == tokenizer->rules().truncation);
  CHECK(loaded->rules().padding == tokenizer->rules().padding);
}

TEST_CASE("tokenizer.json: what is not known is named, never ignored") {
  const auto bpe = [](const std::function<void(json&)>& change) { return error_of("byte_level.json", change); };
  CHECK(bpe([](json&) {}) == "no error");
  CHECK(bpe([](json& j) { j["surprise"] = 1; }) == "dir/tokenizer.json: the key 'surprise' is not supported");
  CHECK(bpe([](json& j) { j["version"] = "2.0"; }) ==
        "dir/tokenizer.json: version: 2.0 is not supported, expected 1.0");
  for (const char* stage : {"normalizer", "pre_tokenizer", "post_processor", "decoder", "model"}) {
    const std::string error = bpe([&](json& j) { j[stage] = {{"type", "Surprise"}}; });
    CAPTURE(error);
    CHECK(error.starts_with(std::string("dir/tokenizer.json: ") + stage));
    CHECK(error.find("Surprise") != std::string::npos);
  }
  CHECK(bpe([](json& j) { j["model"]["surprise"] = 1; }) ==
        "dir/tokenizer.json: model: the key 'surprise' is not supported");
  CHECK(bpe([](json& j) {
          j["truncation"] = {{"max_length", 5}, {"strategy", "Sometimes"}, {"stride", 0}};
        }) ==
        "dir/tokenizer.json: truncation.strategy: 'Sometimes' is not supported, expected LongestFirst, OnlyFirst or "
        "OnlySecond");
  CHECK(bpe([](json& j) {
          j["truncation"] = {{"max_length", -5}, {"strategy", "LongestFirst"}, {"stride", 0}};
        }) == "dir/tokenizer.json: truncation.max_length: is -5, expected an integer from 0 to 1099511627776");
  CHECK(bpe([](json& j) {
          j["padding"] = {{"strategy", "Never"}};
        }) ==
        "dir/tokenizer.json: padding.strategy: 'Never' is not supported, expected BatchLongest or {\"Fixed\": N}");
  CHECK(bpe([](json& j) {
          j["padding"] = {{"strategy", {{"Fixed", 1e18}}}};
        }).starts_with("dir/tokenizer.json: padding.strategy.Fixed: is 1e+18, expected an integer"));
}

TEST_CASE("tokenizer.json: malformed files are clear errors") {
  const auto bpe = [](const std::function<void(json&)>& change) { return error_of("byte_level.json", change); };
  CHECK(bpe([](json& j) { j["model"].erase("vocab"); }) == "dir/tokenizer.json: model.vocab: is missing");
  CHECK(bpe([](json& j) { j["model"]["vocab"] = 3; }) == "dir/tokenizer.json: model.vocab: is 3, expected an object");
  CHECK(bpe([](json& j) { j["model"]["vocab"]["a"] = 9999999999; }) ==
        "dir/tokenizer.json: model.vocab: 'a': 9999999999 is not an id from 0 to 2097151");
  CHECK(bpe([](json& j) { j["model"]["vocab"]["a"] = -1; }) ==
        "dir/tokenizer.json: model.vocab: 'a': -1 is not an id from 0 to 2097151");
  CHECK(bpe([](json& j) { j["model"]["vocab"]["a"] = "1"; }) ==
        "dir/tokenizer.json: model.vocab: 'a': \"1\" is not an id from 0 to 2097151");
  CHECK(bpe([](json& j) { j["model"]["vocab"]["b"] = j["model"]["vocab"]["a"]; }) ==
        "dir/tokenizer.json: model.vocab: 'a' and 'b' both have the id 65");
  CHECK(bpe([](json& j) {
          j["model"]["merges"][2] = {"a", "\u4e00"};
        }) == "dir/tokenizer.json: model.merges[2]: '\u4e00' is not in the vocabulary");
  CHECK(bpe([](json& j) { j["model"]["merges"][2] = {"a"}; }) == "dir/tokenizer.json: model.merges[2]: is not a pair");
  CHECK(bpe([](json& j) { j["model"]["merges"][2] = "ab"; }) ==
        "dir/tokenizer.json: model.merges[2]: 'ab' is not two tokens with one space between them");
  CHECK(bpe([](json& j) { j["model"]["unk_token"] = "[UNK]"; }) ==
        "dir/tokenizer.json: model.unk_token: is not in the vocabulary");
  CHECK(error_of_text(R"({"added_tokens": [{"id": 3, "content": "c"}], "model": {"type": "WordLevel", "unk_token": "",
                          "vocab": {"a": 0, "b": 2}}})") ==
        "dir/tokenizer.json: the added token 'c' has the id 2 of the token 'b'");
  CHECK(error_of_text(std::string(100000, '[')) == "dir/tokenizer.json: is nested more than 32 deep");
  CHECK(error_of_text("").starts_with("dir/tokenizer.json: is not valid JSON: "));
  CHECK(is_valid_utf8(error_of_text("{\"version\xFF\": \xFE")));
  CHECK(error_of_text("null") == "dir/tokenizer.json: is null, expected an object");
}

}  // namespace langzoo::test
