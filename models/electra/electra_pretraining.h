/// ELECTRA as it is pretrained: a generator fills the hidden places of a text, and the discriminator tells which tokens
/// are not the text's. They share their embeddings.
///
/// Paper: Clark et al. 2020, section 3; sizes and constants are those of its released code.
#pragma once

#include <cstdint>
#include <filesystem>

#include "models/electra/electra.h"

namespace langzoo {

/// What the discriminator is given.
struct ReplacedTokens {
  torch::Tensor ids;       ///< (B,T) the text with the generator's tokens in the chosen places
  torch::Tensor replaced;  ///< (B,T) 1 where that is another token than the text's, else 0
};

/// Of a batch, each summed.
struct ElectraLoss {
  torch::Tensor masked_lm;    ///< cross-entropy of the generator over the chosen places
  torch::Tensor replaced;     ///< binary cross-entropy of the discriminator over all tokens
  std::int64_t chosen = 0;    ///< places
  std::int64_t tokens = 0;    ///< without padding
  torch::Tensor given;        ///< ReplacedTokens::ids
  torch::Tensor is_replaced;  ///< ReplacedTokens::replaced

  /// masked_lm and `weight` times replaced, each a mean.
  torch::Tensor total(double weight = 50.0) const;
};

/// In `ids`, the chosen places get tokens drawn from the generator's distribution, each by one number of torch's default
/// generator of the CPU, on whatever device the logits are; no gradient passes. Shapes: ids (B,T), places (N) among B T, logits (N,V).
ReplacedTokens replace_tokens(const torch::Tensor& ids, const torch::Tensor& places, const torch::Tensor& logits);

/// A module of both, `generator` and `discriminator`; the former's embeddings are the latter's.
class ElectraPretrainingImpl : public torch::nn::Module, public TokenModel {
 public:
  /// Throws std::invalid_argument where the two configs' embeddings differ: ElectraConfig::generator() makes one that
  /// fits.
  ElectraPretrainingImpl(const ElectraConfig& discriminator, const ElectraConfig& generator);
  /// Of the folder that save_pretrained() wrote, in evaluation mode. Throws std::runtime_error naming it.
  static std::shared_ptr<ElectraPretrainingImpl> from_pretrained(const std::filesystem::path& dir);

  /// `inputs` are what the generator reads, `text` the text itself; `labels` are the text's tokens in the chosen
  /// places, -100 elsewhere. Shapes: all (B,T) int64.
  ElectraLoss loss(const TokenInputs& inputs, const torch::Tensor& text, const torch::Tensor& labels);

  torch::nn::Module& module() override { return *this; }
  std::int64_t vocab_size() const override { return discriminator->vocab_size(); }
  std::int64_t n_positions() const override { return discriminator->n_positions(); }
  /// The discriminator in `dir`, the generator in dir/generator.
  void save_pretrained(const std::filesystem::path& dir) const override;

  ElectraForPreTraining discriminator{nullptr};
  ElectraForMaskedLm generator{nullptr};

 private:
  ElectraPretrainingImpl(ElectraForPreTraining discriminator, ElectraForMaskedLm generator);
};
TORCH_MODULE(ElectraPretraining);

}  // namespace langzoo
