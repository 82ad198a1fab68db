/// What every kind of task asks of a model, whatever its family: a family's head module is a torch::nn::Module with the
/// interface of its kind of task as another base.
#pragma once

#include <cstdint>
#include <filesystem>

#include <torch/nn/module.h>
#include <torch/types.h>

namespace langzoo {

class TaskModel {
 public:
  virtual ~TaskModel() = default;

  /// The model itself.
  virtual torch::nn::Module& module() = 0;
  /// Writes config.json, the weights, and generation_config.json where the model has one.
  virtual void save_pretrained(const std::filesystem::path& dir) const = 0;
};

/// One that reads tokens of one vocabulary.
class TokenModel : public TaskModel {
 public:
  virtual std::int64_t vocab_size() const = 0;
  /// Tokens it takes at once; 0: any number.
  virtual std::int64_t n_positions() const = 0;
  /// Segments that it tells apart; 0: it reads none.
  virtual std::int64_t n_segments() const { return 0; }
};

}  // namespace langzoo
