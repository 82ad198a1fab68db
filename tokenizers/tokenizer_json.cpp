#include "tokenizers/tokenizer_json.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <limits>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "data/files/files.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr std::uint64_t kMaxFileBytes = std::uint64_t{1} << 26;
constexpr int kMaxDepth = 32;
constexpr const char* kEndOfText = "<|endoftext|>";

/// The roles of special tokens by their names in tokenizer_config.json.
struct Role {
  const char* key;
  std::optional<TokenId> SpecialTokens::*member;
};
constexpr std::array<Role, 7> kRoles = {{{"bos_token", &SpecialTokens::bos},
                                         {"eos_token", &SpecialTokens::eos},
                                         {"unk_token", &SpecialTokens::unk},
                                         {"sep_token", &SpecialTokens::sep},
                                         {"pad_token", &SpecialTokens::pad},
                                         {"cls_token", &SpecialTokens::cls},
                                         {"mask_token", &SpecialTokens::mask}}};

/// A value of a JSON file with its place in it; what is not as expected throws FileError naming both.
class Field {
 public:
  Field(const json& value, std::string name, const fs::path& path)
      : value_(&value), name_(std::move(name)), path_(&path) {}

  const json& value() const { return *value_; }
  [[noreturn]] void fail(const std::string& reason) const {
    throw FileError(*path_, sanitize_utf8(name_.empty() ? reason : name_ + ": " + reason));
  }

  bool is_null() const { return value_->is_null(); }
  bool has(const char* key) const { return value_->contains(key); }
  Field at(const char* key) const {
    expect(value_->is_object(), "an object");
    const auto found = value_->find(key);
    const std::string name = name_.empty() ? key : name_ + "." + key;
    if (found == value_->end()) Field(*value_, name, *path_).fail("is missing");
    return {*found, name, *path_};
  }
  Field item(const json& value, std::size_t index) const {
    return {value, fmt::format("{}[{}]", name_, index), *path_};
  }

  std::string string() const {
    expect(value_->is_string(), "a string");
    return value_->get<std::string>();
  }
  bool boolean() const {
    expect(value_->is_boolean(), "true or false");
    return value_->get<bool>();
  }
  TokenId id() const {
    const auto id = id_of(*value_);
    if (!id) fail(no_id(*value_));
    return *id;
  }
  static std::optional<TokenId> id_of(const json& value) {
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() >= kMaxVocabularySize) return {};
    return static_cast<TokenId>(value.get<std::uint64_t>());
  }
  static std::string no_id(const json& value) {
    return fmt::format("{} is not an id from 0 to {}", shown(value), kMaxVocabularySize - 1);
  }
  const json& array() const {
    expect(value_->is_array(), "an array");
    return *value_;
  }
  const json& object() const {
    expect(value_->is_object(), "an object");
    return *value_;
  }

  /// Fails on the first key that is not listed.
  void only(std::initializer_list<std::string_view> keys) const {
    for (const auto& [key, ignored] : object().items()) {
      if (std::find(keys.begin(), keys.end(), key) == keys.end()) fail("the key '" + key + "' is not supported");
    }
  }
  /// Fails unless the key is absent, null, false or "" (which all mean: not asked for).
  void not_asked_for(const char* key) const {
    if (!has(key)) return;
    const Field field = at(key);
    const json& v = field.value();
    if (!v.is_null() && v != json(false) && v != json("")) field.fail(shown(v) + " is not supported");
  }
  bool flag(const char* key, bool absent) const { return has(key) ? at(key).boolean() : absent; }
  std::string type() const { return at("type").string(); }

  static std::string shown(const json& value) {
    std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
    if (text.size() > 60) text.replace(57, std::string::npos, "...");
    return text;
  }

 private:
  void expect(bool as_expected, const char* what) const {
    if (!as_expected) fail(fmt::format("is {}, expected {}", shown(*value_), what));
  }

  const json* value_;
  std::string name_;
  const fs::path* path_;
};

