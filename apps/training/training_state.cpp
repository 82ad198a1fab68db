#include "apps/training/training_state.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <stdexcept>
#include <unordered_set>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "data/files/files.h"
#include "data/files/json_text.h"
#include "models/io/config_fields.h"
#include "models/io/safetensors.h"
#include "third_party/torch.h"

namespace langzoo {

namespace fs = std::filesystem;
using StateJson = nlohmann::json;

void TrainingProgress::for_each_field(FieldVisitor& visit) {
  visit("step", step, {.least = 0});
  visit("tokens", tokens, {.least = 0});
  visit("interval_loss", interval_loss.sum);
  visit("interval_steps", interval_loss.count, {.least = 0});
  visit("train_loss", train_loss);
  visit("evaluated_step", evaluated_step, {.least = 0});
  visit("best", best);
  visit("evaluations_without_best", evaluations_without_best, {.least = 0});
  visit("evaluated_epoch", evaluated_epoch, {.least = 0});
  visit("plateau_scale", plateau_scale, {.least = 0});
  visit("plateau_waits", plateau_waits, {.least = 0});
}

namespace {

constexpr const char* kHeader = "trainer.json";  // an entry of bytes among the tensors
constexpr int kVersion = 1;
constexpr std::int64_t kMostRanks = 1 << 20;

template <class Struct>
StateJson fields_of(const Struct& fields) {
  return StateJson::parse(write_fields(fields));
}

// JSON knows neither infinity nor NaN: both are written as text.
StateJson number(double value) {
  return std::isfinite(value) ? StateJson(value) : StateJson(std::to_string(value));
}
double number(const StateJson& json) {
  return json.is_string() ? std::stod(json.get<std::string>()) : json.get<double>();
}

const std::vector<std::pair<Direction, std::string>> kDirections = {{Direction::kLowerIsBetter, "lower"},
                                                                    {Direction::kHigherIsBetter, "higher"}};
const std::vector<std::pair<MetricChart, std::string>> kCharts = {
    {MetricChart::kOwn, "own"}, {MetricChart::kLoss, "loss"}, {MetricChart::kNone, "none"}};

template <class Enum>
std::string name_of(const std::vector<std::pair<Enum, std::string>>& names, Enum value) {
  for (const auto& [known, name] : names)
    if (known == value) return name;
  throw std::logic_error("an enumerator without a name");
}
template <class Enum>
Enum named(const std::vector<std::pair<Enum, std::string>>& names, const std::string& wanted) {
  for (const auto& [known, name] : names)
    if (name == wanted) return known;
  throw std::runtime_error("'" + wanted + "' is unknown");
}

StateJson to_json(const Metric& metric) {
  return {{"value", number(metric.value)},
          {"better", name_of(kDirections, metric.direction)},
          {"label", metric.label},
          {"chart", name_of(kCharts, metric.chart)}};
}
Metric metric_from(const StateJson& json) {
  if (!json.is_object()) return {number(json)};  // saved when lower was better, whatever the metric
  return {number(json.at("value")), named(kDirections, json.at("better").get<std::string>()),
          json.at("label").get<std::string>(), named(kCharts, json.at("chart").get<std::string>())};
}

StateJson to_json(const TrainingProgress& progress) {
  StateJson json = fields_of(progress);
  json["position"] = {{"epoch", progress.position.epoch}, {"batch", progress.position.batch}};
  json["valid"] = StateJson::object();
  for (const auto& [name, metric] : progress.valid) json["valid"][name] = to_json(metric);
  json["kept"] = StateJson::object();
  for (const auto& [step, metric] : progress.kept) json["kept"][std::to_string(step)] = metric;
  json["interval_losses"] = StateJson::object();
  for (const auto& [name, mean] : progress.interval_losses)
    json["interval_losses"][name] = {{"sum", number(mean.sum)}, {"count", mean.count}};
  return json;
}

TrainingProgress progress_from(const StateJson& json) {
  TrainingProgress progress;
  // What every state has had.
  for (const char* key : {"step", "tokens", "position"}) json.at(key);
  read_fields(progress, json.dump(), "progress");
  json.at("position").at("epoch").get_to(progress.position.epoch);
  json.at("position").at("batch").get_to(progress.position.batch);
  const StateJson valid = json.value("valid", StateJson::object()),
                  losses = json.value("interval_losses", StateJson::object()),
                  kept = json.value("kept", StateJson::object());
  for (const auto* part : {&valid, &losses, &kept})
    if (!part->is_object()) throw std::runtime_error("valid, interval_losses or kept is no object");
  for (const auto& [name, metric] : valid.items()) progress.valid[name] = metric_from(metric);
  for (const auto& [name, mean] : losses.items())
    progress.interval_losses[name] = {number(mean.at("sum")), mean.at("count").get<std::int64_t>()};
  for (const auto& [step, metric] : kept.items()) progress.kept[std::stoll(step)] = metric.get<double>();
  if (progress.best && !std::isfinite(*progress.best)) progress.best.reset();  // older: infinite until there was one
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

namespace {

/// The state as tensors alone, a header among them.
StateDict packed(const TrainingState& state) {
  const StateJson header = {{"version", kVersion},
                            {"progress", to_json(state.progress)},
                            {"options", fields_of(state.options)},
                            {"world", state.world},
                            {"fingerprint", state.fingerprint}};
  StateDict tensors = state.tensors;
  tensors.insert(kHeader, to_bytes(header.dump(-1, ' ', false, StateJson::error_handler_t::replace)));
  return tensors;
}

/// What was packed; `path` is for errors.
TrainingState unpacked(StateDict tensors, const fs::path& path) {
  TrainingState state;
  state.tensors = std::move(tensors);
  const torch::Tensor* header = state.tensors.find(kHeader);
  if (header == nullptr || header->scalar_type() != torch::kUInt8)
    throw FileError(path, fmt::format("is no training state: {} is missing", kHeader));
  try {
    const auto* text = static_cast<const char*>(header->const_data_ptr());
    const std::string_view json_text(text, static_cast<std::size_t>(header->numel()));
    if (nested_too_deeply(json_text)) throw std::runtime_error("nested too deeply");
    const StateJson json = StateJson::parse(json_text);
    if (json.at("version") != kVersion)
      throw FileError(path, fmt::format("has version {}, expected {}", json.at("version").dump(), kVersion));
    state.progress = progress_from(json.at("progress"));
    const auto unknown = read_fields(state.options, json.at("options").dump(), "options");
    if (!unknown.empty())
      throw FileError(path, fmt::format("was saved with train.{}, which this program does not know", unknown.front()));
    state.world = json.value("world", std::int64_t{1});
    if (state.world < 1 || state.world > kMostRanks) throw std::runtime_error("a world of no size");
    json.at("fingerprint").get_to(state.fingerprint);
  } catch (const FileError&) {
    throw;
  } catch (const std::exception& error) {
    throw FileError(path, fmt::format("{} is damaged: {}", kHeader, error.what()));
  }
  state.tensors.erase(kHeader);
  return state;
}

}  // namespace

void save_training_state(const fs::path& out, const TrainingState& state) {
  const auto tensors = packed(state);
  const fs::path path = training_state_path(out);
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error) throw FileError(path.parent_path(), "cannot be created: " + error.message());
  save_safetensors(path, tensors);
}

std::optional<TrainingState> load_training_state(const fs::path& out) {
  const fs::path path = training_state_path(out);
  if (!fs::exists(path)) return std::nullopt;
  return unpacked(load_safetensors(path), path);
}

void share_training_state(std::optional<TrainingState>& state, Distributed& ranks) {
  const bool leads = ranks.leads();
  StateDict own;
  std::string listed;
  if (leads && state) {
    own = packed(*state);
    auto json = StateJson::array();
    for (const auto& item : own) {
      const auto sizes = item.value().sizes();
      json.push_back({{"name", item.key()},
                      {"dtype", static_cast<int>(item.value().scalar_type())},
                      {"shape", std::vector<std::int64_t>(sizes.begin(), sizes.end())}});
    }
    listed = json.dump();
  }
  listed = ranks.broadcast(listed);
  if (listed.empty()) return;
  StateDict tensors;
  for (const auto& entry : StateJson::parse(listed)) {
    const auto name = entry.at("name").get<std::string>();
    const auto type = static_cast<torch::ScalarType>(entry.at("dtype").get<int>());
    const auto shape = entry.at("shape").get<std::vector<std::int64_t>>();
    const auto tensor = leads ? own[name].cpu().contiguous() : torch::empty(shape, type);
    if (tensor.numel() > 0) ranks.broadcast(tensor.reshape({-1}).view(torch::kUInt8));
    tensors.insert(name, tensor);
  }
  if (!leads) state = unpacked(std::move(tensors), "the training state of rank 0");
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

namespace {

/// Values by "key", or "optimizer.key" of those that one optimizer has for itself.
std::map<std::string, StateJson> leaves_of(const StateJson& object, const std::string& prefix = {}) {
  std::map<std::string, StateJson> leaves;
  for (const auto& [key, value] : object.items()) {
    if (value.is_object()) {
      leaves.merge(leaves_of(value, prefix + key + "."));
    } else {
      leaves.emplace(prefix + key, value);
    }
  }
  return leaves;
}

}  // namespace

std::vector<std::string> check_resumable(const TrainingState& saved, const TrainerOptions& current) {
  static const std::unordered_set<std::string> kFixed = {"optimizer", "best_metric", "keep_which"};
  static const std::unordered_set<std::string> kHarmless = {"max_steps",   "max_epochs",      "eval_every",
                                                            "eval_epochs", "save_every",      "log_every",
                                                            "patience",    "keep_checkpoints"};
  std::vector<std::string> messages;
  const auto now = leaves_of(fields_of(current));
  for (const auto& [key, value] : leaves_of(fields_of(saved.options))) {
    const auto found = now.find(key);
    if (found == now.end()) continue;
    const auto& here = found->second;
    if (value == here || kHarmless.contains(key)) continue;
    const bool average_appears = key == "ema_decay" && (saved.options.ema_decay > 0) != (current.ema_decay > 0);
    if (kFixed.contains(key) || average_appears) {
      throw std::runtime_error(
          fmt::format("cannot resume with train.{} = {}: the run was saved with {}", key, here.dump(), value.dump()));
    }
    messages.push_back(fmt::format("resumed with train.{} = {}, was {}", key, here.dump(), value.dump()));
  }
  return messages;
}

void remove_partial_files(const fs::path& dir) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(dir, error)) {
    std::error_code ignored;
    if (entry.is_regular_file(ignored) && !name_behind_temporary(entry.path().filename().string()).empty())
      fs::remove(entry.path(), ignored);
  }
}

}  // namespace langzoo
