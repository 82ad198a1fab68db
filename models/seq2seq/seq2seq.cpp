#include "models/seq2seq/seq2seq.h"

#include <cmath>
#include <stdexcept>
#include <vector>

#include <c10/util/StringUtil.h>

#include "models/layers/init.h"
#include "models/seq2seq/seq2seq_step.h"
#include "third_party/torch.h"

namespace langzoo {

using torch::Tensor;

namespace {

void check_batch(const Tensor& source, const Tensor& lengths, const Tensor& decoder_input) {
  const auto require = [](bool holds, const char* what, at::IntArrayRef sizes) {
    if (!holds) throw std::invalid_argument(c10::str("seq2seq: ", what, ", is ", sizes));
  };
  require(source.dim() == 2 && source.numel() > 0, "source must be (B,S), not empty", source.sizes());
  require(lengths.dim() == 1 && lengths.size(0) == source.size(0), "source_lengths must be (B)", lengths.sizes());
  require(decoder_input.dim() == 2 && decoder_input.size(0) == source.size(0) && decoder_input.size(1) > 0,
          "decoder_input must be (B,T), not empty", decoder_input.sizes());
}

}  // namespace

Seq2SeqImpl::Seq2SeqImpl(const Seq2SeqConfig& config) : TaskModule(config) {
  config_.validate();
  {
    const SkipInit filled_below;
    encoder = register_module("encoder", Seq2SeqEncoder(config_));
    decoder = register_module("decoder", Seq2SeqDecoder(config_, encoder->embedding));
    output = register_module("output",
                             config_.tie_word_embeddings
                                 ? Linear(decoder->embedding->weight, config_.output_bias)
                                 : Linear(config_.readout_width(), config_.target_vocab_size, config_.output_bias));
  }
  if (!SkipInit::active()) initialize();
}

void Seq2SeqImpl::initialize() {
  const torch::NoGradGuard no_grad;
  const double range = config_.initializer_range;
  for (auto& item : named_parameters()) {
    const std::string& name = item.key();
    const Tensor& parameter = item.value();
    const bool recurrent = name.find("weight_hh") != std::string::npos;
    const bool alignment = name.find("alignment.") != std::string::npos;
    if (config_.initializer == "uniform") {
      parameter.uniform_(-range, range);
    } else if (parameter.dim() == 1) {
      parameter.zero_();
    } else if (config_.initializer == "fan_in") {
      const bool embedding = name.ends_with("embedding.weight");
      init_normal(parameter, embedding ? 0.01 : 1.0 / std::sqrt(static_cast<double>(parameter.size(1))));
    } else if (recurrent) {
      for (const Tensor& gate : parameter.split(parameter.size(1))) torch::nn::init::orthogonal_(gate);
    } else {
      init_normal(parameter, alignment ? 0.001 : 0.01);
    }
  }
}

DecoderState Seq2SeqImpl::start(const Tensor& source, const Tensor& source_lengths) {
  const auto lengths = source_lengths.to(source.device());
  return decoder->start(encoder(source, lengths), lengths);
}

Seq2SeqOutput Seq2SeqImpl::forward(const Tensor& source, const Tensor& source_lengths, const Tensor& decoder_input) {
  check_batch(source, source_lengths, decoder_input);
  auto state = start(source, source_lengths);
  const auto decoded = decoder(decoder_input, state);
  return {output(decoded.readout).transpose(0, 1),
          attention_over_source(decoded.attention, state.source.lengths, config_.reverse_source)};
}

Tensor attention_over_source(const Tensor& attention, const Tensor& lengths, bool reversed) {
  if (!reversed || !attention.defined()) return attention;
  return reverse_padded(attention.transpose(1, 2), lengths).transpose(1, 2);
}

void Seq2SeqImpl::set_scheduled_sampling(const ScheduledSampling& sampling) {
  sampling.validate();
  sampling_ = sampling;
}

LabelStates Seq2SeqImpl::label_states(const Tensor& source, const Tensor& source_lengths, const Tensor& decoder_input,
                                      const Tensor& labels) {
  check_batch(source, source_lengths, decoder_input);
  if (labels.sizes() != decoder_input.sizes())
    throw std::invalid_argument(
        c10::str("seq2seq: labels ", labels.sizes(), " must be shaped as decoder_input ", decoder_input.sizes()));
  const double teacher_forcing = is_training() ? sampling_.probability(training_step_) : 1.0;
  auto state = start(source, source_lengths);
  const auto readout = (teacher_forcing == 1.0 ? decoder(decoder_input, state).readout
                                               : sampled_readouts(decoder_input, state, teacher_forcing))
                           .flatten(0, 1);  // (T B, R)
  return LabelStates::of(readout, labels.t().reshape({-1}), output->weight, output->bias);
}

Tensor Seq2SeqImpl::sampled_readouts(const Tensor& decoder_input, DecoderState& state, double teacher_forcing) {
  std::vector<Tensor> readouts;
  auto ids = decoder_input.narrow(1, 0, 1);  // (B,1)
  for (std::int64_t t = 0;; ++t) {
    readouts.push_back(decoder(ids, state).readout);  // (1,B,R)
    if (t + 1 == decoder_input.size(1)) return at::cat(readouts);
    const torch::NoGradGuard no_grad;
    const auto own = output(readouts.back().squeeze(0)).softmax(-1, torch::kFloat32).multinomial(1);  // (B,1)
    const auto is_true = at::empty_like(own, torch::kFloat32).uniform_().lt(teacher_forcing);
    ids = at::where(is_true, decoder_input.narrow(1, t + 1, 1), own);
  }
}

std::optional<std::int32_t> Seq2SeqImpl::end_token() const {
  return first_token(config_.eos_token_id, config_.target_vocab_size);
}

std::unique_ptr<StepFunction> Seq2SeqImpl::start(const Tensor& source, const Tensor& source_lengths,
                                                 std::int64_t capacity) {
  const auto self = std::static_pointer_cast<Seq2SeqImpl>(shared_from_this());
  return std::make_unique<Seq2SeqStepFunction>(Seq2Seq(self), source, source_lengths, capacity);
}

const PretrainedTraits& Seq2SeqImpl::pretrained_traits() {
  static const PretrainedTraits traits{
      .model_type = "seq2seq",
      .architecture = "Seq2Seq",
      .base_model_prefix = "",
      .tied = {{"decoder.embedding.weight", "encoder.embedding.weight", "shared_embeddings"},
               {"output.weight", "decoder.embedding.weight", "tie_word_embeddings"}}};
  return traits;
}

}  // namespace langzoo
