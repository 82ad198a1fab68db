#include "apps/training/comparison/comparison_spec.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "apps/training/embedded_presets.h"
#include "apps/training/run_config.h"
#include "data/files/config_error.h"
#include "data/files/files.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

using SpecJson = nlohmann::ordered_json;

constexpr std::string_view kCompare = "compare";  // the program whose presets specs are
constexpr std::pair<ComparisonBudget::Kind, std::string_view> kBudgets[] = {{ComparisonBudget::Kind::kTokens, "tokens"},
                                                                            {ComparisonBudget::Kind::kSeconds, "time"},
                                                                            {ComparisonBudget::Kind::kFlops, "flops"}};

/// As RunConfig::set() takes it.
std::string text_of_value(const SpecJson& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

/// JSON where a value is some other than text.
SpecJson value_of_text(const std::string& text) {
  const auto value = SpecJson::parse(text, nullptr, false);
  return value.is_discarded() || value.is_string() ? SpecJson(text) : value;
}

class SpecReader {
 public:
  SpecReader(const SpecJson& object, std::string where) : object_(object), where_(std::move(where)) {
    if (!object.is_object()) fail("is no object");
  }

  [[noreturn]] void fail(const std::string& what) const { throw ConfigError(fmt::format("{}: {}", where_, what)); }

  const SpecJson* find(const char* key) {
    known_.push_back(key);
    const auto found = object_.find(key);
    return found == object_.end() ? nullptr : &*found;
  }
  void read(const char* key, std::string& value) {
    const auto* const found = find(key);
    if (found == nullptr) return;
    if (!found->is_string()) fail(fmt::format("{}: is {}, expected a text", key, found->dump()));
    value = found->get<std::string>();
  }
  template <class Number>
  void read_number(const char* key, Number& value, double least) {
    const auto* const found = find(key);
    if (found == nullptr) return;
    const bool whole = found->is_number() && found->get<double>() == std::floor(found->get<double>());
    if (!whole || found->get<double>() < least || found->get<double>() > 1e15) {
      fail(fmt::format("{}: is {}, expected a whole number from {} on", key, found->dump(), least));
    }
    value = static_cast<Number>(found->get<double>());
  }
  void read_keys(const char* key, ComparisonKeys& keys) {
    const auto* const found = find(key);
    if (found == nullptr) return;
    if (!found->is_object()) fail(fmt::format("{}: is {}, expected an object", key, found->dump()));
    for (const auto& [name, value] : found->items()) keys[name] = text_of_value(value);
  }
  void done() const {
    for (const auto& [key, value] : object_.items()) {
      if (std::find(known_.begin(), known_.end(), key) == known_.end())
        fail(fmt::format("{}: {}", key, unknown_name(key, known_)));
    }
  }

 private:
  const SpecJson& object_;
  std::string where_;
  std::vector<std::string> known_;
};

SpecJson json_of_keys(const ComparisonKeys& keys) {
  auto json = SpecJson::object();
  for (const auto& [key, value] : keys) json[key] = value_of_text(value);
  return json;
}

ComparisonBudget budget_of(const SpecJson& json, const SpecReader& reader) {
  if (json.is_string()) return ComparisonBudget::parse(json.get<std::string>());
  if (!json.is_object() || json.size() != 1 || !json.begin()->is_number()) {
    reader.fail(fmt::format("budget: is {}, expected one of {{\"tokens\": N}}, {{\"time\": SECONDS}}, {{\"flops\": N}}",
                            json.dump()));
  }
  return ComparisonBudget::parse(fmt::format("{}={}", json.begin().key(), json.begin()->get<double>()));
}

ModelSpec model_of(const SpecJson& json, const std::string& where) {
  SpecReader reader(json, where);
  ModelSpec model;
  reader.read("name", model.name);
  reader.read("family", model.family);
  reader.read("folder", model.folder);
  reader.read_keys("keys", model.keys);
  reader.read("pretraining", model.pretraining);
  reader.read_keys("pretraining_keys", model.pretraining_keys);
  reader.read("pretraining_family", model.pretraining_family);
  reader.read("pretraining_into", model.pretraining_into);
  if (model.pretraining_into.find('=') == std::string::npos)
    reader.fail(fmt::format("pretraining_into: is {}, expected KEY=", model.pretraining_into));
  reader.done();
  return model;
}

}  // namespace

std::string nearest_name(const std::string& text, const std::vector<std::string>& names) {
  std::string best;
  std::size_t least = 0;
  for (const auto& name : names) {
    const auto distance = edit_distance(text, name);
    // Half of a short name may be wrong: gtp, lsmt.
    if (!is_near(text, name) && distance > std::max<std::size_t>(1, std::min(text.size(), name.size()) / 2)) continue;
    if (best.empty() || distance < least) best = name, least = distance;
  }
  return best;
}

