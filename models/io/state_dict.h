/// Named tensors, and moving them into and out of modules.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include <torch/ordered_dict.h>
#include <torch/types.h>

namespace torch::nn {
class Module;
}

namespace langzoo {

/// Hugging Face state-dict names to tensors, in file or registration order.
using StateDict = torch::OrderedDict<std::string, torch::Tensor>;

/// What loading a state dict into a module found. Strict loading throws when any list but `ignored` is not empty.
struct LoadReport {
  std::vector<std::string> missing;      ///< the module has it, the file does not
  std::vector<std::string> unexpected;   ///< the file has it, the module does not
  std::vector<std::string> wrong_shape;  ///< "name: file (2, 3), model (2, 4)"
  std::vector<std::string> ignored;      ///< known leftovers (causal-mask buffers), and config keys not modelled

  bool ok() const { return missing.empty() && unexpected.empty() && wrong_shape.empty(); }
  /// At most three lines, naming the first few of each list.
  std::string summary() const;
};

/// Parameters and buffers of `module` by name; a tied tensor appears once, under its first name.
StateDict state_dict(const torch::nn::Module& module);

/// Puts `tensors` into `module` without keeping a copy where dtype and device agree: parameters then share the file's
/// mapping. Tied parameters stay tied. Nothing is changed unless the report is ok or `strict` is false.
LoadReport load_state_dict(torch::nn::Module& module, const StateDict& tensors, bool strict = true);

}  // namespace langzoo
