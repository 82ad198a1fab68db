#include "apps/training/run_tokenizer.h"

#include <algorithm>
#include <stdexcept>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/training/output_dir.h"
#include "data/files/config_error.h"
#include "data/files/cpus.h"
#include "data/files/files.h"
#include "data/files/numbers.h"
#include "data/text/fingerprint.h"
#include "models/pretrained.h"
#include "tokenizers/added_tokens.h"
#include "tokenizers/char_level.h"
#include "tokenizers/directory.h"
#include "tokenizers/marian.h"
#include "tokenizers/post_processors/template_processing.h"
#include "tokenizers/sentencepiece.h"
#include "tokenizers/trainers/trainer_kinds.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kChar = "char", kTrain = "train:", kBareModel = "spiece.model";

using Made = std::unique_ptr<Tokenizer>;

void put_end_behind_texts(Tokenizer& tokenizer) {
  const auto eos = tokenizer.special_tokens().eos;
  // Characters have a file without a template.
  if (!eos || dynamic_cast<CharLevel*>(&tokenizer) != nullptr) return;
  const auto token = tokenizer.id_to_token(*eos);
  auto rules = tokenizer.rules();
  rules.post_processor = std::make_shared<TemplateProcessing>(
      TemplateProcessing::Options{.single = parse_template("$A " + token),
                                  .pair = parse_template(fmt::format("$A {0} $B {0}", token)),
                                  .special_tokens = {{token, {{*eos}, {token}}}}});
  tokenizer.set_rules(std::move(rules));
}

/// By a trainer of ours.
Made train_own(const TrainerKind& kind, std::size_t vocab_size, const TextSource& texts, const TokenizerNeeds& needs) {
  PipelineTrainerOptions options;
  options.vocab_size = vocab_size;
  options.special_tokens = needs.special_tokens;
  options.threads = needs.threads;
  auto tokenizer = kind.train(texts, options);
  if (needs.ends_texts) put_end_behind_texts(*tokenizer);
  return tokenizer;
}

Made train_sentencepiece_model(SentencePieceTrainerOptions::ModelType type, std::size_t vocab_size,
                               const TextSource& texts, const TokenizerNeeds& needs, const Message& message) {
  SentencePieceTrainerOptions options;
  options.model_type = type;
  options.vocab_size = vocab_size;
  options.bos_id = options.eos_id = options.pad_id = std::nullopt;
  for (const auto& token : needs.special_tokens) {
    if (token == "<s>") {
      options.bos_id = 0;
    } else if (token == "</s>" || token == "<|endoftext|>") {
      options.eos_id = 0;
    } else if (token == "<pad>") {
      options.pad_id = 0;
    } else if (token != "<unk>") {
      options.control_symbols.push_back(token);
    }
  }
  TokenId id = options.unk_id;
  for (auto* role : {&options.bos_id, &options.eos_id, &options.pad_id}) {
    if (*role) *role = ++id;
  }
  options.left_out = [&, most = options.max_sentence_length](std::uint64_t lines, std::uint64_t bytes) {
    message(
        fmt::format("the tokenizer is trained without {} lines, {} bytes, that are longer than {} bytes or hold U+2585",
                    lines, bytes, most));
  };
  // What the trainer has against the text concerns N; what is wrong with reading it does not.
  bool unreadable = false;
  const auto next = [&](std::string& text) {
    unreadable = true;
    const bool more = texts(text);
    unreadable = false;
    return more;
  };
  try {
    return train_sentencepiece(next, options);
  } catch (const std::runtime_error& error) {
    if (unreadable) throw;
    throw std::invalid_argument(error.what());
  }
}

/// Whether `dir` holds a SentencePiece model as earlier versions of ours saved it: beside a model whose own tokenizer
/// is of another class, or in a run that has no model yet.
bool is_bare_model_of_run(const fs::path& dir) {
  for (const auto name : tokenizer_files()) {
    if (fs::exists(dir / name) != (name == kBareModel)) return false;
  }
  if (!fs::exists(dir / "config.json")) return fs::exists(dir / kRunFile);
  const auto type = model_type_of(dir);
  return type == "gpt2" || type == "seq2seq";
}

}  // namespace

bool TokenizerSpec::takes_bytes() const {
  const auto* found = find_trainer_kind(kind);
  return found != nullptr && found->takes_bytes;
}

const std::string& tokenizer_spec_help() {
  static const std::string help = [] {
    std::vector<std::string_view> names;
    for (const auto& kind : trainer_kinds()) {
      if (kind.name != kChar) names.push_back(kind.name);
    }
    return fmt::format("char, train:KIND:N (KIND: {}) or the path of a tokenizer", fmt::join(names, ", "));
  }();
  return help;
}

TokenizerSpec parse_tokenizer_spec(const std::string& text, const std::string& key) {
  if (text == kChar) return {key, text, text};
  if (text.starts_with(kTrain)) {
    const auto rest = std::string_view(text).substr(kTrain.size());
    const auto colon = std::min(rest.find(':'), rest.size());
    const auto kind = rest.substr(0, colon), digits = rest.substr(std::min(colon + 1, rest.size()));
    if (kind != kChar && find_trainer_kind(kind) != nullptr) {
      std::size_t size = 0;
      if (read_number(digits, size) != NumberFault::kNone || size < 1 || size > kMaxVocabularySize) {
        throw ConfigError(fmt::format("{} = {}: N of train:{}:N must be an integer from 1 to {}", key, text, kind,
                                      kMaxVocabularySize));
      }
      return {key, text, std::string(kind), size};
    }
  } else if (fs::exists(text)) {
    return {key, text, {}};
  }
  throw ConfigError(fmt::format("{} = {}: is none of {}", key, text, tokenizer_spec_help()));
}

