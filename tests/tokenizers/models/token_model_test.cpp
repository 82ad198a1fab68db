#include "tests/support/plain_test.h"

#include <nlohmann/json.hpp>

#include "tokenizers/json_field.h"
#include "tokenizers/models/token_model.h"

namespace langzoo::test::token_model_test {
namespace {

using nlohmann::json;

std::shared_ptr<const TokenizerModel> read_model(const json& model) {
  return read_token_model(JsonField(model, "model", "tokenizer.json"));
}

std::string error_of(const char* text) {
  try {
    read_model(json::parse(text));
  } catch (const FileError& error) {
    return error.what();
  }
  return "";
}

/// id, begin and end of every token in a row; null where the model cannot tokenize the word.
json tokens_of(const TokenizerModel& model, const std::string& word) {
  std::vector<ModelToken> tokens = {{7, 7, 7}};  // what is there already stays
  try {
    model.tokenize(word, tokens);
  } catch (const std::runtime_error&) {
    CHECK(tokens.size() >= 1);
    return nullptr;
  }
  CHECK((tokens.at(0) == ModelToken{7, 7, 7}));
  json row = json::array();
  for (std::size_t i = 1; i < tokens.size(); ++i) {
    for (const auto number : {static_cast<std::uint32_t>(tokens[i].id), tokens[i].begin, tokens[i].end}) {
      row.push_back(number);
    }
  }
  return row;
}

}  // namespace

TEST_CASE("models give the reference's tokens") {
  const json goldens = json::parse(read_file(fixture("tokenizers/token_models.json")));
  const json& words = goldens["words"];
  for (const json& golden : goldens["models"]) {
    CAPTURE(golden["name"].get<std::string>());
    const auto model = read_model(golden["model"]);
    REQUIRE(golden["tokens"].size() == words.size());
    for (std::size_t i = 0; i < words.size(); ++i) {
      const auto word = words[i].get<std::string>();
      CAPTURE(word);
      CHECK(tokens_of(*model, word) == golden["tokens"][i]);
    }
  }
}

TEST_CASE("a written model is the reference's, and read again the same") {
  const json goldens = json::parse(read_file(fixture("tokenizers/token_models.json")));
  for (const json& golden : goldens["models"]) {
    CAPTURE(golden["name"].get<std::string>());
    json expected = golden["model"];
    const std::string written = read_model(expected)->to_json();
    CHECK(json::parse(written) == expected);
    // Keys in the reference's order.
    std::size_t last = 0;
    const auto in_order = nlohmann::ordered_json::parse(written);
    for (const auto& [key, ignored] : in_order.items()) {
      const std::size_t at = written.find("\n    \"" + key + "\"");
      CHECK(at != std::string::npos);
      CHECK(at >= last);
      last = at;
    }
    CHECK(read_model(json::parse(written))->to_json() == written);
  }
}

TEST_CASE("tokens and ids of every model") {
  const json goldens = json::parse(read_file(fixture("tokenizers/token_models.json")));
  for (const json& golden : goldens["models"]) {
    CAPTURE(golden["name"].get<std::string>());
    const auto model = read_model(golden["model"]);
    for (TokenId id = 0; id < static_cast<TokenId>(model->vocab_size()); ++id) {
      const auto token = model->id_to_token(id);
      REQUIRE(token.has_value());
      const auto again = model->token_to_id(*token);
      REQUIRE(again.has_value());
      CHECK(model->id_to_token(*again) == token);  // of a repeated Unigram piece the last id counts
      CHECK(*again >= id);
    }
    CHECK_FALSE(model->id_to_token(-1).has_value());
    CHECK_FALSE(model->id_to_token(static_cast<TokenId>(model->vocab_size())).has_value());
    CHECK_FALSE(model->token_to_id("not a token").has_value());
  }
}

TEST_CASE("a model without a type is told by its fields") {
  const auto type_of = [](const char* text) -> std::string {
    return json::parse(read_model(json::parse(text))->to_json())["type"];
  };
  CHECK(type_of(R"({"vocab": {"a": 0}, "unk_token": "a"})") == "WordLevel");
  CHECK(type_of(R"({"vocab": {"a": 0}, "unk_token": "a", "continuing_subword_prefix": "##",
                    "max_input_chars_per_word": 3})") == "WordPiece");
  CHECK(type_of(R"({"vocab": {"a": 0, "aa": 1}, "merges": ["a a"]})") == "BPE");
  CHECK(type_of(R"({"vocab": [["a", -1]]})") == "Unigram");
}

TEST_CASE("what is wrong with a model is named") {
  CHECK(error_of("[]") == "tokenizer.json: model: is [], expected an object");
  CHECK(error_of(R"({"type": "Bigram"})") == "tokenizer.json: model.type: Bigram is not supported");
  CHECK(error_of(R"({"type": "WordLevel", "vocab": {}})") == "tokenizer.json: model.unk_token: is missing");
  CHECK(error_of(R"({"type": "WordLevel", "vocab": {}, "unk_token": "", "pad": 1})") ==
        "tokenizer.json: model: the key 'pad' is not supported");
  CHECK(error_of(R"({"type": "WordLevel", "vocab": {"a": 0, "b": 0}, "unk_token": ""})") ==
        "tokenizer.json: model.vocab: 'a' and 'b' both have the id 0");
  CHECK(error_of(R"({"type": "WordPiece", "vocab": {}, "unk_token": "", "continuing_subword_prefix": "",
                     "max_input_chars_per_word": -1})") ==
        "tokenizer.json: model.max_input_chars_per_word: is -1, expected an integer from 0 to 18446744073709551615");
  const auto bpe = [](const std::string& fields) {
    return error_of((R"({"type": "BPE", "vocab": {"a": 0, "##a": 1, "aa": 2}, )" + fields + "}").c_str());
  };
  CHECK(bpe(R"("dropout": 0.0)") == "tokenizer.json: model.merges: is missing");
  CHECK(bpe(R"("dropout": 0.1)") ==
        "tokenizer.json: model.dropout: 0.1 is not supported, every encoding would be another one: set it to null and "
        "ask for random segmentations where they are wanted");
  CHECK(bpe(R"("merges": ["#version: 0.2", "a"])") ==
        "tokenizer.json: model.merges[1]: 'a' is not two tokens with one space between them");
  CHECK(bpe(R"("merges": ["a a"])") == "");
  CHECK(bpe(R"("merges": [["a", "##a"]], "continuing_subword_prefix": "##")") == "");
  CHECK(bpe(R"("merges": ["a a "])") ==
        "tokenizer.json: model.merges[0]: 'a a ' is not two tokens with one space between them");
  CHECK(bpe(R"("merges": ["a a", ["a", "b"]])") == "tokenizer.json: model.merges[1]: 'b' is not in the vocabulary");
  CHECK(bpe(R"("merges": [["a", "a"]], "continuing_subword_prefix": "##")") ==
        "tokenizer.json: model.merges[0]: 'a' is shorter than the prefix '##'");
  CHECK(bpe(R"("merges": [["a"]])") == "tokenizer.json: model.merges[0]: is not a pair");
  CHECK(bpe(R"("merges": [], "end_of_word_suffix": ")" + std::string(65, '/') + R"(")") ==
        "tokenizer.json: model: end_of_word_suffix has 65 bytes, more than 64");
  const auto unigram = [](const std::string& fields) { return error_of((R"({"type": "Unigram", )" + fields).c_str()); };
  CHECK(unigram(R"("vocab": [["a", -1], ["b", true]]})") ==
        "tokenizer.json: model.vocab[1][1]: is true, expected a number");
  CHECK(unigram(R"("vocab": [["a"]]})") == "tokenizer.json: model.vocab[0]: is not a pair of a piece and its score");
  CHECK(unigram(R"("vocab": [["a", -1]], "unk_id": 1})") ==
        "tokenizer.json: model: unk_id is 1, which none of the 1 pieces has");
  CHECK(unigram(R"("vocab": [], "unk_id": 0})") ==
        "tokenizer.json: model: unk_id is 0, which none of the 0 pieces has");
  CHECK(unigram(R"("vocab": [], "unk_id": -1})") == "tokenizer.json: model.unk_id: -1 is not an id from 0 to 2097151");
}

}  // namespace langzoo::test::token_model_test