json parse_json(std::string_view text, const fs::path& path) {
  const auto bound_depth = [&](int depth, json::parse_event_t, json&) {
    if (depth > kMaxDepth) throw FileError(path, fmt::format("is nested more than {} deep", kMaxDepth));
    return true;
  };
  try {
    return json::parse(text.begin(), text.end(), bound_depth);
  } catch (const json::exception& error) {
    throw FileError(path, sanitize_utf8(fmt::format("is not valid JSON: {}", error.what())));
  }
}

/// token -> id, as the tokens by id.
std::vector<std::string> read_vocab(const Field& vocab) {
  std::vector<std::string> tokens;
  for (const auto& entry : vocab.object().items()) {
    const std::string& token = entry.key();
    const auto id = Field::id_of(entry.value());
    if (!id) vocab.fail(fmt::format("'{}': {}", token, Field::no_id(entry.value())));
    if (token.empty()) vocab.fail(fmt::format("the token of the id {} is empty", *id));
    const auto i = static_cast<std::size_t>(*id);
    if (i >= tokens.size()) tokens.resize(i + 1);
    if (!tokens[i].empty()) vocab.fail(fmt::format("'{}' and '{}' both have the id {}", tokens[i], token, i));
    tokens[i] = token;
  }
  return tokens;
}

using IdsByToken = std::unordered_map<std::string_view, TokenId>;

IdsByToken index_tokens(const std::vector<std::string>& tokens) {
  IdsByToken ids;
  ids.reserve(tokens.size());
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    if (!tokens[id].empty()) ids.emplace(tokens[id], static_cast<TokenId>(id));
  }
  return ids;
}

/// The merge of two tokens' spellings; the message says what is wrong with it.
BpeMerge make_merge(const IdsByToken& ids, std::string_view left, std::string_view right) {
  const auto id_of = [&](const std::string& token) {
    const auto found = ids.find(token);
    if (found == ids.end()) throw std::invalid_argument(fmt::format("'{}' is not in the vocabulary", token));
    return found->second;
  };
  const std::string l(left), r(right);
  return {id_of(l), id_of(r), id_of(l + r)};
}

/// "left right", the form of merges.txt and of older files.
std::pair<std::string_view, std::string_view> split_merge(std::string_view line) {
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos || space == 0 || space + 1 == line.size() ||
      line.find(' ', space + 1) != std::string_view::npos) {
    throw std::invalid_argument(fmt::format("'{}' is not two tokens with one space between them", line));
  }
  return {line.substr(0, space), line.substr(space + 1)};
}

std::vector<BpeMerge> read_merges(const Field& merges, const IdsByToken& ids) {
  std::vector<BpeMerge> read;
  for (const json& value : merges.array()) {
    const Field merge = merges.item(value, read.size());
    try {
      if (value.is_array()) {
        if (value.size() != 2) merge.fail("is not a pair");
        const std::string left = merge.item(value[0], 0).string(), right = merge.item(value[1], 1).string();
        read.push_back(make_merge(ids, left, right));
      } else {
        const std::string line = merge.string();
        const auto [left, right] = split_merge(line);
        read.push_back(make_merge(ids, left, right));
      }
    } catch (const std::invalid_argument& error) {
      merge.fail(error.what());
    }
  }
  return read;
}

std::vector<AddedToken> read_added_tokens(const Field& list) {
  std::vector<AddedToken> tokens;
  for (const json& value : list.array()) {
    const Field token = list.item(value, tokens.size());
    token.only({"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"});
    for (const char* key : {"single_word", "lstrip", "rstrip"}) token.not_asked_for(key);
    tokens.push_back({token.at("content").string(), token.at("id").id(), token.flag("special", false),
                      token.flag("normalized", true)});
  }
  return tokens;
}

