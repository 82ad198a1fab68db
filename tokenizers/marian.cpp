#include "tokenizers/marian.h"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "data/files/file_kind.h"
#include "data/files/files.h"
#include "tokenizers/added_token_list.h"
#include "tokenizers/added_tokens.h"
#include "tokenizers/decoders/wordpiece_decoder.h"
#include "tokenizers/json_field.h"
#include "tokenizers/models/vocabulary.h"
#include "tokenizers/models/vocabulary_files.h"
#include "tokenizers/post_processors/template_processing.h"
#include "tokenizers/sentencepiece.h"
#include "tokenizers/sentencepiece_model.h"
#include "tokenizers/text_pattern.h"
#include "tokenizers/tokenizer_config.h"
#include "tokenizers/unicode_classes.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 26;
constexpr const char *kSourceModel = "source.spm", *kTargetModel = "target.spm", *kVocabulary = "vocab.json",
                     *kTargetVocabulary = "target_vocab.json", *kConfig = "tokenizer_config.json",
                     *kClass = "MarianTokenizer", *kNeeded = "is null, and MarianTokenizer needs it";

/// ">>fra<<" of ">>fra<< text"; empty where a text begins otherwise.
std::string_view language_code(std::string_view text) {
  const auto end = text.starts_with(">>") ? text.find("<<") : std::string_view::npos;
  return end == std::string_view::npos ? std::string_view() : text.substr(0, end + 2);
}

/// Without what Python's str.strip takes off.
std::string_view stripped(std::string_view text) {
  const auto blank = [](char32_t c) { return is_white_space(c) || (c >= 0x1C && c <= 0x1F); };
  std::size_t begin = text.size(), end = 0;
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text, at);
    const std::size_t next = at + c.length;
    if (!c.valid || !blank(c.code_point)) {
      begin = std::min(begin, at);
      end = next;
    }
    at = next;
  }
  return begin < end ? text.substr(begin, end - begin) : std::string_view();
}

}  // namespace

struct MarianTokenizer::Folder {
  struct Vocabulary {
    explicit Vocabulary(const fs::path& path)
        : tokens(read_vocab_json(path)), ids(naming_file(path, [&] { return index_tokens(tokens); })) {}
    Vocabulary(const Vocabulary&) = delete;  // `ids` looks into `tokens`
    Vocabulary& operator=(const Vocabulary&) = delete;

    std::vector<std::string> tokens;
    IdsByToken ids;
  };

  std::shared_ptr<const SentencePiece> source_pieces, target_pieces;
  std::shared_ptr<const Vocabulary> source, target;  ///< one without separate_vocabs
  AddedTokens added;                                 ///< by the source's ids, on both sides
  SpecialTokens special;                             ///< likewise
  bool clean_up = false;
  std::vector<std::pair<std::string, std::string>> files;  ///< names and bytes of all that is saved, source.spm last

  bool separate() const { return source != target; }
};

struct MarianTokenizer::Impl {
  Impl(std::shared_ptr<const Folder> shared, bool target);

  /// Where a piece of `pieces` is known by its id alone.
  TokenId id_of(std::string_view token) const;
  void encode_part(std::string_view text, std::vector<TokenId>& ids) const;
  /// An added token's too; none where the id has none.
  std::optional<std::string_view> token(TokenId id) const;

  std::shared_ptr<const Folder> folder;
  const SentencePiece& pieces;   ///< cuts text
  const SentencePiece& speller;  ///< puts it together
  const Folder::Vocabulary& vocabulary;
  SpecialTokens special;
  std::vector<TokenId> ids_by_piece;  ///< kNoToken: what the piece stands for decides
  std::size_t size;
};