std::string unknown_name(const std::string& text, const std::vector<std::string>& names) {
  const auto near = nearest_name(text, names);
  const auto hint = near.empty() ? "" : fmt::format(", did you mean {}?", near);
  return fmt::format("unknown{}; there are {}", hint, fmt::join(names, ", "));
}

std::string ComparisonBudget::name() const {
  for (const auto& [kind_of, text] : kBudgets) {
    if (kind_of == kind) return std::string(text);
  }
  return {};
}

ComparisonBudget ComparisonBudget::parse(std::string_view text) {
  const auto fail = [&]() -> ComparisonBudget {
    throw ConfigError(fmt::format(
        "budget {}: expected tokens=N, flops=N (N with K, M, G or T) or time=SECONDS (or with s, m, h)", text));
  };
  const auto sign = text.find('=');
  if (sign == std::string_view::npos) return fail();
  const auto* const named = std::find_if(std::begin(kBudgets), std::end(kBudgets),
                                         [&](const auto& budget) { return budget.second == text.substr(0, sign); });
  if (named == std::end(kBudgets)) return fail();
  ComparisonBudget budget{named->first, 0};
  const std::string amount(text.substr(sign + 1));
  char* end = nullptr;
  budget.amount = std::strtod(amount.c_str(), &end);
  const std::string unit(end);
  if (end == amount.c_str() || !std::isfinite(budget.amount) || budget.amount <= 0) return fail();
  const bool time = budget.kind == Kind::kSeconds;
  constexpr std::pair<std::string_view, double> kUnits[] = {
      {"K", 1e3}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {"T", 1e12}};
  constexpr std::pair<std::string_view, double> kTimes[] = {{"s", 1}, {"m", 60}, {"h", 3600}};
  double factor = unit.empty() ? 1 : 0;
  if (time) {
    for (const auto& [name, value] : kTimes) factor = unit == name ? value : factor;
  } else {
    for (const auto& [name, value] : kUnits) factor = unit == name ? value : factor;
  }
  if (factor == 0) return fail();
  budget.amount *= factor;
  return budget;
}

ComparisonSpec ComparisonSpec::from_json(std::string_view json, const std::string& source) {
  SpecJson parsed;
  try {
    parsed = SpecJson::parse(json);
  } catch (const SpecJson::parse_error& error) {
    throw ConfigError(fmt::format("{}: is no JSON from byte {} on", source, error.byte));
  }
  SpecReader reader(parsed, source);
  ComparisonSpec spec;
  std::string about;
  reader.read("about", about);
  reader.read("name", spec.name);
  reader.read("task", spec.task);
  reader.read_keys("data", spec.data);
  if (const auto* const budget = reader.find("budget")) {
    if (!budget->is_null()) spec.budget = budget_of(*budget, reader);
  }
  reader.read_number("pretraining_tokens", spec.pretraining_tokens, 0);
  reader.read_number("batch_size", spec.batch_size, 1);
  reader.read_number("context", spec.context, 2);
  reader.read_number("seeds", spec.seeds, 1);
  reader.read_number("first_seed", spec.first_seed, 0);
  reader.read_number("threads", spec.threads, 0);
  reader.read_keys("keys", spec.keys);
  reader.read_keys("pretraining_keys", spec.pretraining_keys);
  if (const auto* const models = reader.find("models")) {
    if (!models->is_array()) reader.fail("models: expected a list");
    for (std::size_t i = 0; i < models->size(); ++i) {
      spec.models.push_back(model_of((*models)[i], fmt::format("{}: models[{}]", source, i)));
    }
  }
  reader.done();
  return spec;
}

std::string ComparisonSpec::to_json() const {
  SpecJson json;
  json["name"] = name;
  json["task"] = task;
  json["data"] = json_of_keys(data);
  json["budget"] = budget.amount > 0 ? SpecJson{{budget.name(), budget.amount}} : SpecJson();
  json["pretraining_tokens"] = pretraining_tokens;
  json["batch_size"] = batch_size;
  json["context"] = context;
  json["seeds"] = seeds;
  json["first_seed"] = first_seed;
  json["threads"] = threads;
  json["keys"] = json_of_keys(keys);
  json["pretraining_keys"] = json_of_keys(pretraining_keys);
  json["models"] = SpecJson::array();
  for (const auto& model : models) {
    SpecJson entry = {{"name", model.name}};
    if (!model.family.empty()) entry["family"] = model.family;
    if (!model.folder.empty()) entry["folder"] = model.folder;
    if (!model.keys.empty()) entry["keys"] = json_of_keys(model.keys);
    if (!model.pretraining.empty()) {
      entry["pretraining"] = model.pretraining;
      entry["pretraining_keys"] = json_of_keys(model.pretraining_keys);
      entry["pretraining_family"] = model.pretraining_family;
      entry["pretraining_into"] = model.pretraining_into;
    }
    json["models"].push_back(std::move(entry));
  }
  return json.dump(2, ' ', false, SpecJson::error_handler_t::replace) + "\n";
}

