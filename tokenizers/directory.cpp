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

#include "data/files/files.h"
#include "tokenizers/byte_level_bpe.h"
#include "tokenizers/decoders/bpe_decoder.h"
#include "tokenizers/decoders/wordpiece_decoder.h"
#include "tokenizers/json_field.h"
#include "tokenizers/models/bpe.h"
#include "tokenizers/models/vocabulary.h"
#include "tokenizers/models/vocabulary_files.h"
#include "tokenizers/models/wordpiece.h"
#include "tokenizers/normalizers/bert_normalizer.h"
#include "tokenizers/pipeline.h"
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

std::string read_if_there(const fs::path& path) {
  return fs::exists(path) ? read_file(path, kMaxFileBytes) : std::string();
}

TokenizerConfig config_beside(const fs::path& file, std::string_view text) {
  return {text, file.parent_path() / "tokenizer_config.json"};
}

/// The class that `transformers` would take, without "Fast"; empty where neither configuration tells.
std::string tokenizer_class(const fs::path& dir, const std::string& config_text) {
  static constexpr std::pair<std::string_view, std::string_view> kModelTypes[] = {
      {"bert", "BertTokenizer"},           {"distilbert", "BertTokenizer"}, {"electra", "BertTokenizer"},
      {"albert", "AlbertTokenizer"},       {"t5", "T5Tokenizer"},           {"mt5", "T5Tokenizer"},
      {"gpt2", "GPT2Tokenizer"},           {"gpt_neo", "GPT2Tokenizer"},    {"gptj", "GPT2Tokenizer"},
      {"openai-gpt", "OpenAIGPTTokenizer"}};
  const std::string name = TokenizerConfig(config_text, dir / "tokenizer_config.json").tokenizer_class();
  if (!name.empty()) return name;
  const fs::path model_path = dir / "config.json";
  const std::string model_config = read_if_there(model_path);
  if (model_config.empty()) return {};
  const json parsed = parse_json(model_config, model_path);
  const JsonField root(parsed, {}, model_path);
  if (root.at_or_null("model_type").is_null()) return {};
  const std::string model_type = root.at("model_type").string();
  const auto* found = std::find_if(std::begin(kModelTypes), std::end(kModelTypes),
                                   [&](const auto& entry) { return entry.first == model_type; });
  if (found == std::end(kModelTypes)) {
    root.at("model_type")
        .fail("'" + model_type +
              "' is not supported without a tokenizer.json, unless a tokenizer_config.json names its tokenizer_class");
  }
  return std::string(found->second);
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
enum class Files { TokenizerJson, VocabTxt, VocabAndMerges, SentencePiece, None };

Files files_of(const fs::path& dir) {
  if (fs::exists(dir / "tokenizer.json")) return Files::TokenizerJson;
  if (fs::exists(dir / "vocab.txt")) return Files::VocabTxt;
  if (fs::exists(dir / "vocab.json") && fs::exists(dir / "merges.txt")) return Files::VocabAndMerges;
  return find_sentencepiece(dir).empty() ? Files::None : Files::SentencePiece;
}

bool begins_with(const fs::path& path, std::string_view bytes) {
  std::string head(bytes.size(), '\0');
  std::ifstream file(path, std::ios::binary);
  return file.read(head.data(), static_cast<std::streamsize>(head.size())) && head == bytes;
}

/// A pipeline of `parts`, whose special tokens the configuration or the class's defaults name.
std::unique_ptr<Pipeline> make_pipeline(const fs::path& path, const TokenizerConfig& config,
                                        std::string_view tokenizer_class, PipelineParts parts) {
  std::vector<AddedToken> configured = config.added_tokens();
  for (AddedToken& token : configured) {
    const bool known = std::any_of(parts.added_tokens.begin(), parts.added_tokens.end(),
                                   [&](const AddedToken& other) { return other.content == token.content; });
    if (!known) parts.added_tokens.push_back(std::move(token));
  }
  parts.special_tokens =
      config.special_tokens([&](std::string_view token) { return parts.model->token_to_id(token); },
                            parts.model->vocab_size(), special_token_defaults(tokenizer_class), parts.added_tokens);
  return naming_file(path, [&] { return std::make_unique<Pipeline>(std::move(parts)); });
}

/// T5's or ALBERT's tokenizer of a .model, or the model's own. Which one, where no configuration tells, the pieces do:
/// only ALBERT has [CLS].
std::unique_ptr<Tokenizer> load_sentencepiece_directory(const fs::path& path, std::string tokenizer_class,
                                                        const std::string& config_text) {
  if (tokenizer_class == kSentencePieceClass) return load_sentencepiece(path);
  const TokenizerConfig config = config_beside(path, config_text);
  const std::string model = read_file(path, kMaxFileBytes);
  if (tokenizer_class.empty()) {
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
  } else {
    throw FileError(path, fmt::format("a SentencePiece model of the class {} is not supported, expected T5Tokenizer or "
                                      "AlbertTokenizer, or {} in tokenizer_config.json for the model as it is",
                                      tokenizer_class, kSentencePieceClass));
  }
  auto tokenizer = make_pipeline(path, config, tokenizer_class, std::move(made.parts));
  tokenizer->set_rules(std::move(made.rules));
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

std::unique_ptr<Tokenizer> load_directory(const fs::path& dir) {
  const std::string config = read_if_there(dir / "tokenizer_config.json");
  const Files files = files_of(dir);
  if (files == Files::TokenizerJson) {
    return parse_tokenizer_json(read_file(dir / "tokenizer.json", kMaxFileBytes), config, dir / "tokenizer.json");
  }
  const std::string name = tokenizer_class(dir, config);
  const fs::path vocab_txt = dir / "vocab.txt", vocab_json = dir / "vocab.json", merges_txt = dir / "merges.txt";
  switch (files) {
    case Files::VocabTxt:
      expect_class(vocab_txt, name, {"BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer"});
      return load_bert_vocabulary(vocab_txt, config);
    case Files::VocabAndMerges: {
      expect_class(vocab_json, name, {"GPT2Tokenizer", "OpenAIGPTTokenizer"});
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
      return load_sentencepiece_directory(models.front(), name, config);
    }
    default:
      throw FileError(dir, "has no tokenizer: none of tokenizer.json, vocab.txt, vocab.json with merges.txt, *.model");
  }
}

}  // namespace

std::unique_ptr<Tokenizer> load_bert_vocabulary(const fs::path& vocab_txt, std::string_view config_text) {
  const TokenizerConfig config = config_beside(vocab_txt, config_text);
  PipelineParts parts;
  WordPieceOptions options;
  options.tokens = read_vocab_txt(vocab_txt);
  options.unk_token = config.token("unk_token", special_token_defaults("BertTokenizer")).value_or("[UNK]");
  parts.model = naming_file(vocab_txt, [&] { return std::make_shared<WordPiece>(std::move(options)); });
  parts.normalizer = std::make_shared<BertNormalizer>(
      BertNormalizerOptions{.handle_chinese_chars = config.flag("tokenize_chinese_chars").value_or(true),
                            .strip_accents = config.flag("strip_accents"),
                            .lowercase = config.flag("do_lower_case").value_or(true)});
  parts.pre_tokenizer = std::make_shared<BertPreTokenizer>();
  parts.decoder = std::make_shared<WordPieceDecoder>();
  auto tokenizer = make_pipeline(vocab_txt, config, "BertTokenizer", std::move(parts));

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

std::unique_ptr<Tokenizer> load_gpt_vocabulary(const fs::path& vocab_json, const fs::path& merges_txt,
                                               std::string_view config_text) {
  const TokenizerConfig config = config_beside(vocab_json, config_text);
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
                                                std::string_view config_text) {
  const TokenizerConfig config = config_beside(vocab_json, config_text);
  ByteLevelBpeModel model;
  model.tokens = read_vocab_json(vocab_json);
  model.merges = read_merges_txt(merges_txt, model.tokens);
  model.add_prefix_space = config.flag("add_prefix_space").value_or(false);
  model.added_tokens = config.added_tokens();
  const IdsByToken ids = index_tokens(model.tokens);
  model.special_tokens = config.special_tokens(finder(ids), model.tokens.size(),
                                               special_token_defaults("GPT2Tokenizer"), model.added_tokens);
  auto tokenizer = naming_file(vocab_json, [&] { return std::make_unique<ByteLevelBpe>(std::move(model)); });
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

bool has_tokenizer(const fs::path& dir) {
  return fs::is_directory(dir) && files_of(dir) != Files::None;
}

std::unique_ptr<Tokenizer> load_tokenizer(const fs::path& path) {
  if (!fs::exists(path)) throw FileError(path, "does not exist");
  if (fs::is_directory(path)) return load_directory(path);
  const std::string config = read_if_there(path.parent_path() / "tokenizer_config.json");
  if (path.extension() == ".model") return load_sentencepiece(path);
  if (begins_with(path, "#version: 0.2")) return load_subword_nmt_codes(path);
  if (path.extension() == ".txt") return load_bert_vocabulary(path, config);
  if (path.extension() == ".json") return parse_tokenizer_json(read_file(path, kMaxFileBytes), config, path);
  throw FileError(path,
                  "is no tokenizer: expected a directory, a tokenizer.json, a vocab.txt, a SentencePiece .model or "
                  "subword-nmt codes");
}

}  // namespace langzoo
