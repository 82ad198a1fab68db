#include "apps/training/training_state.h"

#include <cstring>
#include <regex>
#include <stdexcept>
#include <unordered_set>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/torch.h>
#include <nlohmann/json.hpp>

#include "data/files/files.h"
#include "models/io/safetensors.h"

namespace langzoo {

namespace fs = std::filesystem;
using Json = nlohmann::json;

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(TrainerOptions, max_steps, max_epochs, accumulation, optimizer, learning_rate,
                                   min_learning_rate, warmup_steps, schedule, wsd_decay_fraction, weight_decay, beta1,
                                   beta2, epsilon, clip_norm, ema_decay, dtype, eval_every, save_every, log_every,
                                   patience, best_metric, seed)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(DataPosition, epoch, batch)

namespace {

constexpr const char* kHeader = "trainer.json";  // an entry of bytes among the tensors
constexpr int kVersion = 1;

// JSON knows neither infinity nor NaN: both are written as text.
Json number(double value) {
  return std::isfinite(value) ? Json(value) : Json(std::to_string(value));
}

double number(const Json& json) {
  return json.is_string() ? std::stod(json.get<std::string>()) : json.get<double>();
}

Json to_json(const TrainingProgress& progress) {
  Json valid = Json::object();
  for (const auto& [name, value] : progress.valid) valid[name] = number(value);
  return {{"step", progress.step},
          {"tokens", progress.tokens},
          {"position", progress.position},
          {"interval_loss", number(progress.interval_loss)},
          {"interval_steps", progress.interval_terms},
          {"train_loss", number(progress.train_loss)},
          {"evaluated_step", progress.evaluated_step},
          {"valid", std::move(valid)},
          {"best", number(progress.best)},
          {"evaluations_without_best", progress.evaluations_without_best}};
}

TrainingProgress progress_from(const Json& json) {
  TrainingProgress progress;
  json.at("step").get_to(progress.step);
  json.at("tokens").get_to(progress.tokens);
  json.at("position").get_to(progress.position);
  progress.interval_loss = number(json.at("interval_loss"));
  json.at("interval_steps").get_to(progress.interval_terms);
  progress.train_loss = number(json.at("train_loss"));
  json.at("evaluated_step").get_to(progress.evaluated_step);
  for (const auto& [name, value] : json.at("valid").items()) progress.valid[name] = number(value);
  progress.best = number(json.at("best"));
  json.at("evaluations_without_best").get_to(progress.evaluations_without_best);
  return progress;
}

torch::Tensor to_bytes(const std::string& text) {
  auto bytes = torch::empty({static_cast<std::int64_t>(text.size())}, torch::kUInt8);
  std::memcpy(bytes.data_ptr(), text.data(), text.size());
  return bytes;
}

std::string shape_of(const torch::Tensor& tensor) {
  return fmt::format("({})", fmt::join(tensor.sizes(), ", "));
}

}  // namespace

fs::path training_state_path(const fs::path& out) {
  return out / "training_state" / "state.safetensors";
}

void save_training_state(const fs::path& out, const TrainingState& state) {
  const Json header = {{"version", kVersion},
                       {"progress", to_json(state.progress)},
                       {"options", state.options},
                       {"fingerprint", state.fingerprint}};
  StateDict tensors = state.tensors;
  tensors.insert(kHeader, to_bytes(header.dump(-1, ' ', false, Json::error_handler_t::replace)));
  const fs::path path = training_state_path(out);
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error) throw FileError(path.parent_path(), "cannot be created: " + error.message());
  save_safetensors(path, tensors);
}

