#include "tokenizers/directory.h"

#include <algorithm>
#include <fstream>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "data/files/file_kind.h"
#include "data/files/files.h"
#include "tokenizers/added_token_list.h"
#include "tokenizers/byt5.h"
#include "tokenizers/byte_level_bpe.h"
#include "tokenizers/decoders/bpe_decoder.h"
#include "tokenizers/decoders/wordpiece_decoder.h"
#include "tokenizers/json_field.h"
#include "tokenizers/marian.h"
#include "tokenizers/models/bpe.h"
#include "tokenizers/models/vocabulary.h"
#include "tokenizers/models/vocabulary_files.h"
#include "tokenizers/models/wordpiece.h"
#include "tokenizers/normalizers/bert_normalizer.h"
#include "tokenizers/pipeline.h"
#include "tokenizers/post_processors/bert_processing.h"
#include "tokenizers/post_processors/template_processing.h"
#include "tokenizers/pre_tokenizers/bert_pre_tokenizer.h"
#include "tokenizers/pre_tokenizers/split_pre_tokenizer.h"
#include "tokenizers/sentencepiece.h"
#include "tokenizers/sentencepiece_model.h"
#include "tokenizers/sentencepiece_pipeline.h"
#include "tokenizers/tokenizer_config.h"
#include "tokenizers/tokenizer_json.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr std::uint64_t kMaxFileBytes = std::uint64_t{1} << 28;

/// Of several names of one class the first.
std::string first_name(const std::string& tokenizer_class) {
  static constexpr std::pair<std::string_view, std::string_view> kAliases[] = {
      {"DistilBertTokenizer", "BertTokenizer"},   {"ElectraTokenizer", "BertTokenizer"},
      {"MobileBertTokenizer", "BertTokenizer"},   {"SqueezeBertTokenizer", "BertTokenizer"},
      {"LayoutLMTokenizer", "BertTokenizer"},     {"BartTokenizer", "RobertaTokenizer"},
      {"LongformerTokenizer", "RobertaTokenizer"}};
  for (const auto& [alias, name] : kAliases) {
    if (tokenizer_class == alias) return std::string(name);
  }
  return tokenizer_class;
}

TokenizerConfig config_beside(const fs::path& file, std::string_view text) {
  return {text, file.parent_path() / "tokenizer_config.json"};
}

/// The class that `transformers` would take where only the model's config.json tells, without "Fast"; empty where that
/// does not tell either. `needed`: nothing else makes a tokenizer of the directory.
std::string class_of_model(const fs::path& dir, bool needed) {
  static constexpr std::pair<std::string_view, std::string_view> kModelTypes[] = {
      {"bert", "BertTokenizer"},
      {"distilbert", "BertTokenizer"},
      {"electra", "BertTokenizer"},
      {"mpnet", "MPNetTokenizer"},
      {"albert", "AlbertTokenizer"},
      {"t5", "T5Tokenizer"},
      {"mt5", "T5Tokenizer"},
      {"xlm-roberta", "XLMRobertaTokenizer"},
      {"llama", "TokenizersBackend"},
      {"mistral", "TokenizersBackend"},
      {"gpt2", "GPT2Tokenizer"},
      {"gpt_neo", "GPT2Tokenizer"},
      {"gptj", "GPT2Tokenizer"},
      {"roberta", "RobertaTokenizer"},
      {"bart", "RobertaTokenizer"},
      {"longformer", "RobertaTokenizer"},
      {"openai-gpt", "OpenAIGPTTokenizer"}};
  const fs::path path = dir / "config.json";
  if (!fs::exists(path)) return {};
  const json parsed = parse_json(read_file(path, kMaxFileBytes), path, JsonNumbers::Python);
  const JsonField root(parsed, {}, path);
  if (root.at_or_null("model_type").is_null()) return {};
  const std::string model_type = root.at("model_type").string();
  const auto* found = std::find_if(std::begin(kModelTypes), std::end(kModelTypes),
                                   [&](const auto& entry) { return entry.first == model_type; });
  if (found != std::end(kModelTypes)) return std::string(found->second);
  if (!needed) return {};
  root.at("model_type")
      .fail("'" + model_type +
            "' is not supported without a tokenizer.json, unless a tokenizer_config.json names its tokenizer_class");
}

