/// The encoder of a recurrent encoder-decoder: source tokens to a state for each and one for all.
#pragma once

#include <torch/nn/modules/embedding.h>

#include "models/layers/recurrent.h"
#include "models/seq2seq/seq2seq_config.h"

namespace langzoo {

/// What the decoder gets to know of a batch of sources. E is the width of one direction, C of what both give.
struct Encoded {
  torch::Tensor states;   ///< (S,B,C) in the order of reading, zeros on padding
  torch::Tensor summary;  ///< (B,E) the topmost layer's last h, the backward direction's where there is one
  RecurrentState last;    ///< (L,B,H) for bridges that hand a state to each decoder layer, else undefined
};

/// Uninitialised. Shapes: (rows, width).
torch::nn::Embedding embedding_of(std::int64_t rows, std::int64_t width);

/// Embedded tokens, time first; in training a share of them is zero. Shapes: ids (B,T) int64 -> (T,B,C).
torch::Tensor embed(const torch::nn::Embedding& embedding, const torch::Tensor& ids, const Seq2SeqConfig& config,
                    bool training);

class Seq2SeqEncoderImpl : public torch::nn::Module {
 public:
  explicit Seq2SeqEncoderImpl(const Seq2SeqConfig& config);

  /// Shapes: source (B,S) int64, lengths (B) int64 in [1,S].
  Encoded forward(const torch::Tensor& source, const torch::Tensor& lengths);

  torch::nn::Embedding embedding{nullptr};
  Recurrent rnn{nullptr};
  Recurrent upper{nullptr};  ///< encoder = gnmt: the layers above the bidirectional one

 private:
  Seq2SeqConfig config_;
};
TORCH_MODULE(Seq2SeqEncoder);

}  // namespace langzoo
