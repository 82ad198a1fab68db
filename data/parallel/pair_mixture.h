/// Several tasks in one run: how often each is drawn from, and batches of their pairs (Raffel et al. 2020, section
/// 3.5.2).
///
///     const auto rates = langzoo::mixing_rates({100'000, 500}, {}, {.kind = MixingKind::kTemperature, .temperature =
///     2});
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "data/batching/length_batch_sampler.h"
#include "data/parallel/parallel_corpus.h"

namespace langzoo {

enum class MixingKind {
  kProportional,  ///< to a task's examples, of which no more than `limit` count
  kTemperature,   ///< proportional^(1/temperature)
  kEqual,
};
/// In the order of MixingKind.
inline constexpr std::string_view kMixingNames[] = {"proportional", "temperature", "equal"};

struct MixingOptions {
  MixingKind kind = MixingKind::kProportional;
  std::int64_t limit = 0;    ///< examples of a task that count; 0: all; kEqual does not ask
  double temperature = 2.0;  ///< of kTemperature: 1 is proportional, the larger the more equal

  /// Throws std::invalid_argument naming the field.
  void validate() const;
};

/// The share of each task in what is drawn, summing to 1: what the options say, times the task's weight (1 each where
/// there are none). Throws std::invalid_argument for no task, a task without examples, and a weight that is not above
/// 0.
std::vector<double> mixing_rates(std::span<const std::int64_t> examples, std::span<const double> weights,
                                 const MixingOptions& options);

/// Whose numbers of pairs, the last one of each exclusive: a corpus of several tasks, one behind the other.
using TaskEnds = std::vector<std::int64_t>;

/// Which pairs make up each batch. An epoch draws as many pairs as there are, each task its share of them. A task that
/// is drawn from as often as it has pairs gives each once, a larger share some of them again, a smaller one others
/// every epoch: its pairs in the order of their lengths are cut into as many runs as there are draws, of each of which
/// (seed, epoch) chooses one. So an epoch's draws have nearly the same lengths whatever the epoch, and are batched by
/// them as LengthBatchSampler does. Memory: 32 bytes a pair.
class MixtureSampler {
 public:
  /// Throws std::invalid_argument for ends that are not those of `lengths`, rates of another number of tasks, and as
  /// LengthBatchSampler.
  MixtureSampler(std::span<const PairLength> lengths, const TaskEnds& ends, std::span<const double> rates,
                 BatchLimits limits, std::uint64_t seed);

  std::int64_t batches_per_epoch() const { return batches_->batches_per_epoch(); }
  /// Draws of each task in an epoch.
  const std::vector<std::int64_t>& draws() const { return draws_; }
  /// The pairs of one batch. Throws std::out_of_range outside [0, batches_per_epoch()).
  std::vector<std::int64_t> examples(const DataPosition& at) const;

 private:
  struct Slot {
    std::int64_t first, count;  ///< in sorted_
  };

  std::uint64_t seed_;
  std::vector<std::int64_t> draws_;
  std::vector<std::int64_t> sorted_;  ///< the pairs, task by task, by length
  std::vector<Slot> slots_;
  std::unique_ptr<LengthBatchSampler> batches_;  ///< of slots
};

/// Endless training batches. `corpus` must outlive them.
std::unique_ptr<BatchIterator<ParallelBatch>> mixture_batches(const ParallelCorpus& corpus,
                                                              const ParallelSpecialTokens& special,
                                                              const TaskEnds& ends, std::span<const double> rates,
                                                              BatchLimits limits, std::uint64_t seed,
                                                              std::size_t prepare_ahead = 0, Rank rank = {});

}  // namespace langzoo
