/// Recurrent encoder-decoders: an encoder reads the source into states, a decoder writes the target token by token,
/// starting from the last of them and, with attention, looking at all of them at each step.
///
/// Papers: Sutskever, Vinyals and Le 2014 (the last state alone); Bahdanau, Cho and Bengio 2015; Luong, Pham and
/// Manning 2015; Wu et al. 2016 (GNMT). Seq2SeqConfig says which is which and how they combine; parameter names are our
/// own, those of the recurrent layers torch.nn's.
///
///     auto config = langzoo::Seq2SeqConfig::preset("luong");
///     config.source_vocab_size = config.target_vocab_size = 8000;
///     langzoo::Seq2Seq model(config);
///     auto loss = model->loss_sum(source, source_lengths, decoder_input, labels);
///
/// Letters: B batch, S source length, T target length, V target vocabulary, R width of what the output layer reads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>

#include "models/encoder_decoder.h"
#include "models/layers/linear.h"
#include "models/seq2seq/decoder.h"
#include "models/seq2seq/encoder.h"
#include "models/seq2seq/scheduled_sampling.h"
#include "models/seq2seq/seq2seq_config.h"
#include "models/task_module.h"

namespace langzoo {

struct Seq2SeqOutput {
  torch::Tensor logits;     ///< (B,T,V)
  torch::Tensor attention;  ///< (B,T,S) over the source as it was given, 0 on padding; undefined without attention
};

/// What an encoder that reads from the end (`reversed`) calls attention, over the source as it was given; the same of
/// another. Shapes: attention (B,T,S) or undefined, lengths (B) -> (B,T,S).
torch::Tensor attention_over_source(const torch::Tensor& attention, const torch::Tensor& lengths, bool reversed);

class Seq2SeqImpl : public TaskModule<Seq2SeqImpl, Seq2SeqConfig, EncoderDecoder> {
 public:
  static const PretrainedTraits& pretrained_traits();

  /// Initialised as config.initializer says, from torch's default generator. Throws std::invalid_argument.
  explicit Seq2SeqImpl(const Seq2SeqConfig& config);

  /// Next-token logits after every token of decoder_input. Sources are padded on the right, and neither padding nor the
  /// other rows change a row's result. Throws std::invalid_argument where shapes do not fit.
  /// Shapes: source (B,S), source_lengths (B) in [1,S], decoder_input (B,T), all int64.
  Seq2SeqOutput forward(const torch::Tensor& source, const torch::Tensor& source_lengths,
                        const torch::Tensor& decoder_input);

  /// Rows step by step, the batch's in each. Shapes: as forward, labels (B,T) int64.
  LabelStates label_states(const torch::Tensor& source, const torch::Tensor& source_lengths,
                           const torch::Tensor& decoder_input, const torch::Tensor& labels) override;

  /// In training mode the decoder of loss_sum then sees each true token of decoder_input with the step's probability;
  /// otherwise, from the second on, one drawn from its own distribution, which takes one token at a time and draws from
  /// torch's default generator. At first all are true. Throws std::invalid_argument naming field and value.
  void set_scheduled_sampling(const ScheduledSampling& sampling);
  void set_training_step(std::int64_t step) override { training_step_ = step; }

  /// The decoder before its first token.
  DecoderState start(const torch::Tensor& source, const torch::Tensor& source_lengths);
  /// The output layer. Shapes: readout (...,R) -> (...,V).
  torch::Tensor logits(const torch::Tensor& readout) { return output(readout); }

  std::int64_t source_vocab_size() const override { return config_.source_vocab_size; }
  std::int64_t target_vocab_size() const override { return config_.target_vocab_size; }
  std::int32_t start_token() const override { return static_cast<std::int32_t>(config_.decoder_start_token_id); }
  std::optional<std::int32_t> end_token() const override;
  std::vector<std::int32_t> end_tokens() const override { return token_ids(config_.eos_token_id); }
  std::unique_ptr<StepFunction> start(const torch::Tensor& source, const torch::Tensor& source_lengths,
                                      std::int64_t capacity) override;
  torch::Tensor attention(const torch::Tensor& source, const torch::Tensor& source_lengths,
                          const torch::Tensor& decoder_input) override {
    return forward(source, source_lengths, decoder_input).attention;
  }

  Seq2SeqEncoder encoder{nullptr};
  Seq2SeqDecoder decoder{nullptr};
  Linear output{nullptr};  ///< its weight is the decoder's embedding itself when tied

 private:
  void initialize();
  torch::Tensor sampled_readouts(const torch::Tensor& decoder_input, DecoderState& state, double teacher_forcing);

  ScheduledSampling sampling_;
  std::int64_t training_step_ = 0;
};
TORCH_MODULE(Seq2Seq);

}  // namespace langzoo
