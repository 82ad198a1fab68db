#include "tokenizers/byt5.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "data/files/file_error.h"
#include "data/files/files.h"
#include "tokenizers/post_processors/added_part.h"
#include "tokenizers/post_processors/post_processor.h"
#include "tokenizers/post_processors/template_processing.h"
#include "tokenizers/tokenizer_config.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr const char* kByT5Class = "ByT5Tokenizer";
constexpr std::size_t kByT5ExtraIds = 125;
constexpr TokenId kByT5Pad = 0, kByT5End = 1, kByT5Unk = 2, kFirstByte = 3, kBytesEnd = kFirstByte + 256;

/// Byte tokens by content: the characters U+0000 to U+00FF.
std::optional<TokenId> byte_token(std::string_view token) {
  if (token.empty()) return {};
  const auto c = decode_utf8(token, 0);
  if (!c.valid || c.length != token.size() || c.code_point > 0xFF) return {};
  return kFirstByte + static_cast<TokenId>(c.code_point);
}

bool is_byte(TokenId id) {
  return id >= kFirstByte && id < kBytesEnd;
}

std::vector<AddedToken> sentinels(std::size_t count) {
  std::vector<AddedToken> tokens;
  for (std::size_t i = 0; i < count; ++i)
    tokens.push_back({fmt::format("<extra_id_{}>", i), kBytesEnd + static_cast<TokenId>(i)});
  return tokens;
}

AddedToken stripping(std::string content, TokenId id) {
  return {.content = std::move(content), .id = id, .lstrip = true, .rstrip = true};
}

std::vector<AddedToken> usual_tokens(std::size_t extra_ids) {
  auto tokens = sentinels(extra_ids);
  tokens.insert(tokens.begin(),
                {stripping("<pad>", kByT5Pad), stripping("</s>", kByT5End), stripping("<unk>", kByT5Unk)});
  return tokens;
}

/// The end token after each text that does not end with it.
class ByT5Ending : public PostProcessor {
 public:
  explicit ByT5Ending(std::string end) : end_(std::move(end)) {}

  std::size_t added_tokens(bool pair) const override { return pair ? 2 : 1; }

  std::vector<Encoding> process(std::vector<Encoding> sequences, std::span<const std::string_view>,
                                bool add_special_tokens) const override {
    for (auto& sequence : sequences) {
      std::fill(sequence.type_ids.begin(), sequence.type_ids.end(), 0);
      const bool ended = !sequence.ids.empty() && sequence.ids.back() == kByT5End;
      if (!add_special_tokens || ended) continue;
      std::vector<Encoding> parts;
      parts.push_back(std::move(sequence));
      parts.push_back(added_part({kByT5End}, {end_}, 0));
      sequence = join(std::move(parts));
    }
    return sequences;
  }

  std::string to_json() const override {
    using Piece = TemplatePiece;
    const Piece end{Piece::Kind::SpecialToken, 0, end_}, first{Piece::Kind::First, 0, {}},
        second{Piece::Kind::Second, 0, {}};
    return TemplateProcessing(TemplateProcessing::Options{.single = {first, end},
                                                          .pair = {first, end, second, end},
                                                          .special_tokens = {{end_, {{kByT5End}, {end_}}}}})
        .to_json();
  }

 private:
  std::string end_;
};