/// What tokenizer_config.json adds to a model: roles, whose tokens become added tokens, and add_prefix_space.
class Config {
 public:
  Config(std::string_view text, const fs::path& path)
      : path_(path), json_(text.empty() ? json() : parse_json(text, path_)) {
    if (!json_.is_null()) root().object();
  }

  SpecialTokens roles(const IdsByToken& ids, std::vector<AddedToken>& added) const {
    SpecialTokens special;
    const std::string tokenizer_class =
        json_.contains("tokenizer_class") && json_["tokenizer_class"].is_string() ? json_["tokenizer_class"] : json("");
    const bool like_gpt2 = json_.is_null() || tokenizer_class.find("GPT2") != std::string::npos;
    for (const Role& role : kRoles) {
      if (json_.contains(role.key)) {
        const Field field = root().at(role.key);
        if (field.is_null()) continue;
        const std::string content = field.value().is_object() ? field.at("content").string() : field.string();
        const auto id = add(content, ids, added);
        if (!id) field.fail(fmt::format("'{}' is not in the vocabulary", content));
        special.*role.member = id;
      } else if (like_gpt2 && (role.member == &SpecialTokens::bos || role.member == &SpecialTokens::eos ||
                               role.member == &SpecialTokens::unk)) {
        special.*role.member = add(kEndOfText, ids, added);
      }
    }
    return special;
  }

  void check() const {
    if (json_.is_null()) return;
    for (const char* key : {"add_bos_token", "add_eos_token"}) root().not_asked_for(key);
  }
  std::optional<bool> add_prefix_space() const {
    if (!json_.contains("add_prefix_space") || json_["add_prefix_space"].is_null()) return {};
    return root().at("add_prefix_space").boolean();
  }
  /// The added tokens by id of files written before tokenizer.json held them.
  std::vector<AddedToken> added_tokens() const {
    std::vector<AddedToken> tokens;
    if (!json_.contains("added_tokens_decoder")) return tokens;
    json list = json::array();
    for (const auto& [id, value] : root().at("added_tokens_decoder").object().items()) {
      json token = value;
      const bool digits = !id.empty() && id.size() < 10 && id.find_first_not_of("0123456789") == std::string::npos;
      if (token.is_object()) token["id"] = digits ? json(static_cast<std::uint64_t>(std::stoul(id))) : json(id);
      list.push_back(std::move(token));
    }
    return read_added_tokens(Field(list, "added_tokens_decoder", path_));
  }

 private:
  Field root() const { return {json_, {}, path_}; }

  /// The id of a token, which is an added one from now on.
  static std::optional<TokenId> add(const std::string& content, const IdsByToken& ids, std::vector<AddedToken>& added) {
    for (const AddedToken& token : added) {
      if (token.content == content) return token.id;
    }
    const auto found = ids.find(content);
    if (found == ids.end()) return {};
    added.push_back({content, found->second});
    return found->second;
  }

  fs::path path_;
  json json_;
};

