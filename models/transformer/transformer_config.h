/// What a Transformer can be made of.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "models/io/config_fields.h"

namespace langzoo {

/// Hugging Face's config.json of model_type "marian", key by key, with its defaults, and what MarianMTModel does not
/// have: initializer, normalize_before, position_embedding_type and gated_feed_forward. A model that needs one of the
/// last three has the model_type "transformer" (see is_marian()).
struct TransformerConfig {
  std::int64_t vocab_size = 58101;                 ///< of the source, and of the target without the next
  std::optional<std::int64_t> decoder_vocab_size;  ///< of the target; vocab_size when null
  bool share_encoder_decoder_embeddings = true;    ///< one matrix for the tokens of both sides
  bool tie_word_embeddings = true;                 ///< the softmax's matrix is the target's embedding
  std::int64_t max_position_embeddings = 1024;
  std::int64_t d_model = 1024;
  std::int64_t encoder_layers = 12, decoder_layers = 12;
  std::int64_t encoder_attention_heads = 16, decoder_attention_heads = 16;
  std::int64_t encoder_ffn_dim = 4096, decoder_ffn_dim = 4096;
  std::string activation_function = "gelu";
  bool gated_feed_forward = false;  ///< W_2 (act(W_1 x) * W_g x), https://arxiv.org/abs/2002.05202
  bool scale_embedding = false;     ///< embeddings times sqrt(d_model)
  /// sinusoidal: all sines, then all cosines, as in Marian. interleaved: sine and cosine in turn, as in the paper.
  /// learned: a parameter of each side.
  std::string position_embedding_type = "sinusoidal";
  /// false: LayerNorm(x + f(x)), the paper. true: x + f(LayerNorm(x)) and a norm after the last layer
  /// (https://arxiv.org/abs/2002.04745).
  bool normalize_before = false;

  double dropout = 0.1;             ///< of the embeddings and of what is added to the residual stream
  double attention_dropout = 0.0;   ///< of the attention weights
  double activation_dropout = 0.0;  ///< between the feed-forward layers
  /// How often a layer is left out in training (https://arxiv.org/abs/1909.11556).
  double encoder_layerdrop = 0.0, decoder_layerdrop = 0.0;

  /// normal: N(0, init_std^2) everywhere, as transformers. xavier: matrices by Glorot and Bengio's uniform rule,
  /// embeddings N(0, 1/d_model). In both biases are 0 and the padding's embedding too.
  std::string initializer = "normal";
  double init_std = 0.02;

  std::int64_t decoder_start_token_id = 58100;
  std::optional<std::int64_t> bos_token_id, pad_token_id = 58100, forced_bos_token_id;
  std::vector<std::int64_t> eos_token_id = {0}, forced_eos_token_id = {0};  ///< any of these

  /// The paper's wiring as Marian has it, initialised by xavier, with the sizes of "base" or "big" (Vaswani et al.
  /// 2017, table 3), "iwslt" (512 x 6+6, feed-forward 1024, 4 heads: fairseq's), "iwslt-small" (256 x 3+3, feed-forward
  /// 1024) or "tiny" (64 x 2+2, feed-forward 256); the vocabularies unset. std::invalid_argument for others.
  static TransformerConfig preset(const std::string& name);

  void for_each_field(FieldVisitor& visit);
  /// Throws std::invalid_argument naming the first impossible field or combination.
  void validate() const;

  std::int64_t target_vocab_size() const { return decoder_vocab_size.value_or(vocab_size); }
  /// Whether transformers' MarianMTModel computes the same.
  bool is_marian() const;
};

}  // namespace langzoo
