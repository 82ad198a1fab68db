#include "models/gpt/gpt_stack.h"

#include <stdexcept>

#include <c10/util/StringUtil.h>

#include "models/layers/masks.h"
#include "third_party/torch.h"

namespace langzoo {

GptPlaces::GptPlaces(const char* family, const torch::Tensor& ids, const GptInputs& inputs, std::int64_t layers,
                     const torch::Tensor& table) {
  if (ids.dim() != 2)
    throw std::invalid_argument(c10::str(family, ": ids must be (B,T), got ", ids.dim(), " dimensions"));
  const auto& mask = inputs.attention_mask;
  const auto* const caches = inputs.caches;
  if (caches && std::ssize(*caches) != layers)
    throw std::invalid_argument(c10::str(family, ": ", caches->size(), " caches for ", layers, " layers"));
  const auto past = caches ? caches->front().length() : 0;
  tokens_ = ids.size(1), seen_ = past + tokens_;
  if (seen_ > table.size(0))
    throw std::invalid_argument(c10::str(family, ": ", seen_, " tokens exceed n_positions = ", table.size(0)));
  if (mask.defined() && (mask.dim() != 2 || mask.size(0) != ids.size(0) || mask.size(1) != seen_))
    throw std::invalid_argument(c10::str(family, ": attention_mask must be (", ids.size(0), ",", seen_, ")"));

  like_ = table.options().requires_grad(false);
  if (mask.defined()) padding = padding_bias(mask, table.scalar_type());
  if (inputs.position_ids.defined())
    positions = torch::embedding(table, inputs.position_ids);
  else if (mask.defined())
    positions = torch::embedding(table, positions_from_mask(mask).narrow(1, past, tokens_));
  else
    positions = table.narrow(0, past, tokens_);  // the same for every row
}

torch::Tensor GptPlaces::causal_bias() const {
  if (tokens_ == 1 || (!padding.defined() && tokens_ == seen_)) return padding;
  return combine_biases(padding, langzoo::causal_bias(tokens_, seen_, like_));
}

std::vector<KvCache> GptModel::caches(std::int64_t capacity) const {
  return std::vector<KvCache>(static_cast<std::size_t>(num_layers()), KvCache(capacity));
}

EncoderOutput GptModel::encode(const TokenInputs& inputs, const EncoderWants& wants) {
  if (wants.attention_scores)
    throw std::invalid_argument("a GPT does not keep attention scores from before the softmax");
  const auto& ids = inputs.ids;
  const auto& mask = inputs.attention_mask;
  if (mask.defined() && (ids.dim() != 2 || mask.sizes() != ids.sizes()))
    throw std::invalid_argument(c10::str("a GPT's attention_mask must be (B,T) as its ids are, it is ", mask.sizes()));
  EncoderOutput output;
  AttentionWeights attentions{AttentionKind::kDecoder};
  GptInputs given;
  if (wants.attentions) given.attentions = &attentions;
  if (wants.hidden_states) given.hidden_states = &output.hidden_states;
  const auto last = mask.defined() ? last_places(mask) : torch::Tensor();
  // What comes after a row's tokens is seen by none of them.
  const bool on_the_right = mask.defined() && last.add(1).equal(mask.ne(0).sum(1));
  if (mask.defined() && (!on_the_right || inputs.compute_padding)) given.attention_mask = mask;
  if (on_the_right && inputs.compute_padding) given.position_ids = torch::arange(ids.size(1), ids.options()).expand_as(ids);
  output.hidden = forward(ids, given);
  output.pooled = last.defined() ? output.hidden.gather(1, last.view({-1, 1, 1}).expand({-1, 1, width()})).squeeze(1)
                                 : output.hidden.select(1, -1);
  if (mask.defined() && !inputs.compute_padding) output.hidden = output.hidden.masked_fill(mask.eq(0).unsqueeze(-1), 0);
  output.attentions = std::move(attentions.layers);
  return output;
}

std::vector<std::string> GptModel::depth_patterns() const {
  std::vector<std::string> patterns = {embeddings_pattern()};
  for (std::int64_t layer = 0; layer < num_layers(); ++layer) patterns.push_back(c10::str("*h.", layer, ".*"));
  return patterns;
}

torch::nn::Embedding unfilled_embedding(std::int64_t rows, std::int64_t width) {
  return torch::nn::Embedding(torch::nn::EmbeddingOptions(rows, width)._weight(torch::empty({rows, width})));
}

torch::Tensor last_places(const torch::Tensor& mask) {
  const auto places = torch::arange(mask.size(1), mask.options().dtype(torch::kInt64));
  return (mask.ne(0) * places).amax(1);
}

}  // namespace langzoo
