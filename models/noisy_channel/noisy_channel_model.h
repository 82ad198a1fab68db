/// A noisy channel as a model folder holds it: config.json and model.safetensors.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <utility>

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "models/ngram/ngram_estimator.h"
#include "models/noisy_channel/noisy_channel.h"
#include "models/pretrained.h"

namespace langzoo {

/// config.json.
struct NoisyChannelConfig {
  std::string model_type = "noisy-channel";
  std::int64_t source_vocab_size = kFromTokenizer, target_vocab_size = kFromTokenizer;
  std::int64_t order = 3;
  bool modified = true;
  NoisyChannelOptions options;

  void for_each_field(FieldVisitor& visit);
  /// Throws std::invalid_argument naming the field and its value.
  void validate() const { check_fields(*this, "noisy-channel config"); }
  /// The n-grams of sentences of the target's words.
  NGramModel language_of(std::span<const std::span<const std::int32_t>> targets) const;
};

/// f is the source, e the target.
struct NoisyChannelModel {
  std::int64_t source_vocab_size = 0;
  IbmModel channel;
  NGramModel language;          ///< of the target: its words, and behind them the sentence's end
  NoisyChannelOptions options;  ///< how to translate where nothing else is asked for
  bool modified = true;         ///< how the language model is smoothed

  std::int64_t target_vocab_size() const { return language.sentence_end(); }

  /// Each file is written atomically, the tables first; makes `dir` when missing.
  void save(const std::filesystem::path& dir) const;
  /// Throws std::runtime_error (FileError) naming file and field for whatever is not as save() writes it.
  static NoisyChannelModel load(const std::filesystem::path& dir);
  /// One that no sentence has taught anything.
  static NoisyChannelModel untrained(const NoisyChannelConfig& config);
};

/// The same as a module, for code that treats all models alike. It has no parameters: what is counted grows with the
/// text, and no gradient changes it.
class NoisyChannelModuleImpl : public torch::nn::Module {
 public:
  using Config = NoisyChannelConfig;
  static const PretrainedTraits& pretrained_traits();

  explicit NoisyChannelModuleImpl(const Config& config) : model(NoisyChannelModel::untrained(config)) {}
  explicit NoisyChannelModuleImpl(NoisyChannelModel trained) : model(std::move(trained)) {}

  NoisyChannelModel model;
};
TORCH_MODULE(NoisyChannelModule);

}  // namespace langzoo
