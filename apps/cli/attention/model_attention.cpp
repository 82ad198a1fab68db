#include "apps/cli/attention/model_attention.h"

#include <stdexcept>

#include <c10/util/StringUtil.h>

#include "third_party/torch.h"

namespace langzoo {

namespace {

AttentionMap empty_map(AttentionKind kind, const AttentionTokens& tokens) {
  switch (kind) {
    case AttentionKind::kEncoder:
      return {.name = "encoder_attentions",
              .title = "Encoder",
              .about = "Each token of the source looks at all of the source.",
              .queries = tokens.source,
              .keys = tokens.source};
    case AttentionKind::kDecoder:
      return {.name = "decoder_attentions",
              .title = "Decoder",
              .about = "Each token that the decoder has read looks at itself and at those before it.",
              .queries = tokens.decoder_input,
              .keys = tokens.decoder_input};
    case AttentionKind::kCross:
      break;
  }
  return {.name = "cross_attentions",
          .title = "Decoder to source",
          .about = "Where the decoder looks in the source as it writes each token of the target.",
          .queries = tokens.target,
          .keys = tokens.source};
}

}  // namespace

AttentionMap attention_map(const AttentionWeights& weights, const AttentionTokens& tokens) {
  auto map = empty_map(weights.kind, tokens);
  map.layers = weights.layers.size();
  for (const auto& layer : weights.layers) {
    const auto row = layer.select(0, 0).to(torch::kCPU, torch::kFloat32).contiguous();  // (H,T,S)
    const auto queries = std::ssize(map.queries), keys = std::ssize(map.keys);
    if (row.dim() != 3 || row.size(1) != queries || row.size(2) != keys)
      throw std::invalid_argument(
          c10::str("attention of ", queries, " x ", keys, " tokens, but weights are ", row.sizes()));
    map.heads = static_cast<std::size_t>(row.size(0));
    const auto* const begin = row.const_data_ptr<float>();
    map.weights.insert(map.weights.end(), begin, begin + row.numel());
  }
  return map;
}

}  // namespace langzoo
