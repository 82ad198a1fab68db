#include "apps/training/run_tokenizer.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <stdexcept>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "data/files/config_error.h"
#include "data/files/cpus.h"
#include "data/files/files.h"
#include "tokenizers/added_tokens.h"
#include "tokenizers/directory.h"
#include "tokenizers/sentencepiece.h"
#include "tokenizers/trainers/byte_level_bpe_trainer.h"
#include "tokenizers/trainers/char_trainer.h"
#include "tokenizers/trainers/pipeline_trainer.h"
#include "tokenizers/trainers/sentencepiece_trainer.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

using Made = std::unique_ptr<Tokenizer>;
using Train = std::function<Made(std::size_t vocab_size, const TextSource& texts, const TokenizerNeeds& needs)>;

Made train_byte_bpe(std::size_t vocab_size, const TextSource& texts, const TokenizerNeeds& needs) {
  ByteLevelBpeTrainerOptions options;
  options.vocab_size = vocab_size;
  options.special_tokens = needs.special_tokens;
  options.threads = needs.threads;
  return train_byte_level_bpe(texts, options);
}

/// One of the trainers of tokenizers/trainers/pipeline_trainer.h.
template <auto kTrain>
Made train_pipeline(std::size_t vocab_size, const TextSource& texts, const TokenizerNeeds& needs) {
  PipelineTrainerOptions options;
  options.vocab_size = vocab_size;
  options.special_tokens = needs.special_tokens;
  options.threads = needs.threads;
  return kTrain(texts, options);
}

template <SentencePieceTrainerOptions::ModelType kType>
Made train_sentencepiece_model(std::size_t vocab_size, const TextSource& texts, const TokenizerNeeds& needs) {
  SentencePieceTrainerOptions options;
  options.model_type = kType;
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

struct Kind {
  std::string_view name;
  bool takes_bytes;
  Train train;
};

const std::vector<Kind>& kinds() {
  using ModelType = SentencePieceTrainerOptions::ModelType;
  static const std::vector<Kind> all = {
      {"bytebpe", true, train_byte_bpe},
      {"bpe", false, train_pipeline<train_bpe>},
      {"wordpiece", false, train_pipeline<train_wordpiece>},
      {"unigram", false, train_pipeline<train_unigram>},
      {"word", false, train_pipeline<train_word_level>},
      {"byteword", true, train_pipeline<train_byte_level_words>},
      {"sentencepiece", false, train_sentencepiece_model<ModelType::Unigram>},
      {"sentencepiece-bpe", false, train_sentencepiece_model<ModelType::Bpe>},
      {"sentencepiece-word", false, train_sentencepiece_model<ModelType::Word>},
      {"sentencepiece-char", false, train_sentencepiece_model<ModelType::Char>},
  };
  return all;
}

const Kind* find_kind(std::string_view name) {
  const auto found = std::find_if(kinds().begin(), kinds().end(), [&](const Kind& kind) { return kind.name == name; });
  return found == kinds().end() ? nullptr : &*found;
}

}  // namespace

bool TokenizerSpec::takes_bytes() const {
  const Kind* found = find_kind(kind);
  return found != nullptr && found->takes_bytes;
}

const std::string& tokenizer_spec_help() {
  static const std::string help = [] {
    std::vector<std::string_view> names;
    for (const Kind& kind : kinds()) names.push_back(kind.name);
    return fmt::format("char, train:KIND:N (KIND: {}) or the path of a tokenizer", fmt::join(names, ", "));
  }();
  return help;
}

TokenizerSpec parse_tokenizer_spec(const std::string& text, const std::string& key) {
  if (text == "char") return {key, text, text};
  constexpr std::string_view kTrain = "train:";
  if (text.starts_with(kTrain)) {
    const auto rest = std::string_view(text).substr(kTrain.size());
    const auto colon = std::min(rest.find(':'), rest.size());
    const auto kind = rest.substr(0, colon), digits = rest.substr(std::min(colon + 1, rest.size()));
    if (find_kind(kind) != nullptr) {
      std::size_t size = 0;
      const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), size);
      if (error != std::errc() || end != digits.data() + digits.size() || size < 1 || size > kMaxVocabularySize) {
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
  if (spec.kind.empty()) return load_tokenizer(spec.text);
  if (spec.kind == "char") return train_char_level(texts, {.special_tokens = needs.special_tokens, .progress = {}});
  message(fmt::format("training a {} tokenizer of {} tokens", spec.kind, spec.vocab_size));
  auto with_threads = needs;
  if (with_threads.threads == 0) with_threads.threads = available_cpus();
  try {
    return find_kind(spec.kind)->train(spec.vocab_size, texts, with_threads);
  } catch (const ConfigError&) {
    throw;
  } catch (const std::invalid_argument& error) {
    throw ConfigError(fmt::format("{} = {}: {}", spec.key, spec.text, error.what()));
  }
}

std::unique_ptr<Tokenizer> find_tokenizer(const fs::path& dir, const std::string& spec_text) {
  if (!has_tokenizer(dir)) return nullptr;
  // Earlier versions saved a bare .model without saying that it is one.
  const auto model = dir / "spiece.model";
  if (fs::path(spec_text).extension() == ".model" && fs::exists(model) && !fs::exists(dir / "tokenizer_config.json")) {
    auto tokenizer = load_sentencepiece(model);
    tokenizer->save(dir);
    return tokenizer;
  }
  return load_tokenizer(dir);
}

void TranslationTokenizers::save(const fs::path& dir) const {
  // The source's is what makes a folder one that has tokenizers: it comes last.
  if (target_) target_->save(dir / kTargetTokenizerDir);
  source_->save(dir);
}

TranslationTokenizers TranslationTokenizers::load(const fs::path& dir) {
  auto source = load_tokenizer(dir);
  const auto target = dir / kTargetTokenizerDir;
  return {std::move(source), fs::exists(target) ? load_tokenizer(target) : nullptr};
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
