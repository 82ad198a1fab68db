#include "apps/cli/run_config.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/cli/base/program.h"
#include "apps/cli/embedded_presets.h"
#include "data/files/files.h"

namespace langzoo {

using Json = RunConfig::Json;

namespace {

/// A number as a person would write it: without a fraction where it has none.
std::string plain(double value) {
  return std::abs(value) < 1e15 && value == std::floor(value) ? fmt::format("{:.0f}", value) : fmt::format("{}", value);
}

std::string in_words(const std::string& type, const Allowed& allowed) {
  if (!allowed.choices.empty()) return fmt::format("one of {}", fmt::join(allowed.choices, ", "));
  const bool low = std::isfinite(allowed.least), high = std::isfinite(allowed.most);
  if (low && high) return fmt::format("{} from {} to {}", type, plain(allowed.least), plain(allowed.most));
  if (low) return fmt::format("{} of at least {}", type, plain(allowed.least));
  if (high) return fmt::format("{} of at most {}", type, plain(allowed.most));
  return type;
}

bool in_range(double value, const Allowed& allowed) {
  return std::isfinite(value) && value >= allowed.least && value <= allowed.most;
}

/// A value in an error message or in the help: short, whatever it is.
std::string shown(const Json& value) {
  auto text = value.is_string() ? value.get<std::string>() : value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > 80) text = text.substr(0, 77) + "...";
  return text;
}

bool same_type(const Json& value, const Json& model) {
  if (model.is_null() || value.is_null()) return !value.is_structured();
  if (model.is_number_integer()) return value.is_number_integer();
  if (model.is_number()) return value.is_number() && std::isfinite(value.get<double>());
  return value.type() == model.type();
}

std::string type_name(const Json& model) {
  if (model.is_number_integer()) return "an integer";
  if (model.is_number()) return "a number";
  if (model.is_boolean()) return "true or false";
  if (model.is_string()) return "a text";
  if (model.is_array()) return "a JSON array";
  return model.is_object() ? "a JSON object" : "a number, a text or null";
}

}  // namespace

void RunConfig::bind(const std::string& key, std::int64_t& field, const std::string& help, const Allowed& allowed) {
  const auto set = [&field, allowed](const Json& value) {
    if (!value.is_number_integer()) return false;
    if (value.is_number_unsigned() && value.get<std::uint64_t>() > std::numeric_limits<std::int64_t>::max())
      return false;
    if (!in_range(value.get<double>(), allowed)) return false;
    field = value.get<std::int64_t>();
    return true;
  };
  fields_.push_back({key, help, "integer", [&field] { return Json(field); }, set, in_words("an integer", allowed)});
}

void RunConfig::bind(const std::string& key, std::uint64_t& field, const std::string& help, const Allowed& allowed) {
  const auto set = [&field, allowed](const Json& value) {
    if (!value.is_number_unsigned() && !(value.is_number_integer() && value.get<std::int64_t>() >= 0)) return false;
    if (!in_range(value.get<double>(), allowed)) return false;
    field = value.get<std::uint64_t>();
    return true;
  };
  fields_.push_back({key, help, "integer", [&field] { return Json(field); }, set, in_words("an integer", at_least(0))});
}

void RunConfig::bind(const std::string& key, double& field, const std::string& help, const Allowed& allowed) {
  const auto set = [&field, allowed](const Json& value) {
    if (!value.is_number() || !in_range(value.get<double>(), allowed)) return false;
    field = value.get<double>();
    return true;
  };
  fields_.push_back({key, help, "number", [&field] { return Json(field); }, set, in_words("a number", allowed)});
}

void RunConfig::bind(const std::string& key, bool& field, const std::string& help) {
  const auto set = [&field](const Json& value) {
    if (!value.is_boolean()) return false;
    field = value.get<bool>();
    return true;
  };
  fields_.push_back({key, help, "boolean", [&field] { return Json(field); }, set, "true or false"});
}

void RunConfig::bind(const std::string& key, std::string& field, const std::string& help, const Allowed& allowed) {
  const auto set = [&field, allowed](const Json& value) {
    if (!value.is_string()) return false;
    const auto text = value.get<std::string>();
    const auto& choices = allowed.choices;
    if (!choices.empty() && std::find(choices.begin(), choices.end(), text) == choices.end()) return false;
    field = text;
    return true;
  };
  fields_.push_back({key, help, "text", [&field] { return Json(field); }, set, in_words("a text", allowed)});
}

