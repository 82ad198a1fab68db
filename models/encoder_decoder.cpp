#include "models/encoder_decoder.h"

#include "third_party/torch.h"

namespace langzoo {

LabelStates LabelStates::of(const torch::Tensor& states, const torch::Tensor& labels, const torch::Tensor& weight,
                            const torch::Tensor& bias) {
  const auto kept = (labels != -100).nonzero().squeeze(1);
  if (kept.numel() == labels.numel()) return {states, labels, weight, bias};
  return {states.index_select(0, kept), labels.index_select(0, kept), weight, bias};
}

std::vector<std::int32_t> EncoderDecoder::end_tokens() const {
  const auto end = end_token();
  return end ? std::vector{*end} : std::vector<std::int32_t>();
}

torch::Tensor EncoderDecoder::cross_entropy_of(const LabelStates& labels) {
  const auto options = module().is_training() ? training_loss_ : CrossEntropyOptions();
  return linear_cross_entropy(labels.states, labels.weight, labels.targets, options, /*chunk_rows=*/0, labels.bias);
}

torch::Tensor EncoderDecoder::loss_sum(const torch::Tensor& source, const torch::Tensor& source_lengths,
                                       const torch::Tensor& decoder_input, const torch::Tensor& labels) {
  return cross_entropy_of(label_states(source, source_lengths, decoder_input, labels));
}

RDropSums EncoderDecoder::r_drop_sums(const torch::Tensor& source, const torch::Tensor& source_lengths,
                                      const torch::Tensor& decoder_input, const torch::Tensor& labels) {
  const auto first = label_states(source, source_lengths, decoder_input, labels),
             second = label_states(source, source_lengths, decoder_input, labels);
  const auto both = LabelStates{at::cat({first.states, second.states}), at::cat({first.targets, second.targets}),
                                first.weight, first.bias};
  return {cross_entropy_of(both), linear_symmetric_kl(first.states, second.states, first.weight, first.bias)};
}

}  // namespace langzoo
