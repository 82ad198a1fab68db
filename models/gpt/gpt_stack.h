/// What a stack of GPT's blocks is given: of all models of the line, whatever their blocks.
///
/// Letters as in gpt.h: B batch, T tokens given now, S tokens seen so far, C width, P positions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/embedding.h>
#include <torch/types.h>

#include "models/encoder.h"
#include "models/layers/activation_checkpoint.h"
#include "models/layers/attention_weights.h"
#include "models/layers/kv_cache.h"

namespace langzoo {

/// One forward pass beyond plain ids. Undefined tensors and nullptr stand for "no".
struct GptInputs {
  torch::Tensor attention_mask = {};       ///< (B,S) 1 for tokens, 0 for padding, cached tokens included
  torch::Tensor position_ids = {};         ///< (B,T) int64; by default counted from the mask, padding at 0
  std::vector<KvCache>* caches = nullptr;  ///< one a layer, filled by earlier calls; this call's tokens are appended
  AttentionWeights* attentions = nullptr;  ///< gets those of every layer
  std::vector<torch::Tensor>* hidden_states = nullptr;  ///< gets what enters each block and what leaves the last
};

/// Where the tokens of a forward pass stand and what hides them.
struct GptPlaces {
  /// Throws std::invalid_argument beginning with `family` where S exceeds P, or the inputs do not fit the ids or the
  /// `layers`. Shapes: ids (B,T) int64, table (P,C).
  GptPlaces(const char* family, const torch::Tensor& ids, const GptInputs& inputs, std::int64_t layers,
            const torch::Tensor& table);

  /// Of a layer that attends to all before it; undefined: plainly causal.
  /// Shapes: (T,S), (B,1,1,S) or (B,1,T,S).
  torch::Tensor causal_bias() const;

  torch::Tensor positions;  ///< (T,C) or (B,T,C): rows of the table
  torch::Tensor padding;    ///< (B,1,1,S), as masks.h has it; undefined: there is none

 private:
  std::int64_t tokens_, seen_;
  torch::TensorOptions like_;
};

/// x through all blocks, each `block(x, bias, cache, weights)`; with `recompute` each keeps its input only and runs
/// again in the backward pass. Shapes: x (B,T,C) -> (B,T,C).
template <class BlockImpl>
torch::Tensor through_blocks(torch::nn::ModuleListImpl& blocks, torch::Tensor x, const torch::Tensor& bias,
                             const GptInputs& inputs, bool recompute) {
  for (std::size_t layer = 0; layer < blocks.size(); ++layer) {
    if (inputs.hidden_states) inputs.hidden_states->push_back(x);
    auto* const block = blocks[layer]->template as<BlockImpl>();
    if (recompute && !inputs.attentions)
      x = checkpoint([block, bias](const torch::Tensor& x0) { return block->forward(x0, bias); }, x,
                     block->parameters());
    else
      x = block->forward(x, bias, inputs.caches ? &(*inputs.caches)[layer] : nullptr, inputs.attentions);
  }
  if (inputs.hidden_states) inputs.hidden_states->push_back(x);
  return x;
}

/// A model of the line without a head: tokens to hidden states. As an encoder, each token's state knows those before
/// it, and the last token's is the row's: what heads read, and `pooled`. Segments are not read: delimiters tell them
/// apart.
class GptModel : public BareEncoder {
 public:
  /// Throws std::invalid_argument when S exceeds n_positions() or the inputs do not fit the ids.
  /// Shapes: ids (B,T) int64 -> (B,T,C).
  virtual torch::Tensor forward(const torch::Tensor& ids, const GptInputs& inputs) = 0;
  /// (V,C)
  virtual const torch::Tensor& word_embeddings() const = 0;

  /// Empty ones, a layer each, for rows of so many tokens.
  virtual std::vector<KvCache> caches(std::int64_t capacity) const;

  /// Throws std::invalid_argument for scores before the softmax, which are not kept.
  EncoderOutput encode(const TokenInputs& inputs, const EncoderWants& wants = {}) override;
  void set_gradient_checkpointing(bool on) override { gradient_checkpointing = on; }
  std::vector<std::string> depth_patterns() const override;

  bool gradient_checkpointing = false;

 protected:
  virtual const char* embeddings_pattern() const { return "*w?e.weight"; }
};

/// Given its weight, torch's embedding does not draw one.
torch::nn::Embedding unfilled_embedding(std::int64_t rows, std::int64_t width);

/// The place of each row's last token. Shapes: mask (B,T) of any dtype -> (B) int64.
torch::Tensor last_places(const torch::Tensor& mask);

}  // namespace langzoo
