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
#include "tokenizers/json_field.h"
#include "tokenizers/models/vocabulary.h"
#include "tokenizers/post_processors/post_processor.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr std::uint64_t kMaxFileBytes = std::uint64_t{1} << 26;
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

std::vector<AddedToken> read_added_tokens(const JsonField& list) {
  std::vector<AddedToken> tokens;
  for (const json& value : list.array()) {
    const JsonField token = list.item(value, tokens.size());
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
        const JsonField field = root().at(role.key);
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
    return read_added_tokens(JsonField(list, "added_tokens_decoder", path_));
  }

 private:
  JsonField root() const { return {json_, {}, path_}; }

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

void read_byte_level_bpe(const JsonField& root, const Config& config, ByteLevelBpeModel& model) {
  const JsonField bpe = root.at("model");
  bpe.only({"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk",
            "byte_fallback", "ignore_merges", "vocab", "merges"});
  for (const char* key :
       {"dropout", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", "byte_fallback", "ignore_merges"}) {
    bpe.not_asked_for(key);
  }
  const JsonField pre = root.at("pre_tokenizer");
  if (pre.is_null() || pre.type() != "ByteLevel") {
    pre.fail(fmt::format("{} is not supported, a BPE model needs ByteLevel", pre.is_null() ? "null" : pre.type()));
  }
  pre.only({"type", "add_prefix_space", "trim_offsets", "use_regex"});
  if (!pre.flag("use_regex", true)) pre.at("use_regex").fail("false is not supported");
  model.add_prefix_space = pre.at("add_prefix_space").boolean();
  if (config.add_prefix_space()) model.add_prefix_space = *config.add_prefix_space();

  const JsonField decoder = root.at("decoder");
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

void read_char_level(const JsonField& root, const Config& config, CharLevelModel& model) {
  const JsonField word_level = root.at("model");
  word_level.only({"type", "vocab", "unk_token"});
  const JsonField pre = root.at("pre_tokenizer");
  if (pre.is_null() || pre.type() != "Split") {
    pre.fail(fmt::format("{} is not supported, a WordLevel model needs Split into characters",
                         pre.is_null() ? "null" : pre.type()));
  }
  pre.only({"type", "pattern", "behavior", "invert"});
  pre.not_asked_for("invert");
  const std::string pattern = pre.at("pattern").at("Regex").string(), behavior = pre.at("behavior").string();
  if (pattern != "[\\s\\S]") pre.at("pattern").fail(fmt::format("'{}' is not supported, expected '[\\s\\S]'", pattern));
  if (behavior != "Isolated") pre.at("behavior").fail(fmt::format("{} is not supported, expected Isolated", behavior));
  const JsonField decoder = root.at("decoder");
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

std::string post_processor_json(const EncodingRules& rules) {
  return rules.post_processor ? rules.post_processor->to_json() : "null";
}

std::string read_if_there(const fs::path& path) {
  return fs::exists(path) ? read_file(path, kMaxFileBytes) : std::string();
}

}  // namespace

std::unique_ptr<Tokenizer> parse_tokenizer_json(std::string_view text, std::string_view config_text,
                                                const fs::path& path) {
  const json parsed = parse_json(text, path);
  const JsonField root(parsed, {}, path);
  const Config config(config_text, path.parent_path() / "tokenizer_config.json");
  config.check();
  root.only({"version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor",
             "decoder", "model"});
  for (const char* key : {"truncation", "padding", "normalizer"}) root.not_asked_for(key);
  EncodingRules rules;
  if (root.has("post_processor")) rules.post_processor = read_post_processor(root.at("post_processor"));
  const std::vector<AddedToken> added =
      root.has("added_tokens") ? read_added_tokens(root.at("added_tokens")) : std::vector<AddedToken>();

  // Older files leave the type of a BPE model out.
  const JsonField model = root.at("model");
  const std::string type = model.has("type") ? model.type() : "BPE";
  if (type == "BPE") {
    ByteLevelBpeModel bpe;
    bpe.added_tokens = added;
    read_byte_level_bpe(root, config, bpe);
    auto tokenizer = build<ByteLevelBpe>(std::move(bpe), path);
    tokenizer->set_rules(std::move(rules));
    return tokenizer;
  }
  if (type == "WordLevel") {
    CharLevelModel chars;
    chars.added_tokens = added;
    read_char_level(root, config, chars);
    auto tokenizer = build<CharLevel>(std::move(chars), path);
    tokenizer->set_rules(std::move(rules));
    return tokenizer;
  }
  model.at("type").fail(fmt::format("{} is not supported, expected BPE (byte level) or WordLevel (characters)", type));
}

std::unique_ptr<Tokenizer> load_vocab_and_merges(const fs::path& vocab_path, const fs::path& merges_path,
                                                 std::string_view config_text) {
  const json parsed = parse_json(read_file(vocab_path, kMaxFileBytes), vocab_path);
  const Config config(config_text, vocab_path.parent_path() / "tokenizer_config.json");
  config.check();
  ByteLevelBpeModel model;
  model.tokens = read_vocab(JsonField(parsed, {}, vocab_path));
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

std::string tokenizer_json(const ByteLevelBpeModel& model, const EncodingRules& rules) {
  const auto token = [&](TokenId id) { return json_string(model.tokens[static_cast<std::size_t>(id)]); };
  return document(
      model.added_tokens, byte_level_json(model.add_prefix_space, true), post_processor_json(rules),
      byte_level_json(model.add_prefix_space, true),
      fmt::format(
          "{{\n    \"type\": \"BPE\",\n    \"dropout\": null,\n    \"unk_token\": {},\n"
          "    \"continuing_subword_prefix\": null,\n    \"end_of_word_suffix\": null,\n    \"fuse_unk\": false,\n"
          "    \"byte_fallback\": false,\n    \"ignore_merges\": false,\n    \"vocab\": {},\n    \"merges\": {}\n  }}",
          model.unk ? token(*model.unk) : "null", vocab_json(model.tokens), merges_json(model.tokens, model.merges)));
}

std::string tokenizer_json(const CharLevelModel& model, const EncodingRules& rules) {
  // The name is required; without a token of this name an unknown character is an error in Python too.
  const std::string unk = model.unk ? model.tokens[static_cast<std::size_t>(*model.unk)] : "<unk>";
  return document(model.added_tokens,
                  "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"[\\\\s\\\\S]\"}, \"behavior\": \"Isolated\", "
                  "\"invert\": false}",
                  post_processor_json(rules), "{\"type\": \"Fuse\"}",
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
