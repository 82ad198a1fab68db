#include "models/seq2seq/decoder.h"

#include <vector>

#include "third_party/torch.h"

namespace langzoo {

using torch::Tensor;

Seq2SeqDecoderImpl::Seq2SeqDecoderImpl(const Seq2SeqConfig& config, const torch::nn::Embedding& source_embedding)
    : config_(config) {
  const auto H = config.hidden_size, C = config.source_width();
  RecurrentOptions options;
  options.cell = recurrent_cell_from_name(config.cell);
  options.input_size = config.embedding_size;
  options.hidden_size = H;
  options.num_layers = config.decoder_layers;
  options.recurrent_bias = config.recurrent_bias;
  options.dropout = config.dropout;
  options.residual_from = config.residual_from;
  if (config.peeky) options.context_size = config.encoder_width();
  if (config.attends_before_step()) options.context_size = C;
  if (config.input_feeding) options.context_size = H;
  options.context_in_all_layers = !config.input_feeding;
  embedding = config.shared_embeddings
                  ? source_embedding
                  : register_module("embedding", embedding_of(config.target_vocab_size, config.embedding_size));
  rnn = register_module("rnn", Recurrent(options));
  if (config.bridge == "tanh") {
    bridge = register_module("bridge", Linear(config.encoder_width(), config.decoder_layers * H));
  }
  if (config.has_attention()) {
    alignment = register_module(
        "alignment", AttentionMechanism(AttentionMechanismOptions{.score = attention_score_from_name(config.attention),
                                                                  .query_size = H,
                                                                  .source_size = C,
                                                                  .key_size = config.attention_size,
                                                                  .window = config.attention_window}));
  }
  if (config.output == "tanh") attentional = register_module("attentional", Linear(C + H, H, /*with_bias=*/false));
  if (config.output == "maxout") {
    maxout = register_module("maxout", Linear(H + config.embedding_size + C, 2 * config.maxout_size));
  }
}

DecoderState Seq2SeqDecoderImpl::start(const Encoded& encoded, const Tensor& lengths) {
  DecoderState state;
  if (config_.bridge == "tanh") {
    const auto all_layers = bridge(encoded.summary).tanh().to(encoded.summary.scalar_type());  // (B, L H)
    state.recurrent.hidden = all_layers.unflatten(1, {config_.decoder_layers, -1}).transpose(0, 1);
  } else {
    state.recurrent.hidden = encoded.last.hidden;
    if (config_.bridge == "state") state.recurrent.cell = encoded.last.cell;
  }
  if (config_.peeky) state.summary = encoded.summary;
  if (config_.has_attention()) state.source = alignment->source(encoded.states.transpose(0, 1), lengths);
  if (config_.input_feeding) state.attentional = at::zeros_like(state.recurrent.hidden.select(0, 0));
  return state;
}

DecoderOutput Seq2SeqDecoderImpl::forward(const Tensor& ids, DecoderState& state) {
  const auto x = embed(embedding, ids, config_, is_training());  // (T,B,D)
  auto result = !config_.has_attention()        ? without_attention(x, state)
                : config_.attends_before_step() ? attend_before_step(x, state)
                : config_.input_feeding         ? feed_attentional(x, state)
                                                : attend_after_sequence(x, state);
  result.readout = at::dropout(result.readout, config_.dropout, is_training() && config_.dropout > 0.0);
  return result;
}

/// The context of each h; all tokens of all rows of one source are its queries. Shapes: h (T,B,H) -> context (T,B,C),
/// weights (B,T,S).
AttentionContext Seq2SeqDecoderImpl::attend(const Tensor& h, const AttentionMemory& source) {
  const auto queries = h.transpose(0, 1);  // (B,T,H)
  const auto B = h.size(1), T = h.size(0), sources = source.values.size(0);
  if (B == sources) {
    const auto aligned = alignment(queries, source);
    return {aligned.context.transpose(0, 1), aligned.weights};
  }
  const auto aligned = alignment(queries.reshape({sources, B / sources * T, -1}), source);
  return {aligned.context.reshape({B, T, -1}).transpose(0, 1), aligned.weights.reshape({B, T, -1})};
}

DecoderOutput Seq2SeqDecoderImpl::without_attention(const Tensor& x, DecoderState& state) {
  const auto result = rnn(x, RecurrentInputs{.state = state.recurrent, .context = state.summary});
  state.recurrent = result.state;
  if (!config_.peeky) return {result.output, {}};
  const auto summary = state.summary.unsqueeze(0).expand({x.size(0), -1, -1});
  return {at::cat({summary, result.output}, -1), {}};
}

/// Luong et al. 2015, equations 1-6: the states do not depend on the attention, so all are known before it begins.
DecoderOutput Seq2SeqDecoderImpl::attend_after_sequence(const Tensor& x, DecoderState& state) {
  const auto result = rnn(x, RecurrentInputs{.state = state.recurrent});
  state.recurrent = result.state;
  const auto aligned = attend(result.output, state.source);
  const auto both = at::cat({aligned.context, result.output}, -1);
  return {config_.output == "tanh" ? attentional(both).tanh() : both, aligned.weights};
}

/// Luong et al. 2015, section 3.3.
DecoderOutput Seq2SeqDecoderImpl::feed_attentional(const Tensor& x, DecoderState& state) {
  const auto layers = config_.decoder_layers;
  auto hidden = state.recurrent.hidden.unbind(0);
  auto cell = state.recurrent.cell.defined() ? state.recurrent.cell.unbind(0)
                                             : std::vector<Tensor>(static_cast<std::size_t>(layers));
  const StepwiseProduct attentional_product(attentional->weight.t());
  std::vector<RecurrentSteps> steps;
  for (std::int64_t layer = 0; layer < layers; ++layer) steps.push_back(rnn->steps(layer));
  std::vector<Tensor> readouts, weights;
  for (const auto& gates : rnn->input_gates(0, x).unbind(0)) {
    Tensor y;
    for (std::int64_t layer = 0; layer < layers; ++layer) {
      const auto own = static_cast<std::size_t>(layer);
      const auto gates_above = [&] {
        return rnn->input_gates(layer, at::dropout(y, config_.dropout, is_training() && config_.dropout > 0.0));
      };
      const auto next = steps[own](layer == 0 ? gates : gates_above(), layer == 0 ? state.attentional : Tensor(),
                                   {hidden[own], cell[own]});
      hidden[own] = next.hidden;
      cell[own] = next.cell;
      const bool residual = config_.residual_from > 0 && layer + 1 >= config_.residual_from;
      y = residual ? y + next.hidden : next.hidden;
    }
    const auto aligned = attend(y.unsqueeze(0), state.source);
    state.attentional = attentional_product(at::cat({aligned.context.squeeze(0), y}, -1)).tanh();
    readouts.push_back(state.attentional);
    weights.push_back(aligned.weights);
  }
  state.recurrent = {at::stack(hidden), cell.front().defined() ? at::stack(cell) : Tensor()};
  return {at::stack(readouts), at::cat(weights, 1)};
}

/// Bahdanau et al. 2015, appendix A.1.2 and A.2.2: c_i comes from s_{i-1} and enters the gates of step i. Layers above
/// the lowest need nothing of the attention but its context, so they run over the whole sequence (Wu et al. 2016).
DecoderOutput Seq2SeqDecoderImpl::attend_before_step(const Tensor& x, DecoderState& state) {
  const auto before = state.recurrent;
  RecurrentState s{before.hidden.select(0, 0), before.cell.defined() ? before.cell.select(0, 0) : Tensor()};
  const auto lowest_layer = rnn->steps(0);
  std::vector<Tensor> states, contexts, weights;
  for (const auto& gates : rnn->input_gates(0, x).unbind(0)) {
    const auto aligned = attend(s.hidden.unsqueeze(0), state.source);
    contexts.push_back(aligned.context.squeeze(0));
    weights.push_back(aligned.weights);
    s = lowest_layer(gates, contexts.back(), s);
    states.push_back(s.hidden);
  }
  const auto lowest = at::stack(states), context = at::stack(contexts);  // (T,B,H), (T,B,C)
  const auto upper = rnn->forward_from(1, lowest, {.state = before, .context = context});
  const auto joined = [](const Tensor& below, const Tensor& above) {
    if (!below.defined()) return Tensor();
    return above.defined() ? at::cat({below.unsqueeze(0), above}) : below.unsqueeze(0);
  };
  state.recurrent = {joined(s.hidden, upper.state.hidden), joined(s.cell, upper.state.cell)};
  DecoderOutput result{upper.output, at::cat(weights, 1)};
  if (config_.output == "concat") result.readout = at::cat({upper.output, context, x}, -1);
  if (config_.output == "maxout") {
    const auto previous = at::cat({before.hidden, lowest.narrow(0, 0, x.size(0) - 1)});  // (T,B,H)
    result.readout = maxout(at::cat({previous, x, context}, -1)).unflatten(-1, {-1, 2}).amax(-1);
  }
  return result;
}

}  // namespace langzoo
