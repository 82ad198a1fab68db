/// Knowledge graphs embedded by TransE: a run of its own, and what other runs know of a graph.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "apps/training/metric.h"
#include "apps/training/task_setup.h"
#include "data/batching/batch_iterator.h"
#include "models/transe/transe.h"

namespace langzoo {

/// Right triples and as many wrong ones, in the order of EpochOrder; what is wrong depends on (seed, position) alone.
class TranseBatches {
 public:
  TranseBatches(const KnowledgeGraph& graph, std::int64_t batch_size, std::uint64_t seed)
      : graph_(graph), order_(static_cast<std::int64_t>(graph.triples().size()), batch_size, seed), seed_(seed) {}

  struct Batch {
    std::vector<Triple> right, wrong;
  };
  Batch at(const DataPosition& position) const;
  std::int64_t per_epoch() const { return order_.batches_per_epoch(); }

 private:
  const KnowledgeGraph& graph_;
  EpochOrder order_;
  std::uint64_t seed_;
};

/// Shapes: (N,3) int64.
torch::Tensor tensor_of(const std::vector<Triple>& triples);

/// Over heads and tails, filtered: mean_rank, mean_reciprocal_rank, hits_at_1, hits_at_3, hits_at_10; and loss, the
/// mean margin loss beside wrong triples that are always the same.
EvalMetrics evaluate_links(const TranseImpl& model, std::span<const Triple> triples, const KnowledgeGraph& known);
/// Of the model in `dir` on a file of triples, or on the facts of microworld that its run held out. Throws FileError
/// naming file and line for names that the graph does not know.
EvalMetrics evaluate_transe(const RegisteredModel& registered, const std::filesystem::path& dir,
                            const std::string& data, const DeviceOptions& options);
/// A graph's vectors, trained as a run's are unless told otherwise.
Transe embedded(const KnowledgeGraph& graph, std::int64_t dim, std::int64_t epochs, std::uint64_t seed);

/// A run: the sections `data` and `model`.
std::unique_ptr<TaskSetup> transe_setup();

}  // namespace langzoo