/// The SentencePiece model of a directory that has a usual name, else all that it has.
std::vector<fs::path> find_sentencepiece(const fs::path& dir) {
  for (const char* name : {"spiece.model", "tokenizer.model", "sentencepiece.bpe.model"}) {
    if (fs::exists(dir / name)) return {dir / name};
  }
  std::vector<fs::path> models;
  for (const fs::directory_entry& entry : fs::directory_iterator(dir)) {
    if (entry.path().extension() == ".model") models.push_back(entry.path());
  }
  std::sort(models.begin(), models.end());
  return models;
}

/// What of a directory makes its tokenizer; the first that there is, in this order.
enum class Files { ByT5, Marian, TokenizerJson, VocabTxt, VocabAndMerges, SentencePiece, None };

Files files_of(const fs::path& dir) {
  if (is_byt5(dir)) return Files::ByT5;
  if (is_marian(dir)) return Files::Marian;
  if (fs::exists(dir / "tokenizer.json")) return Files::TokenizerJson;
  if (fs::exists(dir / "vocab.txt")) return Files::VocabTxt;
  if (fs::exists(dir / "vocab.json") && fs::exists(dir / "merges.txt")) return Files::VocabAndMerges;
  return find_sentencepiece(dir).empty() ? Files::None : Files::SentencePiece;
}

