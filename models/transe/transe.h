/// TransE: vectors of a knowledge graph's entities and relations, so that head + relation lies near the tail of what
/// holds.
///
/// Paper: Bordes et al., "Translating Embeddings for Modeling Multi-relational Data", 2013.
///
///     auto model = langzoo::from_pretrained<langzoo::Transe>("run");
///     auto distances = model->distances(torch::tensor({{head, relation, tail}}));
///
/// Letters: E entities, R relations, C width (dim), N triples.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <torch/nn/modules/embedding.h>

#include "data/knowledge/path_finding.h"
#include "models/task_module.h"

namespace langzoo {

/// config.json of model_type "transe".
struct TranseConfig {
  std::vector<std::string> entities, relations;  ///< by id
  std::int64_t num_triples = 0;                  ///< that it has learnt from, which it keeps
  std::int64_t dim = 100;
  std::int64_t norm = 2;  ///< of the distances: L1 or L2, the paper has both
  double margin = 1;

  void for_each_field(FieldVisitor& visit);
  /// Throws std::invalid_argument naming the first impossible field and its value.
  void validate() const;
};

class TranseImpl : public TaskModule<TranseImpl, TranseConfig, TaskModel> {
 public:
  static const PretrainedTraits& pretrained_traits();

  /// U(-6/sqrt C, 6/sqrt C) from torch's default generator; then relations, and entities, are scaled to length 1
  /// (algorithm 1).
  explicit TranseImpl(const TranseConfig& config);

  /// |h + r - t|. Shapes: triples (N,3) int64 -> (N).
  torch::Tensor distances(const torch::Tensor& triples) const;
  /// Sum of [margin + d(right) - d(wrong)]+, equation 1. Shapes: right, wrong (N,3) int64 -> scalar.
  torch::Tensor loss_sum(const torch::Tensor& right, const torch::Tensor& wrong) const;
  /// One step of stochastic gradient descent on loss_sum(), then entities that it moved are scaled to length 1 again:
  /// what autograd does, by loops over the tables, which must be on the CPU in float32. Returns the loss before it.
  double train_step(std::span<const Triple> right, std::span<const Triple> wrong, double learning_rate);
  /// Scales all entities to length 1.
  void normalize_entities();

  /// The graph that the buffer `triples` holds, made once; of a model whose weights are there.
  const KnowledgeGraph& graph() const;
  /// Takes these triples for its own.
  void set_triples(std::span<const Triple> triples);

  torch::nn::Embedding entity_embeddings{nullptr}, relation_embeddings{nullptr};  ///< (E,C), (R,C)
  torch::Tensor triples;                                                          ///< (N,3) int64

 private:
  mutable std::shared_ptr<const KnowledgeGraph> graph_;
};
TORCH_MODULE(Transe);

/// Where what is right stands among all entities that might stand in its place, those that are right as well left out
/// ("filtered"): 1 is first; of equal distances the mean of the best and the worst place.
struct LinkRanks {
  std::vector<double> heads, tails;  ///< of each triple, its head and its tail looked for
};
/// Those of `triples`; `known` says what else is right. On the CPU in float32.
LinkRanks link_ranks(const TranseImpl& model, std::span<const Triple> triples, const KnowledgeGraph& known);

/// How well a path fits: the product over its steps of (1 + cos(r, t - h)) / 2, as KagNet prunes paths by. On the CPU
/// in float32.
double path_score(const TranseImpl& model, const GraphPath& path);

}  // namespace langzoo