MarianTokenizer::Impl::Impl(std::shared_ptr<const Folder> shared, bool target)
    : folder(std::move(shared)),
      pieces(target ? *folder->target_pieces : *folder->source_pieces),
      speller(target && folder->separate() ? *folder->target_pieces : *folder->source_pieces),
      vocabulary(target ? *folder->target : *folder->source),
      special(folder->special),
      size(vocabulary.tokens.size()) {
  if (target && folder->separate()) {
    for (const SpecialTokenRole& role : kSpecialTokenRoles) {
      auto& id = special.*role.member;
      if (id && role.member != &SpecialTokens::eos) id = find_id(vocabulary.ids, folder->added.find(*id)->content);
    }
  } else {
    for (const AddedToken& added : folder->added.all()) size = std::max(size, static_cast<std::size_t>(added.id) + 1);
  }
  for (TokenId piece = 0; static_cast<std::size_t>(piece) < pieces.vocab_size(); ++piece) {
    const bool unknown = piece == pieces.special_tokens().unk;
    ids_by_piece.push_back(unknown ? kNoToken : id_of(pieces.id_to_token(piece)));
  }
}

TokenId MarianTokenizer::Impl::id_of(std::string_view token) const {
  if (const AddedToken* const added = folder->added.find(token)) return added->id;
  return find_id(vocabulary.ids, token).value_or(*special.unk);
}

std::optional<std::string_view> MarianTokenizer::Impl::token(TokenId id) const {
  if (id < 0 || static_cast<std::size_t>(id) >= size) return {};
  if (const AddedToken* const added = folder->added.find(id)) return added->content;
  return find_token(vocabulary.tokens, id);
}

void MarianTokenizer::Impl::encode_part(std::string_view text, std::vector<TokenId>& ids) const {
  if (const auto code = language_code(text); !code.empty()) {
    ids.push_back(id_of(code));
    text.remove_prefix(code.size());
  }
  const auto begin = static_cast<std::ptrdiff_t>(ids.size());
  pieces.encode(text, ids);
  bool known = true;
  for (auto id = ids.begin() + begin; id != ids.end(); ++id) {
    *id = ids_by_piece[static_cast<std::size_t>(*id)];
    known = known && *id != kNoToken;
  }
  if (known) return;
  // Text that the .spm does not know can be a token all the same.
  const Encoding encoding = pieces.encode(text, {.add_special_tokens = false, .tokens = true});
  for (std::size_t i = 0; i < encoding.size(); ++i) {
    TokenId& id = ids[static_cast<std::size_t>(begin) + i];
    if (id == kNoToken) id = id_of(encoding.tokens[i]);
  }
}

MarianTokenizer::MarianTokenizer(std::shared_ptr<const Folder> folder, bool is_target)
    : impl_(std::make_unique<Impl>(std::move(folder), is_target)) {
  const TokenId eos = impl_->special.eos.value();
  const std::string name = impl_->folder->added.find(eos)->content;
  const TemplatePiece first{TemplatePiece::Kind::First, 0, {}}, second{TemplatePiece::Kind::Second, 0, {}},
      end{TemplatePiece::Kind::SpecialToken, 0, name};
  set_rules({.post_processor = std::make_shared<TemplateProcessing>(TemplateProcessing::Options{
                 .single = {first, end}, .pair = {first, second, end}, .special_tokens = {{name, {{eos}, {name}}}}})});
}
MarianTokenizer::~MarianTokenizer() = default;

bool MarianTokenizer::shares_folder(const Tokenizer& other) const {
  const auto* const marian = dynamic_cast<const MarianTokenizer*>(&other);
  return marian != nullptr && marian->impl_->folder == impl_->folder;
}

void MarianTokenizer::encode(std::string_view text, std::vector<TokenId>& ids) const {
  for (const auto& part : impl_->folder->added.split(text)) {
    if (part.token != nullptr) {
      ids.push_back(part.token->id);
    } else {
      impl_->encode_part(text.substr(part.begin, part.end - part.begin), ids);
    }
  }
}