void read_byte_level_bpe(const Field& root, const Config& config, ByteLevelBpeModel& model) {
  const Field bpe = root.at("model");
  bpe.only({"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk",
            "byte_fallback", "ignore_merges", "vocab", "merges"});
  for (const char* key :
       {"dropout", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", "byte_fallback", "ignore_merges"}) {
    bpe.not_asked_for(key);
  }
  const Field pre = root.at("pre_tokenizer");
  if (pre.is_null() || pre.type() != "ByteLevel") {
    pre.fail(fmt::format("{} is not supported, a BPE model needs ByteLevel", pre.is_null() ? "null" : pre.type()));
  }
  pre.only({"type", "add_prefix_space", "trim_offsets", "use_regex"});
  if (!pre.flag("use_regex", true)) pre.at("use_regex").fail("false is not supported");
  model.add_prefix_space = pre.at("add_prefix_space").boolean();
  if (config.add_prefix_space()) model.add_prefix_space = *config.add_prefix_space();

  if (root.has("post_processor") && !root.at("post_processor").is_null()) {
    const Field post = root.at("post_processor");
    if (post.type() != "ByteLevel") post.fail(fmt::format("{} is not supported", post.type()));
    post.only({"type", "add_prefix_space", "trim_offsets", "use_regex"});
    model.trim_offsets = post.flag("trim_offsets", true);
    if (model.trim_offsets && post.flag("add_prefix_space", true) != model.add_prefix_space) {
      post.at("add_prefix_space").fail("another value than the pre-tokenizer's is not supported with trim_offsets");
    }
  }
  const Field decoder = root.at("decoder");
  if (decoder.is_null() || decoder.type() != "ByteLevel") {
    decoder.fail(
        fmt::format("{} is not supported, a BPE model needs ByteLevel", decoder.is_null() ? "null" : decoder.type()));
  }
  decoder.only({"type", "add_prefix_space", "trim_offsets", "use_regex"});

  model.tokens = read_vocab(bpe.at("vocab"));
  const IdsByToken ids = index_tokens(model.tokens);
  model.merges = read_merges(bpe.at("merges"), ids);
  if (bpe.has("unk_token") && !bpe.at("unk_token").is_null()) {
    const auto unk = ids.find(bpe.at("unk_token").string());
    if (unk == ids.end()) bpe.at("unk_token").fail("is not in the vocabulary");
    model.unk = unk->second;
  }
  model.special_tokens = config.roles(ids, model.added_tokens);
}

void read_char_level(const Field& root, const Config& config, CharLevelModel& model) {
  const Field word_level = root.at("model");
  word_level.only({"type", "vocab", "unk_token"});
  const Field pre = root.at("pre_tokenizer");
  if (pre.is_null() || pre.type() != "Split") {
    pre.fail(fmt::format("{} is not supported, a WordLevel model needs Split into characters",
                         pre.is_null() ? "null" : pre.type()));
  }
  pre.only({"type", "pattern", "behavior", "invert"});
  pre.not_asked_for("invert");
  const std::string pattern = pre.at("pattern").at("Regex").string(), behavior = pre.at("behavior").string();
  if (pattern != "[\\s\\S]") pre.at("pattern").fail(fmt::format("'{}' is not supported, expected '[\\s\\S]'", pattern));
  if (behavior != "Isolated") pre.at("behavior").fail(fmt::format("{} is not supported, expected Isolated", behavior));
  if (root.has("post_processor") && !root.at("post_processor").is_null())
    root.at("post_processor").fail("is not supported");
  const Field decoder = root.at("decoder");
  if (decoder.is_null() || decoder.type() != "Fuse") decoder.fail("a WordLevel model of characters needs Fuse");

  model.tokens = read_vocab(word_level.at("vocab"));
  const IdsByToken ids = index_tokens(model.tokens);
  const auto unk = ids.find(word_level.at("unk_token").string());
  if (unk != ids.end()) model.unk = unk->second;
  model.special_tokens = config.roles(ids, model.added_tokens);
}

/// A tokenizer of what was read; what it objects to is the file's fault.
template <class T, class Model>
std::unique_ptr<Tokenizer> build(Model model, const fs::path& path) {
  try {
    return std::make_unique<T>(std::move(model));
  } catch (const std::invalid_argument& error) {
    throw FileError(path, error.what());
  } catch (const std::out_of_range& error) {
    throw FileError(path, error.what());
  }
}

std::string json_string(std::string_view text) {
  return json(text).dump();
}

std::string vocab_json(const std::vector<std::string>& tokens) {
  std::string out = "{";
  const char* separator = "\n";
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    if (tokens[id].empty()) continue;
    out += fmt::format("{}      {}: {}", separator, json_string(tokens[id]), id);
    separator = ",\n";
  }
  return out + "\n    }";
}

