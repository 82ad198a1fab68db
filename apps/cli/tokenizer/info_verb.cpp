#include <algorithm>
#include <iostream>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/cli/base/json_output.h"
#include "apps/cli/tokenizer/verbs.h"
#include "apps/cli/tokenizer/visible_text.h"
#include "tokenizers/byt5.h"
#include "tokenizers/byte_level_bpe.h"
#include "tokenizers/char_level.h"
#include "tokenizers/marian.h"
#include "tokenizers/pipeline.h"
#include "tokenizers/post_processors/post_processor.h"
#include "tokenizers/sentencepiece.h"
#include "tokenizers/tokenizer_json.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kLongestTokens = 8;
constexpr const char* kStages[] = {"normalizer", "pre_tokenizer", "post_processor", "decoder"};

/// What tokenizer.json says of the tokenizer.
Json description_of(const Tokenizer& tokenizer) {
  const auto& rules = tokenizer.rules();
  std::string json = "{}";
  if (const auto* bpe = dynamic_cast<const ByteLevelBpe*>(&tokenizer)) json = tokenizer_json(bpe->model(), rules);
  if (const auto* chars = dynamic_cast<const CharLevel*>(&tokenizer)) json = tokenizer_json(chars->model(), rules);
  if (const auto* pipeline = dynamic_cast<const Pipeline*>(&tokenizer)) json = tokenizer_json(pipeline->parts(), rules);
  if (dynamic_cast<const SentencePiece*>(&tokenizer) != nullptr) {
    json = R"({"model": {"type": "SentencePiece"}, "normalizer": "built-in", "pre_tokenizer": "built-in",
               "decoder": "built-in"})";
  }
  if (dynamic_cast<const MarianTokenizer*>(&tokenizer) != nullptr) {
    json = fmt::format(R"({{"model": {{"type": "Marian"}}, "normalizer": "built-in", "pre_tokenizer": "built-in",
                       "post_processor": {}, "decoder": "built-in"}})",
                       rules.post_processor->to_json());
  }
  if (dynamic_cast<const ByT5Tokenizer*>(&tokenizer) != nullptr) {
    json = fmt::format(R"({{"model": {{"type": "ByT5"}}, "post_processor": {}, "decoder": "built-in"}})",
                       rules.post_processor->to_json());
  }
  return Json::parse(json);
}

/// TemplateProcessing's pieces as it is taught: "[CLS] $A [SEP] $B:1 [SEP]:1".
std::string template_in_words(const Json& pieces) {
  std::string text;
  for (const auto& piece : pieces) {
    for (const auto& [kind, fields] : piece.items()) {
      const auto type_id = fields.at("type_id").get<int>();
      text += fmt::format("{}{}{}", text.empty() ? "" : " ", kind == "Sequence" ? "$" : "",
                          visible_text(fields.at("id").get<std::string>()));
      if (type_id > 0) text += fmt::format(":{}", type_id);
    }
  }
  return text;
}

/// A field's value; of a long one, a charsmap in Base64 say, the beginning.
std::string value_in_words(const Json& value) {
  constexpr std::size_t kMostBytes = 120;
  const auto text = value.is_string() ? value.get<std::string>() : value.dump();
  if (text.size() <= kMostBytes) return value.is_string() ? visible_text(text) : text;
  const auto kept = complete_utf8_length(std::string_view(text).substr(0, kMostBytes));
  return fmt::format("{}... ({} bytes)", visible_text(std::string_view(text).substr(0, kept)), text.size());
}

/// An object of tokenizer.json in a few words: "BertNormalizer(lowercase=true)", "Sequence(NFD, Lowercase)".
std::string in_words(const Json& value) {
  if (value.is_null()) return "none";
  if (!value.is_object()) return value_in_words(value);
  const auto type = value.value("type", "");
  if (type == "TemplateProcessing") {
    return fmt::format("{}({}; {})", type, template_in_words(value.at("single")), template_in_words(value.at("pair")));
  }
  std::string fields;
  for (const auto& [key, field] : value.items()) {
    if (key == "type" || field.is_null()) continue;
    if (!fields.empty()) fields += ", ";
    if (field.is_array() && !field.empty() && field[0].is_object()) {
      for (std::size_t i = 0; i < field.size(); ++i) fields += (i > 0 ? ", " : "") + in_words(field[i]);
    } else {
      fields += key + "=" + in_words(field);
    }
  }
  return type + (fields.empty() ? "" : "(" + fields + ")");
}

