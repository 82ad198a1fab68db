#include "tests/support/plain_test.h"

#include <nlohmann/json.hpp>

#include "tokenizers/trainers/sentencepiece_trainer.h"

using namespace langzoo;
using nlohmann::json;

namespace {

using ModelType = SentencePieceTrainerOptions::ModelType;

json golden() {
  return json::parse(test::read_file(test::fixture("tokenizers/sentencepiece/trained.json")));
}

/// The texts one after the other, `per_text` lines in each.
SentencePieceTextSource source(const std::vector<std::string>& lines, std::size_t per_text) {
  return [lines, per_text, i = std::size_t{0}](std::string& text) mutable {
    if (i == lines.size()) return false;
    text.clear();
    for (std::size_t n = 0; n < per_text && i < lines.size(); ++n) text += lines[i++] + "\n";
    return true;
  };
}

}  // namespace

TEST_CASE("training gives the pieces and scores of Python's sentencepiece") {
  const json expected = golden();
  const auto lines = expected["lines"].get<std::vector<std::string>>();
  const std::vector<std::pair<const char*, ModelType>> types = {
      {"unigram", ModelType::Unigram}, {"bpe", ModelType::Bpe}, {"word", ModelType::Word}, {"char", ModelType::Char}};
  for (const auto& [name, type] : types) {
    CAPTURE(name);
    const json& pieces = expected["pieces"][name];
    const auto tokenizer = train_sentencepiece(source(lines, 7), {.model_type = type, .vocab_size = pieces.size()});
    REQUIRE(tokenizer->vocab_size() == pieces.size());
    std::size_t in_place = 0, known = 0;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      const auto piece = pieces[i][0].get<std::string>();
      in_place += tokenizer->id_to_token(static_cast<TokenId>(i)) == piece ? 1 : 0;
      known += tokenizer->token_to_id(piece) ? 1 : 0;
    }
    // The golden is 0.2.3's, whose unigram trainer gives a few other pieces than 0.2.1's.
    CHECK(known >= pieces.size() * 95 / 100);
    if (type != ModelType::Unigram) CHECK(in_place == pieces.size());
    CHECK(train_sentencepiece(source(lines, 100), {.model_type = type, .vocab_size = pieces.size()})->model() ==
          tokenizer->model());
  }
}

TEST_CASE("options reach the model") {
  const auto lines = golden()["lines"].get<std::vector<std::string>>();
  std::uint64_t reported = 0;
  const auto tokenizer = train_sentencepiece(source(lines, 1), {.model_type = ModelType::Bpe,
                                                                .vocab_size = 400,
                                                                .byte_fallback = true,
                                                                .normalization_rule_name = "nmt_nfkc_cf",
                                                                .unk_id = 2,
                                                                .bos_id = std::nullopt,
                                                                .eos_id = 1,
                                                                .pad_id = 0,
                                                                .control_symbols = {"<a,b>"},
                                                                .user_defined_symbols = {"the lamp"},
                                                                .progress = [&](std::uint64_t n) { reported = n; }});
  CHECK((tokenizer->special_tokens() == SpecialTokens{.eos = 1, .unk = 2, .pad = 0}));
  CHECK(reported == lines.size());
  CHECK(tokenizer->token_to_id("<a,b>") == 3);
  CHECK(tokenizer->token_to_id("<0xFF>"));
  std::vector<TokenId> ids;
  tokenizer->encode("THE \xF0\x9F\x91\x8D", ids);
  CHECK(tokenizer->decode(ids) == "the \xF0\x9F\x91\x8D");
}

TEST_CASE("lines that are left out are counted") {
  auto lines = golden()["lines"].get<std::vector<std::string>>();
  const SentencePieceTrainerOptions options{.model_type = ModelType::Bpe, .vocab_size = 150};
  const std::string model = train_sentencepiece(source(lines, 1), options)->model();
  std::uint64_t left_out = 0, bytes_left_out = 0;
  SentencePieceTrainerOptions counting = options;
  counting.left_out = [&](std::uint64_t count, std::uint64_t bytes) { left_out = count, bytes_left_out = bytes; };
  CHECK(train_sentencepiece(source(lines, 1), counting)->model() == model);
  CHECK(left_out == 0);
  lines.push_back(std::string(4193, 'a'));
  lines.insert(lines.begin(), "a \xE2\x96\x85");
  CHECK(train_sentencepiece(source(lines, 1), counting)->model() == model);
  CHECK(left_out == 2);
  CHECK(bytes_left_out == 4193 + 5);
  lines.back().pop_back();
  train_sentencepiece(source(lines, 1), counting);
  CHECK(left_out == 1);
}

TEST_CASE("what cannot be trained is an error that says why") {
  for (const ModelType type : {ModelType::Unigram, ModelType::Bpe, ModelType::Word, ModelType::Char}) {
    for (const char* rule : {"nmt_nfkc", "identity"}) {
      const SentencePieceTrainerOptions options{.model_type = type, .vocab_size = 20, .normalization_rule_name = rule};
      for (const auto& text :
           std::vector<std::vector<std::string>>{{"  ", "", " "}, {}, {std::string(5000, 'a'), " "}}) {
        CHECK_THROWS_WITH(train_sentencepiece(source(text, 1), options),
                          Catch::Contains("sentencepiece cannot train: there is no text to learn from"));
      }
    }
  }
  const std::vector<std::string> lines = {"the lamp", "a river"};
  CHECK_THROWS_WITH(
      train_sentencepiece(source(lines, 1), {.vocab_size = 5000}),
      Catch::Matchers::Matches("vocab_size is 5000, expected at most [0-9]+: the text has no more pieces"));
  CHECK_THROWS_AS(train_sentencepiece(source({}, 1), {.vocab_size = 50}), std::runtime_error);
  CHECK_THROWS_AS(train_sentencepiece(source(lines, 1), {.vocab_size = 3}), std::invalid_argument);
  CHECK_THROWS_WITH(train_sentencepiece(source(lines, 1), {.vocab_size = 4}),
                    Catch::Matchers::StartsWith("vocab_size is 4, expected at least "));
  CHECK_THROWS_WITH(train_sentencepiece(source(lines, 1), {.vocab_size = 0}), "vocab_size is 0, expected 1 to 2097152");
  CHECK_THROWS_WITH(train_sentencepiece(source(lines, 1), {.vocab_size = 1}),
                    "vocab_size is 1, too few for the special token with the id 1");
  CHECK_THROWS_WITH(train_sentencepiece(source(lines, 1), {.character_coverage = 0.5}),
                    "character_coverage is 0.5, expected 0.98 to 1");
  CHECK_THROWS_AS(train_sentencepiece(source(lines, 1), {.normalization_rule_name = "/etc/passwd"}),
                  std::invalid_argument);
  CHECK_THROWS_AS(train_sentencepiece(source(lines, 1), {.vocab_size = 50, .eos_id = 50}), std::invalid_argument);
  CHECK_THROWS_AS(train_sentencepiece(source(lines, 1), {.user_defined_symbols = {""}}), std::invalid_argument);
  const auto broken = [](std::string&) -> bool { throw std::runtime_error("no more disk"); };
  CHECK_THROWS_WITH(train_sentencepiece(broken, {}), "no more disk");
}
