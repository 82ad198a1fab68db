/// Knowledge graphs embedded by TransE: a run of its own, and what other runs know of a graph.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "apps/training/message.h"
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
/// The triples of a file by the model's ids; throws as evaluate_transe().
std::vector<Triple> read_known_triples(const std::filesystem::path& file, const KnowledgeGraph& graph);

/// Which graph a run that needs one knows.
struct KnowledgeOptions {
  std::string graph = "microworld";      ///< its facts, a file of triples, or the folder of a TransE model
  std::int64_t dim = 100, epochs = 200;  ///< of TransE, where it is trained for the run

  void for_each_field(FieldVisitor& visit);
  void make_paths_absolute();
  bool made() const { return graph == "microworld"; }
};
/// The graph with its vectors. Where no folder has them, TransE is trained, once, and kept in `work`. `hold_out`:
/// without those of microworld's facts that validate.
Transe open_knowledge(const KnowledgeOptions& options, std::uint64_t microworld_seed, bool hold_out,
                      const std::filesystem::path& work, std::uint64_t seed, const Message& message);

/// A run: the sections `data` and `model`.
std::unique_ptr<TaskSetup> transe_setup();

}  // namespace langzoo