Json special_tokens_of(const Tokenizer& tokenizer) {
  const auto& special = tokenizer.special_tokens();
  Json roles = Json::object();
  const auto add = [&](const char* role, const std::optional<TokenId>& id) {
    if (id) roles[role] = {{"id", *id}, {"token", tokenizer.id_to_token(*id)}};
  };
  add("bos", special.bos);
  add("eos", special.eos);
  add("unk", special.unk);
  add("sep", special.sep);
  add("pad", special.pad);
  add("cls", special.cls);
  add("mask", special.mask);
  return roles;
}

/// The tokens whose text has the most characters, special ones left out.
Json longest_tokens_of(const Tokenizer& tokenizer) {
  struct Long {
    std::size_t characters;
    TokenId id;
    std::string text;
  };
  std::vector<Long> longest;
  const auto longer = [](const Long& a, const Long& b) {
    return a.characters != b.characters ? a.characters > b.characters : a.id < b.id;
  };
  for (TokenId id = 0; static_cast<std::size_t>(id) < tokenizer.vocab_size(); ++id) {
    try {
      auto text = tokenizer.decode(std::span(&id, 1), true);
      longest.push_back({count_characters(text), id, std::move(text)});
    } catch (const std::out_of_range&) {
      continue;  // an id that the vocabulary leaves out
    }
    std::push_heap(longest.begin(), longest.end(), longer);
    if (longest.size() <= kLongestTokens) continue;
    std::pop_heap(longest.begin(), longest.end(), longer);
    longest.pop_back();
  }
  std::sort_heap(longest.begin(), longest.end(), longer);
  Json tokens = Json::array();
  for (const auto& token : longest) {
    tokens.push_back({{"id", token.id}, {"text", token.text}, {"characters", token.characters}});
  }
  return tokens;
}

Json info_of(const Tokenizer& tokenizer) {
  const auto description = description_of(tokenizer);
  Json model = description.value("model", Json::object());
  for (const auto* tokens : {"vocab", "merges"}) model.erase(tokens);
  Json info = {{"model", model},
               {"vocab_size", tokenizer.vocab_size()},
               {"special_tokens", special_tokens_of(tokenizer)},
               {"added_tokens", description.value("added_tokens", Json::array())}};
  for (const auto* stage : kStages) info[stage] = description.value(stage, Json());
  for (const auto* rule : {"truncation", "padding"}) info[rule] = description.value(rule, Json());
  info["longest_tokens"] = longest_tokens_of(tokenizer);
  return info;
}

class InfoVerb : public Verb {
 public:
  std::string name() const override { return "info"; }
  std::string summary() const override { return "what a tokenizer is"; }
  std::string examples() const override {
    return "info --tokenizer bert\n"
           "info --tokenizer bert/tokenizer.json --json\n";
  }
  std::string notes() const override {
    return "Fields under --json: model, vocab_size, special_tokens (by role: id, token), added_tokens, normalizer,\n"
           "pre_tokenizer, post_processor, decoder, truncation and padding (as tokenizer.json has them), "
           "longest_tokens.\n";
  }
  void add_options(Options& options) override {
    options.add("--tokenizer", path_, "a tokenizer's folder or file").required();
  }
  void run(const CommonOptions& common) override {
    const auto info = info_of(*load_tokenizer(path_));
    if (common.json) {
      return print_json(JsonValue::from_text(info.dump(-1, ' ', false, Json::error_handler_t::replace)));
    }
    const auto row = [](std::string name, const std::string& text) {
      std::replace(name.begin(), name.end(), '_', '-');
      std::cout << fmt::format("{:<16}{}\n", name, text);
    };
    row("model", in_words(info["model"]));
    row("vocabulary", info["vocab_size"].dump() + " tokens");
    for (const auto& [role, token] : info["special_tokens"].items()) {
      row(role, fmt::format("{} {}", token["id"].dump(), visible_text(token["token"].get<std::string>())));
    }
    constexpr std::size_t kMostAdded = 8;
    std::string added = info["added_tokens"].empty() ? "none" : "";
    for (std::size_t i = 0; i < info["added_tokens"].size() && i < kMostAdded; ++i) {
      added += (i > 0 ? ", " : "") + visible_text(info["added_tokens"][i]["content"].get<std::string>());
    }
    if (info["added_tokens"].size() > kMostAdded) added += fmt::format(", ... {} in all", info["added_tokens"].size());
    row("added tokens", added);
    for (const auto* stage : kStages) row(stage, in_words(info[stage]));
    for (const auto* rule : {"truncation", "padding"}) row(rule, in_words(info[rule]));
    std::string name = "longest tokens";
    for (const auto& token : info["longest_tokens"]) {
      row(std::exchange(name, ""),
          fmt::format("{:>6} {}", token["id"].dump(), visible_text(token["text"].get<std::string>())));
    }
  }

 private:
  std::string path_;
};

}  // namespace

std::unique_ptr<Verb> info_verb() {
  return std::make_unique<InfoVerb>();
}

}  // namespace langzoo
