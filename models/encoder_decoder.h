/// What translation, and whatever else writes one text from another, asks of a model; names no family. The families'
/// head modules implement it.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "models/generation/step.h"
#include "models/generation_config.h"
#include "models/layers/attention_weights.h"
#include "models/losses/cross_entropy.h"
#include "models/losses/r_drop.h"
#include "models/task_model.h"

namespace langzoo {

/// What a decoder makes of a batch's labels, before the output layer.
struct LabelStates {
  torch::Tensor states;   ///< (N,R) of the labels that are not -100; padding needs no logits
  torch::Tensor targets;  ///< (N) int64: those labels
  torch::Tensor weight;   ///< (V,R), the output layer's
  torch::Tensor bias;     ///< (V), or undefined

  /// Leaves out the rows whose label is -100. Shapes: states (M,R), labels (M).
  static LabelStates of(const torch::Tensor& states, const torch::Tensor& labels, const torch::Tensor& weight,
                        const torch::Tensor& bias);
};

/// A model that writes a target, token after token, having read a source. Sources (B,S) int64 are padded on the right,
/// source_lengths (B) in [1,S].
class EncoderDecoder : public TaskModel {
 public:
  /// Of the folder it is from: from_pretrained() reads it, save_pretrained() writes it again.
  GenerationConfig generation_config;

  virtual std::int64_t source_vocab_size() const = 0;
  virtual std::int64_t target_vocab_size() const = 0;
  /// What the decoder is first given.
  virtual std::int32_t start_token() const = 0;
  /// What the labels of a target end with; nothing where its config names none of the vocabulary.
  virtual std::optional<std::int32_t> end_token() const = 0;
  /// All that end a target in decoding. One beyond the vocabulary is never met.
  virtual std::vector<std::int32_t> end_tokens() const;
  /// Tokens that a side may have, the source's end token or the target's start token included.
  virtual std::int64_t max_positions() const { return std::numeric_limits<std::int64_t>::max(); }
  /// Shapes: source (B,S), source_lengths (B), decoder_input and labels (B,T), all int64.
  virtual LabelStates label_states(const torch::Tensor& source, const torch::Tensor& source_lengths,
                                   const torch::Tensor& decoder_input, const torch::Tensor& labels) = 0;
  /// Cross-entropy summed over the labels that are not -100; in training mode with the smoothing and z-loss that were
  /// set.
  /// Shapes: as label_states() -> scalar.
  torch::Tensor loss_sum(const torch::Tensor& source, const torch::Tensor& source_lengths,
                         const torch::Tensor& decoder_input, const torch::Tensor& labels);
  /// Of two readings, each with a dropout of its own (losses/r_drop.h). Shapes: as label_states().
  RDropSums r_drop_sums(const torch::Tensor& source, const torch::Tensor& source_lengths,
                        const torch::Tensor& decoder_input, const torch::Tensor& labels);
  void set_label_smoothing(const LabelSmoothing& smoothing) { training_loss_.smoothing = smoothing; }
  /// The weight, CrossEntropyOptions::z_loss.
  void set_z_loss(double z_loss) { training_loss_.z_loss = z_loss; }
  /// Which step of training, counted from 0, the next losses belong to: for what changes with it.
  virtual void set_training_step(std::int64_t /*step*/) {}
  /// A decoder that has read the sources; shares the model, which must be in evaluation mode. `capacity`: decoder
  /// tokens a row may hold. Shapes: source (B,S), source_lengths (B).
  virtual std::unique_ptr<StepFunction> start(const torch::Tensor& source, const torch::Tensor& source_lengths,
                                              std::int64_t capacity) = 0;
  /// What the decoder reads of the sources; undefined where it reads no states of tokens.
  /// Shapes: source (B,S), source_lengths (B) -> (B,S,C).
  virtual torch::Tensor encoder_states(const torch::Tensor& /*source*/, const torch::Tensor& /*source_lengths*/) {
    return {};
  }
  /// What the decoder attends to as it writes each label.
  /// Shapes: source (B,S), source_lengths (B), decoder_input (B,T) -> (B,T,S); undefined without attention.
  virtual torch::Tensor attention(const torch::Tensor& source, const torch::Tensor& source_lengths,
                                  const torch::Tensor& decoder_input) = 0;
  /// The weights of every layer and head, kind by kind; none without attention. Throws std::length_error where a row
  /// has more than `most` of a kind. Shapes: as attention().
  virtual std::vector<AttentionWeights> attentions(const torch::Tensor& source, const torch::Tensor& source_lengths,
                                                   const torch::Tensor& decoder_input, std::int64_t most) {
    std::vector<AttentionWeights> all;
    const auto weights = attention(source, source_lengths, decoder_input);
    if (weights.defined()) all.emplace_back(AttentionWeights{AttentionKind::kCross, most}).add(weights.unsqueeze(1));
    return all;
  }

 private:
  torch::Tensor cross_entropy_of(const LabelStates& labels);

  CrossEntropyOptions training_loss_;
};

}  // namespace langzoo
