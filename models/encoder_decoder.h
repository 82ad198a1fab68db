/// What translation, and whatever else writes one text from another, asks of a model; names no family. The families'
/// head modules implement it.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>

#include "models/generation/step.h"
#include "models/generation_config.h"
#include "models/losses/cross_entropy.h"
#include "models/task_model.h"

namespace langzoo {

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
  /// What ends a target; nothing where its config names none.
  virtual std::optional<std::int32_t> end_token() const = 0;
  /// Tokens that a side may have, the source's end token or the target's start token included.
  virtual std::int64_t max_positions() const { return std::numeric_limits<std::int64_t>::max(); }
  /// Cross-entropy summed over the labels that are not -100; in training mode with the smoothing that was set.
  /// Shapes: source (B,S), source_lengths (B), decoder_input and labels (B,T), all int64 -> scalar.
  virtual torch::Tensor loss_sum(const torch::Tensor& source, const torch::Tensor& source_lengths,
                                 const torch::Tensor& decoder_input, const torch::Tensor& labels) = 0;
  void set_label_smoothing(const LabelSmoothing& smoothing) { smoothing_ = smoothing; }
  /// Which step of training, counted from 0, the next losses belong to: for what changes with it.
  virtual void set_training_step(std::int64_t /*step*/) {}
  /// A decoder that has read the sources; shares the model, which must be in evaluation mode. `capacity`: decoder
  /// tokens a row may hold. Shapes: source (B,S), source_lengths (B).
  virtual std::unique_ptr<StepFunction> start(const torch::Tensor& source, const torch::Tensor& source_lengths,
                                              std::int64_t capacity) = 0;
  /// What the decoder attends to as it writes each label.
  /// Shapes: source (B,S), source_lengths (B), decoder_input (B,T) -> (B,T,S); undefined without attention.
  virtual torch::Tensor attention(const torch::Tensor& source, const torch::Tensor& source_lengths,
                                  const torch::Tensor& decoder_input) = 0;

 protected:
  CrossEntropyOptions loss_options() { return {.smoothing = module().is_training() ? smoothing_ : LabelSmoothing()}; }

 private:
  LabelSmoothing smoothing_;
};

}  // namespace langzoo
