/// What the modules that implement a kind of task's interface have in common, whatever their family.
#pragma once

#include "models/pretrained.h"
#include "models/task_model.h"

namespace langzoo {

/// The base of such a module: `class BertForXImpl : public TaskModule<BertForXImpl, BertConfig, SequenceClassifier>`.
/// Impl has pretrained_traits().
template <class Impl, class ConfigType, class Interface>
class TaskModule : public torch::nn::Module, public Interface {
 public:
  using Config = ConfigType;

  torch::nn::Module& module() override { return *this; }
  const Config& config() const { return config_; }
  /// Python's from_pretrained opens it.
  void save_pretrained(const std::filesystem::path& dir) const override {
    const GenerationConfig* generation = nullptr;
    if constexpr (requires { this->generation_config; }) generation = &this->generation_config;
    langzoo::save_pretrained(*this, config_, Impl::pretrained_traits(), dir, generation);
  }

 protected:
  explicit TaskModule(const Config& config) : config_(config) {}
  Config config_;
};

}  // namespace langzoo
