#include "tokenizers/tokenizer_json.h"

#include <algorithm>
#include <initializer_list>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "data/files/files.h"
#include "tokenizers/added_token_list.h"
#include "tokenizers/json_field.h"
#include "tokenizers/models/vocabulary.h"
#include "tokenizers/post_processors/post_processor.h"
#include "tokenizers/tokenizer_config.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr std::size_t kMaxLength = std::size_t{1} << 40;
constexpr std::size_t kMaxPaddedLength = std::size_t{1} << 20;

Side read_side(const JsonField& field) {
  const std::string side = field.string();
  if (side != "Left" && side != "Right") field.fail(fmt::format("'{}' is neither Left nor Right", side));
  return side == "Left" ? Side::Left : Side::Right;
}

std::optional<Truncation> read_truncation(const JsonField& field) {
  if (field.is_null()) return {};
  field.only({"direction", "max_length", "strategy", "stride"});
  Truncation truncation;
  if (field.has("direction")) truncation.side = read_side(field.at("direction"));
  truncation.max_length = field.at("max_length").integer(0, kMaxLength);
  truncation.stride = field.at("stride").integer(0, kMaxLength);
  const std::string strategy = field.at("strategy").string();
  if (strategy == "LongestFirst") {
    truncation.strategy = Truncation::Strategy::LongestFirst;
  } else if (strategy == "OnlyFirst") {
    truncation.strategy = Truncation::Strategy::OnlyFirst;
  } else if (strategy == "OnlySecond") {
    truncation.strategy = Truncation::Strategy::OnlySecond;
  } else {
    field.at("strategy")
        .fail(fmt::format("'{}' is not supported, expected LongestFirst, OnlyFirst or OnlySecond", strategy));
  }
  return truncation;
}

std::optional<Padding> read_padding(const JsonField& field) {
  if (field.is_null()) return {};
  field.only({"strategy", "direction", "pad_to_multiple_of", "pad_id", "pad_type_id", "pad_token"});
  Padding padding;
  const JsonField strategy = field.at("strategy");
  if (strategy.value().is_object()) {
    strategy.only({"Fixed"});
    padding.length = strategy.at("Fixed").integer(0, kMaxPaddedLength);
  } else if (strategy.string() != "BatchLongest") {
    strategy.fail(fmt::format("'{}' is not supported, expected BatchLongest or {{\"Fixed\": N}}", strategy.string()));
  }
  padding.side = read_side(field.at("direction"));
  if (field.has("pad_to_multiple_of") && !field.at("pad_to_multiple_of").is_null())
    padding.pad_to_multiple_of = field.at("pad_to_multiple_of").integer(0, kMaxPaddedLength);
  padding.pad_id = field.at("pad_id").id();
  padding.pad_type_id = static_cast<std::int32_t>(field.at("pad_type_id").integer(0, kMaxVocabularySize));
  padding.pad_token = field.at("pad_token").string();
  return padding;
}

bool is_type(const JsonField& field, std::string_view type) {
  return !field.is_null() && field.has("type") && field.value()["type"] == json(type);
}

/// Whether the key is absent, null, false, 0 or "", which all mean: not asked for.
bool is_off(const JsonField& field, const char* key) {
  if (!field.has(key)) return true;
  const json& value = field.value()[key];
  return value.is_null() || value == json(false) || value == json("") || value == json(0.0);
}