void RunConfig::bind_object(const std::string& section, Json& object, const std::vector<std::string>& hidden) {
  for (const auto& [name, value] : object.items()) {
    if (std::find(hidden.begin(), hidden.end(), name) != hidden.end()) continue;
    auto& member = object[name];
    const auto set = [&object, name = name, model = value](const Json& given) {
      if (!same_type(given, model)) return false;
      object[name] = given;
      return true;
    };
    const auto get = [&object, name = name] { return object[name]; };
    fields_.push_back({section + "." + name, "", member.is_string() ? "text" : "json", get, set, type_name(value)});
  }
}

void RunConfig::hide(const std::string& key) {
  field(key, "default").hidden = true;
}

void RunConfig::describe(const std::string& key, const std::string& help) {
  field(key, "default").help = help;
}

RunConfig::Field& RunConfig::field(const std::string& key, const std::string& source) {
  const auto found = std::find_if(fields_.begin(), fields_.end(), [&](const Field& f) { return f.key == key; });
  if (found != fields_.end()) return *found;
  std::string nearest;
  auto least = std::numeric_limits<std::size_t>::max();
  for (const auto& f : fields_) {
    const auto name = f.key.substr(f.key.find('.') + 1);
    const auto distance = std::min(edit_distance(key, f.key), edit_distance(key, name) + 1);
    if (distance < least) least = distance, nearest = f.key;
  }
  throw UsageError(fmt::format("{}: unknown key {}; the nearest is {}", source, shown(key), nearest));
}

void RunConfig::set(const std::string& key, const Json& value, const std::string& source) {
  auto& f = field(key, source);
  if (!f.set(value)) throw UsageError(fmt::format("{}: {} = {} must be {}", source, key, shown(value), f.allowed));
  f.given = true;
}

void RunConfig::set_default(const std::string& key, const Json& value) {
  auto& f = field(key, "default");
  if (!f.given && !f.set(value)) throw std::logic_error("impossible default of " + key);
}

void RunConfig::set_text(const std::string& assignment, const std::string& source) {
  const auto equals = assignment.find('=');
  if (equals == std::string::npos) throw UsageError(fmt::format("{}: {} is not key=value", source, shown(assignment)));
  const auto key = assignment.substr(0, equals);
  const auto text = assignment.substr(equals + 1);
  if (field(key, source).type == "text") return set(key, text, source);
  const auto value = Json::parse(text, nullptr, false);
  set(key, value.is_discarded() ? Json(text) : value, source);
}

void RunConfig::set_all(const Json& document, const std::string& source) {
  if (!document.is_object()) throw UsageError(source + ": must be a JSON object with the sections model, train, data");
  for (const auto& [section, members] : document.items()) {
    if (section == "program" || section == "about" || section == "version") continue;
    if (section.find('.') != std::string::npos || !members.is_object()) {
      set(section, members, source);
      continue;
    }
    for (const auto& [name, value] : members.items()) set(section + "." + name, value, source);
  }
}

void RunConfig::load_file(const std::filesystem::path& path) {
  const auto document = Json::parse(read_file(path, std::uint64_t{1} << 24), nullptr, false);
  if (document.is_discarded()) throw UsageError(path.string() + ": is not JSON");
  set_all(document, path.string());
}

void RunConfig::load_preset(const std::string& program, const std::string& name) {
  std::vector<std::string> names;
  for (const auto& preset : presets_of(program)) names.push_back(preset.name);
  if (std::find(names.begin(), names.end(), name) == names.end()) {
    throw UsageError(fmt::format("--preset {}: unknown; there are {}", shown(name), fmt::join(names, ", ")));
  }
  for (const auto& preset : kEmbeddedPresets) {
    if (preset.program == program && preset.name == name) set_all(Json::parse(preset.json), "preset " + name);
  }
}

Json RunConfig::resolved() const {
  Json document = Json::object();
  for (const auto& f : fields_) {
    const auto dot = f.key.find('.');
    document[f.key.substr(0, dot)][f.key.substr(dot + 1)] = f.get();
  }
  return document;
}

bool RunConfig::has(const std::string& key) const {
  return std::any_of(fields_.begin(), fields_.end(), [&](const Field& f) { return f.key == key; });
}

