/// Models from and to Hugging Face directories (config.json + weights).
///
///     auto model = langzoo::from_pretrained<langzoo::Gpt2LmHeadModel>(dir);   // in evaluation mode
///
/// A family's Impl class takes part by having
///     using Config = ...;                                     // with for_each_field() and validate()
///     static const PretrainedTraits& pretrained_traits();
///     explicit Impl(const Config& config);                    // asks SkipInit::active() before initialising
///     // optional: what the weights decide
///     static void fit_config(Config& config, const StateDict& file, LoadReport& report);
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <torch/types.h>

#include "data/files/memory.h"
#include "models/generation_config.h"
#include "models/io/config_fields.h"
#include "models/io/state_dict.h"
#include "models/io/weights.h"
#include "models/layers/init.h"

namespace torch::nn {
class Module;
}

namespace langzoo {

/// A tensor that is another one where the config says so.
struct TiedTensor {
  std::string name, source;  ///< "lm_head.weight", "transformer.wte.weight"
  std::string config_key;    ///< the field that says so: "tie_word_embeddings"
  /// A field that follows config_key while it is null, and does so where the file unties the tensors.
  std::string follower = {};
};

/// How a model class is known in Hugging Face directories.
struct PretrainedTraits {
  std::string model_type;    ///< of config.json: "gpt2"
  std::string architecture;  ///< Python class: "GPT2LMHeadModel"
  /// Name under which models with a head hold the model without one: "transformer". A checkpoint of either loads into
  /// either. A model without a head names it too. Empty: what is no head stands at the top.
  std::string base_model_prefix;
  /// How the names of heads begin, those of all the family's architectures: "lm_head.", "score.". A head that a
  /// checkpoint holds and the model does not have is left out and reported.
  std::vector<std::string> heads = {};
  /// How the names of what only some models without a head have begin, below the base model: "pooler.". As a head it
  /// may be too much or, new, too little.
  std::vector<std::string> optional_parts = {};
  /// How names begin or end that old checkpoints hold and no model needs: ".attn.bias", ".attn.masked_bias".
  std::vector<std::string> ignored_prefixes = {}, ignored_suffixes = {};
  /// A file may hold a tied tensor under either name. Where it holds both with different values they are not tied,
  /// whatever the config says, as in transformers.
  std::vector<TiedTensor> tied = {};
  /// Of tensors that several modules share: names with this in them are all written, each with its copy. Empty: only
  /// the first name is.
  std::string copied = {};
};

struct PretrainedOptions {
  /// Floating-point parameters become this; a checkpoint in half precision is converted to float32 unless asked.
  torch::ScalarType dtype = torch::kFloat32;
  /// The head may be missing, or be another model's or have other sizes: it keeps its random initialisation, to be
  /// fine-tuned. All the rest must be there.
  bool new_head = false;
};

/// Of DIR/config.json: what says which model it is. Either may be missing.
struct ModelIdentity {
  std::string model_type;
  std::vector<std::string> architectures;
};
/// Throws FileError when there is no config.json, std::runtime_error naming it when it cannot be read.
ModelIdentity model_identity(const std::filesystem::path& dir);
inline std::string model_type_of(const std::filesystem::path& dir) {
  return model_identity(dir).model_type;
}

/// The text of DIR/config.json, after checking that its model_type, where it has one, is this one. Throws as
/// model_identity().
std::string read_config(const std::filesystem::path& dir, const std::string& model_type);

/// Takes out of `keys` those that every config.json has, and those that change no result.
void remove_common_keys(std::vector<std::string>& keys);

/// The Config of DIR/config.json. `unmodelled` gets the keys that it does not have, but for those of every config.json.
template <class Config>
Config config_of(const std::filesystem::path& dir, const PretrainedTraits& traits,
                 std::vector<std::string>* unmodelled = nullptr) {
  auto config =
      config_from_json<Config>(read_config(dir, traits.model_type), (dir / "config.json").string(), unmodelled);
  if (unmodelled != nullptr) remove_common_keys(*unmodelled);
  return config;
}

/// Sets to false the fields of `config` that tie what `file` holds as two different tensors, and reports them.
void untie_different(const Fields& config, const StateDict& file, const PretrainedTraits& traits, LoadReport& report);

/// Fills `model` with the tensors of `file`, which is `dir`'s, sharing their memory, and adds to `report` what was
/// found. Throws FileError unless they fit; the model is unchanged then.
void load_pretrained_weights(torch::nn::Module& model, const StateDict& file, const std::filesystem::path& dir,
                             const PretrainedTraits& traits, const PretrainedOptions& options, LoadReport& report);

/// Runs `construct` and turns what it throws into a one-line error that names `origin`.
void construct_checked(const std::string& origin, const std::function<void()>& construct);

/// Throws std::runtime_error naming `origin` and the size where the parameters and buffers of `model` need more than
/// `memory` bytes.
void check_memory(const torch::nn::Module& model, const std::string& origin, std::uint64_t memory = total_memory());

/// A new model of random weights. Throws std::runtime_error naming `origin` for one that cannot be or that memory does
/// not hold: that shows before any of it is touched.
template <class Model>
Model make_checked(const typename Model::ContainedType::Config& config, const std::string& origin) {
  Model model{nullptr};
  construct_checked(origin, [&] {
    {
      const SkipInit only_sizes;
      check_memory(*Model(config), origin);
    }
    model = Model(config);
  });
  return model;
}

/// A model of this config with the weights in `dir`, in evaluation mode. Parameters are neither initialised nor read
/// nor copied: they are pages of the file, private to this process, and take gradients as usual. `report`, if given,
/// tells what was not as it should be, and yet could be loaded. Throws std::runtime_error (FileError) naming directory,
/// file and key.
template <class Model>
Model from_pretrained(const std::filesystem::path& dir, typename Model::ContainedType::Config config,
                      LoadReport* report = nullptr, const PretrainedOptions& options = {}) {
  const PretrainedTraits& traits = Model::ContainedType::pretrained_traits();
  LoadReport found;
  const StateDict file = load_weights(dir);
  untie_different(fields_in(config), file, traits, found);
  if constexpr (requires { Model::ContainedType::fit_config(config, file, found); }) {
    if (!options.new_head)
      construct_checked(dir.string(), [&] { Model::ContainedType::fit_config(config, file, found); });
  }
  Model model{nullptr};
  construct_checked((dir / "config.json").string(), [&] {
    std::optional<SkipInit> skip;
    if (!options.new_head) skip.emplace();
    model = Model(config);
  });
  load_pretrained_weights(*model, file, dir, traits, options, found);
  if constexpr (requires { model->generation_config; }) model->generation_config = generation_config_of(dir);
  if (report != nullptr) *report = std::move(found);
  model->eval();
  return model;
}

/// The same with the config in `dir`.
template <class Model>
Model from_pretrained(const std::filesystem::path& dir, LoadReport* report = nullptr,
                      const PretrainedOptions& options = {}) {
  using Impl = typename Model::ContainedType;
  std::vector<std::string> unmodelled;
  auto config = config_of<typename Impl::Config>(dir, Impl::pretrained_traits(), &unmodelled);
  auto model = from_pretrained<Model>(dir, std::move(config), report, options);
  if constexpr (requires { model->generation_config; }) {
    if (model->generation_config.file.empty()) remove_generation_keys(unmodelled);
  }
  if (report != nullptr) report->unmodelled = std::move(unmodelled);
  return model;
}

/// Writes DIR/config.json (the fields of `config`, with "architectures", "model_type" and "dtype" added) and
/// DIR/model.safetensors, each atomically, the weights first; makes DIR when missing. With `generation`
/// its file goes beside them, and where it has none, one that another model has left there goes away. Python's
/// from_pretrained opens it.
void save_pretrained(const torch::nn::Module& model, const Fields& config, const PretrainedTraits& traits,
                     const std::filesystem::path& dir, const GenerationConfig* generation = nullptr);
template <HasFields Config>
void save_pretrained(const torch::nn::Module& model, Config config, const PretrainedTraits& traits,
                     const std::filesystem::path& dir, const GenerationConfig* generation = nullptr) {
  save_pretrained(model, fields_in(config), traits, dir, generation);
}

}  // namespace langzoo
