/// The neural language model of Bengio et al. 2003, https://www.jmlr.org/papers/v3/bengio03a.html: the embeddings of
/// the last n words side by side, a tanh layer, and a softmax. Its descendant with a memory is rnn_lm.h.
///
///     y = b + W x + U tanh(d + H x)       (equation 1; W only with `direct`)
///
/// Letters: n words of context, E embedding, F hidden layer, V vocabulary.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <torch/nn/modules/embedding.h>

#include "models/layers/linear.h"
#include "models/stream_lm.h"
#include "models/task_module.h"

namespace langzoo {

/// config.json of model_type "ar-lm".
struct ArLmConfig {
  std::int64_t vocab_size = 10000;
  std::int64_t order = 5;  ///< n, the words that are seen
  std::int64_t embedding_size = 100;
  std::int64_t hidden_size = 200;
  bool direct = false;  ///< connections from the embeddings to the output
  double dropout = 0.0;
  double initializer_range = 0.1;  ///< all matrices are U(-r, r)
  std::optional<std::int64_t> bos_token_id;
  std::vector<std::int64_t> eos_token_id;  ///< the first also fills up a context before the first token

  void for_each_field(FieldVisitor& visit);
  /// Throws std::invalid_argument naming the first impossible field and its value.
  void validate() const;
};

class ArLmImpl : public TaskModule<ArLmImpl, ArLmConfig, StreamLm> {
 public:
  static const PretrainedTraits& pretrained_traits();

  explicit ArLmImpl(const ArLmConfig& config);

  /// The last n - 1 tokens, of an empty text end tokens. Shapes: (n-1,B) int64, none where n is 1.
  StreamMemory memory(std::int64_t rows) const override;
  /// hidden is [tanh(d + H x); x] with direct connections, else without x.
  StreamStates read(const torch::Tensor& ids, StreamMemory& memory) override;
  torch::Tensor output_logits(const torch::Tensor& hidden) override;
  torch::Tensor output_loss(const torch::Tensor& hidden, const torch::Tensor& targets) override;

  std::int64_t vocab_size() const override { return config_.vocab_size; }
  std::vector<std::int32_t> end_tokens() const override;

  torch::nn::Embedding embedding{nullptr};
  Linear hidden{nullptr};  ///< H, d
  Linear output{nullptr};  ///< [U W], b
};
TORCH_MODULE(ArLm);

}  // namespace langzoo