const RunConfig::Field& RunConfig::bound(const std::string& key) const {
  const auto found = std::find_if(fields_.begin(), fields_.end(), [&](const Field& f) { return f.key == key; });
  if (found == fields_.end()) throw std::logic_error("no such key: " + key);
  return *found;
}

Json RunConfig::value(const std::string& key) const {
  return bound(key).get();
}

const std::string& RunConfig::help_of(const std::string& key) const {
  return bound(key).help;
}

std::vector<std::string> RunConfig::differing(const Json& other) const {
  std::vector<std::string> keys;
  for (const auto& f : fields_) {
    const auto dot = f.key.find('.');
    const auto section = other.find(f.key.substr(0, dot));
    if (section == other.end() || !section->is_object()) continue;
    const auto member = section->find(f.key.substr(dot + 1));
    if (member != section->end() && *member != f.get()) keys.push_back(f.key);
  }
  return keys;
}

std::string RunConfig::help() const {
  std::string text;
  for (const auto& f : fields_) {
    if (f.hidden) continue;
    const auto value = f.get();
    const auto left = fmt::format("{} = {}", f.key, value.is_string() ? value.dump() : shown(value));
    text += f.help.empty() ? fmt::format("  {}\n", left) : fmt::format("  {:<36} {}\n", left, f.help);
  }
  return text;
}

std::vector<Preset> presets_of(const std::string& program) {
  std::vector<Preset> presets;
  for (const auto& preset : kEmbeddedPresets) {
    if (preset.program == program)
      presets.push_back({std::string(preset.name), Json::parse(preset.json).value("about", "")});
  }
  return presets;
}

void bind_train(RunConfig& config, TrainerOptions& o, BatchOptions& batch) {
  config.bind("train.max_steps", o.max_steps, "optimizer steps", at_least(1));
  config.bind("train.max_epochs", o.max_epochs, "passes over the data; 0: no bound", at_least(0));
  config.bind("train.batch_size", batch.batch_size, "sequences a micro-batch", between(1, 1 << 20));
  config.bind("train.batch_tokens", batch.batch_tokens, "tokens an optimizer step; 0: train.accumulation decides",
              between(0, 1LL << 40));
  config.bind("train.accumulation", o.accumulation, "micro-batches an optimizer step", between(1, 1 << 30));
  config.bind("train.optimizer", o.optimizer, "adamw, sgd, or own: the family's own algorithm, where it has one",
              one_of({"adamw", "sgd", "own"}));
  config.bind("train.learning_rate", o.learning_rate, "the highest learning rate", at_least(0));
  config.bind("train.min_learning_rate", o.min_learning_rate, "where the schedule ends", at_least(0));
  config.bind("train.warmup_steps", o.warmup_steps, "steps of linear warm-up", at_least(0));
  config.bind("train.schedule", o.schedule, "constant, linear, cosine, inverse_sqrt or wsd",
              one_of({"constant", "linear", "cosine", "inverse_sqrt", "wsd"}));
  config.bind("train.wsd_decay_fraction", o.wsd_decay_fraction, "last part of schedule wsd", between(0, 1));
  config.bind("train.weight_decay", o.weight_decay, "of matrices; never of biases and norms", at_least(0));
  config.bind("train.beta1", o.beta1, "Adam's decay of the mean", between(0, 1));
  config.bind("train.beta2", o.beta2, "Adam's decay of the square", between(0, 1));
  config.bind("train.epsilon", o.epsilon, "Adam's epsilon", at_least(0));
  config.bind("train.clip_norm", o.clip_norm, "largest gradient norm; 0: no clipping", at_least(0));
  config.bind("train.ema_decay", o.ema_decay, "moving average of the weights; 0: none", between(0, 1));
  config.bind("train.dtype", o.dtype, "float32, or bfloat16 (autocast)", one_of({"float32", "bfloat16"}));
  config.bind("train.eval_every", o.eval_every, "steps between evaluations; 0: at the end", at_least(0));
  config.bind("train.save_every", o.save_every, "steps between checkpoints; 0: at the end", at_least(0));
  config.bind("train.log_every", o.log_every, "steps between reports", at_least(1));
  config.bind("train.patience", o.patience, "evaluations without improvement before stopping; 0: never", at_least(0));
  config.bind("train.best_metric", o.best_metric, "the metric that decides which checkpoint is best; lower is better");
  config.bind("train.seed", o.seed, "seed of initialisation, data order and dropout");
}

std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    auto diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const auto substituted = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row.back();
}

}  // namespace langzoo
