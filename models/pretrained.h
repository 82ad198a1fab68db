/// Models from and to Hugging Face directories (config.json + weights).
///
///     auto model = langzoo::from_pretrained<langzoo::Gpt2LmHeadModel>(dir);   // in evaluation mode
///
/// A family's Impl class takes part by having
///     using Config = ...;                                     // with the two members below
///     static const PretrainedTraits& pretrained_traits();
///     explicit Impl(const Config& config);                    // asks SkipInit::active() before initialising
/// and its config by
///     static Config from_json(std::string_view text, const std::string& origin);  // throws naming origin and key
///     std::string to_json() const;                            // every key it models
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <torch/types.h>

#include "models/io/state_dict.h"
#include "models/layers/init.h"

namespace torch::nn {
class Module;
}

namespace langzoo {

/// How a model class is known in Hugging Face directories.
struct PretrainedTraits {
  std::string model_type;    ///< of config.json: "gpt2"
  std::string architecture;  ///< Python class: "GPT2LMHeadModel"
  /// Name under which models with a head hold the model without one: "transformer". A checkpoint of either loads into
  /// either. A model without a head names it too.
  std::string base_model_prefix;
  /// Ends of names that old checkpoints hold and no model needs: ".attn.bias", ".attn.masked_bias".
  std::vector<std::string> ignored_suffixes = {};
  /// Second names of tied tensors and their first: {"lm_head.weight", "transformer.wte.weight"}. The second name is
  /// dropped from a file unless the model has a tensor of its own under it (an untied head).
  std::vector<std::pair<std::string, std::string>> tied = {};
};

struct PretrainedOptions {
  /// Floating-point parameters become this; a checkpoint in half precision is converted to float32 unless asked.
  torch::ScalarType dtype = torch::kFloat32;
  /// Parameters outside the base model may be missing: they keep their random initialisation (a new head to fine-tune).
  bool new_head = false;
};

/// `model_type` of DIR/config.json. Throws FileError when there is none.
std::string model_type_of(const std::filesystem::path& dir);

/// DIR/config.json, after checking that its model_type is the traits'. Throws FileError "DIR: no config.json ...".
std::string read_config(const std::filesystem::path& dir, const PretrainedTraits& traits);

/// Fills `model` with the weights in `dir`, sharing their mapping. Throws FileError unless they fit exactly.
LoadReport load_pretrained_weights(torch::nn::Module& model, const std::filesystem::path& dir,
                                   const PretrainedTraits& traits, const PretrainedOptions& options = {});

/// "config.json: KEY" for each key of `file_text` that the config it became does not model.
std::vector<std::string> unmodelled_keys(std::string_view file_text, std::string_view modelled_text);

/// Runs `construct` and turns a model too large for memory into a one-line error that names `origin`.
void construct_checked(const std::string& origin, const std::function<void()>& construct);

/// The model in `dir`, in evaluation mode. Parameters are neither initialised nor read nor copied: they are pages of
/// the file, private to this process, and take gradients as usual. `report`, if given, tells what was ignored. Throws
/// std::runtime_error (FileError) naming directory, file and key.
template <class Model>
Model from_pretrained(const std::filesystem::path& dir, LoadReport* report = nullptr,
                      const PretrainedOptions& options = {}) {
  using Impl = typename Model::ContainedType;
  const PretrainedTraits& traits = Impl::pretrained_traits();
  const std::string text = read_config(dir, traits);
  const std::string origin = (dir / "config.json").string();
  const auto config = Impl::Config::from_json(text, origin);
  Model model{nullptr};
  construct_checked(origin, [&] {
    std::optional<SkipInit> skip;
    if (!options.new_head) skip.emplace();
    model = Model(config);
  });
  LoadReport found = load_pretrained_weights(*model, dir, traits, options);
  if (report != nullptr) {
    for (auto& key : unmodelled_keys(text, config.to_json())) found.ignored.push_back(std::move(key));
    *report = std::move(found);
  }
  model->eval();
  return model;
}

/// Writes DIR/config.json (`config_json` with "architectures", "model_type" and "dtype" added) and
/// DIR/model.safetensors, each atomically, the weights first; makes DIR when missing. Python's from_pretrained opens
/// it.
void save_pretrained(const torch::nn::Module& model, const std::string& config_json, const PretrainedTraits& traits,
                     const std::filesystem::path& dir);

}  // namespace langzoo
