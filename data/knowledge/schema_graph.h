/// What a knowledge graph has to say of a question and an answer: the concepts of both, and how they are connected
/// (KagNet: Lin et al. 2019, https://arxiv.org/abs/1909.02151, section 3). No torch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "data/knowledge/path_finding.h"

namespace langzoo {

struct SchemaPath {
  std::int64_t pair = 0;                       ///< whose concepts it connects
  std::vector<std::int64_t> nodes, relations;  ///< places among the graph's nodes; one relation less (GraphEdge)
};

/// Of one answer to one question.
struct SchemaGraph {
  std::vector<std::int64_t> nodes;                           ///< entities
  std::vector<std::pair<std::int64_t, std::int64_t>> pairs;  ///< a concept of the question and one of the answer
  std::vector<SchemaPath> paths;

  /// As numbers, behind others, and back: `at` is moved to the end. Throws std::out_of_range for numbers that are none.
  void append_to(std::vector<std::int64_t>& numbers) const;
  static SchemaGraph read_from(std::span<const std::int64_t> numbers, std::size_t& at);
};

struct GroundingLimits {
  std::int64_t max_hops = 4, max_paths = 20;  ///< paths of a pair
  std::int64_t max_concepts = 10;             ///< of the question, and of the answer; the first ones
  double path_threshold = 0.15;               ///< paths that are scored lower are left out
};

/// `score` is that of a path, from 0 to 1.
SchemaGraph ground(const KnowledgeGraph& graph, const ConceptFinder& concepts, std::string_view question,
                   std::string_view answer, const GroundingLimits& limits,
                   const std::function<double(const GraphPath&)>& score);

}  // namespace langzoo