Encoding MarianTokenizer::encode_sequence(std::string_view text, const EncodeOptions& options) const {
  Encoding encoding;
  const auto add = [&](TokenId id, std::size_t begin, std::size_t end, std::string_view token) {
    encoding.ids.push_back(id);
    encoding.offsets.push_back({begin, end});
    if (options.tokens) encoding.tokens.emplace_back(token);
  };
  const EncodeOptions plain{.add_special_tokens = false, .tokens = true, .sampling = options.sampling};
  for (const auto& part : impl_->folder->added.split(text, options.split_special_tokens)) {
    if (part.token != nullptr) {
      add(part.token->id, part.begin, part.end, part.token->content);
      continue;
    }
    const auto code = language_code(text.substr(part.begin, part.end - part.begin));
    const std::size_t begin = part.begin + code.size();
    if (!code.empty()) add(impl_->id_of(code), part.begin, begin, code);
    const Encoding found = impl_->pieces.encode(text.substr(begin, part.end - begin), plain);
    for (std::size_t i = 0; i < found.size(); ++i) {
      const TokenId known = impl_->ids_by_piece[static_cast<std::size_t>(found.ids[i])];
      const TokenId id = known == kNoToken ? impl_->id_of(found.tokens[i]) : known;
      add(id, begin + found.offsets[i].begin, begin + found.offsets[i].end, found.tokens[i]);
    }
  }
  encoding.word_ids.assign(encoding.size(), Encoding::kNoWord);
  return encoding;
}

std::string MarianTokenizer::decode(std::span<const TokenId> ids, bool skip_special_tokens) const {
  std::string text;
  std::vector<std::string> pieces;
  const auto spell = [&] {
    text += impl_->speller.decode_pieces(pieces);
    pieces.clear();
  };
  for (const TokenId id : ids) {
    const AddedToken* const added = impl_->folder->added.find(id);
    if (added == nullptr || !added->special) {
      pieces.push_back(id_to_token(id));
    } else if (!skip_special_tokens) {
      spell();
      text += added->content + ' ';
    }
  }
  spell();
  text = stripped(replace_all(text, kSpaceSymbol, " "));  // left in pieces that the .spm does not have
  return impl_->folder->clean_up ? clean_up_spaces(std::move(text), /*contract_do_not=*/false) : text;
}

std::size_t MarianTokenizer::vocab_size() const {
  return impl_->size;
}

std::optional<TokenId> MarianTokenizer::token_to_id(std::string_view token) const {
  if (const AddedToken* const added = impl_->folder->added.find(token)) return added->id;
  return find_id(impl_->vocabulary.ids, token);
}

std::string MarianTokenizer::id_to_token(TokenId id) const {
  const auto token = impl_->token(id);
  if (!token) {
    throw std::out_of_range(fmt::format("the id {} is not in the vocabulary of {} tokens", id, impl_->size));
  }
  return std::string(*token);
}

bool MarianTokenizer::has_token(TokenId id) const {
  return impl_->token(id).has_value();
}

const SpecialTokens& MarianTokenizer::special_tokens() const {
  return impl_->special;
}

void MarianTokenizer::save(const fs::path& dir) const {
  std::error_code error;
  fs::create_directories(dir, error);
  if (error) throw FileError(dir, "cannot be created: " + error.message());
  for (const auto& [name, bytes] : impl_->folder->files) write_file_atomically(dir / name, bytes);
}

namespace {

/// The text of a tokenizer_config.json that names the class whatever config.json stands beside it.
std::string with_class(const std::string& text, const fs::path& path) {
  auto config = nlohmann::ordered_json::object();
  config["tokenizer_class"] = kClass;
  if (!text.empty()) {
    const nlohmann::json parsed = parse_json(text, path, JsonNumbers::Python);
    const JsonField root(parsed, {}, path);
    if (!root.at_or_null("tokenizer_class").is_null()) return text;
    for (const auto& [key, value] : root.object().items()) {
      if (key != "tokenizer_class") config[key] = value;
    }
  }
  return config.dump(2) + "\n";
}

/// Throws FileError for settings that would give other ids and are not done.
void refuse_settings(const std::string& text, const fs::path& path) {
  if (text.empty()) return;
  const nlohmann::json parsed = parse_json(text, path, JsonNumbers::Python);
  const JsonField root(parsed, {}, path);
  const JsonField settings = root.at_or_null("sp_model_kwargs");
  if (!settings.is_null() && !settings.object().empty()) {
    settings.fail("is not supported; a segmentation is drawn where a text is encoded");
  }
  const std::string name = TokenizerConfig(text, path).tokenizer_class();
  if (name.empty() || name == kClass) return;
  root.at("tokenizer_class").fail(fmt::format("'{}' is not supported beside source.spm, expected {}", name, kClass));
}

}  // namespace

