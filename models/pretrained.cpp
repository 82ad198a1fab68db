#include "models/pretrained.h"

#include <algorithm>
#include <set>
#include <stdexcept>

#include <fmt/format.h>

#include "data/files/escaped.h"
#include "data/files/files.h"
#include "models/io/safetensors.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxConfigBytes = 10'000'000;

/// Last components of names that checkpoints converted from TensorFlow use for layer norms.
constexpr std::pair<std::string_view, std::string_view> kOldNames[] = {{"gamma", "weight"}, {"beta", "bias"}};

/// What every config.json has, whichever the family.
struct ConfigHeader {
  std::vector<std::string> architectures;
  std::string model_type, dtype;

  void for_each_field(FieldVisitor& visit) {
    visit("architectures", architectures);
    visit("model_type", model_type);
    visit("dtype", dtype);
  }
};

ModelIdentity read_identity(const std::string& text, const std::string& origin) {
  ModelIdentity identity;
  const auto fields = [&](FieldVisitor& visit) {
    visit("architectures", identity.architectures);
    visit("model_type", identity.model_type);
  };
  read_fields(Fields(fields), text, origin);
  return identity;
}

std::string config_text(const fs::path& dir) {
  const fs::path path = dir / "config.json";
  if (!fs::exists(dir)) throw FileError(dir, "no such directory");
  if (!fs::exists(path)) throw FileError(dir, "no config.json here: is it a Hugging Face model directory?");
  return read_file(path, kMaxConfigBytes);
}

bool begins_with_any(const std::string& name, const std::vector<std::string>& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(), [&](const std::string& p) { return name.starts_with(p); });
}

bool is_leftover(const std::string& name, const PretrainedTraits& traits) {
  const auto ends_here = [&](const std::string& suffix) { return ("." + name).ends_with(suffix); };
  return begins_with_any(name, traits.ignored_prefixes) ||
         std::any_of(traits.ignored_suffixes.begin(), traits.ignored_suffixes.end(), ends_here);
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

/// The names of a model's tensors, and which of them are the base model's.
class ModelNames {
 public:
  ModelNames(const torch::nn::Module& model, const PretrainedTraits& traits)
      : all_(names_of(model)), heads_(traits.heads) {
    if (!traits.base_model_prefix.empty()) prefix_ = traits.base_model_prefix + ".";
    for (const auto& part : traits.optional_parts) parts_.insert(parts_.end(), {part, prefix_ + part});
    has_base_ = std::any_of(all_.begin(), all_.end(), [&](const std::string& name) { return is_below_base(name); });
  }

  bool contains(const std::string& name) const { return all_.count(name) != 0; }
  const std::string& prefix() const { return prefix_; }
  /// Whether it holds the base model as a part with its prefix.
  bool has_base() const { return has_base_; }
  bool is_below_base(const std::string& name) const { return !prefix_.empty() && name.starts_with(prefix_); }
  /// Whether it is a head's of any of the family's architectures, or an optional part's.
  bool is_dispensable(const std::string& name) const {
    return begins_with_any(name, heads_) || begins_with_any(name, parts_);
  }
  bool in_head(const std::string& name) const {
    if (begins_with_any(name, parts_)) return true;
    return has_base_ ? !is_below_base(name) : begins_with_any(name, heads_);
  }

 private:
  std::set<std::string> all_;
  const std::vector<std::string>& heads_;
  std::vector<std::string> parts_;  ///< optional ones, with the base model's prefix and without
  std::string prefix_;
  bool has_base_ = false;
};

/// `tensors` under the names that the model has, following Hugging Face's rule: a checkpoint may have the base model's
/// prefix where the model has none, and the other way round.
StateDict renamed(const StateDict& tensors, const ModelNames& model, const PretrainedTraits& traits,
                  LoadReport& report) {
  const bool file_has_base =
      std::any_of(tensors.begin(), tensors.end(), [&](const auto& item) { return model.is_below_base(item.key()); });
  StateDict result;
  for (const auto& item : tensors) {
    std::string name = item.key();
    if (is_leftover(name, traits)) {
      report.ignored.push_back(name);
      continue;
    }
    if (model.has_base() && !file_has_base && model.contains(model.prefix() + current_name(name))) {
      name = model.prefix() + name;
    } else if (!model.has_base() && model.is_below_base(name)) {
      name = name.substr(model.prefix().size());
    }
    if (!model.contains(name) && model.contains(current_name(name))) name = current_name(name);
    if (result.contains(name)) {
      throw std::runtime_error("tensor " + escaped(name) + " is there under two names, one of them " +
                               escaped(item.key()));
    }
    result.insert(name, item.value());
  }
  for (const auto& [second, first, key, follower] : traits.tied) {
    if (model.contains(second) || !result.contains(second)) continue;
    const std::string source =
        model.has_base() || !model.is_below_base(first) ? first : first.substr(model.prefix().size());
    if (!result.contains(source) && !model.contains(source)) continue;  // another entry may say what it is tied to
    if (result.contains(source)) {
      report.ignored.push_back(second);
    } else {
      result.insert(source, result[second]);
    }
    result.erase(second);
  }
  for (const auto& name : result.keys()) {
    if (model.contains(name) || !model.is_dispensable(name)) continue;
    report.other_heads.push_back(name);
    result.erase(name);
  }
  return result;
}

/// What `tensor` takes as `dtype`.
double bytes_of(const torch::Tensor& tensor, torch::ScalarType dtype) {
  return static_cast<double>(tensor.numel()) * static_cast<double>(c10::elementSize(dtype));
}

void check_bytes(double bytes, const std::string& origin, std::uint64_t memory) {
  if (bytes <= static_cast<double>(memory)) return;
  const auto gib = [](double size) { return fmt::format("{:.1f} GiB", size / 0x1p30); };
  throw std::runtime_error(fmt::format("{}: a model of these sizes needs {} for its parameters, there are {} of memory",
                                       origin, gib(bytes), gib(static_cast<double>(memory))));
}

/// The tensor of a file, which may have the base model's prefix or not.
const torch::Tensor* find_tensor(const StateDict& file, const std::string& name, const PretrainedTraits& traits) {
  const std::string prefix = traits.base_model_prefix + ".";
  const torch::Tensor* found = file.find(name);
  return found == nullptr && name.starts_with(prefix) ? file.find(name.substr(prefix.size())) : found;
}

}  // namespace

