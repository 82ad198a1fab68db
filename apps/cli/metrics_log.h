/// The metrics of a run, for programs: `metrics.jsonl` and TensorBoard event files.
///
/// A line of metrics.jsonl is either a training report {step, tokens, loss, learning_rate, grad_norm,
/// tokens_per_second}, with losses: {...} behind the loss where it has several terms, or an evaluation {step, valid:
/// {...}, best}.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apps/training/trainer.h"

namespace langzoo {

/// Scalars in TensorBoard's format: TFRecord frames (length, masked CRC32C, payload, masked CRC32C) around `Event`
/// protocol buffers. https://github.com/tensorflow/tensorboard (compat/proto/event.proto, summary.proto)
class EventWriter {
 public:
  /// Opens a new file in `dir`. Readers drop what older files of `dir` hold beyond `first_step`.
  EventWriter(const std::filesystem::path& dir, std::int64_t first_step);

  void scalars(std::int64_t step, const std::vector<std::pair<std::string, double>>& values);
  const std::filesystem::path& path() const { return path_; }

 private:
  void record(const std::string& payload);

  std::filesystem::path path_;
  std::ofstream out_;
};

/// CRC-32C (Castagnoli), as RFC 3720 defines it.
std::uint32_t crc32c(std::string_view bytes);

class MetricsLog : public TrainerObserver {
 public:
  /// Appends to `dir`/metrics.jsonl, where lines beyond `resumed_step` (written after the checkpoint that training
  /// goes on from) are dropped first, and writes events to `dir`/tensorboard. Throws FileError when it cannot write.
  MetricsLog(const std::filesystem::path& dir, std::int64_t resumed_step);

  void on_step(const StepReport& report) override;
  void on_eval(const EvalReport& report) override;

 private:
  void append(const std::string& line);

  std::filesystem::path path_;
  std::ofstream out_;
  EventWriter events_;
};

}  // namespace langzoo
