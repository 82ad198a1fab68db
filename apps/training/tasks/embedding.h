/// Texts as vectors: what an encoder makes of their tokens, pooled. Folders of sentence-transformers say themselves
/// how.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "apps/training/task_setup.h"
#include "models/encoder.h"

namespace langzoo {

enum class Pooling { kMean, kCls, kPooler, kMax };

struct EmbeddingOptions {
  std::optional<Pooling> pooling;  ///< none: as the folder says, else the mean
  std::optional<bool> normalize;   ///< to length 1; none: as the folder says, else not
  /// Tokens, what is longer is cut; 0: all the model takes; none: as the folder says, else all the model takes.
  std::optional<std::int64_t> max_length;
  std::int64_t batch_size = 32;
};

/// One vector of each row's states. Shapes: hidden (B,T,C), mask (B,T) bool -> (B,C).
torch::Tensor pool(const torch::Tensor& hidden, const torch::Tensor& mask, Pooling pooling);

class SentenceEmbedder {
 public:
  /// A model folder with an encoder, or one of sentence-transformers: modules.json, whose modules are a Transformer, a
  /// Pooling and perhaps a Normalize. Throws FileError naming what it does not know, std::invalid_argument for a model
  /// without an encoder, and for kPooler of one without a pooler, ConfigError for a max_length that the model does not
  /// take.
  static SentenceEmbedder load(const std::filesystem::path& dir, const DeviceOptions& device,
                               const EmbeddingOptions& options = {}, LoadReport* report = nullptr);

  std::int64_t width() const;
  Pooling pooling() const { return pooling_; }
  /// Tokens of a text that are read.
  std::int64_t max_length() const { return max_length_; }
  /// In their order; texts of like lengths are computed together. `cut`, if given, grows by the number of those that
  /// are longer than what is read of them. Shapes: -> (texts, C) float32 on the CPU. Throws what the tokenizer throws.
  torch::Tensor embed(std::span<const std::string> texts, std::int64_t* cut = nullptr) const;

 private:
  LoadedModel<TokenModel> loaded_;
  Encoder* encoder_ = nullptr;
  Pooling pooling_ = Pooling::kMean;
  bool normalize_ = false, lower_case_ = false;
  std::int64_t max_length_ = 0, batch_size_ = 32;
};

}  // namespace langzoo
