#include "models/layers/attention_mechanism.h"

#include <cmath>
#include <limits>
#include <stdexcept>

#include <c10/util/StringUtil.h>

#include "models/layers/init.h"
#include "third_party/torch.h"

namespace langzoo {

using torch::Tensor;

AttentionScore attention_score_from_name(const std::string& name) {
  if (name == "dot") return AttentionScore::kDot;
  if (name == "general") return AttentionScore::kGeneral;
  if (name == "additive" || name == "concat") return AttentionScore::kAdditive;
  throw std::invalid_argument("alignment score \"" + name + "\" is not known: use dot, general or additive");
}

AttentionMechanismImpl::AttentionMechanismImpl(const AttentionMechanismOptions& options) : options_(options) {
  const auto require = [](bool holds, const char* field, std::int64_t value, const char* rule) {
    if (!holds) throw std::invalid_argument(c10::str("alignment: ", field, " = ", value, " must be ", rule));
  };
  require(options.query_size >= 1, "query_size", options.query_size, "positive");
  require(options.source_size >= 1, "source_size", options.source_size, "positive");
  require(options.score != AttentionScore::kDot || options.source_size == options.query_size, "source_size",
          options.source_size, "the query's width, because a dot product compares them");
  require(options.score != AttentionScore::kAdditive || options.key_size >= 1, "key_size", options.key_size,
          "positive");
  require(options.window >= 0, "window", options.window, "0 or more");
  const auto vector = [&](const char* name, std::int64_t size) {
    const auto parameter = register_parameter(name, torch::empty({size}));
    const double bound = 1.0 / std::sqrt(static_cast<double>(size));
    const torch::NoGradGuard no_grad;
    if (!SkipInit::active()) parameter.uniform_(-bound, bound);
    return parameter;
  };
  const auto matrix = [&](const char* name, std::int64_t in, std::int64_t out) {
    return register_module(name, Linear(in, out, /*with_bias=*/false));
  };
  if (options.score == AttentionScore::kGeneral) key = matrix("key", options.source_size, options.query_size);
  if (options.score == AttentionScore::kAdditive) {
    query = matrix("query", options.query_size, options.key_size);
    key = matrix("key", options.source_size, options.key_size);
    v = vector("v", options.key_size);
  }
  if (options.window > 0) {
    position = matrix("position", options.query_size, options.query_size);
    position_v = vector("position_v", options.query_size);
  }
}

AttentionMemory AttentionMechanismImpl::source(const Tensor& values, const Tensor& lengths) {
  const auto kept = at::arange(values.size(1), lengths.options()).unsqueeze(0) < lengths.unsqueeze(1);  // (B,S)
  const auto bias = at::zeros(kept.sizes(), values.options().requires_grad(false))
                        .masked_fill_(kept.logical_not(), -std::numeric_limits<float>::infinity());
  AttentionMemory source;
  source.values = values;
  source.keys = key.is_empty() ? values : key(values).to(values.scalar_type());  // float32 under autocast too
  source.lengths = lengths;
  source.bias = bias.unsqueeze(1);
  make_products(source);
  return source;
}

void AttentionMechanismImpl::make_products(AttentionMemory& source) {
  if (options_.score == AttentionScore::kAdditive) {
    source.query = StepwiseProduct(query->weight.t());
    source.additive = AdditiveScores(source.keys, v);
  } else {
    source.scores = StepwiseProduct(source.keys.transpose(1, 2));
  }
  source.context = StepwiseProduct(source.values);
}

AttentionMemory AttentionMechanismImpl::rows(const AttentionMemory& source, const Tensor& index) {
  const torch::NoGradGuard no_grad;
  AttentionMemory result;
  result.values = source.values.index_select(0, index);
  result.keys = source.keys.index_select(0, index);
  result.lengths = source.lengths.index_select(0, index);
  result.bias = source.bias.index_select(0, index);
  make_products(result);
  return result;
}

AttentionContext AttentionMechanismImpl::forward(const Tensor& queries, const AttentionMemory& source) {
  const auto &lengths = source.lengths, &bias = source.bias;
  const auto scores = options_.score == AttentionScore::kAdditive ? source.additive(source.query(queries))
                                                                  : source.scores(queries);  // (B,T,S)
  Tensor weights;
  if (options_.window == 0) {
    weights = at::softmax(scores + bias, -1);
  } else {
    const auto length = lengths.view({-1, 1, 1}).to(scores.scalar_type());
    const auto p = length * position(queries).tanh().matmul(position_v).sigmoid().unsqueeze(-1);  // (B,T,1)
    const auto distance = at::arange(scores.size(2), scores.options().requires_grad(false)) - p;  // (B,T,S)
    const auto window = static_cast<double>(options_.window), sigma = window / 2;
    // p of a row lies within the row, so that a window of 1 or more always keeps a token.
    const auto outside = at::zeros_like(scores.detach())
                             .masked_fill_(distance.detach().abs() > window, -std::numeric_limits<float>::infinity());
    weights = at::softmax(scores + bias + outside, -1) * at::exp(distance.square() / (-2 * sigma * sigma));
  }
  return {source.context(weights), weights};
}

}  // namespace langzoo
