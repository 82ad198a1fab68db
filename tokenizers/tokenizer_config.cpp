#include "tokenizers/tokenizer_config.h"

#include <algorithm>
#include <utility>

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
constexpr std::pair<std::string_view, SpecialTokenDefaults> kClasses[] = {
    {"BertTokenizer", kBert},     {"DistilBertTokenizer", kBert}, {"ElectraTokenizer", kBert},
    {"OpenAIGPTTokenizer", kGpt}, {"GPT2Tokenizer", kGpt2},       {"T5Tokenizer", kT5},
    {"AlbertTokenizer", kAlbert}, {"RobertaTokenizer", kRoberta}};

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

std::vector<AddedToken> read_added_tokens(const JsonField& list) {
  std::vector<AddedToken> tokens;
  for (const json& value : list.array()) {
    const JsonField token = list.item(value, tokens.size());
    token.only({"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"});
    tokens.push_back({.content = token.at("content").string(),
                      .id = token.at("id").id(),
                      .special = token.flag("special", false),
                      .normalized = token.flag("normalized", true),
                      .single_word = token.flag("single_word", false),
                      .lstrip = token.flag("lstrip", false),
                      .rstrip = token.flag("rstrip", false)});
  }
  return tokens;
}

TokenizerConfig::TokenizerConfig(std::string_view text, std::filesystem::path path)
    : path_(std::move(path)), json_(text.empty() ? json() : parse_json(text, path_)) {
  if (present()) root().object();
}

const json* TokenizerConfig::find(std::string_view key) const {
  if (!present()) return nullptr;
  const auto found = json_.find(key);
  return found == json_.end() || found->is_null() ? nullptr : &*found;
}

std::string TokenizerConfig::tokenizer_class() const {
  if (find("tokenizer_class") == nullptr) return {};
  std::string name = root().at("tokenizer_class").string();
  if (name.ends_with("Fast")) name.resize(name.size() - 4);
  return name;
}

std::optional<bool> TokenizerConfig::flag(const char* key) const {
  return find(key) ? std::optional(root().at(key).boolean()) : std::nullopt;
}

std::optional<std::uint64_t> TokenizerConfig::size(const char* key) const {
  return find(key) ? std::optional(root().at(key).integer(0, kMaxVocabularySize)) : std::nullopt;
}

std::vector<std::string> TokenizerConfig::strings(const char* key) const {
  std::vector<std::string> list;
  if (find(key) == nullptr) return list;
  const JsonField field = root().at(key);
  for (const json& value : field.array()) {
    const JsonField item = field.item(value, list.size());
    list.push_back(value.is_object() ? item.at("content").string() : item.string());
  }
  return list;
}

std::optional<std::string> TokenizerConfig::token(std::string_view role, SpecialTokenDefaults defaults) const {
  const std::string key(role);
  if (present() && json_.contains(key)) {
    const JsonField field = root().at(key.c_str());
    if (field.is_null()) return {};
    return field.value().is_object() ? field.at("content").string() : field.string();
  }
  const auto found = std::find_if(defaults.begin(), defaults.end(), [&](const auto& d) { return d.first == role; });
  return found == defaults.end() ? std::nullopt : std::optional<std::string>(found->second);
}

std::vector<AddedToken> TokenizerConfig::added_tokens() const {
  if (find("added_tokens_decoder") == nullptr) return {};
  json list = json::array();
  for (const auto& [id, value] : root().at("added_tokens_decoder").object().items()) {
    json token = value;
    const bool digits = !id.empty() && id.size() < 10 && id.find_first_not_of("0123456789") == std::string::npos;
    if (token.is_object()) {
      token["id"] = digits ? json(static_cast<std::uint64_t>(std::stoul(id))) : json(id);
      token.erase("__type");
    }
    list.push_back(std::move(token));
  }
  std::vector<AddedToken> tokens = read_added_tokens(JsonField(list, "added_tokens_decoder", path_));
  std::sort(tokens.begin(), tokens.end(), [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
  return tokens;
}

SpecialTokens TokenizerConfig::special_tokens(
    const std::function<std::optional<TokenId>(std::string_view)>& token_to_id, std::size_t vocab_size,
    SpecialTokenDefaults defaults, std::vector<AddedToken>& added) const {
  for (const AddedToken& token : added) vocab_size = std::max(vocab_size, static_cast<std::size_t>(token.id) + 1);
  SpecialTokens special;
  for (const SpecialTokenRole& role : kSpecialTokenRoles) {
    const auto content = token(role.key, defaults);
    if (!content) continue;
    if (content->empty()) root().at(role.key).fail("is empty");
    const auto known =
        std::find_if(added.begin(), added.end(), [&](const AddedToken& token) { return token.content == *content; });
    if (known != added.end()) {
      known->special = true;
      special.*role.member = known->id;
      continue;
    }
    AddedToken token{.content = *content, .id = 0};
    if (const json* value = find(role.key); value != nullptr && value->is_object()) {
      const JsonField field = root().at(role.key);
      token.normalized = field.flag("normalized", false);
      token.single_word = field.flag("single_word", false);
      token.lstrip = field.flag("lstrip", false);
      token.rstrip = field.flag("rstrip", false);
    }
    const auto id = token_to_id(*content);
    token.id = id ? *id : static_cast<TokenId>(vocab_size++);
    special.*role.member = token.id;
    added.push_back(std::move(token));
  }
  return special;
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