/// `most` of them, or all.
std::string first_bytes(const fs::path& path, std::size_t most) {
  std::string bytes(most, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(bytes.data(), static_cast<std::streamsize>(most));
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  return bytes;
}

/// A pipeline of `parts`, whose special tokens the configuration or the defaults, the class's where there are no
/// others, name.
std::unique_ptr<Pipeline> make_pipeline(const fs::path& path, const TokenizerConfig& config,
                                        std::string_view tokenizer_class, PipelineParts parts,
                                        std::optional<SpecialTokenDefaults> defaults = {}) {
  AddedTokenList list(vocabulary_of(*parts.model));
  list.add(std::move(parts.added_tokens));
  parts.special_tokens = config.add_tokens(list, defaults.value_or(special_token_defaults(tokenizer_class)));
  parts.added_tokens = list.tokens();
  if (tokenizer_class == "MPNetTokenizer" && !config.describes("mask_token")) {
    for (AddedToken& token : parts.added_tokens) token.lstrip = token.lstrip || token.id == parts.special_tokens.mask;
  }
  return naming_file(path, [&] { return std::make_unique<Pipeline>(std::move(parts)); });
}

/// XLM-RoBERTa's tokenizer of a .model, which has the special tokens' names from the configuration.
SentencePiecePipeline load_xlm_roberta(std::string_view model, const fs::path& path, const TokenizerConfig& config) {
  const auto name = [&](const char* role) {
    const auto token = config.token(role, special_token_defaults("XLMRobertaTokenizer"));
    if (!token) config.fail(role, "is null, and XLMRobertaTokenizer needs it");
    return *token;
  };
  return xlm_roberta_pipeline(model, path,
                              {.bos = name("bos_token"),
                               .pad = name("pad_token"),
                               .eos = name("eos_token"),
                               .unk = name("unk_token"),
                               .mask = name("mask_token")},
                              config.flag("add_prefix_space").value_or(true));
}

/// What transformers' TokenizersBackend makes of a .model; its special tokens are the model's own.
std::unique_ptr<Tokenizer> load_plain(const std::string& model, const fs::path& path, const TokenizerConfig& config) {
  SentencePiecePipeline made = plain_pipeline(model, path);
  const SentencePiece own(model, path);
  std::vector<std::pair<std::string_view, std::string>> names;
  for (const SpecialTokenRole& role : kSpecialTokenRoles) {
    const auto id = own.special_tokens().*role.member;
    if (id && role.member != &SpecialTokens::pad) names.emplace_back(role.key, own.id_to_token(*id));
  }
  const std::vector<std::pair<std::string_view, std::string_view>> defaults(names.begin(), names.end());
  auto tokenizer = make_pipeline(path, config, {}, std::move(made.parts), defaults);
  apply_bos_and_eos(config, *tokenizer);
  return tokenizer;
}

/// The tokenizer of a .model as its class in `transformers` has it, or the model's own. Which class, where no
/// configuration tells, the pieces do: only ALBERT has [CLS].
std::unique_ptr<Tokenizer> load_sentencepiece_directory(const fs::path& path, const TokenizerConfig& config) {
  std::string tokenizer_class = config.tokenizer_class();
  if (tokenizer_class == kSentencePieceClass) return load_sentencepiece(path);
  const std::string model = read_file(path, kMaxFileBytes);
  const bool fast = tokenizer_class == "TokenizersBackend" || tokenizer_class == "PreTrainedTokenizer";
  // Of the files whose names these classes do not know transformers makes nothing.
  const bool plain = (fast || tokenizer_class.empty()) && path.filename() == "tokenizer.model";
  if (tokenizer_class.empty() && !plain) {
    const auto pieces = parse_sentencepiece_model(model, path).pieces;
    const bool albert =
        std::any_of(pieces.begin(), pieces.end(), [](const auto& piece) { return piece.text == "[CLS]"; });
    tokenizer_class = albert ? "AlbertTokenizer" : "T5Tokenizer";
  }
  SentencePiecePipeline made;
  if (tokenizer_class == "AlbertTokenizer") {
    made = albert_pipeline(model, path,
                           {.do_lower_case = config.flag("do_lower_case").value_or(true),
                            .keep_accents = config.flag("keep_accents").value_or(false)});
  } else if (tokenizer_class == "T5Tokenizer") {
    made = t5_pipeline(model, path, config.size("extra_ids").value_or(100));
  } else if (tokenizer_class == "XLMRobertaTokenizer") {
    made = load_xlm_roberta(model, path, config);
  } else if (tokenizer_class == "LlamaTokenizer") {
    const PrependScheme scheme = config.flag("legacy").value_or(false) ? PrependScheme::Always : PrependScheme::First;
    made = llama_pipeline(model, path, config.flag("add_prefix_space").value_or(true) ? scheme : PrependScheme::Never);
  } else if (plain) {
    return load_plain(model, path, config);
  } else {
    throw FileError(path, fmt::format("a SentencePiece model of the class {} is not supported, expected T5Tokenizer, "
                                      "AlbertTokenizer, XLMRobertaTokenizer or LlamaTokenizer, or {} in "
                                      "tokenizer_config.json for the model as it is",
                                      tokenizer_class, kSentencePieceClass));
  }
  auto tokenizer = make_pipeline(path, config, tokenizer_class, std::move(made.parts));
  if (made.rules.post_processor) {
    tokenizer->set_rules(std::move(made.rules));
  } else {
    apply_bos_and_eos(config, *tokenizer);
  }
  return tokenizer;
}

/// The names and ids of the tokens that a class puts around a text. Throws FileError where the configuration has none.
std::pair<NamedToken, NamedToken> cls_and_sep(const TokenizerConfig& config, const Tokenizer& tokenizer) {
  const auto named = [&](const char* role, std::optional<TokenId> id) {
    if (!id) config.fail(role, "is null, and the tokenizer's class needs it");
    return NamedToken{tokenizer.id_to_token(*id), *id};
  };
  const SpecialTokens& special = tokenizer.special_tokens();
  return {named("cls_token", special.cls), named("sep_token", special.sep)};
}

/// The tokenizer of a vocab.txt: BertTokenizer or MPNetTokenizer.
std::unique_ptr<Tokenizer> load_wordpiece(const fs::path& vocab_txt, const TokenizerConfig& config,
                                          std::string_view tokenizer_class) {
  PipelineParts parts;
  WordPieceOptions options;
  options.tokens = read_vocab_txt(vocab_txt);
  options.unk_token = config.token("unk_token", special_token_defaults(tokenizer_class)).value_or("[UNK]");
  parts.model = naming_file(vocab_txt, [&] { return std::make_shared<WordPiece>(std::move(options)); });
  parts.normalizer = std::make_shared<BertNormalizer>(
      BertNormalizerOptions{.handle_chinese_chars = config.flag("tokenize_chinese_chars").value_or(true),
                            .strip_accents = config.flag("strip_accents"),
                            .lowercase = config.flag("do_lower_case").value_or(true)});
  parts.pre_tokenizer = std::make_shared<BertPreTokenizer>();
  parts.decoder = std::make_shared<WordPieceDecoder>();
  auto tokenizer = make_pipeline(vocab_txt, config, tokenizer_class, std::move(parts));

  if (tokenizer_class == "MPNetTokenizer") {
    const auto [cls, sep] = cls_and_sep(config, *tokenizer);
    tokenizer->set_rules({.post_processor = std::make_shared<RobertaProcessing>(
                              RobertaProcessing::Options{.sep = sep, .cls = cls, .add_prefix_space = false})});
    return tokenizer;
  }
  const SpecialTokens& special = tokenizer->special_tokens();
  if (special.cls && special.sep) {
    const std::string cls = tokenizer->id_to_token(*special.cls), sep = tokenizer->id_to_token(*special.sep);
    using Piece = TemplatePiece;
    const Piece first{Piece::Kind::First, 0, {}}, second{Piece::Kind::Second, 1, {}};
    const auto token = [](const std::string& name, std::int32_t type_id) {
      return Piece{Piece::Kind::SpecialToken, type_id, name};
    };
    tokenizer->set_rules({.post_processor = std::make_shared<TemplateProcessing>(TemplateProcessing::Options{
                              .single = {token(cls, 0), first, token(sep, 0)},
                              .pair = {token(cls, 0), first, token(sep, 0), second, token(sep, 1)},
                              .special_tokens = {{cls, {{*special.cls}, {cls}}}, {sep, {{*special.sep}, {sep}}}}})});
  }
  return tokenizer;
}

/// The byte-level BPE of a class that has GPT-2's files, without a post-processor.
std::unique_ptr<Tokenizer> load_byte_level(const fs::path& vocab_json, const fs::path& merges_txt,
                                           const TokenizerConfig& config, std::string_view tokenizer_class) {
  ByteLevelBpeModel model;
  model.tokens = read_vocab_json(vocab_json);
  model.merges = read_merges_txt(merges_txt, model.tokens);
  model.add_prefix_space = config.flag("add_prefix_space").value_or(false);
  const IdsByToken ids = index_tokens(model.tokens);
  AddedTokenList list({finder(ids), ids.size()});
  model.special_tokens = config.add_tokens(list, special_token_defaults(tokenizer_class));
  model.added_tokens = list.tokens();
  return naming_file(vocab_json, [&] { return make_byte_level_tokenizer(std::move(model)); });
}

std::unique_ptr<Tokenizer> load_roberta(const fs::path& vocab_json, const fs::path& merges_txt,
                                        const TokenizerConfig& config) {
  auto tokenizer = load_byte_level(vocab_json, merges_txt, config, "RobertaTokenizer");
  const auto [cls, sep] = cls_and_sep(config, *tokenizer);
  tokenizer->set_rules({.post_processor = std::make_shared<RobertaProcessing>(RobertaProcessing::Options{
                            .sep = sep,
                            .cls = cls,
                            .trim_offsets = config.flag("trim_offsets").value_or(true),
                            .add_prefix_space = config.flag("add_prefix_space").value_or(false)})});
  return tokenizer;
}

/// Other classes have files of these names too, and give other ids.
void expect_class(const fs::path& file, const std::string& name, std::initializer_list<std::string_view> classes) {
  const bool any = name.empty() || name == "PreTrainedTokenizer" || name == "TokenizersBackend";
  if (any || std::find(classes.begin(), classes.end(), name) != classes.end()) return;
  throw FileError(file, fmt::format("a vocabulary of the class {} is not supported without tokenizer.json, expected {}",
                                    name, fmt::join(classes, ", ")));
}

bool has_end_of_word(const fs::path& vocab_json) {
  const std::vector<std::string> tokens = read_vocab_json(vocab_json);
  return std::any_of(tokens.begin(), tokens.end(), [](const std::string& token) { return token.ends_with("</w>"); });
}

/// Whether the text of a JSON object gives its first key a number, as a vocabulary does.
bool begins_with_number(std::string_view json) {
  auto end = json.find('"');
  do {
    if (end == std::string_view::npos) return false;
    end = json.find_first_of("\\\"", end + 1);
  } while (end != std::string_view::npos && json[end] == '\\' && ++end > 0);
  const auto value = end == std::string_view::npos ? end : json.find_first_not_of(" \t\r\n:", end + 1);
  return value != std::string_view::npos && json[value] >= '0' && json[value] <= '9';
}

/// Throws FileError for one of the two files that GPT-1's and GPT-2's tokenizers have, given alone.
void refuse_half(const fs::path& path) {
  const auto refuse = [&](const char* what, const char* other) {
    throw FileError(
        path, fmt::format("is {}, which is nothing without its {}: give the folder that holds both", what, other));
  };
  constexpr std::size_t kEnough = 4096;
  const std::string head = first_bytes(path, kEnough);
  const auto line = head.find('\n');
  if (head.starts_with("#version")) {
    // subword-nmt's codes are all there is of its tokenizers. GPT-2's know no end of words, GPT-1's have a vocabulary.
    const bool codes = line == std::string::npos || head.find_first_not_of("\r\n", line) == std::string::npos ||
                       head.find("</w>") != std::string::npos;
    const bool beside = path.filename() == "merges.txt" && fs::exists(path.parent_path() / "vocab.json");
    if (!codes || beside) refuse("the merges.txt of a BPE tokenizer", "vocab.json");
  } else if (path.extension() == ".txt") {
    const auto first = head.substr(0, std::min(line, head.size()));
    const auto blank = first.find(' ');  // no token of BERT's has one
    if (blank == std::string::npos || blank == 0 || blank + 1 >= first.size()) return;
    if (first.find(' ', blank + 1) == std::string::npos) refuse("the merges.txt of a BPE tokenizer", "vocab.json");
    throw FileError(path, "is no vocab.txt, which has a token a line: line 1 has several words");
  } else if (path.extension() == ".json") {
    if (!begins_with_number(head)) return;
    if (is_marian(path.parent_path())) refuse("a vocabulary of Marian's tokenizer", "source.spm");
    refuse("the vocab.json of a BPE tokenizer", "merges.txt");
  }
}

std::unique_ptr<Tokenizer> load_directory(const fs::path& dir) {
  for (const char* name : {"tokenizer.json", "tokenizer_config.json", "vocab.txt", "vocab.json", "merges.txt",
                           "source.spm", "spiece.model", "tokenizer.model", "sentencepiece.bpe.model"}) {
    refuse_other_kind(dir / name);
  }
  const Files files = files_of(dir);
  if (files == Files::Marian) return load_marian(dir).source;
  TokenizerConfig config = TokenizerConfig::of_directory(dir);
  if (files == Files::ByT5) return load_byt5(config);
  if (config.tokenizer_class().empty()) {
    config.set_tokenizer_class(class_of_model(dir, files != Files::TokenizerJson && files != Files::None));
  }
  config.set_tokenizer_class(first_name(config.tokenizer_class()));
  if (files == Files::TokenizerJson) {
    return parse_tokenizer_json(read_file(dir / "tokenizer.json", kMaxFileBytes), config, dir / "tokenizer.json");
  }
  const std::string& name = config.tokenizer_class();
  const fs::path vocab_txt = dir / "vocab.txt", vocab_json = dir / "vocab.json", merges_txt = dir / "merges.txt";
  switch (files) {
    case Files::VocabTxt:
      expect_class(vocab_txt, name, {"BertTokenizer", "MPNetTokenizer"});
      return load_wordpiece(vocab_txt, config, name == "MPNetTokenizer" ? name : "BertTokenizer");
    case Files::VocabAndMerges: {
      expect_class(vocab_json, name, {"GPT2Tokenizer", "OpenAIGPTTokenizer", "RobertaTokenizer"});
      if (name == "RobertaTokenizer") return load_roberta(vocab_json, merges_txt, config);
      const bool gpt = name == "OpenAIGPTTokenizer" || (name != "GPT2Tokenizer" && has_end_of_word(vocab_json));
      return gpt ? load_gpt_vocabulary(vocab_json, merges_txt, config)
                 : load_gpt2_vocabulary(vocab_json, merges_txt, config);
    }
    case Files::SentencePiece: {
      const std::vector<fs::path> models = find_sentencepiece(dir);
      if (models.size() > 1) {
        throw FileError(dir, fmt::format("has several SentencePiece models, {} and {}; name one of the files",
                                         models[0].filename().string(), models[1].filename().string()));
      }
      return load_sentencepiece_directory(models.front(), config);
    }
    default:
      throw FileError(dir,
                      "has no tokenizer: none of tokenizer.json, vocab.txt, vocab.json with merges.txt, *.model, "
                      "source.spm with target.spm and vocab.json");
  }
}

}  // namespace