bool is_marian(const fs::path& dir) {
  if (!fs::exists(dir / kSourceModel)) return false;
  if (!fs::exists(dir / "tokenizer.json")) return true;
  const std::string name = TokenizerConfig(read_if_there(dir / kConfig), dir / kConfig).tokenizer_class();
  if (!name.empty()) return name == kClass;
  const fs::path path = dir / "config.json";
  if (!fs::exists(path)) return false;
  const nlohmann::json config = parse_json(read_file(path, kMostBytes), path, JsonNumbers::Python);
  return config.is_object() && config.value("model_type", nlohmann::json()) == "marian";
}

MarianTokenizers load_marian(const fs::path& dir) {
  auto folder = std::make_shared<MarianTokenizer::Folder>();
  const auto keep = [&](const char* name) -> std::string {
    refuse_other_kind(dir / name);
    return folder->files.emplace_back(name, read_file(dir / name, kMostBytes)).second;
  };

  const std::string settings = read_if_there(dir / kConfig);
  refuse_settings(settings, dir / kConfig);
  folder->files.emplace_back(kConfig, with_class(settings, dir / kConfig));
  for (const char* name : {"special_tokens_map.json", "added_tokens.json"}) {
    if (fs::exists(dir / name)) keep(name);
  }
  keep(kVocabulary);
  folder->source = folder->target = std::make_shared<MarianTokenizer::Folder::Vocabulary>(dir / kVocabulary);

  const TokenizerConfig config = TokenizerConfig::of_directory(dir);
  folder->clean_up = config.flag("clean_up_tokenization_spaces").value_or(false);
  const auto defaults = special_token_defaults(kClass);
  AddedTokenList list({finder(folder->source->ids), folder->source->ids.size()});
  folder->special = config.add_tokens(list, defaults);
  auto added = list.tokens();
  for (AddedToken& token : added) token.normalized = false;  // no normalizer comes before them
  folder->added = naming_file(dir / kConfig, [&] { return AddedTokens(std::move(added)); });
  if (!folder->special.eos) config.fail("eos_token", kNeeded);

  const auto unk = config.token("unk_token", defaults);
  if (!unk) config.fail("unk_token", kNeeded);
  const auto require_unk = [&](const MarianTokenizer::Folder::Vocabulary& vocabulary, const char* name) {
    if (find_id(vocabulary.ids, *unk)) return;
    throw FileError(dir / name, sanitize_utf8(fmt::format("has no '{}', which unknown pieces become", *unk)));
  };
  require_unk(*folder->source, kVocabulary);
  if (config.flag("separate_vocabs").value_or(false)) {
    keep(kTargetVocabulary);
    folder->target = std::make_shared<MarianTokenizer::Folder::Vocabulary>(dir / kTargetVocabulary);
    require_unk(*folder->target, kTargetVocabulary);
  }
  const auto pieces = [&](const char* name) { return std::make_shared<SentencePiece>(keep(name), dir / name); };
  folder->target_pieces = pieces(kTargetModel);
  folder->source_pieces = pieces(kSourceModel);  // last: it is what makes a folder one of this kind
  return {std::make_unique<MarianTokenizer>(folder, false), std::make_unique<MarianTokenizer>(folder, true)};
}

}  // namespace langzoo
