#include "tokenizers/tokenizer_config.h"

#include <algorithm>
#include <functional>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "data/files/files.h"
#include "tokenizers/post_processors/template_processing.h"

namespace langzoo {

using nlohmann::json;

namespace {

using Pair = std::pair<std::string_view, std::string_view>;
constexpr Pair kBert[] = {{"unk_token", "[UNK]"},
                          {"sep_token", "[SEP]"},
                          {"pad_token", "[PAD]"},
                          {"cls_token", "[CLS]"},
                          {"mask_token", "[MASK]"}};
constexpr Pair kGpt[] = {{"unk_token", "<unk>"}};
constexpr Pair kGpt2[] = {
    {"bos_token", "<|endoftext|>"}, {"eos_token", "<|endoftext|>"}, {"unk_token", "<|endoftext|>"}};
constexpr Pair kT5[] = {{"eos_token", "</s>"}, {"unk_token", "<unk>"}, {"pad_token", "<pad>"}};
constexpr Pair kAlbert[] = {{"bos_token", "[CLS]"},  {"eos_token", "[SEP]"}, {"unk_token", "<unk>"},
                            {"sep_token", "[SEP]"},  {"pad_token", "<pad>"}, {"cls_token", "[CLS]"},
                            {"mask_token", "[MASK]"}};
constexpr Pair kRoberta[] = {{"bos_token", "<s>"},    {"eos_token", "</s>"},  {"unk_token", "<unk>"},
                             {"sep_token", "</s>"},   {"pad_token", "<pad>"}, {"cls_token", "<s>"},
                             {"mask_token", "<mask>"}};
constexpr Pair kMpnet[] = {{"bos_token", "<s>"},    {"eos_token", "</s>"},  {"unk_token", "[UNK]"},
                           {"sep_token", "</s>"},   {"pad_token", "<pad>"}, {"cls_token", "<s>"},
                           {"mask_token", "<mask>"}};
constexpr Pair kLlama[] = {{"bos_token", "<s>"}, {"eos_token", "</s>"}, {"unk_token", "<unk>"}};
constexpr std::pair<std::string_view, SpecialTokenDefaults> kClasses[] = {
    {"BertTokenizer", kBert},     {"DistilBertTokenizer", kBert}, {"ElectraTokenizer", kBert},
    {"OpenAIGPTTokenizer", kGpt}, {"GPT2Tokenizer", kGpt2},       {"T5Tokenizer", kT5},
    {"AlbertTokenizer", kAlbert}, {"RobertaTokenizer", kRoberta}, {"XLMRobertaTokenizer", kRoberta},
    {"MPNetTokenizer", kMpnet},   {"LlamaTokenizer", kLlama},     {"MarianTokenizer", kT5},
    {"ByT5Tokenizer", kT5}};

/// The contents by which a role is known where no file tells it.
constexpr Pair kUsual[] = {{"bos_token", "<s>"},           {"bos_token", "<|endoftext|>"}, {"eos_token", "</s>"},
                           {"eos_token", "<|endoftext|>"}, {"unk_token", "[UNK]"},         {"unk_token", "<unk>"},
                           {"unk_token", "<|endoftext|>"}, {"sep_token", "[SEP]"},         {"pad_token", "[PAD]"},
                           {"pad_token", "<pad>"},         {"cls_token", "[CLS]"},         {"mask_token", "[MASK]"},
                           {"mask_token", "<mask>"}};

}  // namespace

SpecialTokenDefaults special_token_defaults(std::string_view tokenizer_class) {
  const auto* found = std::find_if(std::begin(kClasses), std::end(kClasses),
                                   [&](const auto& entry) { return entry.first == tokenizer_class; });
  return found == std::end(kClasses) ? SpecialTokenDefaults() : found->second;
}

SpecialTokens guess_special_tokens(std::span<const AddedToken> added) {
  SpecialTokens special;
  for (const auto& [key, content] : kUsual) {
    const auto role = std::find_if(kSpecialTokenRoles.begin(), kSpecialTokenRoles.end(),
                                   [k = key](const SpecialTokenRole& r) { return r.key == k; });
    const auto token = std::find_if(added.begin(), added.end(),
                                    [c = content](const AddedToken& t) { return t.special && t.content == c; });
    if (token != added.end() && !(special.*role->member)) special.*role->member = token->id;
  }
  return special;
}

std::string read_if_there(const std::filesystem::path& path) {
  constexpr std::uint64_t kMaxFileBytes = std::uint64_t{1} << 28;
  return std::filesystem::exists(path) ? read_file(path, kMaxFileBytes) : std::string();
}

namespace {

/// An object that describes an added token; `special` is what it is where that is not said.
AddedToken read_added_token(const JsonField& token, bool special) {
  token.only({"__type", "id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"});
  special = token.flag("special", special);
  return {.content = token.at("content").string(),
          .special = special,
          .normalized = token.flag("normalized", !special),
          .single_word = token.flag("single_word", false),
          .lstrip = token.flag("lstrip", false),
          .rstrip = token.flag("rstrip", false)};
}

/// A token with a name: its content, or an object.
AddedToken read_special_token(const JsonField& field) {
  AddedToken token = field.value().is_object() ? read_added_token(field, true) : AddedToken{.content = field.string()};
  token.special = true;
  return token;
}

/// Special tokens without a role. `special` is what one is that is an object and does not say.
std::vector<AddedToken> read_special_tokens(const JsonField& list, bool special) {
  std::vector<AddedToken> tokens;
  for (const json& value : list.array()) {
    const JsonField item = list.item(value, tokens.size());
    tokens.push_back(value.is_object() ? read_added_token(item, special) : AddedToken{.content = item.string()});
  }
  return tokens;
}

}  // namespace

std::vector<AddedToken> read_added_tokens(const JsonField& list) {
  std::vector<AddedToken> tokens;
  for (const json& value : list.array()) {
    const JsonField token = list.item(value, tokens.size());
    tokens.push_back(read_added_token(token, false));
    tokens.back().id = token.at("id").id();
  }
  return tokens;
}

bool TokenizerConfig::File::has(std::string_view key) const {
  return json && json->contains(key);
}

JsonField TokenizerConfig::File::at(std::string_view key) const {
  return JsonField(*json, {}, path).at(std::string(key).c_str());
}

TokenizerConfig::File TokenizerConfig::read_text(std::string_view text, std::filesystem::path path) {
  File file{std::move(path), nullptr};
  if (text.empty()) return file;
  file.json = std::make_shared<const json>(parse_json(text, file.path, JsonNumbers::Python));
  JsonField(*file.json, {}, file.path).object();
  return file;
}

TokenizerConfig::File TokenizerConfig::read_file_of(const std::filesystem::path& path) {
  return read_text(read_if_there(path), path);
}

TokenizerConfig::TokenizerConfig(std::string_view text, std::filesystem::path path)
    : config_(read_text(text, std::move(path))) {
  const auto name = find("tokenizer_class");
  if (name) tokenizer_class_ = name->string();
  if (tokenizer_class_.ends_with("Fast")) tokenizer_class_.resize(tokenizer_class_.size() - 4);
}

TokenizerConfig TokenizerConfig::of_directory(const std::filesystem::path& dir) {
  const std::filesystem::path path = dir / "tokenizer_config.json";
  TokenizerConfig config(read_if_there(path), path);
  if (config.config_.has("added_tokens_decoder")) return config;
  config.special_map_ = read_file_of(dir / "special_tokens_map.json");
  config.added_ = read_file_of(dir / "added_tokens.json");
  return config;
}

std::optional<JsonField> TokenizerConfig::find(const char* key) const {
  if (!config_.has(key)) return {};
  const JsonField field = config_.at(key);
  return field.is_null() ? std::nullopt : std::optional(field);
}

std::optional<bool> TokenizerConfig::flag(const char* key) const {
  const auto field = find(key);
  return field ? std::optional(field->boolean()) : std::nullopt;
}

std::optional<std::uint64_t> TokenizerConfig::size(const char* key) const {
  const auto field = find(key);
  return field ? std::optional(field->integer(0, kMaxVocabularySize)) : std::nullopt;
}

std::optional<AddedToken> TokenizerConfig::special_token(std::string_view key, SpecialTokenDefaults defaults) const {
  for (const File* file : {&special_map_, &config_}) {
    if (!file->has(key)) continue;
    const JsonField field = file->at(key);
    if (field.is_null()) return {};
    AddedToken token = read_special_token(field);
    return token.content.empty() ? std::nullopt : std::optional(std::move(token));
  }
  const auto found = std::find_if(defaults.begin(), defaults.end(), [&](const auto& d) { return d.first == key; });
  if (found == defaults.end()) return {};
  return AddedToken{.content = std::string(found->second)};
}

std::optional<std::string> TokenizerConfig::token(std::string_view role, SpecialTokenDefaults defaults) const {
  auto token = special_token(role, defaults);
  return token ? std::optional(std::move(token->content)) : std::nullopt;
}

bool TokenizerConfig::names_extra_tokens() const {
  for (const char* const key : {"extra_special_tokens", "additional_special_tokens"}) {
    for (const File* file : {&special_map_, &config_}) {
      if (file->has(key) && !file->at(key).is_null()) return true;
    }
  }
  return false;
}

bool TokenizerConfig::describes(std::string_view role) const {
  for (const File* file : {&special_map_, &config_}) {
    if (file->has(role)) return file->at(role).value().is_object();
  }
  return false;
}

void TokenizerConfig::fail(std::string_view key, std::string_view reason) const {
  throw FileError(config_.path, fmt::format("{}: {}", key, reason));
}

std::vector<AddedToken> TokenizerConfig::listed_tokens() const {
  std::vector<AddedToken> tokens;
  if (config_.has("added_tokens_decoder")) {
    const JsonField list = config_.at("added_tokens_decoder");
    for (const auto& [name, value] : list.object().items()) {
      const JsonField field(value, "added_tokens_decoder." + name, config_.path);
      const bool digits = !name.empty() && name.size() < 10 && name.find_first_not_of("0123456789") == name.npos;
      if (!digits) field.fail("'" + name + "' is not an id");
      tokens.push_back(read_added_token(field, false));
      tokens.back().id = JsonField(json(std::stoul(name)), "added_tokens_decoder", config_.path).id();
    }
  } else if (added_.json) {
    for (const auto& [content, id] : added_.json->items()) {
      tokens.push_back(
          {.content = content, .id = JsonField(id, content, added_.path).id(), .special = false, .normalized = true});
    }
  }
  std::sort(tokens.begin(), tokens.end(), [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
  return tokens;
}

std::vector<AddedToken> TokenizerConfig::model_specific_tokens(
    const std::function<bool(const std::string&)>& knows) const {
  std::vector<AddedToken> tokens;
  std::vector<std::string> unknown;  // names of tokens whose ids the order in the file decides
  const auto add = [&](const std::string& name, const JsonField& field) {
    AddedToken token = read_special_token(field);
    if (!knows(token.content)) unknown.push_back(name);
    tokens.push_back(std::move(token));
  };
  for (const File* file : {&config_, &special_map_}) {
    if (!file->json) continue;
    for (const auto& [key, value] : file->json->items()) {
      const bool has_role = std::any_of(kSpecialTokenRoles.begin(), kSpecialTokenRoles.end(),
                                        [&, &k = key](const SpecialTokenRole& role) { return k == role.key; });
      const bool is_token = value.is_string() || (value.is_object() && value.contains("content"));
      if (!has_role && key.ends_with("_token") && is_token) add(key, file->at(key));
    }
    if (!file->has("extra_special_tokens")) continue;
    const JsonField named = file->at("extra_special_tokens");
    if (!named.value().is_object()) continue;
    for (const auto& [key, ignored] : named.value().items()) add(key, named.at(key.c_str()));
  }
  if (unknown.size() > 1) {
    throw FileError(config_.path, sanitize_utf8(fmt::format(
                                      "{} and {} are tokens that the vocabulary lacks, and their order would decide on "
                                      "their ids, which is not supported; list them in added_tokens_decoder",
                                      unknown[0], unknown[1])));
  }
  return tokens;
}

std::vector<AddedToken> TokenizerConfig::extra_tokens() const {
  std::vector<AddedToken> tokens;
  const auto append = [&](const File& file, const char* key) {
    if (!file.has(key)) return;
    const JsonField list = file.at(key);
    if (list.is_null() || list.value().is_object()) return;  // an object is model_specific_tokens()'s
    for (AddedToken& token : read_special_tokens(list, &file == &special_map_)) tokens.push_back(std::move(token));
  };
  append(config_, "extra_special_tokens");
  if (tokens.empty()) append(config_, "additional_special_tokens");
  append(special_map_, "extra_special_tokens");
  const bool named = config_.has("extra_special_tokens") || config_.has("additional_special_tokens") ||
                     special_map_.has("extra_special_tokens");
  if (!named) append(special_map_, "additional_special_tokens");
  return tokens;
}

SpecialTokens TokenizerConfig::add_tokens(AddedTokenList& list, SpecialTokenDefaults defaults) const {
  if (flag("split_special_tokens").value_or(false)) {
    config_.at("split_special_tokens")
        .fail("true is not supported here; where a text is encoded it is (split_special_tokens)");
  }
  std::vector<AddedToken> special;  // with a role or another name
  std::vector<std::pair<const SpecialTokenRole*, std::string>> contents;
  for (const SpecialTokenRole& role : kSpecialTokenRoles) {
    auto token = special_token(role.key, defaults);
    if (!token) continue;
    contents.emplace_back(&role, token->content);
    special.push_back(std::move(*token));
  }
  std::vector<AddedToken> tokens = listed_tokens();
  std::unordered_set<std::string> known, names;
  for (const AddedToken& token : tokens) known.insert(token.content);
  const auto knows = [&](const std::string& content) { return known.contains(content) || list.knows(content); };
  for (AddedToken& token : model_specific_tokens(knows)) special.push_back(std::move(token));
  for (const AddedToken& token : special) names.insert(token.content);
  const std::vector<AddedToken> extra = extra_tokens();

  if (added_.json) {
    std::unordered_set<std::string> special_names = names;
    for (const AddedToken& token : extra) special_names.insert(token.content);
    for (AddedToken& token : tokens) {
      token.special = special_names.contains(token.content);
      token.normalized = !token.special;
    }
  }
  // A role makes a token special, but where tokenizer_config.json lists the tokens, it has said so there.
  if (!config_.has("added_tokens_decoder")) tokens.insert(tokens.end(), list.tokens().begin(), list.tokens().end());
  for (AddedToken& token : tokens) token.special = token.special || names.contains(token.content);
  for (const std::vector<AddedToken>* further : {&std::as_const(special), &extra}) {
    for (const AddedToken& token : *further) {
      if (list.find(token.content) == nullptr && known.insert(token.content).second) tokens.push_back(token);
    }
  }
  list.add(std::move(tokens));
  if (!config_.json && !special_map_.json && defaults.empty()) return guess_special_tokens(list.tokens());
  SpecialTokens roles;
  for (const auto& [role, content] : contents) roles.*role->member = list.find(content)->id;
  return roles;
}

void apply_bos_and_eos(const TokenizerConfig& config, Tokenizer& tokenizer) {
  const auto add_bos = config.flag("add_bos_token"), add_eos = config.flag("add_eos_token");
  if (!add_bos && !add_eos) return;
  using Piece = TemplatePiece;
  TemplateProcessing::Options options{.single = {}, .pair = {}, .special_tokens = {}};
  const auto put = [&](std::optional<bool> wanted, std::optional<TokenId> id, std::int32_t type_id,
                       std::vector<Piece>& pieces) {
    if (!wanted.value_or(false) || !id) return;
    const std::string name = tokenizer.id_to_token(*id);
    options.special_tokens[name] = {{*id}, {name}};
    pieces.push_back({Piece::Kind::SpecialToken, type_id, name});
  };
  const SpecialTokens& special = tokenizer.special_tokens();
  put(add_bos, special.bos, 0, options.single);
  options.single.push_back({Piece::Kind::First, 0, {}});
  put(add_eos, special.eos, 0, options.single);
  options.pair = options.single;
  put(add_bos, special.bos, 1, options.pair);
  options.pair.push_back({Piece::Kind::Second, 1, {}});
  put(add_eos, special.eos, 1, options.pair);
  EncodingRules rules = tokenizer.rules();
  rules.post_processor = std::make_shared<TemplateProcessing>(std::move(options));
  tokenizer.set_rules(std::move(rules));
}

std::string tokenizer_config_json(const Tokenizer& tokenizer) {
  nlohmann::ordered_json config;
  config["tokenizer_class"] = "PreTrainedTokenizerFast";
  config["clean_up_tokenization_spaces"] = false;
  for (const SpecialTokenRole& role : kSpecialTokenRoles) {
    if (const auto id = tokenizer.special_tokens().*role.member) config[role.key] = tokenizer.id_to_token(*id);
  }
  // BERT and its relatives tell two texts apart by type ids, which PreTrainedTokenizerFast does not give unasked.
  if (tokenizer.special_tokens().cls) config["model_input_names"] = {"input_ids", "token_type_ids", "attention_mask"};
  return config.dump(2) + "\n";
}

}  // namespace langzoo