std::unique_ptr<Tokenizer> load_bert_vocabulary(const fs::path& vocab_txt, const TokenizerConfig& config) {
  return load_wordpiece(vocab_txt, config, "BertTokenizer");
}

std::unique_ptr<Tokenizer> load_gpt_vocabulary(const fs::path& vocab_json, const fs::path& merges_txt,
                                               const TokenizerConfig& config) {
  BpeOptions options;
  options.tokens = read_vocab_json(vocab_json);
  options.merges = read_merges_txt(merges_txt, options.tokens);
  options.unk_token = config.token("unk_token", special_token_defaults("OpenAIGPTTokenizer"));
  options.end_of_word_suffix = "</w>";
  PipelineParts parts;
  parts.model = naming_file(vocab_json, [&] { return std::make_shared<Bpe>(std::move(options)); });
  parts.normalizer = std::make_shared<BertNormalizer>();
  parts.pre_tokenizer = std::make_shared<BertPreTokenizer>();
  parts.decoder = std::make_shared<BpeDecoder>("</w>");
  return make_pipeline(vocab_json, config, "OpenAIGPTTokenizer", std::move(parts));
}

std::unique_ptr<Tokenizer> load_gpt2_vocabulary(const fs::path& vocab_json, const fs::path& merges_txt,
                                                const TokenizerConfig& config) {
  auto tokenizer = load_byte_level(vocab_json, merges_txt, config, "GPT2Tokenizer");
  apply_bos_and_eos(config, *tokenizer);
  return tokenizer;
}

