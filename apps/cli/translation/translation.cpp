#include "apps/cli/translation/translation.h"

#include <fmt/format.h>

#include "apps/cli/model_checks.h"
#include "apps/cli/translation/neural_translator.h"
#include "data/files/files.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

constexpr const char* kTargetTokenizer = "target_tokenizer";

}  // namespace

void TranslationTokenizers::save(const fs::path& dir) const {
  // The source's is what makes a folder one that has tokenizers: it comes last.
  if (target_) target_->save(dir / kTargetTokenizer);
  source_->save(dir);
}

TranslationTokenizers TranslationTokenizers::load(const fs::path& dir) {
  auto source = load_tokenizer(dir);
  const auto target = dir / kTargetTokenizer;
  return {std::move(source), fs::exists(target) ? load_tokenizer(target) : nullptr};
}

bool TranslationTokenizers::exist_in(const fs::path& dir) {
  return fs::exists(dir / "tokenizer.json");
}

void check_vocabulary(const fs::path& dir, const char* side, const Tokenizer& tokenizer, std::int64_t vocab_size) {
  if (static_cast<std::int64_t>(tokenizer.vocab_size()) <= vocab_size) return;
  throw FileError(dir, fmt::format("the {} tokenizer has {} tokens, the model's vocabulary only {}", side,
                                   tokenizer.vocab_size(), vocab_size));
}

TokenId end_token_of(const Tokenizer& tokenizer, const std::string& which) {
  const auto& special = tokenizer.special_tokens();
  if (special.eos) return *special.eos;
  if (special.sep) return *special.sep;
  throw UsageError(fmt::format("{}: the tokenizer has no token that ends a sentence (</s> or [SEP])", which));
}

TokenId start_token_of(const Tokenizer& tokenizer, const std::string& which) {
  const auto& special = tokenizer.special_tokens();
  if (special.bos) return *special.bos;
  if (special.cls) return *special.cls;
  return end_token_of(tokenizer, which);
}

ParallelSpecialTokens parallel_special_tokens(const TranslationModel& model, const TranslationTokenizers& tokenizers) {
  ParallelSpecialTokens special;
  special.start = model.start_token();
  special.source_end = end_token_of(tokenizers.source(), "data.tokenizer");
  special.target_end = model.end_token();
  return special;
}

Translator load_translator(const TranslationFamily& family, const fs::path& dir, const ComputeOptions& common) {
  Translator translator;
  translator.device = common.torch_device();
  LoadReport report;
  translator.model = family.load(dir, {.dtype = common.torch_dtype()}, report);
  show_load_report(dir, report);
  translator.model->module().to(translator.device);
  translator.tokenizers = TranslationTokenizers::load(dir);
  const auto& tokenizers = translator.tokenizers;
  if (&tokenizers.source() == &tokenizers.target() &&
      translator.model->source_vocab_size() != translator.model->target_vocab_size()) {
    throw FileError(dir / kTargetTokenizer, "does not exist, but the model has two vocabularies");
  }
  check_vocabulary(dir, "source", tokenizers.source(), translator.model->source_vocab_size());
  check_vocabulary(dir, "target", tokenizers.target(), translator.model->target_vocab_size());
  translator.special = parallel_special_tokens(*translator.model, tokenizers);
  return translator;
}

ParallelBatch to_device(ParallelBatch batch, torch::Device device) {
  batch.source = batch.source.to(device);
  batch.source_lengths = batch.source_lengths.to(device);
  batch.decoder_input = batch.decoder_input.to(device);
  batch.labels = batch.labels.to(device);
  return batch;
}

Verbs translation_verbs(const TranslationFamily& family) {
  Verbs verbs;
  verbs.push_back(translation_train_verb(family));
  verbs.push_back(translation_eval_verb(neural_translation(family)));
  verbs.push_back(translate_verb(neural_translation(family)));
  verbs.push_back(align_verb(neural_translation(family)));
  return verbs;
}

}  // namespace langzoo
