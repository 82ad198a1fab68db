/// What runs in BERT and its relatives: embeddings, perhaps a projection of them, layers, perhaps a pooler. A family's
/// model registers the parts under its names; this runs them, without computing padding.
#pragma once

#include <string>
#include <vector>

#include "models/encoder.h"
#include "models/encoder_config.h"
#include "models/io/state_dict.h"
#include "models/layers/post_norm_layer.h"
#include "models/layers/token_embeddings.h"

namespace langzoo {

/// The base of a family's model without a head: `class BertModelImpl : public TaskModule<.., BertConfig,
/// EncoderStack>`.
class EncoderStack : public BareEncoder {
 public:
  EncoderOutput encode(const TokenInputs& inputs, const EncoderWants& wants = {}) override;
  std::int64_t width() const override { return layers.front()->query->weight.size(0); }
  std::int64_t num_layers() const override { return static_cast<std::int64_t>(layers.size()); }
  std::int64_t n_segments() const override;
  void set_gradient_checkpointing(bool on) override { gradient_checkpointing_ = on; }
  std::vector<std::string> depth_patterns() const override { return depth_patterns_; }
  const torch::Tensor& word_embeddings() const { return embeddings->word_embeddings->weight; }

  /// For from_pretrained(): whether there is a pooler, `file` says.
  static void fit_config(EncoderConfig& config, const StateDict& file, LoadReport& report);

  /// Reads the embeddings of another model, in place of those that are registered in `at`.
  void share_embeddings(torch::nn::Module& at, const TokenEmbeddings& others);
  /// Registers `layer` as `at`'s under `path`, to run next.
  void add_layer(torch::nn::Module& at, const std::string& path, const PostNormLayer& layer);

  TokenEmbeddings embeddings{nullptr};
  Linear projection{nullptr};         ///< of the embeddings to the layers' width, where they differ
  std::vector<PostNormLayer> layers;  ///< in the order in which they run; one may run several times
  Linear pooler{nullptr};

 protected:
  /// What begins the errors of encode().
  virtual const char* family_name() const = 0;
  /// The place of every token. Shapes: ids (B,T) -> (B,T) int64.
  virtual torch::Tensor places(const torch::Tensor& ids) const;

  std::vector<std::string> depth_patterns_ = {"*embedding[s_]*"};

 private:
  bool gradient_checkpointing_ = false;
};

}  // namespace langzoo
