#include "tests/support/plain_test.h"

#include "tests/tokenizers/tokenizer_goldens.h"
#include "tests/tokenizers/trainers/trainer_support.h"
#include "tokenizers/models/bpe.h"
#include "tokenizers/models/wordpiece.h"
#include "tokenizers/trainers/byte_level_bpe_trainer.h"
#include "tokenizers/trainers/pipeline_trainer.h"
#include "tokenizers/trainers/sentencepiece_trainer.h"

namespace langzoo::test::training_flags_test {
namespace {

using Strings = std::vector<std::string>;

template <class T>
std::optional<T> maybe(const nlohmann::json& json, const char* key) {
  return json.contains(key) ? std::optional(json[key].get<T>()) : std::nullopt;
}

PipelineTrainerOptions options_of(const nlohmann::json& json) {
  PipelineTrainerOptions options;
  options.vocab_size = json["vocab_size"];
  options.min_frequency = json.value("min_frequency", 0);
  options.special_tokens = json["special_tokens"].get<Strings>();
  options.limit_alphabet = maybe<std::size_t>(json, "limit_alphabet");
  options.max_token_length = maybe<std::size_t>(json, "max_token_length");
  options.byte_fallback = json.value("byte_fallback", false);
  for (const auto& character : json.value("initial_alphabet", nlohmann::json::array())) {
    options.initial_alphabet += character.get<std::string>();
  }
  return options;
}

std::vector<Strings> spelled(const std::vector<BpeMerge>& merges, const Strings& tokens) {
  std::vector<Strings> spelled;
  const auto token = [&](TokenId id) { return tokens.at(static_cast<std::size_t>(id)); };
  for (const BpeMerge& m : merges) spelled.push_back({token(m.left), token(m.right)});
  return spelled;
}

SentencePieceTrainerOptions sentencepiece_options(const nlohmann::json& json) {
  using ModelType = SentencePieceTrainerOptions::ModelType;
  SentencePieceTrainerOptions options;
  const auto type = json["model_type"].get<std::string>();
  options.model_type = type == "unigram" ? ModelType::Unigram
                       : type == "bpe"   ? ModelType::Bpe
                       : type == "word"  ? ModelType::Word
                                         : ModelType::Char;
  options.vocab_size = json["vocab_size"];
  options.normalization_rule_name = json.value("normalization_rule_name", options.normalization_rule_name);
  options.max_sentencepiece_length = json.value("max_sentencepiece_length", options.max_sentencepiece_length);
  options.character_coverage = json.value("character_coverage", options.character_coverage);
  options.byte_fallback = json.value("byte_fallback", false);
  options.user_defined_symbols = json.value("user_defined_symbols", Strings());
  options.control_symbols = json.value("control_symbols", Strings());
  return options;
}

}  // namespace

TEST_CASE("training flags: byte-level BPE, BPE and WordPiece learn what Python's tokenizers learns") {
  const nlohmann::json goldens = golden("training_flags.json");
  const auto texts = goldens["texts"].get<Strings>();
  for (const auto& run : goldens["bytebpe"]) {
    CAPTURE(run["options"].dump());
    ByteLevelBpeTrainerOptions options;
    options.vocab_size = run["options"]["vocab_size"];
    options.min_frequency = run["options"].value("min_frequency", 0);
    options.max_token_length = maybe<std::size_t>(run["options"], "max_token_length");
    const auto model = train_byte_level_bpe(source_of(texts), options)->model();
    CHECK(model.tokens == run["tokens"].get<Strings>());
    CHECK(spelled(model.merges, model.tokens) == run["merges"].get<std::vector<Strings>>());
  }
  for (const auto& run : goldens["bpe"]) {
    const PipelineTrainerOptions options = options_of(run["options"]);
    CAPTURE(options.limit_alphabet, options.initial_alphabet, options.byte_fallback);
    const auto tokenizer = train_bpe(source_of(texts), options);
    const BpeOptions& learned = dynamic_cast<const Bpe&>(*tokenizer->parts().model).options();
    CHECK(learned.tokens == run["tokens"].get<Strings>());
    CHECK(spelled(learned.merges, learned.tokens) == run["merges"].get<std::vector<Strings>>());
    if (!options.byte_fallback) continue;
    // The forms of characters that goldens have as special tokens would be found in the texts.
    PipelineParts parts = tokenizer->parts();
    parts.added_tokens.clear();
    const Pipeline plain(std::move(parts));
    for (const auto& c : run["encoded"]) {
      const auto ids = c["ids"].get<std::vector<TokenId>>();
      CHECK(plain.encode(c["text"].get<std::string>()).ids == ids);
      CHECK(plain.decode(ids) == c["decoded"]);
    }
  }
  for (const auto& run : goldens["wordpiece"]) {
    const PipelineTrainerOptions options = options_of(run["options"]);
    CAPTURE(options.limit_alphabet, options.initial_alphabet);
    const auto tokenizer = train_wordpiece(source_of(texts), options);
    CHECK(dynamic_cast<const WordPiece&>(*tokenizer->parts().model).options().tokens == run["tokens"].get<Strings>());
  }
}

TEST_CASE("training flags: libsentencepiece's options give the pieces and ids of Python's sentencepiece") {
  const nlohmann::json goldens = golden("training_flags.json");
  const auto lines = goldens["lines"].get<Strings>();
  for (const auto& run : goldens["sentencepiece"]) {
    CAPTURE(run["options"].dump());
    const auto pieces = run["pieces"].get<Strings>();
    const auto tokenizer = train_sentencepiece(source_of(lines), sentencepiece_options(run["options"]));
    REQUIRE(tokenizer->vocab_size() == pieces.size());
    Strings learned;
    std::size_t known = 0;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      learned.push_back(tokenizer->id_to_token(static_cast<TokenId>(i)));
      known += tokenizer->token_to_id(pieces[i]) ? 1 : 0;
    }
    if (run["options"]["model_type"] == "unigram") {
      CHECK(known >= pieces.size() * 95 / 100);  // the golden is 0.2.3's, see sentencepiece_trainer_test.cpp
      continue;
    }
    CHECK(learned == pieces);
    for (const auto& c : run["encoded"]) {
      CHECK(tokenizer->encode(c["text"].get<std::string>()).ids == c["ids"].get<std::vector<TokenId>>());
    }
  }
}

