#include "tests/support/plain_test.h"

#include "tests/tokenizers/tokenizer_goldens.h"
#include "tokenizers/json_field.h"
#include "tokenizers/post_processors/post_processor.h"

namespace langzoo::test {
namespace {

using nlohmann::json;

std::shared_ptr<const PostProcessor> read(const json& value) {
  const std::filesystem::path path = "dir/tokenizer.json";
  const json parsed = json::parse(value.dump());  // numbers as a file has them
  return read_post_processor(JsonField(parsed, "post_processor", path));
}

/// The offsets in characters, each in its own text.
std::vector<Offset> character_offsets(const Encoding& encoding, const std::vector<std::string>& texts) {
  std::vector<Offset> result(encoding.size());
  for (std::size_t i = 0; i < encoding.size(); ++i) {
    const std::int32_t sequence = encoding.sequence_ids[i];
    if (sequence == Encoding::kNoSequence) continue;
    const std::vector<Offset> one = {encoding.offsets[i]};
    result[i] = to_character_offsets(texts[static_cast<std::size_t>(sequence)], one)[0];
  }
  return result;
}

void check_encoding(const Encoding& encoding, const json& expected, const std::vector<std::string>& texts) {
  CHECK(encoding.ids == expected["ids"].get<std::vector<TokenId>>());
  CHECK(encoding.tokens == expected["tokens"].get<std::vector<std::string>>());
  CHECK(encoding.type_ids == expected["type_ids"].get<std::vector<std::int32_t>>());
  CHECK(encoding.word_ids == expected["word_ids"].get<std::vector<std::int32_t>>());
  if (!expected["sequence_ids"].is_null())
    CHECK(encoding.sequence_ids == expected["sequence_ids"].get<std::vector<std::int32_t>>());
  CHECK(encoding.special_tokens_mask == expected["special_tokens_mask"].get<std::vector<std::uint8_t>>());
  CHECK(encoding.attention_mask == expected["attention_mask"].get<std::vector<std::uint8_t>>());
  std::vector<Offset> offsets;
  for (const json& pair : expected["offsets"]) offsets.push_back({pair[0], pair[1]});
  CHECK((character_offsets(encoding, texts) == offsets));
}

std::optional<Truncation> truncation_of(const json& value) {
  if (value.is_null()) return {};
  Truncation truncation{.max_length = value["max_length"], .stride = value["stride"]};
  const std::string strategy = value["strategy"];
  truncation.strategy = strategy == "only_first"    ? Truncation::Strategy::OnlyFirst
                        : strategy == "only_second" ? Truncation::Strategy::OnlySecond
                                                    : Truncation::Strategy::LongestFirst;
  truncation.side = value["direction"] == "left" ? Side::Left : Side::Right;
  return truncation;
}

std::optional<Padding> padding_of(const json& value) {
  if (value.is_null()) return {};
  Padding padding{.pad_id = value["pad_id"], .pad_type_id = value["pad_type_id"], .pad_token = value["pad_token"]};
  if (!value["length"].is_null()) padding.length = value["length"].get<std::size_t>();
  if (!value["pad_to_multiple_of"].is_null()) padding.pad_to_multiple_of = value["pad_to_multiple_of"];
  padding.side = value["direction"] == "left" ? Side::Left : Side::Right;
  return padding;
}

std::string error_of(const json& value) {
  try {
    read(value);
  } catch (const FileError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("post-processing: all arrays and windows equal those of Python's tokenizers") {
  const json goldens = golden("post_processing.json");
  std::map<std::string, std::unique_ptr<Tokenizer>> tokenizers;
  std::size_t errors = 0, windows = 0;
  for (const json& c : goldens["cases"]) {
    auto& tokenizer = tokenizers[c["tokenizer"]];
    if (!tokenizer) tokenizer = load_tokenizer(fixture("tokenizers/" + c["tokenizer"].get<std::string>()));
    const json& processor = goldens["processors"][c["processor"].get<std::size_t>()];
    // One half of the cases by the tokenizer's own rules, the other by options.
    const bool own = c["processor"].get<std::size_t>() % 2 == 0;
    EncodingRules rules{read(processor), {}, {}};
    EncodeOptions options{.add_special_tokens = c["add_special_tokens"], .tokens = true};
    (own ? rules.truncation : options.truncation) = truncation_of(c["truncation"]);
    (own ? rules.padding : options.padding) = padding_of(c["padding"]);
    tokenizer->set_rules(rules);

    std::vector<std::vector<std::string>> texts = c["texts"];
    std::vector<TextPair> pairs;
    for (const auto& t : texts) {
      pairs.push_back({t[0], t.size() > 1 ? std::optional<std::string_view>(t[1]) : std::nullopt});
    }
    CAPTURE(c.dump(), processor.dump());
    if (c["encodings"].is_null()) {
      CHECK_THROWS_AS(tokenizer->encode_batch(pairs, options, 1), std::invalid_argument);
      ++errors;
      continue;
    }
    const std::vector<Encoding> encodings = tokenizer->encode_batch(pairs, options, 2);
    REQUIRE(encodings.size() == texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const json& expected = c["encodings"][i];
      check_encoding(encodings[i], expected, texts[i]);
      REQUIRE(encodings[i].overflowing.size() == expected["overflowing"].size());
      for (std::size_t w = 0; w < expected["overflowing"].size(); ++w, ++windows) {
        check_encoding(encodings[i].overflowing[w], expected["overflowing"][w], texts[i]);
        CHECK(encodings[i].overflowing[w].overflowing.empty());
      }
    }
  }
  CHECK(errors > 10);
  CHECK(windows > 100);
}

TEST_CASE("post-processors: written and read again they are the same") {
  const json file = golden("post_processing.json");
  for (const json& value : file["processors"]) {
    if (value.is_null()) {
      CHECK(read(value) == nullptr);
      continue;
    }
    CHECK(json::parse(read(value)->to_json()) == value);
  }
}

TEST_CASE("post-processors: what is wrong in a file is named") {
  const json roberta = {{"type", "RobertaProcessing"},
                        {"sep", {"</s>", 2}},
                        {"cls", {"<s>", 0}},
                        {"trim_offsets", true},
                        {"add_prefix_space", true}};
  const std::string at = "dir/tokenizer.json: post_processor";
  CHECK(error_of(roberta) == "no error");
  const auto changed = [&](const std::function<void(json&)>& change) {
    json value = roberta;
    change(value);
    return error_of(value);
  };
  CHECK(changed([](json& j) { j["type"] = "Surprise"; }) == at + ".type: the post-processor Surprise is not supported");
  CHECK(changed([](json& j) { j["color"] = 1; }) == at + ": the key 'color' is not supported");
  CHECK(changed([](json& j) { j["sep"] = {"</s>"}; }) == at + ".sep: [\"</s>\"] is not a token and its id");
  CHECK(changed([](json& j) { j["cls"][1] = -1; }) == at + ".cls[1]: -1 is not an id from 0 to 2097151");
  CHECK(changed([](json& j) { j.erase("trim_offsets"); }) == at + ".trim_offsets: is missing");
  CHECK(error_of(json::array()) == at + ": is [], expected an object");
  CHECK(error_of({{"type", "Sequence"}, {"processors", {roberta, nullptr}}}) ==
        at + ".processors[1]: is null, expected a post-processor");

  const json sequence = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  const json special = {{"SpecialToken", {{"id", "[S]"}, {"type_id", 0}}}};
  const json token = {{"id", "[S]"}, {"ids", {1}}, {"tokens", {"[S]"}}};
  const auto with = [&](const json& single, const json& tokens) {
    return error_of(
        {{"type", "TemplateProcessing"}, {"single", single}, {"pair", {sequence}}, {"special_tokens", tokens}});
  };
  const json list = json::array({sequence, special});
  CHECK(with(list, {{"[S]", token}}) == "no error");
  CHECK(with(list, json::object()) == at + ": template: the special token '[S]' has no ids in special_tokens");
  CHECK(with(list, {{"[S]", {{"id", "[S]"}, {"ids", {1, 2}}, {"tokens", {"[S]"}}}}}) ==
        at + ": template: the special token '[S]' has 2 ids and 1 tokens");
  CHECK(with(json::array({{{"Sequence", {{"id", "B"}, {"type_id", 0}}}}}), {{"[S]", token}}) ==
        at + ": template: single has a second text");
  CHECK(with(json::array({{{"Sequence", {{"id", "C"}, {"type_id", 0}}}}}), {{"[S]", token}}) ==
        at + ".single[0].Sequence.id: 'C' is not supported, expected A or B");
  CHECK(with(json::array({json::object()}), {{"[S]", token}}) ==
        at + ".single[0]: is neither a Sequence nor a SpecialToken");
  json many = token;
  many["ids"] = std::vector<int>(40000, 1);
  many["tokens"] = std::vector<std::string>(40000, "x");
  CHECK(with(json::array({special, special}), {{"[S]", many}}) == at + ": template: more than 65536 tokens are added");
}

}  // namespace langzoo::test