ModelIdentity model_identity(const fs::path& dir) {
  return read_identity(config_text(dir), (dir / "config.json").string());
}

std::string read_config(const fs::path& dir, const std::string& model_type) {
  std::string text = config_text(dir);
  const std::string origin = (dir / "config.json").string();
  const std::string found = read_identity(text, origin).model_type;
  if (!found.empty() && found != model_type) {
    throw std::runtime_error(origin + ": model_type: is \"" + escaped(found) + "\", expected \"" + model_type + "\"");
  }
  return text;
}

void untie_different(const Fields& config, const StateDict& file, const PretrainedTraits& traits, LoadReport& report) {
  for (const auto& [second, first, key, follower] : traits.tied) {
    const auto field = find_field(config, key);
    if (!field || field->json() != "true") continue;
    const torch::Tensor* a = find_tensor(file, second, traits);
    const torch::Tensor* b = find_tensor(file, first, traits);
    if (a == nullptr || b == nullptr) continue;
    if (a->sizes() == b->sizes() && a->scalar_type() == b->scalar_type() && torch::equal(*a, *b)) continue;
    if (const auto other = find_field(config, follower); other && other->json() == "null") other->set("true");
    field->set("false");
    report.untied.push_back(second + " differs from " + first + ", although config.json says " + key);
  }
}