/// The file's frame, in the order and with the spaces of Python's `tokenizers`.
std::string document(const std::vector<AddedToken>& added, std::string_view pre_tokenizer,
                     std::string_view post_processor, std::string_view decoder, std::string_view model) {
  std::vector<AddedToken> by_id = added;
  std::sort(by_id.begin(), by_id.end(), [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
  std::string tokens = "[";
  const char* separator = "\n";
  for (const AddedToken& token : by_id) {
    tokens += fmt::format(
        "{}    {{\"id\": {}, \"content\": {}, \"single_word\": false, \"lstrip\": false, \"rstrip\": false, "
        "\"normalized\": {}, \"special\": {}}}",
        separator, token.id, json_string(token.content), token.normalized, token.special);
    separator = ",\n";
  }
  tokens += by_id.empty() ? "]" : "\n  ]";
  return fmt::format(
      "{{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null,\n  \"added_tokens\": {},\n"
      "  \"normalizer\": null,\n  \"pre_tokenizer\": {},\n  \"post_processor\": {},\n  \"decoder\": {},\n"
      "  \"model\": {}\n}}\n",
      tokens, pre_tokenizer, post_processor, decoder, model);
}

std::string byte_level_json(bool add_prefix_space, bool trim_offsets) {
  return fmt::format("{{\"type\": \"ByteLevel\", \"add_prefix_space\": {}, \"trim_offsets\": {}, \"use_regex\": true}}",
                     add_prefix_space, trim_offsets);
}

std::string read_if_there(const fs::path& path) {
  return fs::exists(path) ? read_file(path, kMaxFileBytes) : std::string();
}

}  // namespace

std::unique_ptr<Tokenizer> parse_tokenizer_json(std::string_view text, std::string_view config_text,
                                                const fs::path& path) {
  const json parsed = parse_json(text, path);
  const Field root(parsed, {}, path);
  const Config config(config_text, path.parent_path() / "tokenizer_config.json");
  config.check();
  root.only({"version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor",
             "decoder", "model"});
  for (const char* key : {"truncation", "padding", "normalizer"}) root.not_asked_for(key);
  const std::vector<AddedToken> added =
      root.has("added_tokens") ? read_added_tokens(root.at("added_tokens")) : std::vector<AddedToken>();

  // Older files leave the type of a BPE model out.
  const Field model = root.at("model");
  const std::string type = model.has("type") ? model.type() : "BPE";
  if (type == "BPE") {
    ByteLevelBpeModel bpe;
    bpe.added_tokens = added;
    read_byte_level_bpe(root, config, bpe);
    return build<ByteLevelBpe>(std::move(bpe), path);
  }
  if (type == "WordLevel") {
    CharLevelModel chars;
    chars.added_tokens = added;
    read_char_level(root, config, chars);
    return build<CharLevel>(std::move(chars), path);
  }
  model.at("type").fail(fmt::format("{} is not supported, expected BPE (byte level) or WordLevel (characters)", type));
}

std::unique_ptr<Tokenizer> load_vocab_and_merges(const fs::path& vocab_path, const fs::path& merges_path,
                                                 std::string_view config_text) {
  const json parsed = parse_json(read_file(vocab_path, kMaxFileBytes), vocab_path);
  const Config config(config_text, vocab_path.parent_path() / "tokenizer_config.json");
  config.check();
  ByteLevelBpeModel model;
  model.tokens = read_vocab(Field(parsed, {}, vocab_path));
  model.added_tokens = config.added_tokens();
  const IdsByToken ids = index_tokens(model.tokens);

  const std::string merges = read_file(merges_path, kMaxFileBytes);
  std::string_view rest = merges;
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.starts_with("#version") || (line.empty() && rest.empty())) continue;
    try {
      const auto [left, right] = split_merge(line);
      model.merges.push_back(make_merge(ids, left, right));
    } catch (const std::invalid_argument& error) {
      throw FileError(merges_path, sanitize_utf8(fmt::format("line {}: {}", number, error.what())));
    }
  }
  model.add_prefix_space = config.add_prefix_space().value_or(false);
  model.special_tokens = config.roles(ids, model.added_tokens);
  return build<ByteLevelBpe>(std::move(model), vocab_path);
}

