/// Encoder-decoders on the command line: training, evaluation, translation and alignment, over an interface that names
/// no family. A program of such a family implements TranslationModel and TranslationFamily and lists the verbs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "apps/cli/compute_verb.h"
#include "data/parallel/parallel_corpus.h"
#include "models/generation/step.h"
#include "models/model_config.h"
#include "models/pretrained.h"
#include "tokenizers/tokenizer.h"

namespace langzoo {

/// A model that writes a target, token after token, having read a source.
class TranslationModel {
 public:
  virtual ~TranslationModel() = default;

  virtual torch::nn::Module& module() = 0;
  virtual std::int64_t source_vocab_size() const = 0;
  virtual std::int64_t target_vocab_size() const = 0;
  /// What the decoder is first given, and what ends a target.
  virtual TokenId start_token() const = 0;
  virtual TokenId end_token() const = 0;
  /// Cross-entropy summed over the labels that are not -100. The decoder sees each true token with probability
  /// `teacher_forcing`, else its own. Shapes: as ParallelBatch -> scalar.
  virtual torch::Tensor loss_sum(const ParallelBatch& batch, double teacher_forcing) = 0;
  /// A decoder that has read `sources`.
  virtual std::unique_ptr<StepFunction> start(const SourceBatch& sources, std::int64_t capacity) = 0;
  /// What the decoder attends to as it writes each label. Shapes: (B,T,S); undefined for a model without attention.
  virtual torch::Tensor attention(const ParallelBatch& batch) = 0;
  /// Writes config.json and the weights.
  virtual void save(const std::filesystem::path& dir) = 0;
};

/// How a family's models come into being.
class TranslationFamily {
 public:
  virtual ~TranslationFamily() = default;
  /// "seq2seq", for langzoo-seq2seq.
  virtual std::string program() const = 0;
  /// The config of a run that says nothing. A run's tokenizers give vocabulary sizes and token ids where they are
  /// kFromTokenizer or have no value.
  virtual std::unique_ptr<ModelConfig> default_config() const = 0;
  /// What its fields do not say by themselves, in whole lines of help.
  virtual std::string model_help() const = 0;
  /// A model with random weights. Throws std::runtime_error naming the key that is impossible.
  virtual std::unique_ptr<TranslationModel> create(const ModelConfig& config) const = 0;
  /// A saved model, in evaluation mode.
  virtual std::unique_ptr<TranslationModel> load(const std::filesystem::path& dir, const PretrainedOptions& options,
                                                 LoadReport& report) const = 0;
};

/// The verbs train, eval, translate and align. `family` must outlive them.
Verbs translation_verbs(const TranslationFamily& family);

std::unique_ptr<Verb> translation_train_verb(const TranslationFamily& family);

/// The tokenizers of both sides; often one serves both.
class TranslationTokenizers {
 public:
  TranslationTokenizers() = default;
  /// `target` may be null: one for both.
  TranslationTokenizers(std::unique_ptr<Tokenizer> source, std::unique_ptr<Tokenizer> target)
      : source_(std::move(source)), target_(std::move(target)) {}

  const Tokenizer& source() const { return *source_; }
  const Tokenizer& target() const { return target_ ? *target_ : *source_; }

  /// A model folder holds the source's, and where it is another the target's in its folder target_tokenizer.
  void save(const std::filesystem::path& dir) const;
  static TranslationTokenizers load(const std::filesystem::path& dir);
  static bool exist_in(const std::filesystem::path& dir);

 private:
  std::unique_ptr<Tokenizer> source_, target_;
};

/// Throws FileError where `tokenizer`, that of a `side` of model folder `dir`, has ids that the model does not know.
void check_vocabulary(const std::filesystem::path& dir, const char* side, const Tokenizer& tokenizer,
                      std::int64_t vocab_size);

/// The token that ends a sentence, or begins one: </s> or [SEP], <s> or [CLS] (or else the end token). Throws
/// UsageError naming `which` where a tokenizer has none.
TokenId end_token_of(const Tokenizer& tokenizer, const std::string& which);
TokenId start_token_of(const Tokenizer& tokenizer, const std::string& which);

/// A model ready for sentences.
struct Translator {
  TranslationTokenizers tokenizers;
  std::unique_ptr<TranslationModel> model;
  ParallelSpecialTokens special;
  torch::Device device = torch::kCPU;
};

/// What --model DIR holds. Throws where the tokenizers have ids that the model does not know.
Translator load_translator(const TranslationFamily& family, const std::filesystem::path& dir,
                           const ComputeOptions& common);

/// The special tokens of a model and its tokenizers. Sources end as the source's tokenizer ends sentences.
ParallelSpecialTokens parallel_special_tokens(const TranslationModel& model, const TranslationTokenizers& tokenizers);

/// The batch on `device`.
ParallelBatch to_device(ParallelBatch batch, torch::Device device);

}  // namespace langzoo
