/// What verbs that open a model folder have in common.
#pragma once

#include <filesystem>
#include <string>

#include "apps/cli/compute_verb.h"
#include "apps/cli/model_checks.h"
#include "apps/training/task_setup.h"

namespace langzoo {

/// What `load(options, report)` makes of model folder `dir`; the user is told what of the model was not as it should
/// be.
template <class Load>
auto load_and_report(const std::filesystem::path& dir, const ComputeOptions& common, const Load& load) {
  LoadReport report;
  auto loaded = load(DeviceOptions{common.torch_device(), common.torch_dtype()}, &report);
  show_load_report(dir, report);
  return loaded;
}

/// A verb with --model DIR.
class ModelVerb : public ComputeVerb {
 protected:
  void add_own_options(Options& options) override { add_model_folder(options, model_).required(); }

  std::string model_;
};

}  // namespace langzoo
