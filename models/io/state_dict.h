/// Named tensors, and moving them into and out of modules.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <c10/util/Exception.h>  // ordered_dict.h lacks it
#include <torch/ordered_dict.h>
#include <torch/types.h>

namespace torch::nn {
class Module;
}

namespace langzoo {

/// Hugging Face state-dict names to tensors, in file or registration order.
using StateDict = torch::OrderedDict<std::string, torch::Tensor>;

/// What loading a state dict into a module found.
struct LoadReport {
  // Strict loading throws when one of these is not empty.
  std::vector<std::string> missing;      ///< the module has it, the file does not
  std::vector<std::string> unexpected;   ///< the file has it, the module does not
  std::vector<std::string> wrong_shape;  ///< "name: file (2, 3), model (2, 4)"

  // What the user should know of a model that loaded.
  std::string opened_as;                 ///< "saved as X, opened as Y" where config.json names other architectures
  std::vector<std::string> fresh;        ///< the module's, not in the file, and allowed so: they keep their values
  std::vector<std::string> replaced;     ///< likewise, but the file has it in another shape, as in wrong_shape
  std::vector<std::string> other_heads;  ///< the file's heads of other architectures, left out
  std::vector<std::string> untied;       ///< tensors that the config ties and the file has with different values
  std::vector<std::string> tied;         ///< tensors that the file has not, of which another is in the place
  std::vector<std::string> ignored;      ///< known leftovers: causal-mask buffers, second names of tied tensors
  std::vector<std::string> unmodelled;   ///< keys of config.json that the model's config does not have

  bool ok() const { return missing.empty() && unexpected.empty() && wrong_shape.empty(); }
  /// One line, naming the first few of each list that makes loading fail; empty when ok().
  std::string faults() const;
  /// One line, naming the first few of each list there is; empty when the file was the model, no more and no less.
  std::string summary() const;
};

/// Parameters, then buffers of `module` by name, sharing its memory; a tied tensor appears once, under its first name.
StateDict state_dict(const torch::nn::Module& module);

struct LoadOptions {
  bool strict = true;  ///< throw unless the report is ok
  /// Of a tensor's name: whether the file may lack it, or have it in another shape. Unset: none.
  std::function<bool(const std::string&)> may_be_fresh = {};
  /// Tensors that already have the right dtype and device are adopted instead of copied: parameters then share their
  /// memory (for a mapped file: loading reads nothing, pages come when touched). Off, values are copied into the
  /// module's own memory.
  bool share_memory = false;
  /// Floating-point tensors of the module become this; unset: they keep the module's dtype and the file's are
  /// converted.
  std::optional<torch::ScalarType> dtype;
};

/// Puts `tensors` into `module`. Tied parameters stay tied (any of their names will do, the first found wins), and
/// parameters that are not tied never come to share memory. Throws std::runtime_error when strict and the report is not
/// ok; nothing is changed then.
LoadReport load_state_dict(torch::nn::Module& module, const StateDict& tensors, const LoadOptions& options = {});

}  // namespace langzoo