std::unique_ptr<Tokenizer> load_subword_nmt_codes(const fs::path& codes) {
  PipelineParts parts;
  parts.model = std::make_shared<Bpe>(read_subword_nmt_codes(codes));
  parts.pre_tokenizer = std::make_shared<SplitPreTokenizer>(
      SplitPreTokenizerOptions{.pattern = TextPattern::literal(" "), .behavior = SplitBehavior::Removed});
  parts.decoder = std::make_shared<BpeDecoder>("</w>");
  parts.special_tokens.unk = parts.model->unk();
  return std::make_unique<Pipeline>(std::move(parts));
}

std::unique_ptr<Tokenizer> load_bert_vocabulary(const fs::path& vocab_txt, std::string_view config) {
  return load_bert_vocabulary(vocab_txt, config_beside(vocab_txt, config));
}

std::unique_ptr<Tokenizer> load_gpt2_vocabulary(const fs::path& vocab_json, const fs::path& merges_txt,
                                                std::string_view config) {
  return load_gpt2_vocabulary(vocab_json, merges_txt, config_beside(vocab_json, config));
}

std::unique_ptr<Tokenizer> load_gpt_vocabulary(const fs::path& vocab_json, const fs::path& merges_txt,
                                               std::string_view config) {
  return load_gpt_vocabulary(vocab_json, merges_txt, config_beside(vocab_json, config));
}

