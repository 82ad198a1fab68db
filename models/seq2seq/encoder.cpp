#include "models/seq2seq/encoder.h"

#include "third_party/torch.h"

namespace langzoo {

using torch::Tensor;

/// Given its weight, torch's embedding does not draw one.
torch::nn::Embedding embedding_of(std::int64_t rows, std::int64_t width) {
  return torch::nn::Embedding(torch::nn::EmbeddingOptions(rows, width)._weight(torch::empty({rows, width})));
}

Tensor embed(const torch::nn::Embedding& embedding, const Tensor& ids, const Seq2SeqConfig& config, bool training) {
  auto x = at::embedding(embedding->weight, ids.t());  // (T,B,C)
  if (training && config.word_dropout > 0.0) {
    x = x *
        at::empty({x.size(0), x.size(1), 1}, x.options().requires_grad(false)).bernoulli_(1.0 - config.word_dropout);
  }
  return at::dropout(x, config.dropout, training && config.dropout > 0.0);
}

Seq2SeqEncoderImpl::Seq2SeqEncoderImpl(const Seq2SeqConfig& config) : config_(config) {
  const bool gnmt = config.encoder == "gnmt";
  RecurrentOptions options;
  options.cell = recurrent_cell_from_name(config.cell);
  options.input_size = config.embedding_size;
  options.hidden_size = config.encoder_width();
  options.num_layers = gnmt ? 1 : config.encoder_layers;
  options.bidirectional = config.encoder != "forward";
  options.recurrent_bias = config.recurrent_bias;
  options.dropout = config.dropout;
  options.residual_from = config.residual_from;
  embedding = register_module("embedding", embedding_of(config.source_vocab_size, config.embedding_size));
  rnn = register_module("rnn", Recurrent(options));
  if (!gnmt) return;
  options.input_size = 2 * config.encoder_width();
  options.num_layers = config.encoder_layers - 1;
  options.bidirectional = false;
  if (config.residual_from > 0) options.residual_from = config.residual_from - 1;
  upper = register_module("upper", Recurrent(options));
}

Encoded Seq2SeqEncoderImpl::forward(const Tensor& source, const Tensor& lengths) {
  const auto ids = config_.reverse_source ? reverse_padded(source, lengths) : source;
  const auto lowest = rnn(embed(embedding, ids, config_, is_training()), RecurrentInputs{.lengths = lengths});
  if (!upper.is_empty()) {
    // Of the lowest layer the backward state goes on, as in the authors' tensorflow/nmt.
    const auto entering = at::dropout(lowest.output, config_.dropout, is_training() && config_.dropout > 0.0);
    const auto top = upper(entering, RecurrentInputs{.lengths = lengths});
    const auto both = [](const Tensor& below, const Tensor& above) {
      return below.defined() ? at::cat({below.narrow(0, 1, 1), above}) : Tensor();
    };
    return {top.output,
            top.state.hidden.select(0, -1),
            {both(lowest.state.hidden, top.state.hidden), both(lowest.state.cell, top.state.cell)}};
  }
  Encoded result{lowest.output, lowest.state.hidden.select(0, -1), lowest.state};
  if (config_.encoder == "bidirectional") {
    const bool side_by_side = config_.hidden_size == 2 * config_.encoder_width();
    const auto joined = [&](const Tensor& state) {  // (2 L, B, E)
      if (!state.defined()) return Tensor();
      const auto pairs = state.unflatten(0, {-1, 2});  // (L,2,B,E)
      return side_by_side ? pairs.transpose(1, 2).flatten(2) : pairs.select(1, 1);
    };
    result.last = {joined(result.last.hidden), joined(result.last.cell)};
  }
  return result;
}

}  // namespace langzoo
