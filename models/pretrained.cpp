#include "models/pretrained.h"

#include <algorithm>
#include <set>
#include <stdexcept>

#include <torch/torch.h>

#include "data/files/files.h"
#include "models/io/config_json.h"
#include "models/io/safetensors.h"
#include "models/io/weights.h"

namespace langzoo {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxConfigBytes = 10'000'000;

/// Last components of names that checkpoints converted from TensorFlow use for layer norms.
constexpr std::pair<std::string_view, std::string_view> kOldNames[] = {{"gamma", "weight"}, {"beta", "bias"}};

ConfigReader open_config(const fs::path& dir, std::string* text) {
  const fs::path path = dir / "config.json";
  if (!fs::exists(dir)) throw FileError(dir, "no such directory");
  if (!fs::exists(path)) throw FileError(dir, "no config.json here: is it a Hugging Face model directory?");
  std::string bytes = read_file(path, kMaxConfigBytes);
  ConfigReader reader(bytes, path.string());
  if (text != nullptr) *text = std::move(bytes);
  return reader;
}

std::string model_type(const ConfigReader& reader) {
  std::string result;
  reader.get("model_type", result);
  return result;
}

/// The name today of a tensor that an old checkpoint calls `name`.
std::string current_name(const std::string& name) {
  const std::size_t last = name.rfind('.') + 1;
  for (const auto& [old_name, new_name] : kOldNames) {
    if (std::string_view(name).substr(last) == old_name) return name.substr(0, last) + std::string(new_name);
  }
  return name;
}

std::set<std::string> names_of(const torch::nn::Module& module) {
  std::set<std::string> result;
  for (const auto& item : module.named_parameters()) result.insert(item.key());
  for (const auto& item : module.named_buffers()) result.insert(item.key());
  return result;
}

/// `tensors` under the names that `model` has, following Hugging Face's rule: a checkpoint may have the base model's
/// prefix where the model has none, and the other way round.
StateDict renamed(const StateDict& tensors, const std::set<std::string>& model_names, const PretrainedTraits& traits,
                  std::vector<std::string>& ignored) {
  const std::string prefix = traits.base_model_prefix + ".";
  const auto has_prefix = [&](const std::string& name) { return name.starts_with(prefix); };
  const bool model_has_base = std::any_of(model_names.begin(), model_names.end(), has_prefix);
  const bool file_has_base =
      std::any_of(tensors.begin(), tensors.end(), [&](const auto& item) { return has_prefix(item.key()); });

  StateDict result;
  for (const auto& item : tensors) {
    std::string name = item.key();
    const auto ends_here = [&](const std::string& suffix) { return ("." + name).ends_with(suffix); };
    if (std::any_of(traits.ignored_suffixes.begin(), traits.ignored_suffixes.end(), ends_here)) {
      ignored.push_back(item.key());
      continue;
    }
    if (model_has_base && !file_has_base && model_names.count(prefix + current_name(name)) != 0) name = prefix + name;
    if (!model_has_base && file_has_base) {
      if (!has_prefix(name)) {  // the head of a model whose base alone is wanted
        ignored.push_back(item.key());
        continue;
      }
      name = name.substr(prefix.size());
    }
    if (model_names.count(name) == 0 && model_names.count(current_name(name)) != 0) name = current_name(name);
    if (result.contains(name)) {
      throw std::runtime_error("tensor " + name + " is there under two names, one of them " + item.key());
    }
    result.insert(name, item.value());
  }
  for (const auto& [second, first] : traits.tied) {
    if (model_names.count(second) != 0 || !result.contains(second)) continue;
    const std::string target = model_has_base || !first.starts_with(prefix) ? first : first.substr(prefix.size());
    if (result.contains(target)) {
      ignored.push_back(second);
    } else if (model_names.count(target) != 0) {
      result.insert(target, result[second]);
    }
    result.erase(second);
  }
  return result;
}

}  // namespace

std::string model_type_of(const fs::path& dir) {
  return model_type(open_config(dir, nullptr));
}

std::string read_config(const fs::path& dir, const PretrainedTraits& traits) {
  std::string text;
  const ConfigReader reader = open_config(dir, &text);
  const std::string type = model_type(reader);
  if (type != traits.model_type) {
    reader.fail("model_type", "is \"" + type + "\", this program loads \"" + traits.model_type + "\"");
  }
  return text;
}

LoadReport load_pretrained_weights(torch::nn::Module& model, const fs::path& dir, const PretrainedTraits& traits,
                                   const PretrainedOptions& options) {
  const StateDict file = load_weights(dir);
  const std::set<std::string> names = names_of(model);
  std::vector<std::string> ignored;
  try {
    const StateDict tensors = renamed(file, names, traits, ignored);
    LoadOptions load{.strict = !options.new_head, .share_memory = true, .dtype = options.dtype};
    LoadReport report = load_state_dict(model, tensors, load);
    ignored.insert(ignored.end(), report.ignored.begin(), report.ignored.end());
    report.ignored = std::move(ignored);
    if (options.new_head) {
      std::erase_if(report.missing,
                    [&](const std::string& name) { return !name.starts_with(traits.base_model_prefix + "."); });
      if (!report.ok()) throw std::runtime_error("the weights do not fit the model: " + report.summary());
      model.to(options.dtype);
    }
    return report;
  } catch (const FileError&) {
    throw;
  } catch (const std::runtime_error& error) {
    throw FileError(dir, error.what());
  }
}

std::vector<std::string> unmodelled_keys(std::string_view file_text, std::string_view modelled_text) {
  std::set<std::string> known = {"architectures", "model_type", "dtype", "torch_dtype", "transformers_version"};
  known.merge([&] {
    const auto keys = ConfigReader(modelled_text, "config").keys();
    return std::set<std::string>(keys.begin(), keys.end());
  }());
  std::vector<std::string> result;
  for (const auto& key : ConfigReader(file_text, "config.json").keys()) {
    if (known.count(key) == 0) result.push_back("config.json: " + key);
  }
  return result;
}

void construct_checked(const std::string& origin, const std::function<void()>& construct) {
  try {
    construct();
  } catch (const c10::Error& error) {
    const std::string reason = error.what_without_backtrace();
    throw std::runtime_error(origin + ": no model of these sizes can be made: " + reason.substr(0, reason.find('\n')));
  } catch (const std::invalid_argument& error) {
    throw std::runtime_error(origin + ": " + error.what());
  } catch (const std::bad_alloc&) {
    throw std::runtime_error(origin + ": no model of these sizes can be made: out of memory");
  }
}

void save_pretrained(const torch::nn::Module& model, const std::string& config_json, const PretrainedTraits& traits,
                     const fs::path& dir) {
  const StateDict tensors = state_dict(model);
  torch::ScalarType dtype = torch::kFloat32;
  for (const auto& item : tensors) {
    if (!item.value().is_floating_point()) continue;
    dtype = item.value().scalar_type();
    break;
  }
  ConfigWriter config(config_json);
  config.set("architectures", std::vector<std::string>{traits.architecture}).set("model_type", traits.model_type);
  config.set("dtype", dtype == torch::kBFloat16 ? "bfloat16" : dtype == torch::kFloat16 ? "float16" : "float32");

  std::error_code error;
  fs::create_directories(dir, error);
  if (error) throw FileError(dir, "cannot be made: " + error.message());
  save_safetensors(dir / "model.safetensors", tensors);
  write_file_atomically(dir / "config.json", config.text());
}

}  // namespace langzoo