bool has_tokenizer(const fs::path& dir) {
  return fs::is_directory(dir) && files_of(dir) != Files::None;
}

std::span<const std::string_view> tokenizer_files() {
  static constexpr std::string_view kNames[] = {"tokenizer.json",
                                                "tokenizer_config.json",
                                                "special_tokens_map.json",
                                                "added_tokens.json",
                                                "vocab.json",
                                                "vocab.txt",
                                                "merges.txt",
                                                "spiece.model",
                                                "source.spm",
                                                "target.spm",
                                                "target_vocab.json"};
  return kNames;
}

std::unique_ptr<Tokenizer> load_tokenizer(const fs::path& path) {
  if (!fs::exists(path)) throw FileError(path, "does not exist");
  if (fs::is_directory(path)) return load_directory(path);
  refuse_other_kind(path);
  if (path.extension() == ".model" || path.extension() == ".spm") return load_sentencepiece(path);
  refuse_half(path);
  if (first_bytes(path, 13) == "#version: 0.2") return load_subword_nmt_codes(path);
  const fs::path config_path = path.parent_path() / "tokenizer_config.json";
  const TokenizerConfig config =
      config_beside(path, fs::exists(config_path) ? read_file(config_path, kMaxFileBytes) : "");
  if (path.extension() == ".txt") return load_bert_vocabulary(path, config);
  if (path.extension() == ".json") return parse_tokenizer_json(read_file(path, kMaxFileBytes), config, path);
  throw FileError(path,
                  "is no tokenizer: expected a directory, a tokenizer.json, a vocab.txt, a SentencePiece .model or "
                  "subword-nmt codes");
}

}  // namespace langzoo
