/// Image captioning: an encoder makes of a picture a state for each of its parts, a decoder writes what there is, token
/// after token. It is an encoder-decoder whose sources are pictures: the decoders are those of the recurrent ones
/// (models/seq2seq), without attention or with it, and the Transformer's (models/transformer).
///
/// Papers: Vinyals et al., "Show and Tell", 2015, https://arxiv.org/abs/1411.4555 (a recurrent decoder that begins with
/// all of the picture; here every step is given it as well, the mean of its parts); Xu et al., "Show, Attend and Tell",
/// 2015, https://arxiv.org/abs/1502.03044, section 3.1 with its soft attention (the decoder looks at parts of the
/// picture, as Bahdanau et al. 2015 do); Dosovitskiy et al., "An Image is Worth 16x16 Words", 2021,
/// https://arxiv.org/abs/2010.11929 (the encoder "vit"). Recurrent layers have torch.nn's parameter names, Transformer
/// layers Marian's.
///
///     auto model = langzoo::from_pretrained<langzoo::Captioner>("run");
///     auto step = model->start(pixels, lengths, 32);             // for models/generation
///
/// Letters: B batch, P parts of a picture, T tokens, C width, V vocabulary; D pixels of a picture's side.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/normalization.h>

#include "models/encoder_decoder.h"
#include "models/layers/linear.h"
#include "models/seq2seq/decoder.h"
#include "models/task_module.h"
#include "models/transformer/transformer.h"

namespace langzoo {

struct CaptionerConfig {
  std::int64_t vocab_size = 0;
  std::int64_t image_size = 32;     ///< D
  std::int64_t patch_size = 4;      ///< pixels of a part's side
  std::string encoder = "cnn";      ///< cnn: halves the picture until a pixel is a part. vit: layers over the parts
  std::int64_t encoder_layers = 2;  ///< of vit
  std::string decoder = "lstm";     ///< lstm, gru, transformer
  std::int64_t decoder_layers = 1;
  std::string attention = "additive";  ///< of lstm and gru: none, dot, general, additive
  std::int64_t hidden_size = 128;      ///< C of all
  std::int64_t num_heads = 4;          ///< of vit and transformer
  double dropout = 0.1;
  std::int64_t max_position_embeddings = 32;  ///< tokens of a caption, the start token or the end token included
  std::int64_t decoder_start_token_id = 1;
  std::vector<std::int64_t> eos_token_id = {2};  ///< any of these; labels end with the first

  void for_each_field(FieldVisitor& visit);
  /// Throws std::invalid_argument naming the first impossible field or combination.
  void validate() const;

  std::int64_t num_parts() const { return image_size / patch_size * (image_size / patch_size); }
  bool is_recurrent() const { return decoder != "transformer"; }
};

/// A picture's parts, row by row from the top, each with a learned place.
class PictureEncoderImpl : public torch::nn::Module {
 public:
  explicit PictureEncoderImpl(const CaptionerConfig& config);

  /// Shapes: pixels (B,3,D,D) in [-1,1] -> (B,P,C).
  torch::Tensor forward(const torch::Tensor& pixels);

  torch::nn::ModuleList convolutions{nullptr};  ///< of vit one, which cuts the picture into parts
  torch::Tensor positions;                      ///< (P,C)
  torch::nn::ModuleList layers{nullptr};        ///< of vit: TransformerEncoderLayer
  torch::nn::LayerNorm layer_norm{nullptr};     ///< of vit

 private:
  double dropout_;
};
TORCH_MODULE(PictureEncoder);

/// A source is the bytes of a picture: (B, 3 D D) of any whole-number type, the reds, greens and blues one behind the
/// other, each row by row from the top. All are of one length. What is attended to are its P parts.
class CaptionerImpl : public TaskModule<CaptionerImpl, CaptionerConfig, EncoderDecoder> {
 public:
  static const PretrainedTraits& pretrained_traits();

  /// Matrices by Glorot and Bengio's uniform rule, embeddings and places N(0, 0.02^2), biases 0; from torch's default
  /// generator. Throws std::invalid_argument.
  explicit CaptionerImpl(const CaptionerConfig& config);

  /// What the decoder reads. Throws std::invalid_argument for pictures of another size. Shapes: source (B,3 D D) ->
  /// (B,P,C).
  torch::Tensor encode(const torch::Tensor& source);

  LabelStates label_states(const torch::Tensor& source, const torch::Tensor& source_lengths,
                           const torch::Tensor& decoder_input, const torch::Tensor& labels) override;
  std::int64_t source_vocab_size() const override { return 256; }
  std::int64_t target_vocab_size() const override { return config_.vocab_size; }
  std::int32_t start_token() const override { return static_cast<std::int32_t>(config_.decoder_start_token_id); }
  std::optional<std::int32_t> end_token() const override {
    return first_token(config_.eos_token_id, config_.vocab_size);
  }
  std::vector<std::int32_t> end_tokens() const override { return token_ids(config_.eos_token_id); }
  std::int64_t max_positions() const override { return config_.max_position_embeddings; }
  std::unique_ptr<StepFunction> start(const torch::Tensor& source, const torch::Tensor& source_lengths,
                                      std::int64_t capacity) override;
  /// Of a Transformer the mean over the heads of one layer, TransformerDecoderImpl::alignment.
  /// Shapes: -> (B,T,P); undefined without attention.
  torch::Tensor attention(const torch::Tensor& source, const torch::Tensor& source_lengths,
                          const torch::Tensor& decoder_input) override;

  PictureEncoder encoder{nullptr};
  Seq2SeqDecoder recurrent{nullptr};  ///< registered as "decoder", as is the other
  TransformerDecoder transformer{nullptr};
  Linear output{nullptr};

 private:
  void initialize();
  DecoderState start_recurrent(const torch::Tensor& states);
};
TORCH_MODULE(Captioner);

}  // namespace langzoo
