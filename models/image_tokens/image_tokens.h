/// Pictures as tokens: a discrete autoencoder makes of a picture a token for each of its parts, and a picture of them
/// again; a GPT-2 reads a caption's tokens and goes on with those of its picture. What it is asked is drawn by
/// continuing a caption.
///
/// Papers: Ramesh et al., "Zero-Shot Text-to-Image Generation", 2021, https://arxiv.org/abs/2102.12092 (captions and
/// pictures as one stream, section 2.2); its autoencoder is here van den Oord, Vinyals and Kavukcuoglu, "Neural
/// Discrete Representation Learning", 2017, https://arxiv.org/abs/1711.00937 (a codebook, whose vectors are running
/// means of what is nearest to them, appendix A.1, and a gradient that passes straight through). GPT-2 is models/gpt.
///
///     auto model = langzoo::from_pretrained<langzoo::ImageTokens>("run");
///     auto codes = model->vae->encode(pixels);                   // (B,P)
///     auto again = model->vae->decode(codes);
///
/// Letters: B batch, P parts of a picture, D pixels of its side, K codes, E width of a code's vector, S tokens of a
/// caption's place, V tokens of text.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <torch/nn/modules/conv.h>

#include "models/generation/step.h"
#include "models/gpt/gpt.h"
#include "models/task_module.h"

namespace langzoo {

struct ImageTokensConfig {
  std::int64_t vocab_size = 0;    ///< V
  std::int64_t image_size = 32;   ///< D
  std::int64_t patch_size = 4;    ///< pixels of a part's side
  std::int64_t codes = 256;       ///< K
  std::int64_t code_size = 32;    ///< E
  std::int64_t hidden_size = 64;  ///< channels of the autoencoder
  double code_decay = 0.97;       ///< of the running means
  double commitment = 0.25;       ///< how much the encoder is drawn to the codes: beta
  std::int64_t max_text = 16;     ///< S, the end token included
  std::int64_t n_embd = 128, n_layer = 4, n_head = 4;
  double dropout = 0.0;
  std::int64_t pad_token_id = 0;                 ///< fills the caption's place
  std::vector<std::int64_t> eos_token_id = {2};  ///< the first ends a caption

  void for_each_field(FieldVisitor& visit);
  /// Throws std::invalid_argument naming the first impossible field or combination.
  void validate() const;

  std::int64_t num_parts() const { return image_size / patch_size * (image_size / patch_size); }
  Gpt2Config language_model() const;
};

/// Each part of a picture becomes a vector, and that the nearest of the codes. Autocast leaves it alone: a picture has
/// the same tokens, whatever its language model computes in.
class DiscreteAutoencoderImpl : public torch::nn::Module {
 public:
  explicit DiscreteAutoencoderImpl(const ImageTokensConfig& config);

  /// The squared error of pictures made again, in [-1,1], summed over all bytes, and of the commitment to their codes
  /// the same share. In training mode moves the codes, and brings one that nothing is near to where it is needed most.
  /// Without `quantize` the vectors stay what they are, which is how training begins. Shapes: pixels (B, 3 D D).
  torch::Tensor loss_sum(const torch::Tensor& pixels, bool quantize = true);
  /// The codes of pictures, row by row from the top. Shapes: pixels (B, 3 D D) of any whole-number type -> (B,P) int64.
  torch::Tensor encode(const torch::Tensor& pixels);
  /// Shapes: codes (B,P) -> (B, 3 D D) uint8.
  torch::Tensor decode(const torch::Tensor& codes);

  torch::nn::Conv2d patches{nullptr}, mix{nullptr}, to_code{nullptr};  ///< the encoder
  torch::nn::Conv2d from_code{nullptr}, spread{nullptr};               ///< the decoder
  torch::nn::ConvTranspose2d pixels{nullptr};                          ///< likewise
  torch::Tensor codebook, code_counts, code_sums;                      ///< buffers (K,E), (K), (K,E)

 private:
  /// Shapes: (B, 3 D D) -> (B,3,D,D) in [-1,1].
  torch::Tensor scaled(const torch::Tensor& bytes) const;
  /// Shapes: (B,3,D,D) -> (B,P,E).
  torch::Tensor vectors(const torch::Tensor& pictures);
  /// Shapes: (B,P,E) -> (B,3,D,D).
  torch::Tensor pictures(const torch::Tensor& vectors);
  /// Shapes: vectors (N,E) -> (N) int64, and the squares of their distances (N).
  std::pair<torch::Tensor, torch::Tensor> nearest(const torch::Tensor& vectors) const;
  void move_codes(const torch::Tensor& vectors, const torch::Tensor& codes, const torch::Tensor& distances);

  ImageTokensConfig config_;
};
TORCH_MODULE(DiscreteAutoencoder);

/// Sums of cross-entropies over the tokens of captions, their ends included, and over those of pictures.
struct ImageTokensLoss {
  torch::Tensor text, image;
};

class ImageTokensImpl : public TaskModule<ImageTokensImpl, ImageTokensConfig, TaskModel> {
 public:
  static const PretrainedTraits& pretrained_traits();

  /// From torch's default generator. Throws std::invalid_argument.
  explicit ImageTokensImpl(const ImageTokensConfig& config);

  /// Captions in their places: the end token behind them, then padding. Throws std::invalid_argument for one of more
  /// than S - 1 tokens. Shapes: -> (B,S) int64.
  torch::Tensor text_rows(const std::vector<std::vector<std::int32_t>>& captions) const;
  /// What the language model has against these captions and pictures; no gradient reaches the autoencoder. Shapes: text
  /// (B,S), pixels (B, 3 D D).
  ImageTokensLoss language_loss(const torch::Tensor& text, const torch::Tensor& pixels);
  /// Draws: the first step reads captions (B,S), later ones codes; the logits are those of the K codes.
  std::unique_ptr<StepFunction> start(std::int64_t captions);

  DiscreteAutoencoder vae{nullptr};
  Gpt2LmHeadModel lm{nullptr};
};
TORCH_MODULE(ImageTokens);

}  // namespace langzoo