std::optional<TrainingState> load_training_state(const fs::path& out) {
  const fs::path path = training_state_path(out);
  if (!fs::exists(path)) return std::nullopt;
  TrainingState state;
  state.tensors = load_safetensors(path);
  const torch::Tensor* header = state.tensors.find(kHeader);
  if (header == nullptr || header->scalar_type() != torch::kUInt8)
    throw FileError(path, fmt::format("is no training state: {} is missing", kHeader));
  try {
    const auto* text = static_cast<const char*>(header->const_data_ptr());
    const Json json = Json::parse(text, text + header->numel());
    if (json.at("version") != kVersion)
      throw FileError(path, fmt::format("has version {}, expected {}", json.at("version").dump(), kVersion));
    state.progress = progress_from(json.at("progress"));
    json.at("options").get_to(state.options);
    json.at("fingerprint").get_to(state.fingerprint);
  } catch (const FileError&) {
    throw;
  } catch (const std::exception& error) {
    throw FileError(path, fmt::format("{} is damaged: {}", kHeader, error.what()));
  }
  return state;
}

void insert_prefixed(StateDict& into, const std::string& prefix, const StateDict& from) {
  for (const auto& item : from) into.insert(prefix + "/" + item.key(), item.value());
}

StateDict extract_prefixed(const StateDict& from, const std::string& prefix) {
  StateDict found;
  for (const auto& item : from)
    if (item.key().starts_with(prefix + "/")) found.insert(item.key().substr(prefix.size() + 1), item.value());
  return found;
}

StateDict module_tensors(const torch::nn::Module& module) {
  StateDict tensors;
  std::unordered_set<const at::TensorImpl*> seen;
  for (const auto& list : {module.named_parameters(), module.named_buffers()})
    for (const auto& item : list)
      if (item.value().defined() && seen.insert(item.value().unsafeGetTensorImpl()).second)
        tensors.insert(item.key(), item.value().detach());
  return tensors;
}

void copy_into_module(torch::nn::Module& module, const StateDict& saved) {
  const torch::NoGradGuard no_grad;
  StateDict own = module_tensors(module);
  for (const auto& item : own) {
    const torch::Tensor* found = saved.find(item.key());
    if (found == nullptr) throw std::runtime_error(fmt::format("the saved run's model has no {}", item.key()));
    if (found->sizes() != item.value().sizes() || found->dtype() != item.value().dtype()) {
      throw std::runtime_error(fmt::format("the saved run's model is another: {} is {} {} there, {} {} here",
                                           item.key(), toString(found->scalar_type()), shape_of(*found),
                                           toString(item.value().scalar_type()), shape_of(item.value())));
    }
  }
  for (const auto& item : saved)
    if (!own.contains(item.key()))
      throw std::runtime_error(fmt::format("the saved run's model has {}, this one does not", item.key()));
  for (auto& item : own) item.value().copy_(saved[item.key()]);
}

std::vector<std::string> check_resumable(const TrainerOptions& saved, const TrainerOptions& current) {
  static const std::unordered_set<std::string> kFixed = {"optimizer", "best_metric"};
  static const std::unordered_set<std::string> kHarmless = {"max_steps",  "max_epochs", "eval_every",
                                                            "save_every", "log_every",  "patience"};
  std::vector<std::string> messages;
  const Json before = saved, now = current;
  for (const auto& [key, value] : before.items()) {
    if (value == now.at(key) || kHarmless.contains(key)) continue;
    const bool average_appears = key == "ema_decay" && (saved.ema_decay > 0) != (current.ema_decay > 0);
    if (kFixed.contains(key) || average_appears) {
      throw std::runtime_error(fmt::format("cannot resume with train.{} = {}: the run was saved with {}", key,
                                           now.at(key).dump(), value.dump()));
    }
    messages.push_back(fmt::format("resumed with train.{} = {}, was {}", key, now.at(key).dump(), value.dump()));
  }
  return messages;
}

void remove_partial_files(const fs::path& dir) {
  static const std::regex kPartial(R"(.+\.tmp-\d+-\d+)");
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(dir, error)) {
    std::error_code ignored;
    if (entry.is_regular_file(ignored) && std::regex_match(entry.path().filename().string(), kPartial))
      fs::remove(entry.path(), ignored);
  }
}

}  // namespace langzoo