TEST_CASE("training flags: Unigram takes the characters it is told, keeps to the length and spells bytes") {
  const auto texts = golden("training_flags.json")["texts"].get<Strings>();
  PipelineTrainerOptions options;
  options.vocab_size = 460;
  options.initial_alphabet = "zЖ";
  options.max_token_length = 3;
  options.byte_fallback = true;
  options.character_coverage = 0.99;
  const auto tokenizer = train_unigram(source_of(texts), options);
  CHECK(tokenizer->token_to_id("<0x00>") == 4);
  CHECK(tokenizer->token_to_id("<0xFF>") == 259);
  CHECK(tokenizer->token_to_id("z"));
  CHECK(tokenizer->token_to_id("Ж"));
  CHECK_FALSE(tokenizer->token_to_id("𝔫"));
  for (TokenId id = 260; id < static_cast<TokenId>(tokenizer->vocab_size()); ++id) {
    CHECK(count_characters(tokenizer->id_to_token(id)) <= 3);
  }
  const TempDir dir;
  tokenizer->save(dir.path());
  const auto saved = load_tokenizer(dir.path());
  for (const std::string text : {"kalo 👍 zЖ", "字", "mi 👍"}) {
    const auto ids = tokenizer->encode(text).ids;
    CHECK(std::count(ids.begin(), ids.end(), *tokenizer->special_tokens().unk) == 0);
    CHECK(tokenizer->decode(ids) == text);
    CHECK(saved->encode(text).ids == ids);
  }
}

TEST_CASE("training flags: what libsentencepiece leaves out is counted, and white space alone is an error") {
  std::uint64_t left_out = 0, left_out_bytes = 0;
  SentencePieceTrainerOptions options;
  options.vocab_size = 12;
  options.max_sentence_length = 40;
  options.left_out = [&](std::uint64_t lines, std::uint64_t bytes) {
    left_out = lines;
    left_out_bytes = bytes;
  };
  const Strings lines = {"the lamp", std::string(41, 'x'), "a river \u2585", std::string(40, 'y'),
                         std::string(90, 'x')};
  const auto tokenizer = train_sentencepiece(source_of(lines), options);
  CHECK(left_out == 3);
  CHECK(left_out_bytes == 41 + 11 + 90);
  CHECK(tokenizer->token_to_id("y"));
  CHECK_FALSE(tokenizer->token_to_id("x"));
  using ModelType = SentencePieceTrainerOptions::ModelType;
  for (const ModelType type : {ModelType::Unigram, ModelType::Bpe, ModelType::Word, ModelType::Char}) {
    options.model_type = type;
    for (const char* rule : {"nmt_nfkc", "identity"}) {
      options.normalization_rule_name = rule;
      CHECK_THROWS_WITH(train_sentencepiece(source_of({" ", "   \n\n", ""}), options),
                        Catch::Contains("there is no text to learn from"));
      CHECK_THROWS_AS(train_sentencepiece(source_of({}), options), std::runtime_error);
    }
  }
  options.normalization_rule_name = "nmt_nfkc";
  CHECK_THROWS_AS(train_sentencepiece(source_of({"\t \u3000 \u200b", "\u00a0"}), options), std::runtime_error);
  options.max_sentence_length = 9;
  CHECK_THROWS_WITH(train_sentencepiece(source_of(lines), options),
                    "max_sentence_length is 9, expected 10 to 1073741824");
  options.max_sentence_length = 10;
  options.max_sentencepiece_length = 513;
  CHECK_THROWS_WITH(train_sentencepiece(source_of(lines), options),
                    "max_sentencepiece_length is 513, expected 1 to 512");
}

}  // namespace langzoo::test::training_flags_test
