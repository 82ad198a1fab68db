#include "models/layers/character_encoder.h"

#include <cmath>
#include <limits>
#include <stdexcept>

#include <c10/util/StringUtil.h>

#include "models/layers/init.h"
#include "third_party/torch.h"

namespace langzoo {

using torch::Tensor;

CharacterEncoderImpl::CharacterEncoderImpl(const CharacterEncoderOptions& options) : options_(options) {
  const auto& [recurrent, alphabet, E, F, width] = options_;
  if (alphabet < 1 || E < 1 || F < 1 || width < 1 || width % 2 == 0 || (recurrent && F % 2 == 1)) {
    throw std::invalid_argument(c10::str("character encoder: sizes ", alphabet, ", ", E, ", ", F, ", width ", width,
                                         ": they must be 1 or more, the width odd, and what an LSTM gives even"));
  }
  const auto table = torch::empty({alphabet, E});
  embedding =
      register_module("embedding", torch::nn::Embedding(torch::nn::EmbeddingOptions(alphabet, E)._weight(table)));
  if (recurrent) {
    RecurrentOptions layer;
    layer.input_size = E;
    layer.hidden_size = F / 2;
    layer.bidirectional = true;
    rnn = register_module("rnn", Recurrent(layer));
  } else {
    conv = register_module("conv", torch::nn::Conv1d(torch::nn::Conv1dOptions(E, F, width).padding(width / 2)));
  }
  if (SkipInit::active()) return;
  // Ma and Hovy 2016, section 3.2: U(-sqrt(3/E), sqrt(3/E)); the convolution by Glorot's rule.
  const torch::NoGradGuard no_grad;
  const double bound = std::sqrt(3.0 / static_cast<double>(E));
  embedding->weight.uniform_(-bound, bound);
  embedding->weight[0].zero_();
  if (recurrent) return;
  const double reach = std::sqrt(6.0 / static_cast<double>(width * (E + F)));
  conv->weight.uniform_(-reach, reach);
  conv->bias.zero_();
}

Tensor CharacterEncoderImpl::forward(const Tensor& characters) {
  const auto present = characters.ne(0);
  const auto lengths = present.sum(1);
  const auto words = lengths.nonzero().squeeze(1);  // those that have characters
  const auto F = options_.output_size;
  auto found = at::zeros({characters.size(0), F}, embedding->weight.options());
  if (words.numel() == 0) return found;
  const auto length = lengths.index_select(0, words);
  const auto W = length.max().item<std::int64_t>();
  const auto ids = characters.index_select(0, words).narrow(1, 0, W);
  const auto inside = present.index_select(0, words).narrow(1, 0, W);
  const auto x = embedding(ids) * inside.unsqueeze(-1).to(embedding->weight.scalar_type());  // (n,W,E)
  Tensor vectors;
  if (options_.recurrent) {
    const auto state = rnn->forward(x.transpose(0, 1).contiguous(), {.state = {}, .lengths = length}).state.hidden;
    vectors = state.transpose(0, 1).flatten(1);  // (n,2,F/2) -> (n,F)
  } else {
    const auto y = conv(x.transpose(1, 2));  // (n,F,W)
    const auto outside = inside.logical_not().unsqueeze(1);
    vectors = y.masked_fill(outside, -std::numeric_limits<float>::infinity()).amax(2).tanh();
  }
  return found.to(vectors.scalar_type()).index_copy(0, words, vectors);
}

}  // namespace langzoo
