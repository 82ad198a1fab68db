/// What pretraining on texts and the entities that they name asks of a model; names no family.
#pragma once

#include <string>
#include <vector>

#include <torch/types.h>

#include "models/knowledge_reader.h"
#include "models/masked_lm.h"

namespace langzoo {

/// Of a batch, each summed over its labels that are not -100.
struct EntityPretrainingLoss {
  torch::Tensor masked_lm, sentence, entities;  ///< scalars; no entities, none: undefined
};

/// One that besides tells which entity a token names, of those that it is offered.
class EntityPretrainer : public PretrainingModel, public KnowledgeReader {
 public:
  /// By id.
  virtual const std::vector<std::string>& entity_names() const = 0;
  /// Shapes: inputs (B,T), places (N) as of logits_at(), candidates (K) int64, ids of entities -> (N,K).
  virtual torch::Tensor entity_logits_at(const TokenInputs& inputs, const torch::Tensor& places,
                                         const torch::Tensor& candidates) = 0;
  /// Shapes: as PretrainingModel::pretraining_loss; entity_labels (B,T) int64, places among `candidates` (K), or -100.
  virtual EntityPretrainingLoss entity_pretraining_loss(const TokenInputs& inputs, const torch::Tensor& labels,
                                                        const torch::Tensor& sentence_labels,
                                                        const torch::Tensor& candidates,
                                                        const torch::Tensor& entity_labels) = 0;
};

}  // namespace langzoo
