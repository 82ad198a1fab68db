#include "apps/training/run_config.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "apps/training/embedded_presets.h"
#include "data/files/file_kind.h"
#include "data/files/files.h"
#include "data/files/json_text.h"

namespace langzoo {

namespace {

/// For what is read: an ordered object looks its keys up one by one. What is written keeps its order.
using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

std::string dumped(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// How the source of what a preset sets begins.
const std::string kPreset = "preset ";

/// A value as set() takes it, and as messages show it.
std::string text_of(const Json& value) {
  return value.is_string() ? value.get<std::string>() : dumped(value);
}

std::string shortened(std::string text) {
  if (text.size() > 80) text = text.substr(0, 77) + "...";
  return text;
}

/// The place of a dotted key in a document of sections.
template <class Document>
auto* find_in(Document& document, const std::string& key) {
  auto* at = &document;
  for (std::size_t begin = 0, end = 0; at != nullptr && end != std::string::npos; begin = end + 1) {
    end = key.find('.', begin);
    const auto found = at->find(key.substr(begin, end - begin));
    at = at->is_object() && found != at->end() ? &*found : nullptr;
  }
  return at;
}

}  // namespace

void RunConfig::bind(const std::string& section, const Fields& fields, const Names& except) {
  for (auto& field : fields_of(fields)) {
    if (std::find(except.begin(), except.end(), field.name) != except.end()) continue;
    field.name = section + "." + field.name;
    if (find(field.name) != nullptr) throw std::logic_error(field.name + " is bound twice");
    keys_.push_back({std::move(field)});
  }
}

void RunConfig::hide(const std::string& key) {
  known(key, "default").hidden = true;
}

void RunConfig::describe(const std::string& key, const std::string& help) {
  known(key, "default").field.help = help;
}

const RunConfig::Key* RunConfig::find(const std::string& key) const {
  const auto found = std::find_if(keys_.begin(), keys_.end(), [&](const Key& k) { return k.field.name == key; });
  return found == keys_.end() ? nullptr : &*found;
}

RunConfig::Key& RunConfig::known(const std::string& key, const std::string& source) {
  for (auto& k : keys_) {
    if (k.field.name == key) return k;
  }
  if (source.starts_with(kPreset))
    throw ConfigError(fmt::format("{}: is for another model or task, this one has no {}", source, shortened(key)));
  std::string nearest;
  auto least = std::numeric_limits<std::size_t>::max();
  const auto compare = [&](const std::string& given_name, const std::string& name, const std::string& meant,
                           std::size_t more) {
    if (!is_near(given_name, name)) return;
    const auto distance = edit_distance(given_name, name) + more;
    if (distance < least) least = distance, nearest = meant;
  };
  for (const auto& [field, given, hidden] : keys_) {
    if (hidden) continue;
    const auto dot = field.name.find('.') + 1;
    const auto name = field.name.substr(dot);
    if (key.starts_with(field.name.substr(0, dot))) {
      compare(key.substr(dot), name, field.name, 0);
    } else {
      compare(key, field.name, field.name, 0);
      compare(key, name, field.name, 1);
    }
  }
  throw ConfigError(fmt::format("{}: unknown key {}{}", source, shortened(key),
                                nearest.empty() ? "" : "; the nearest is " + nearest));
}

const RunConfig::Key& RunConfig::bound(const std::string& key) const {
  const auto* found = find(key);
  if (found == nullptr) throw std::logic_error("no such key: " + key);
  return *found;
}

void RunConfig::assign(const std::string& key, const std::string& json, const std::string& shown,
                       const std::string& source) {
  auto& to = known(key, source);
  if (!to.field.set(json)) {
    throw ConfigError(fmt::format("{}: {} = {} must be {}", source, key, shortened(shown), to.field.allowed));
  }
  to.given = true;
  if (source.starts_with(kPreset)) {
    of_preset_.insert(key);
  } else {
    of_preset_.erase(key);
  }
}

void RunConfig::set(const std::string& key, const std::string& value, const std::string& source) {
  const bool is_text = known(key, source).field.kind == Field::Kind::kText;
  assign(key, is_text || !Json::accept(value) ? dumped(value) : value, value, source);
}

void RunConfig::set_default(const std::string& key, const std::string& value) {
  auto& to = known(key, "default");
  if (to.given) return;
  set(key, value, "default");
  to.given = false;
}

void RunConfig::set_over_preset(const std::string& key, const std::string& value) {
  auto& to = known(key, "default");
  if (from_preset(key)) to.given = false;
  set_default(key, value);
}

void RunConfig::set_text(const std::string& assignment, const std::string& source) {
  const auto equals = assignment.find('=');
  if (equals == std::string::npos) {
    throw ConfigError(fmt::format("{}: {} is not key=value", source, shortened(assignment)));
  }
  set(assignment.substr(0, equals), assignment.substr(equals + 1), source);
}

void RunConfig::set_all(std::string_view json, const std::string& source) {
  if (nested_too_deeply(json)) throw ConfigError(source + ": nested too deeply");
  const auto document = Json::parse(json.begin(), json.end(), nullptr, /*allow_exceptions=*/false);
  if (document.is_discarded()) throw ConfigError(source + ": is not JSON");
  if (!document.is_object()) throw ConfigError(source + ": must be a JSON object with the sections model, train, data");
  const auto holds_keys = [&](const std::string& key) {
    const auto below = [prefix = key + "."](const Key& k) { return k.field.name.starts_with(prefix); };
    return key.find('.') == std::string::npos || std::any_of(keys_.begin(), keys_.end(), below);
  };
  const std::function<void(const std::string&, const Json&)> set_below = [&](const auto& key, const Json& value) {
    if (!value.is_object() || find(key) != nullptr || !holds_keys(key)) {
      return assign(key, dumped(value), text_of(value), source);
    }
    for (const auto& [name, member] : value.items()) set_below(key + "." + name, member);
  };
  for (const auto& [section, members] : document.items()) {
    if (section == "program" && !program_.empty() && members != program_) {
      throw ConfigError(fmt::format("{}: is a run of the program {}, not of {}", source, shortened(dumped(members)),
                                    dumped(program_)));
    }
    if (section == "program" || section == "about" || section == "version" || section == "ranks") continue;
    set_below(section, members);
  }
}

void RunConfig::load_file(const std::filesystem::path& path) {
  const auto json = read_file(path, std::uint64_t{1} << 24);  // first: its bound is a pipe's too
  refuse_other_kind(path);
  set_all(json, path.string());
}

void RunConfig::load_preset(const std::string& program, const std::string& name) {
  for (const auto& preset : kEmbeddedPresets) {
    if (preset.program == program && preset.name == name) return set_all(preset.json, kPreset + name);
  }
  std::vector<std::string> names;
  for (const auto& preset : presets_of(program)) names.push_back(preset.name);
  throw ConfigError(fmt::format("preset {}: unknown; there are {}", shortened(name), fmt::join(names, ", ")));
}

bool RunConfig::has(const std::string& key) const {
  return find(key) != nullptr;
}

std::string RunConfig::value(const std::string& key) const {
  return text_of(Json::parse(bound(key).field.json()));
}

const std::string& RunConfig::help_of(const std::string& key) const {
  return bound(key).field.help;
}

bool RunConfig::is_flag(const std::string& key) const {
  return bound(key).field.kind == Field::Kind::kFlag;
}

std::string RunConfig::resolved(const std::vector<std::pair<std::string, std::string>>& head) const {
  OrderedJson document = OrderedJson::object();
  for (const auto& [name, text] : head) document[name] = text;
  for (const auto& [field, given, hidden] : keys_) {
    auto* at = &document;
    std::size_t begin = 0;
    for (auto dot = field.name.find('.'); dot != std::string::npos; dot = field.name.find('.', begin)) {
      at = &(*at)[field.name.substr(begin, dot - begin)];
      begin = dot + 1;
    }
    (*at)[field.name.substr(begin)] = OrderedJson::parse(field.json());
  }
  return document.dump(2) + "\n";
}

std::vector<RunConfig::Difference> RunConfig::differing(std::string_view json) const {
  const auto document = Json::parse(json.begin(), json.end());
  std::vector<Difference> differences;
  for (const auto& [field, given, hidden] : keys_) {
    const auto* there = find_in(document, field.name);
    const auto here = Json::parse(field.json());
    if (there != nullptr && *there != here) differences.push_back({field.name, text_of(here), text_of(*there)});
  }
  return differences;
}

std::string RunConfig::help() const {
  std::string text;
  for (const auto& [field, given, hidden] : keys_) {
    if (hidden) continue;
    const auto left = fmt::format("{} = {}", field.name, shortened(field.json()));
    text += field.help.empty() ? fmt::format("  {}\n", left) : fmt::format("  {:<36} {}\n", left, field.help);
  }
  return text;
}

std::vector<Preset> presets_of(const std::string& program) {
  std::vector<Preset> presets;
  for (const auto& preset : kEmbeddedPresets) {
    if (preset.program == program)
      presets.push_back({std::string(preset.name), Json::parse(preset.json).value("about", "")});
  }
  std::sort(presets.begin(), presets.end(), [](const Preset& a, const Preset& b) { return a.name < b.name; });
  return presets;
}

void BatchOptions::for_each_field(FieldVisitor& visit) {
  visit("batch_size", batch_size, {.least = 1, .most = 1 << 20, .help = "sequences a micro-batch, of each process"});
  visit("batch_tokens", batch_tokens,
        {.least = 0,
         .most = 1LL << 40,
         .help = "target tokens an optimizer step, padding left out; 0: train.batch_size and "
                 "train.accumulation decide"});
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

bool is_near(const std::string& a, const std::string& b) {
  return edit_distance(a, b) <= std::max<std::size_t>(1, std::min(a.size(), b.size()) / 3);
}

}  // namespace langzoo