void ComparisonSpec::validate() const {
  if (task.empty()) throw ConfigError("a comparison's task is missing: lm, translation, ...");
  if (models.empty()) throw ConfigError("a comparison has no models");
  std::set<std::string> names;
  bool trains = false;
  for (const auto& model : models) {
    if (model.name.empty()) throw ConfigError(fmt::format("models[{}]: name is missing", &model - models.data()));
    const bool plain = model.name.size() <= 100 && model.name[0] != '.' &&
                       std::all_of(model.name.begin(), model.name.end(), [](unsigned char c) {
                         return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.' || c == '+';
                       });
    if (!plain) throw ConfigError(fmt::format("model '{}': a name is letters, digits, - _ + and .", model.name));
    if (!names.insert(model.name).second) throw ConfigError(fmt::format("model {}: is there twice", model.name));
    const bool trained = !model.folder.empty();
    if (trained && !(model.family.empty() && model.keys.empty() && model.pretraining.empty()))
      throw ConfigError(fmt::format("model {}: is trained, and takes no family, keys or pretraining", model.name));
    if (model.pretraining.empty() && !(model.pretraining_keys.empty() && model.pretraining_family.empty())) {
      throw ConfigError(fmt::format("model {}: has pretraining_{} without pretraining", model.name,
                                    model.pretraining_keys.empty() ? "family" : "keys"));
    }
    trains = trains || model.folder.empty();
  }
  if (trains && budget.amount <= 0) throw ConfigError("a comparison that trains has no budget (--budget tokens=2M)");
}

const ModelSpec& ComparisonSpec::model(std::string_view wanted) const {
  for (const auto& model : models) {
    if (model.name == wanted) return model;
  }
  throw ConfigError(fmt::format("model {}: is not in the comparison", wanted));
}

std::vector<BuiltInSpec> built_in_specs() {
  std::vector<BuiltInSpec> specs;
  for (const auto& preset : kEmbeddedPresets) {
    if (preset.program != kCompare) continue;
    const auto json = SpecJson::parse(preset.json);
    specs.push_back({std::string(preset.name), json.value("task", ""), json.value("about", "")});
  }
  return specs;
}

ComparisonSpec built_in_spec(std::string_view name) {
  std::vector<std::string> names;
  for (const auto& preset : kEmbeddedPresets) {
    if (preset.program != kCompare) continue;
    names.emplace_back(preset.name);
    if (preset.name != name) continue;
    auto spec = ComparisonSpec::from_json(preset.json, "the built-in spec " + names.back());
    spec.name = names.back();
    return spec;
  }
  throw ConfigError(fmt::format("spec {}: {}, or a JSON file's name", name, unknown_name(std::string(name), names)));
}

ComparisonSpec open_comparison_spec(const std::string& name_or_file) {
  if (!name_or_file.ends_with(".json") && !fs::is_regular_file(name_or_file)) return built_in_spec(name_or_file);
  auto spec = ComparisonSpec::from_json(read_file(name_or_file, std::uint64_t{1} << 24), name_or_file);
  if (spec.name.empty()) spec.name = fs::path(name_or_file).stem().string();
  return spec;
}

std::vector<ModelSpec> known_models(std::string_view task) {
  std::vector<ModelSpec> models;
  for (const auto& known : built_in_specs()) {
    if (known.task != task) continue;
    for (auto& model : built_in_spec(known.name).models) {
      const bool there = std::any_of(models.begin(), models.end(), [&](const auto& m) { return m.name == model.name; });
      if (!there) models.push_back(std::move(model));
    }
  }
  return models;
}

ModelSpec model_spec_of(const std::string& text, std::string_view task, const std::vector<ModelSpec>& also) {
  if (const auto sign = text.find('='); sign != std::string::npos) {
    ModelSpec loaded;
    loaded.name = text.substr(0, sign);
    loaded.folder = absolute_if_there(text.substr(sign + 1));
    if (!fs::is_directory(loaded.folder))
      throw ConfigError(fmt::format("model {}: {} is no folder", loaded.name, loaded.folder));
    return loaded;
  }
  std::vector<std::string> names;
  for (const auto* models : {&also}) {
    for (const auto& model : *models) {
      if (model.name == text) return model;
      names.push_back(model.name);
    }
  }
  for (auto& model : known_models(task)) {
    if (model.name == text) return model;
    if (std::find(names.begin(), names.end(), model.name) == names.end()) names.push_back(model.name);
  }
  throw ConfigError(fmt::format("model {}: {}; NAME=DIR is a trained one", text, unknown_name(text, names)));
}

}  // namespace langzoo
