/// A deep LSTM with connections that skip layers: each layer reads the input beside the layer below, and all of them
/// are read by the output. What the Neural Turing Machine is measured against; its memory is its state alone.
///
/// Papers: Graves 2013, https://arxiv.org/abs/1308.0850 (the wiring; here without peepholes); Graves, Wayne and
/// Danihelka 2014, https://arxiv.org/abs/1410.5401 (the sizes). Each layer has one bias, and its first state is learnt:
/// three layers of 256 with 10 inputs and 9 outputs are the paper's 1,352,969 parameters. Names are torch.nn.LSTM's
/// within layers.0, layers.1, ...
///
///     langzoo-ntm train --model lstm --task copy --out run
///
/// Letters: T steps, B rows, I inputs, O outputs, C width of a layer, L layers.
#pragma once

#include <cstdint>
#include <vector>

#include "models/bit_sequence_model.h"
#include "models/layers/linear.h"
#include "models/layers/recurrent.h"
#include "models/task_module.h"

namespace langzoo {

/// config.json of model_type "deep-lstm".
struct DeepLstmConfig {
  std::int64_t input_size = 9;
  std::int64_t output_size = 8;
  std::int64_t hidden_size = 256;
  std::int64_t layers = 3;

  void for_each_field(FieldVisitor& visit);
  /// Throws std::invalid_argument naming the first impossible field and its value.
  void validate() const;
};

class DeepLstmImpl : public TaskModule<DeepLstmImpl, DeepLstmConfig, BitSequenceModel> {
 public:
  static const PretrainedTraits& pretrained_traits();

  explicit DeepLstmImpl(const DeepLstmConfig& config);

  std::int64_t input_size() const override { return config_.input_size; }
  std::int64_t output_size() const override { return config_.output_size; }
  torch::Tensor logits(const torch::Tensor& inputs) override;

  std::vector<Recurrent> layers;
  Linear output{nullptr};                      ///< (O, L C)
  torch::Tensor initial_hidden, initial_cell;  ///< (L,C)
};
TORCH_MODULE(DeepLstm);

}  // namespace langzoo