/// The tokenizer_class of a JSON file, without "Fast"; empty where it says none.
std::string class_in(const fs::path& path) {
  std::error_code error;
  constexpr std::uintmax_t kMaxBytes = 1 << 28;
  if (!fs::is_regular_file(path, error) || fs::file_size(path, error) > kMaxBytes) return {};
  const auto parsed = json::parse(read_file(path, kMaxBytes), nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object()) return {};
  const auto found = parsed.find("tokenizer_class");
  return found != parsed.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

ByT5Tokenizer::ByT5Tokenizer(std::size_t extra_ids) : ByT5Tokenizer(usual_tokens(extra_ids)) {}

ByT5Tokenizer::ByT5Tokenizer(std::vector<AddedToken> added)
    : added_(std::move(added)), special_tokens_{.eos = kByT5End, .unk = kByT5Unk, .pad = kByT5Pad} {
  auto last = kBytesEnd - 1;
  for (const auto& token : added_.all()) {
    if (is_byte(token.id))
      throw std::invalid_argument(fmt::format("the added token {} has the id of a byte: {}", token.content, token.id));
    last = std::max(last, token.id);
  }
  vocab_size_ = static_cast<std::size_t>(last) + 1;
  for (const auto id : {kByT5Pad, kByT5End, kByT5Unk}) {
    if (!added_.find(id)) throw std::invalid_argument(fmt::format("no token has the id {}", id));
  }
  set_rules({.post_processor = std::make_shared<ByT5Ending>(added_.find(kByT5End)->content)});
}

template <class Visit>
void ByT5Tokenizer::for_each_token(std::string_view text, bool special_as_text, Visit&& visit) const {
  for (const auto& part : added_.split(text, special_as_text)) {
    if (part.token != nullptr) {
      visit(part.token->id, Offset{part.begin, part.end});
      continue;
    }
    for (auto at = part.begin; at < part.end; ++at)
      visit(kFirstByte + static_cast<TokenId>(static_cast<unsigned char>(text[at])), Offset{at, at + 1});
  }
}

Encoding ByT5Tokenizer::encode_sequence(std::string_view text, const EncodeOptions& options) const {
  Encoding encoding;
  for_each_token(text, options.split_special_tokens, [&](TokenId id, Offset where) {
    encoding.word_ids.push_back(static_cast<std::int32_t>(encoding.ids.size()));
    encoding.ids.push_back(id);
    encoding.offsets.push_back(where);
    if (options.tokens) encoding.tokens.push_back(id_to_token(id));
  });
  return encoding;
}

void ByT5Tokenizer::encode(std::string_view text, std::vector<TokenId>& ids) const {
  ids.reserve(ids.size() + text.size());
  for_each_token(text, false, [&](TokenId id, Offset) { ids.push_back(id); });
}

std::string ByT5Tokenizer::decode(std::span<const TokenId> ids, bool skip_special_tokens) const {
  std::string bytes;
  for (const auto id : ids) {
    if (is_byte(id)) {
      bytes += static_cast<char>(id - kFirstByte);
      continue;
    }
    if (!has_token(id))
      throw std::out_of_range(fmt::format("the id {} is not in the vocabulary of {} tokens", id, vocab_size_));
    const auto& token = *added_.find(id);
    if (!skip_special_tokens || !token.special) bytes += token.content;
  }
  if (is_valid_utf8(bytes)) return bytes;
  std::string text;
  for (std::size_t at = 0; at < bytes.size();) {
    const auto c = decode_utf8(bytes, at);
    if (c.valid) text.append(bytes, at, c.length);
    at += c.length;
  }
  return text;
}

std::optional<TokenId> ByT5Tokenizer::token_to_id(std::string_view token) const {
  if (const auto* const added = added_.find(token)) return added->id;
  return byte_token(token);
}

bool ByT5Tokenizer::has_token(TokenId id) const {
  return is_byte(id) || added_.find(id) != nullptr;
}

std::string ByT5Tokenizer::id_to_token(TokenId id) const {
  if (is_byte(id)) {
    std::string token;
    append_utf8(token, static_cast<char32_t>(id - kFirstByte));
    return token;
  }
  if (const auto* const added = added_.find(id)) return added->content;
  throw std::out_of_range(fmt::format("the id {} is not in the vocabulary of {} tokens", id, vocab_size_));
}

std::size_t ByT5Tokenizer::cut_point(std::string_view text, std::size_t at) const {
  if (at >= text.size()) return text.size();
  for (std::size_t cut = at; cut > 0; --cut) {
    const bool begins_character = (static_cast<unsigned char>(text[cut]) & 0xC0) != 0x80;
    if (begins_character && !added_.stands_across(text, cut)) return cut;
  }
  return 0;
}

void ByT5Tokenizer::save(const fs::path& dir) const {
  auto config = json::parse(tokenizer_config_json(*this));
  config["tokenizer_class"] = kByT5Class;
  config["extra_ids"] = 0;  // those that there are, are listed
  auto& further = config["extra_special_tokens"] = json::array();
  auto& listed = config["added_tokens_decoder"] = json::object();
  for (const auto& token : added_.all()) {
    listed[std::to_string(token.id)] = {{"content", token.content},         {"lstrip", token.lstrip},
                                        {"normalized", token.normalized},   {"rstrip", token.rstrip},
                                        {"single_word", token.single_word}, {"special", token.special}};
    if (token.id >= kBytesEnd && token.special) further.push_back(token.content);
  }
  std::error_code error;
  fs::create_directories(dir, error);
  if (error) throw FileError(dir, "cannot be created: " + error.message());
  write_file_atomically(dir / "tokenizer_config.json", config.dump(2) + "\n");
}

bool is_byt5(const fs::path& dir) {
  for (const char* const name : {"tokenizer_config.json", "config.json"}) {
    auto found = class_in(dir / name);
    if (found.ends_with("Fast")) found.resize(found.size() - 4);
    if (!found.empty()) return found == kByT5Class;
  }
  return false;
}

std::unique_ptr<ByT5Tokenizer> load_byt5(const TokenizerConfig& config) {
  // What transformers fixes: three ids, whatever their tokens are called.
  const auto named = [&](const char* role) {
    const auto token = config.token(role, special_token_defaults(kByT5Class));
    if (!token) config.fail(role, "is null, and ByT5Tokenizer needs it");
    return *token;
  };
  const std::array<std::pair<std::string, TokenId>, 3> fixed = {
      {{named("pad_token"), kByT5Pad}, {named("eos_token"), kByT5End}, {named("unk_token"), kByT5Unk}}};
  const auto id_of = [&](std::string_view content) -> std::optional<TokenId> {
    for (const auto& [token, id] : fixed) {
      if (token == content) return id;
    }
    return byte_token(content);
  };
  AddedTokenList list({id_of, static_cast<std::size_t>(kBytesEnd)});
  if (!config.names_extra_tokens()) list.add(sentinels(config.size("extra_ids").value_or(kByT5ExtraIds)));
  config.add_tokens(list, special_token_defaults(kByT5Class));
  auto tokens = list.tokens();
  for (auto& token : tokens) {
    const bool has_role = token.id == kByT5Pad || token.id == kByT5End || token.id == kByT5Unk;
    token.normalized = false;  // no normalizer
    if (has_role) token.special = token.lstrip = token.rstrip = true;
  }
  try {
    return std::make_unique<ByT5Tokenizer>(std::move(tokens));
  } catch (const std::invalid_argument& error) {
    config.fail("added_tokens_decoder", error.what());
  }
}

}  // namespace langzoo