void load_pretrained_weights(torch::nn::Module& model, const StateDict& file, const fs::path& dir,
                             const PretrainedTraits& traits, const PretrainedOptions& options, LoadReport& report) {
  const ModelNames names(model, traits);
  const auto saved_as = model_identity(dir).architectures;
  if (!saved_as.empty() && std::find(saved_as.begin(), saved_as.end(), traits.architecture) == saved_as.end()) {
    report.opened_as = "saved as " + saved_as.front() + ", opened as " + traits.architecture;
  }
  try {
    const StateDict tensors = renamed(file, names, traits, report);
    double converted = 0;  // tensors of the right type are pages of the file
    for (const auto& item : tensors) {
      const auto& tensor = item.value();
      const bool converts = tensor.is_floating_point() && tensor.scalar_type() != options.dtype;
      if (converts) converted += bytes_of(tensor, options.dtype);
    }
    check_bytes(converted, "the weights", total_memory());
    LoadOptions load{.share_memory = true, .dtype = options.dtype};
    if (options.new_head) load.may_be_fresh = [&](const std::string& name) { return names.in_head(name); };
    LoadReport loaded = load_state_dict(model, tensors, load);
    report.fresh = std::move(loaded.fresh);
    report.replaced = std::move(loaded.replaced);
    report.ignored.insert(report.ignored.end(), loaded.ignored.begin(), loaded.ignored.end());
    if (options.new_head) {  // Module::to would turn whole numbers as well
      for (const auto& all : {model.parameters(), model.buffers()}) {
        for (const auto& tensor : all) {
          if (tensor.is_floating_point()) tensor.set_data(tensor.to(options.dtype));
        }
      }
    }
  } catch (const FileError&) {
    throw;
  } catch (const std::runtime_error& error) {
    throw FileError(dir, error.what());
  }
}

void remove_common_keys(std::vector<std::string>& keys) {
  // The last ones say how transformers computes, or what besides.
  const std::set<std::string> common = {
      "architectures",     "model_type",           "dtype",         "torch_dtype",          "transformers_version",
      "_name_or_path",     "chunk_size_feed_forward", "gradient_checkpointing", "output_attentions", "output_hidden_states",
      "return_dict",       "use_cache"};
  std::erase_if(keys, [&](const std::string& key) { return common.contains(key); });
}

void construct_checked(const std::string& origin, const std::function<void()>& construct) {
  try {
    construct();
  } catch (const c10::Error& error) {
    const std::string reason = error.what_without_backtrace();
    const bool memory =
        reason.find("not enough memory") != reason.npos || reason.find("allocate memory") != reason.npos;
    throw std::runtime_error(origin + ": no model of these sizes can be made: " +
                             (memory ? "out of memory" : reason.substr(0, reason.find('\n'))));
  } catch (const std::invalid_argument& error) {
    throw std::runtime_error(origin + ": " + error.what());
  } catch (const std::bad_alloc&) {
    throw std::runtime_error(origin + ": no model of these sizes can be made: out of memory");
  }
}

void check_memory(const torch::nn::Module& model, const std::string& origin, std::uint64_t memory) {
  double bytes = 0;  // may be more than an integer holds
  for (const auto& tensors : {model.parameters(), model.buffers()}) {
    for (const auto& tensor : tensors) bytes += bytes_of(tensor, tensor.scalar_type());
  }
  check_bytes(bytes, origin, memory);
}

void save_pretrained(const torch::nn::Module& model, const Fields& config, const PretrainedTraits& traits,
                     const fs::path& dir, const GenerationConfig* generation) {
  StateDict tensors = state_dict(model);
  for (const auto& item : model.named_parameters()) {
    const bool copied = !traits.copied.empty() && ("." + item.key()).find(traits.copied) != std::string::npos;
    if (copied && !tensors.contains(item.key())) tensors.insert(item.key(), item.value().detach());
  }
  torch::ScalarType dtype = torch::kFloat32;
  for (const auto& item : tensors) {
    if (!item.value().is_floating_point()) continue;
    dtype = item.value().scalar_type();
    break;
  }
  ConfigHeader header{{traits.architecture}, traits.model_type, ""};
  header.dtype = dtype == torch::kBFloat16 ? "bfloat16" : dtype == torch::kFloat16 ? "float16" : "float32";
  const auto text = write_fields(Fields([&](FieldVisitor& visit) {
    config(visit);
    header.for_each_field(visit);
  }));

  std::error_code error;
  fs::create_directories(dir, error);
  if (error) throw FileError(dir, "cannot be made: " + error.message());
  save_safetensors(dir / "model.safetensors", tensors);
  write_file_atomically(dir / "config.json", text);
  if (generation == nullptr) return;
  const fs::path beside = dir / "generation_config.json";
  if (generation->file.empty()) {
    fs::remove(beside, error);
  } else {
    write_file_atomically(beside, generation->file);
  }
}

}  // namespace langzoo
