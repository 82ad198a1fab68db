/// Self-attention in both directions, over batches with their padding or without, and what tells it where tokens stand.
///
/// Letters: R rows and T places as the activations have them: B and T of a padded batch, 1 and N tokens of a packed
/// one.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <torch/types.h>

#include "models/layers/packed.h"

namespace langzoo {

/// What is kept of the attention of each layer that runs, where it is asked for.
struct AttentionRecord {
  bool keeps_weights = false, keeps_scores = false;
  std::vector<torch::Tensor> weights = {};  ///< (B,H,T,T)
  std::vector<torch::Tensor> scores = {};   ///< (B,H,T,T) before the softmax and without the mask
};

/// How the tokens of a batch lie in an encoder's activations.
class TokenRows {
 public:
  /// Without padding (R,T) = (1,N), where `pack` allows it and there is any. `dtype` is that of the activations; `mask`
  /// may be undefined. Shapes: mask (B,T) of any dtype, 0 on padding.
  TokenRows(const torch::Tensor& mask, bool pack, torch::ScalarType dtype);

  /// Shapes: x (B,T,...) -> (R,T,...).
  torch::Tensor pack(const torch::Tensor& x) const { return packed_ ? packed_->pack(x) : x; }
  /// Shapes: x (R,T,...) -> (B,T,...), of zeros on padding that was left out.
  torch::Tensor unpack(const torch::Tensor& x) const { return packed_ ? packed_->unpack(x) : x; }
  bool packed() const { return packed_.has_value(); }

  const torch::Tensor& bias() const { return bias_; }  ///< (B,1,1,T) of padding that is there, or undefined
  torch::Tensor cu_seqlens() const { return packed_ ? packed_->cu_seqlens : torch::Tensor(); }

  AttentionRecord* record = nullptr;  ///< only of rows that are not packed

 private:
  std::optional<PackedRows> packed_;
  torch::Tensor bias_;
};

/// How distances between tokens enter the scores.
enum class PositionType {
  kAbsolute,          ///< not at all
  kRelativeKey,       ///< Shaw et al. 2018: q . d
  kRelativeKeyQuery,  ///< Huang et al. 2020, method 4: q . d + k . d
};
/// In the order of PositionType; what transformers called position_embedding_type before version 5.
inline constexpr std::array<std::string_view, 3> kPositionTypeNames = {"absolute", "relative_key",
                                                                       "relative_key_query"};

struct SelfAttentionOptions {
  std::int64_t heads;
  double dropout = 0;  ///< of the weights; the caller passes 0 outside training
  PositionType positions = PositionType::kAbsolute;
  torch::Tensor distances = {};  ///< (2P-1, K): a vector of each distance from query to key, -(P-1) to P-1
};

/// softmax(q k^T / sqrt(K)) v of every head; relative positions need rows that are not packed and at most P places.
/// Shapes: q, k, v (R,T,C) -> (R,T,C).
torch::Tensor self_attend(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v, const TokenRows& rows,
                          const SelfAttentionOptions& options);

}  // namespace langzoo
