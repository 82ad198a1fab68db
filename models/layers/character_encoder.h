/// Words as vectors of their characters, for taggers: a convolution whose largest values count (Ma and Hovy 2016,
/// section 2.1, https://arxiv.org/abs/1603.01354), or an LSTM's last states in both directions (Lample et al. 2016,
/// section 4.1, https://arxiv.org/abs/1603.01360).
///
/// Parameters: embedding.weight (A,E), row 0 being no character; conv.weight (F,E,width), conv.bias (F), or rnn.* as
/// torch.nn's LSTM of hidden width F/2.
///
/// Letters: N words, W characters, A alphabet, E width of a character, F of a word.
#pragma once

#include <cstdint>

#include <torch/nn/module.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include "models/layers/recurrent.h"

namespace langzoo {

struct CharacterEncoderOptions {
  bool recurrent = false;           ///< the LSTM; else the convolution
  std::int64_t alphabet = 0;        ///< A, with 0 for no character
  std::int64_t embedding_size = 0;  ///< E
  std::int64_t output_size = 0;     ///< F, of the LSTM both directions together
  std::int64_t width = 3;           ///< characters that the convolution sees at once, an odd number
};

class CharacterEncoderImpl : public torch::nn::Module {
 public:
  /// Throws std::invalid_argument for sizes that cannot be.
  explicit CharacterEncoderImpl(const CharacterEncoderOptions& options);

  /// What stands behind a word's characters, zeros, does not count; a word without characters is zeros.
  /// Shapes: characters (N,W) int64 -> (N,F).
  torch::Tensor forward(const torch::Tensor& characters);

  torch::nn::Embedding embedding{nullptr};
  torch::nn::Conv1d conv{nullptr};
  Recurrent rnn{nullptr};

 private:
  CharacterEncoderOptions options_;
};
TORCH_MODULE(CharacterEncoder);

}  // namespace langzoo