bool is_plain_bpe(const JsonField& model) {
  for (const char* key :
       {"dropout", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", "byte_fallback", "ignore_merges"}) {
    if (!is_off(model, key)) return false;
  }
  return !model.has("type") || is_type(model, "BPE");
}

/// Whether a ByteLevelBpeModel has all that the file asks for: GPT-2's pipeline and a plain BPE model.
bool is_byte_level_bpe(const JsonField& root) {
  const JsonField pre = root.at_or_null("pre_tokenizer");
  return is_plain_bpe(root.at("model")) && root.at_or_null("normalizer").is_null() && is_type(pre, "ByteLevel") &&
         pre.flag("use_regex", true) && is_type(root.at_or_null("decoder"), "ByteLevel");
}

/// Whether it is CharLevel's own file.
bool is_char_level(const JsonField& root) {
  static const json split = {
      {"type", "Split"}, {"pattern", {{"Regex", "[\\s\\S]"}}}, {"behavior", "Isolated"}, {"invert", false}};
  return is_type(root.at("model"), "WordLevel") && root.at_or_null("normalizer").is_null() &&
         root.at_or_null("pre_tokenizer").value() == split && root.at_or_null("post_processor").is_null() &&
         is_type(root.at_or_null("decoder"), "Fuse");
}

/// Sets anew what the class of the configuration, as `transformers` builds it, does not take from tokenizer.json.
void apply_class(const TokenizerConfig& config, json& root) {
  const auto is_any = [&](std::initializer_list<std::string_view> names) {
    return std::find(names.begin(), names.end(), config.tokenizer_class()) != names.end();
  };
  const auto stage = [&](const char* key, const char* type) -> json* {
    const auto found = root.find(key);
    return found != root.end() && found->contains("type") && (*found)["type"] == type ? &*found : nullptr;
  };
  const bool roberta = is_any({"RobertaTokenizer", "BartTokenizer", "LongformerTokenizer", "LEDTokenizer"});
  const bool blenderbot = is_any({"BlenderbotTokenizer"});
  if (roberta || blenderbot || is_any({"GPT2Tokenizer", "WhisperTokenizer", "CodeGenTokenizer", "DebertaTokenizer"})) {
    const bool add_prefix_space = config.flag("add_prefix_space").value_or(blenderbot);
    if (json* const pre = stage("pre_tokenizer", "ByteLevel")) (*pre)["add_prefix_space"] = add_prefix_space;
    json* const post = roberta ? stage("post_processor", "RobertaProcessing") : nullptr;
    if (post != nullptr) {
      (*post)["add_prefix_space"] = add_prefix_space;
      (*post)["trim_offsets"] = config.flag("trim_offsets").value_or(true);
    }
  }
  json* const bert = is_any({"BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer", "MobileBertTokenizer"})
                         ? stage("normalizer", "BertNormalizer")
                         : nullptr;
  if (bert != nullptr) {
    const auto strip_accents = config.flag("strip_accents");
    *bert = {{"type", "BertNormalizer"},
             {"clean_text", true},
             {"handle_chinese_chars", config.flag("tokenize_chinese_chars").value_or(true)},
             {"strip_accents", strip_accents ? json(*strip_accents) : json()},
             {"lowercase", config.flag("do_lower_case").value_or(true)}};
  }
}

/// What the parts of a tokenizer have in common, whatever its class.
struct Frame {
  std::vector<AddedToken> added_tokens;
  EncodingRules rules;

  /// The added tokens with their ids, and those that the configuration adds; returns the special tokens' ids.
  SpecialTokens complete(const TokenizerConfig& config, BaseVocabulary vocabulary) {
    AddedTokenList list(std::move(vocabulary));
    list.add(std::move(added_tokens));
    const SpecialTokens special = config.add_tokens(list, special_token_defaults(config.tokenizer_class()));
    added_tokens = list.tokens();
    return special;
  }
};

ByteLevelBpeModel read_byte_level_bpe(const JsonField& root, const TokenizerConfig& config, Frame& frame) {
  ByteLevelBpeModel model;
  const JsonField bpe = root.at("model");
  bpe.only({"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk",
            "byte_fallback", "ignore_merges", "vocab", "merges"});
  const JsonField pre = root.at("pre_tokenizer");
  pre.only({"type", "add_prefix_space", "trim_offsets", "use_regex"});
  model.add_prefix_space = pre.at("add_prefix_space").boolean();
  root.at("decoder").only({"type", "add_prefix_space", "trim_offsets", "use_regex"});

  model.tokens = read_vocab(bpe.at("vocab"));
  const IdsByToken ids = index_tokens(model.tokens);
  model.merges = read_merges(bpe.at("merges"), ids);
  if (!bpe.at_or_null("unk_token").is_null()) {
    model.unk = finder(ids)(bpe.at("unk_token").string());
    if (!model.unk) bpe.at("unk_token").fail("is not in the vocabulary");
  }
  model.special_tokens = frame.complete(config, {finder(ids), ids.size()});
  model.added_tokens = std::move(frame.added_tokens);
  return model;
}

CharLevelModel read_char_level(const JsonField& root, const TokenizerConfig& config, Frame& frame) {
  CharLevelModel model;
  const JsonField word_level = root.at("model");
  word_level.only({"type", "vocab", "unk_token"});
  model.tokens = read_vocab(word_level.at("vocab"));
  const IdsByToken ids = index_tokens(model.tokens);
  model.unk = finder(ids)(word_level.at("unk_token").string());
  model.special_tokens = frame.complete(config, {finder(ids), ids.size()});
  model.added_tokens = std::move(frame.added_tokens);
  return model;
}

PipelineParts read_pipeline(const JsonField& root, const TokenizerConfig& config, Frame& frame) {
  PipelineParts parts;
  parts.normalizer = read_normalizer(root.at_or_null("normalizer"));
  parts.pre_tokenizer = read_pre_tokenizer(root.at_or_null("pre_tokenizer"));
  parts.model = read_token_model(root.at("model"));
  parts.decoder = read_decoder(root.at_or_null("decoder"));
  parts.special_tokens = frame.complete(config, vocabulary_of(*parts.model));
  parts.added_tokens = std::move(frame.added_tokens);
  return parts;
}

std::string truncation_json(const std::optional<Truncation>& truncation) {
  if (!truncation) return "null";
  static constexpr const char* kStrategies[] = {"LongestFirst", "OnlyFirst", "OnlySecond"};
  return fmt::format(R"({{"direction": "{}", "max_length": {}, "strategy": "{}", "stride": {}}})",
                     truncation->side == Side::Left ? "Left" : "Right", truncation->max_length,
                     kStrategies[static_cast<std::size_t>(truncation->strategy)], truncation->stride);
}

std::string padding_json(const std::optional<Padding>& padding) {
  if (!padding) return "null";
  return fmt::format(
      R"({{"strategy": {}, "direction": "{}", "pad_to_multiple_of": {}, "pad_id": {}, "pad_type_id": {}, "pad_token": {}}})",
      padding->length ? fmt::format(R"({{"Fixed": {}}})", *padding->length) : "\"BatchLongest\"",
      padding->side == Side::Left ? "Left" : "Right",
      padding->pad_to_multiple_of ? fmt::to_string(padding->pad_to_multiple_of) : "null", padding->pad_id,
      padding->pad_type_id, json_string(padding->pad_token));
}

std::string added_tokens_json(std::vector<AddedToken> tokens) {
  std::sort(tokens.begin(), tokens.end(), [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
  std::string list = "[";
  const char* separator = "\n";
  for (const AddedToken& token : tokens) {
    list += fmt::format(
        R"({}    {{"id": {}, "content": {}, "single_word": {}, "lstrip": {}, "rstrip": {}, "normalized": {}, "special": {}}})",
        separator, token.id, json_string(token.content), token.single_word, token.lstrip, token.rstrip,
        token.normalized, token.special);
    separator = ",\n";
  }
  return list + (tokens.empty() ? "]" : "\n  ]");
}

/// The objects of a file, null where there is none.
struct Stages {
  std::string normalizer = "null", pre_tokenizer = "null", post_processor = "null", decoder = "null", model;
};

/// The file, in the order and with the spaces of Python's `tokenizers`.
std::string document(const std::vector<AddedToken>& added, const EncodingRules& rules, const Stages& stages) {
  return fmt::format(
      "{{\n  \"version\": \"1.0\",\n  \"truncation\": {},\n  \"padding\": {},\n  \"added_tokens\": {},\n"
      "  \"normalizer\": {},\n  \"pre_tokenizer\": {},\n  \"post_processor\": {},\n  \"decoder\": {},\n"
      "  \"model\": {}\n}}\n",
      truncation_json(rules.truncation), padding_json(rules.padding), added_tokens_json(added), stages.normalizer,
      stages.pre_tokenizer, stages.post_processor, stages.decoder, stages.model);
}

std::string byte_level_json(bool add_prefix_space, bool trim_offsets) {
  return fmt::format(R"({{"type": "ByteLevel", "add_prefix_space": {}, "trim_offsets": {}, "use_regex": true}})",
                     add_prefix_space, trim_offsets);
}

template <class Stage>
std::string stage_json(const std::shared_ptr<const Stage>& stage) {
  return stage ? stage->to_json() : "null";
}

}  // namespace

std::unique_ptr<Tokenizer> parse_tokenizer_json(std::string_view text, const TokenizerConfig& config,
                                                const fs::path& path) {
  json parsed = parse_json(text, path);
  const JsonField root(parsed, {}, path);
  root.only({"version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor",
             "decoder", "model"});
  if (root.has("version") && root.at("version").string() != "1.0")
    root.at("version").fail(root.at("version").string() + " is not supported, expected 1.0");
  apply_class(config, parsed);

  Frame frame;
  if (root.has("added_tokens")) frame.added_tokens = read_added_tokens(root.at("added_tokens"));
  frame.rules.truncation = read_truncation(root.at_or_null("truncation"));
  frame.rules.padding = read_padding(root.at_or_null("padding"));
  frame.rules.post_processor = read_post_processor(root.at_or_null("post_processor"));

  auto tokenizer = naming_file(path, [&]() -> std::unique_ptr<Tokenizer> {
    if (is_byte_level_bpe(root)) return make_byte_level_tokenizer(read_byte_level_bpe(root, config, frame));
    if (is_char_level(root)) return std::make_unique<CharLevel>(read_char_level(root, config, frame));
    return std::make_unique<Pipeline>(read_pipeline(root, config, frame));
  });
  tokenizer->set_rules(std::move(frame.rules));
  return tokenizer;
}

std::unique_ptr<Tokenizer> parse_tokenizer_json(std::string_view text, std::string_view config, const fs::path& path) {
  return parse_tokenizer_json(text, TokenizerConfig(config, path.parent_path() / "tokenizer_config.json"), path);
}

std::string tokenizer_json(const ByteLevelBpeModel& model, const EncodingRules& rules) {
  const auto token = [&](TokenId id) { return json_string(model.tokens[static_cast<std::size_t>(id)]); };
  const std::string byte_level = byte_level_json(model.add_prefix_space, true);
  return document(
      model.added_tokens, rules,
      {.pre_tokenizer = byte_level,
       .post_processor = stage_json(rules.post_processor),
       .decoder = byte_level,
       .model = fmt::format(
           "{{\n    \"type\": \"BPE\",\n    \"dropout\": null,\n    \"unk_token\": {},\n"
           "    \"continuing_subword_prefix\": null,\n    \"end_of_word_suffix\": null,\n    \"fuse_unk\": false,\n"
           "    \"byte_fallback\": false,\n    \"ignore_merges\": false,\n    \"vocab\": {},\n    \"merges\": {}\n  }}",
           model.unk ? token(*model.unk) : "null", vocab_json(model.tokens), merges_json(model.tokens, model.merges))});
}

std::string tokenizer_json(const CharLevelModel& model, const EncodingRules& rules) {
  // The name is required; without a token of this name an unknown character is an error in Python too.
  const std::string unk = model.unk ? model.tokens[static_cast<std::size_t>(*model.unk)] : "<unk>";
  return document(
      model.added_tokens, rules,
      {.pre_tokenizer =
           R"({"type": "Split", "pattern": {"Regex": "[\\s\\S]"}, "behavior": "Isolated", "invert": false})",
       .post_processor = stage_json(rules.post_processor),
       .decoder = R"({"type": "Fuse"})",
       .model = fmt::format("{{\n    \"type\": \"WordLevel\",\n    \"vocab\": {},\n    \"unk_token\": {}\n  }}",
                            vocab_json(model.tokens), json_string(unk))});
}

std::string tokenizer_json(const PipelineParts& parts, const EncodingRules& rules) {
  return document(parts.added_tokens, rules,
                  {.normalizer = stage_json(parts.normalizer),
                   .pre_tokenizer = stage_json(parts.pre_tokenizer),
                   .post_processor = stage_json(rules.post_processor),
                   .decoder = stage_json(parts.decoder),
                   .model = parts.model->to_json()});
}

void save_tokenizer(const fs::path& dir, std::string_view text, const Tokenizer& tokenizer) {
  std::error_code error;
  fs::create_directories(dir, error);
  if (error) throw FileError(dir, "cannot be created: " + error.message());
  write_file_atomically(dir / "tokenizer_config.json", tokenizer_config_json(tokenizer));
  write_file_atomically(dir / "tokenizer.json", text);
}

}  // namespace langzoo