std::unique_ptr<Tokenizer> load_tokenizer(const fs::path& path) {
  if (!fs::exists(path)) throw FileError(path, "does not exist");
  if (!fs::is_directory(path)) {
    return parse_tokenizer_json(read_file(path, kMaxFileBytes),
                                read_if_there(path.parent_path() / "tokenizer_config.json"), path);
  }
  const std::string config = read_if_there(path / "tokenizer_config.json");
  if (fs::exists(path / "tokenizer.json")) {
    return parse_tokenizer_json(read_file(path / "tokenizer.json", kMaxFileBytes), config, path / "tokenizer.json");
  }
  if (fs::exists(path / "vocab.json") && fs::exists(path / "merges.txt")) {
    return load_vocab_and_merges(path / "vocab.json", path / "merges.txt", config);
  }
  throw FileError(path, "has no tokenizer: neither tokenizer.json nor vocab.json with merges.txt");
}

std::string tokenizer_json(const ByteLevelBpeModel& model) {
  std::string merges = "[";
  const char* separator = "\n";
  const auto token = [&](TokenId id) { return json_string(model.tokens[static_cast<std::size_t>(id)]); };
  for (const BpeMerge& merge : model.merges) {
    merges += fmt::format("{}      [{}, {}]", separator, token(merge.left), token(merge.right));
    separator = ",\n";
  }
  merges += model.merges.empty() ? "]" : "\n    ]";
  return document(
      model.added_tokens, byte_level_json(model.add_prefix_space, true),
      byte_level_json(model.add_prefix_space, model.trim_offsets), byte_level_json(model.add_prefix_space, true),
      fmt::format(
          "{{\n    \"type\": \"BPE\",\n    \"dropout\": null,\n    \"unk_token\": {},\n"
          "    \"continuing_subword_prefix\": null,\n    \"end_of_word_suffix\": null,\n    \"fuse_unk\": false,\n"
          "    \"byte_fallback\": false,\n    \"ignore_merges\": false,\n    \"vocab\": {},\n    \"merges\": {}\n  }}",
          model.unk ? token(*model.unk) : "null", vocab_json(model.tokens), merges));
}

std::string tokenizer_json(const CharLevelModel& model) {
  // The name is required; without a token of this name an unknown character is an error in Python too.
  const std::string unk = model.unk ? model.tokens[static_cast<std::size_t>(*model.unk)] : "<unk>";
  return document(model.added_tokens,
                  "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"[\\\\s\\\\S]\"}, \"behavior\": \"Isolated\", "
                  "\"invert\": false}",
                  "null", "{\"type\": \"Fuse\"}",
                  fmt::format("{{\n    \"type\": \"WordLevel\",\n    \"vocab\": {},\n    \"unk_token\": {}\n  }}",
                              vocab_json(model.tokens), json_string(unk)));
}

void save_tokenizer(const fs::path& dir, std::string_view text, const Tokenizer& tokenizer) {
  std::error_code error;
  fs::create_directories(dir, error);
  if (error) throw FileError(dir, "cannot be created: " + error.message());
  nlohmann::ordered_json config;
  config["tokenizer_class"] = "PreTrainedTokenizerFast";
  config["clean_up_tokenization_spaces"] = false;
  for (const Role& role : kRoles) {
    if (const auto id = tokenizer.special_tokens().*role.member) config[role.key] = tokenizer.id_to_token(*id);
  }
  write_file_atomically(dir / "tokenizer_config.json", config.dump(2) + "\n");
  write_file_atomically(dir / "tokenizer.json", text);
}

}  // namespace langzoo
