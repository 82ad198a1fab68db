/// The layers of a trained ELMo as features of words, for tasks that learn on top of it.
///
///     const auto elmo = langzoo::ElmoFeatures::load("run");
///     const auto layers = elmo.layers(words);                      // (L+1,T,2P)
///     langzoo::ScalarMixture mixture(elmo.num_layers());           // learnt with the task
///     const auto features = mixture(layers);                       // (T,2P)
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "models/elmo/elmo.h"

namespace langzoo {

/// Whether `dir` has the form in which ELMo was released: options.json and weights.hdf5.
bool is_released_elmo(const std::filesystem::path& dir);

/// The model of a folder in the released form, without an output layer, in evaluation mode. What options.json has
/// beside the model's shape is in report->unmodelled. Throws FileError naming file and key or dataset: for another
/// shape, and in a build without HDF5 (models/io/hdf5.h).
ElmoModel load_released_elmo(const std::filesystem::path& dir, LoadReport* report = nullptr);

/// A frozen model. Words are taken as they are written, whatever the model predicted; no gradients reach it.
class ElmoFeatures {
 public:
  explicit ElmoFeatures(ElmoModel model);
  /// Of a folder that langzoo-lm trained, or one in the released form. Throws FileError.
  static ElmoFeatures load(const std::filesystem::path& dir, torch::Device device = torch::kCPU,
                           torch::Dtype dtype = torch::kFloat32, LoadReport* report = nullptr);

  std::int64_t num_layers() const { return model_->config().layers + 1; }      ///< L + 1
  std::int64_t width() const { return 2 * model_->config().projection_size; }  ///< 2P

  /// Of a sentence, read from states of zero. Shapes: T words -> (L+1,T,2P).
  torch::Tensor layers(std::span<const std::string> words) const;
  /// Of several at once, with zeros behind shorter ones. Shapes: B sentences of T words at most -> (L+1,B,T,2P).
  torch::Tensor layers(std::span<const std::vector<std::string>> sentences) const;

  const ElmoModel& model() const { return model_; }

 private:
  ElmoModel model_;
};

}  // namespace langzoo
