/// The decoder of a recurrent encoder-decoder, from its tokens to what the output layer reads.
#pragma once

#include <torch/nn/modules/embedding.h>

#include "models/layers/attention_mechanism.h"
#include "models/layers/linear.h"
#include "models/layers/recurrent.h"
#include "models/seq2seq/encoder.h"
#include "models/seq2seq/seq2seq_config.h"

namespace langzoo {

/// Where B rows stand. Several rows may belong to one source: `source` then holds N sources, and rows
/// [i B/N, (i + 1) B/N) belong to source i.
struct DecoderState {
  RecurrentState recurrent;   ///< (L,B,H)
  torch::Tensor attentional;  ///< (B,H) input feeding: tanh(W_c [c; h]) of the last step
  torch::Tensor summary;      ///< (B,E) peeky: the encoder's last h
  AttentionMemory source;     ///< of N sources; undefined tensors without attention
};

struct DecoderOutput {
  torch::Tensor readout;    ///< (T,B,R) what the output layer reads
  torch::Tensor attention;  ///< (B,T,S) over the encoder's states; undefined without attention
};

class Seq2SeqDecoderImpl : public torch::nn::Module {
 public:
  /// `source_embedding` serves the decoder too where config.shared_embeddings.
  Seq2SeqDecoderImpl(const Seq2SeqConfig& config, const torch::nn::Embedding& source_embedding);

  DecoderState start(const Encoded& encoded, const torch::Tensor& lengths);

  /// Takes T tokens of each row, all at once as far as the architecture lets it, and leaves `state` behind the last.
  /// Shapes: ids (B,T) int64.
  DecoderOutput forward(const torch::Tensor& ids, DecoderState& state);

  torch::nn::Embedding embedding{nullptr};  ///< registered only when not shared
  Recurrent rnn{nullptr};
  Linear bridge{nullptr};  ///< bridge = tanh: (L H, E)
  AttentionMechanism alignment{nullptr};
  Linear attentional{nullptr};  ///< output = tanh: W_c (H, C + H), no bias
  Linear maxout{nullptr};       ///< output = maxout: [U V C] (2 M, H + D + C)

 private:
  AttentionContext attend(const torch::Tensor& h, const AttentionMemory& source);
  DecoderOutput without_attention(const torch::Tensor& x, DecoderState& state);
  DecoderOutput attend_before_step(const torch::Tensor& x, DecoderState& state);
  DecoderOutput attend_after_sequence(const torch::Tensor& x, DecoderState& state);
  DecoderOutput feed_attentional(const torch::Tensor& x, DecoderState& state);

  Seq2SeqConfig config_;
};
TORCH_MODULE(Seq2SeqDecoder);

}  // namespace langzoo
