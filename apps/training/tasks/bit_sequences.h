/// Learning an algorithm from sequences of bits (data/synthetic/bit_sequences.h), for langzoo-ntm.
///
///     const auto model = langzoo::load_bit_sequence_model("run");
///     const auto task = langzoo::bit_sequence_task_of_run("run");
///     const auto score = langzoo::measure_bits(*model.model, {task.format(), {40, 40}, 1000}, model.device);
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "apps/training/task_setup.h"
#include "data/synthetic/bit_sequences.h"
#include "models/bit_sequence_model.h"

namespace langzoo {

/// The kinds of models that langzoo-ntm trains: "ntm", "lstm".
std::span<const std::string_view> bit_sequence_kinds();
/// The kind of a model_type; empty where it is another program's.
std::string bit_sequence_kind_of_type(std::string_view model_type);
/// The kind of the run in `dir`; empty where it does not say.
std::string bit_sequence_kind_of_run(const std::filesystem::path& dir);

/// The section `data` of a run: which task, and what of it.
struct BitSequenceTask {
  std::string name = "copy";
  std::int64_t bits = 0;      ///< of a vector; 0: the paper's
  std::int64_t length = 0;    ///< the greatest of training, and the one of validation; 0: the paper's
  std::int64_t repeats = 10;  ///< likewise, of repeat-copy
  std::int64_t sequences = 20'000;
  std::int64_t valid_sequences = 100;

  void for_each_field(FieldVisitor& visit);
  /// Throws ConfigError naming the key.
  void validate() const;

  BitTask task() const { return bit_task_from_name(name); }
  BitTaskFormat format() const;
  std::int64_t greatest_length() const;
  /// Of training: copy and repeat-copy from 1, recall from 2, the others of one length.
  BitLengths training_lengths() const;
  /// Of one length, and one number of repeats.
  BitLengths exact_lengths() const;
};
/// That of the run in `dir`; where it does not say, the default.
BitSequenceTask bit_sequence_task_of_run(const std::filesystem::path& dir);

struct BitMeasurement {
  BitTaskFormat format;
  BitLengths lengths;
  std::int64_t sequences = 100;
  std::uint64_t seed = 1;         ///< sequences of an evaluation are none of a training of any seed
  std::int64_t batch_size = 100;  ///< computed together at most
};
/// Means over the sequences.
struct BitScore {
  double bits_per_sequence = 0;  ///< -log2 p of all bits of the answer
  double errors = 0;             ///< bits of the answer that come out wrong
  std::int64_t answer_bits = 0;  ///< how many there are, of all sequences
  /// Of ngrams: what the best possible estimator needs.
  std::optional<double> optimal_bits_per_sequence = {};

  EvalMetrics metrics() const;
};
/// Throws ConfigError for a task whose sizes are not the model's.
void check_bit_sizes(const BitTaskFormat& format, const BitSequenceModel& model);
/// Sequences first, first + 1, ... of an evaluation.
BitBatch evaluation_batch(const BitTaskFormat& format, const BitLengths& lengths, std::int64_t size, std::uint64_t seed,
                          std::int64_t first);
/// Throws as check_bit_sizes() and bit_batch().
BitScore measure_bits(BitSequenceModel& model, const BitMeasurement& what, torch::Device device);

/// What of the model in `dir` stands open. Throws FileError for a folder that holds none.
LoadedModel<BitSequenceModel> load_bit_sequence_model(const std::filesystem::path& dir,
                                                      const DeviceOptions& options = {}, LoadReport* report = nullptr);

/// A setup of one of bit_sequence_kinds(). Throws ConfigError for another.
std::unique_ptr<TaskSetup> bit_sequence_setup(std::string_view kind);

}  // namespace langzoo
