/// Schema graphs as tensors, those of a batch together.
#pragma once

#include <cstdint>
#include <span>

#include <torch/types.h>

#include "data/knowledge/schema_graph.h"

namespace langzoo {

/// Several graphs as one. Letters: G graphs, M nodes, Q edges, P pairs, R paths, L places of the longest path.
struct SchemaBatch {
  torch::Tensor nodes;                        ///< (M) int64: entities
  torch::Tensor from, to, weights;            ///< (Q): between nodes of a path, both ways, and from each to itself
  torch::Tensor pair_graphs, pair_a, pair_b;  ///< (P) int64: its graph; nodes of question and answer
  torch::Tensor path_pairs, path_lengths;     ///< (R) int64: its pair; how many nodes it has
  torch::Tensor path_nodes, path_relations;   ///< (R,L) int64: nodes; relation to the next one, at the end the dummy 2R
  std::int64_t graphs = 0;

  /// Weights are those of Kipf and Welling 2017 (https://arxiv.org/abs/1609.02907): 1 / sqrt(degree degree'), a node's
  /// edge to itself counted.
  static SchemaBatch of(std::span<const SchemaGraph> graphs, std::int64_t num_relations);
  SchemaBatch on(torch::Device device) const;
};

}  // namespace langzoo