std::unique_ptr<Tokenizer> make_tokenizer(const TokenizerSpec& spec, const TextSource& texts,
                                          const TokenizerNeeds& needs, const Message& message) {
  if (spec.kind.empty()) return load_run_tokenizer(spec.text);
  const auto& kind = *find_trainer_kind(spec.kind);
  if (kind.name == kChar) return train_own(kind, 0, texts, needs);
  message(fmt::format("training a {} tokenizer of {} tokens", spec.kind, spec.vocab_size));
  auto with_threads = needs;
  if (with_threads.threads == 0) with_threads.threads = available_cpus();
  try {
    auto tokenizer = kind.train != nullptr ? train_own(kind, spec.vocab_size, texts, with_threads)
                                           : train_sentencepiece_model(*kind.sentencepiece, spec.vocab_size, texts,
                                                                       with_threads, message);
    require_room(*tokenizer, spec.vocab_size);
    // Of words it is at most so many.
    if (tokenizer->vocab_size() < spec.vocab_size && !kind.name.ends_with("word"))
      message(fmt::format("the tokenizer has {} tokens: the text gives no more", tokenizer->vocab_size()));
    return tokenizer;
  } catch (const ConfigError&) {
    throw;
  } catch (const std::invalid_argument& error) {
    throw ConfigError(fmt::format("{} = {}: {}", spec.key, spec.text, error.what()));
  }
}

std::unique_ptr<Tokenizer> load_run_tokenizer(const fs::path& path) {
  return is_bare_model_of_run(path) ? load_sentencepiece(path / kBareModel) : load_tokenizer(path);
}

std::unique_ptr<Tokenizer> find_tokenizer(const fs::path& dir) {
  return has_tokenizer(dir) ? load_run_tokenizer(dir) : nullptr;
}

bool keeps_bytes(const Tokenizer& tokenizer) {
  constexpr std::string_view kNoUtf8 = "\xFF";
  try {
    std::vector<TokenId> ids;
    tokenizer.encode(kNoUtf8, ids);
    return tokenizer.decode(ids).ends_with(kNoUtf8);
  } catch (const std::runtime_error&) {
    return false;
  }
}

std::string absolute_tokenizer(const std::string& text) {
  return text == kChar || text.starts_with(kTrain) ? text : absolute_if_there(text);
}

bool is_tokenizer_in(const fs::path& dir, const std::string& name) {
  if (!fs::exists(name) || !has_tokenizer(dir)) return false;
  const auto given = TranslationTokenizers::open(name), held = TranslationTokenizers::open(dir);
  const auto equal = [](const Tokenizer& a, const Tokenizer& b) {
    return tokenizer_fingerprint(a) == tokenizer_fingerprint(b);
  };
  return equal(given.source(), held.source()) && equal(given.target(), held.target());
}

bool TranslationTokenizers::one_vocabulary() const {
  if (!target_) return true;
  if (source_->vocab_size() != target_->vocab_size()) return false;
  const auto token = [](const Tokenizer& tokenizer, TokenId id) -> std::optional<std::string> {
    if (!tokenizer.has_token(id)) return std::nullopt;
    return tokenizer.id_to_token(id);
  };
  for (TokenId id = 0; static_cast<std::size_t>(id) < source_->vocab_size(); ++id) {
    if (token(*source_, id) != token(*target_, id)) return false;
  }
  return true;
}

void TranslationTokenizers::save(const fs::path& dir) const {
  const auto* const marian = dynamic_cast<const MarianTokenizer*>(source_.get());
  const bool one_folder = marian != nullptr && target_ && marian->shares_folder(*target_);
  // The source's is what makes a folder one that has tokenizers: it comes last.
  if (target_ && !one_folder) target_->save(dir / kTargetTokenizerDir);
  source_->save(dir);
}

TranslationTokenizers TranslationTokenizers::load(const fs::path& dir) {
  auto tokenizers = open(dir);
  if (const auto target = dir / kTargetTokenizerDir; fs::exists(target)) {
    tokenizers.target_ = load_target_tokenizer(target);
  }
  return tokenizers;
}

TranslationTokenizers TranslationTokenizers::open(const fs::path& path) {
  if (!is_marian(path)) return {load_run_tokenizer(path), nullptr};
  auto sides = load_marian(path);
  return {std::move(sides.source), std::move(sides.target)};
}

std::unique_ptr<Tokenizer> load_target_tokenizer(const fs::path& path) {
  if (is_marian(path)) return std::move(load_marian(path).target);
  return load_run_tokenizer(path);
}

void check_vocabulary(const fs::path& dir, const char* side, const Tokenizer& tokenizer, std::int64_t vocab_size) {
  if (static_cast<std::int64_t>(tokenizer.vocab_size()) <= vocab_size) return;
  throw FileError(dir, fmt::format("the {} tokenizer has {} tokens, the model's vocabulary only {}", side,
                                   tokenizer.vocab_size(), vocab_size));
}

TokenId end_token_of(const Tokenizer& tokenizer, const std::string& key) {
  const auto& special = tokenizer.special_tokens();
  if (special.eos) return *special.eos;
  if (special.sep) return *special.sep;
  throw ConfigError(fmt::format("{}: the tokenizer has no token that ends a sentence (</s> or [SEP])", key));
}

TokenId start_token_of(const Tokenizer& tokenizer, const std::string& key) {
  const auto& special = tokenizer.special_tokens();
  if (special.bos) return *special.bos;
  if (special.cls) return *special.cls;
  return end_token_of(tokenizer, key);
}

}  // namespace langzoo
