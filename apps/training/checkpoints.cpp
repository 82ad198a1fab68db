#include "apps/training/checkpoints.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <system_error>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/training/output_dir.h"
#include "apps/training/run_tokenizer.h"
#include "data/files/config_error.h"
#include "data/files/files.h"
#include "data/files/json_text.h"
#include "models/io/average.h"
#include "models/io/safetensors.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kCheckpoint = "checkpoint-", kUnfinished = ".unfinished";

std::string checkpoint_name(std::int64_t step) {
  return fmt::format("{}{}", kCheckpoint, step);
}

/// Of a finished folder's name.
std::optional<std::int64_t> step_in(std::string_view name) {
  if (!name.starts_with(kCheckpoint)) return std::nullopt;
  name.remove_prefix(kCheckpoint.size());
  std::int64_t step = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), step);
  if (error != std::errc() || end != name.data() + name.size() || step < 0) return std::nullopt;
  return step;
}

std::optional<std::int64_t> unfinished_step_in(std::string_view name) {
  if (!name.ends_with(kUnfinished)) return std::nullopt;
  return step_in(name.substr(0, name.size() - kUnfinished.size()));
}

std::vector<fs::path> folders_in(const fs::path& dir) {
  std::vector<fs::path> folders;
  std::error_code error;
  for (fs::directory_iterator at(dir, error), end; !error && at != end; at.increment(error)) {
    std::error_code broken;  // a link to itself is no folder
    if (at->is_directory(broken)) folders.push_back(at->path());
  }
  if (error) throw FileError(dir, "cannot be read: " + error.message());
  return folders;
}

void remove_folder(const fs::path& dir) {
  std::error_code error;
  fs::remove_all(dir, error);
  if (error) throw FileError(dir, "cannot be removed: " + error.message());
}

/// What of a model folder is neither weights nor the log of a run: config, tokenizer, how its data was read. Relative
/// to it.
std::vector<fs::path> described_in(const fs::path& dir) {
  static const std::vector<std::string> kKinds = {".json", ".txt", ".tsv", ".model", ".spm"};
  std::vector<fs::path> files;
  for (const fs::path part : {"", kTargetTokenizerDir}) {
    std::error_code error;
    for (fs::directory_iterator at(dir / part, error), end; !error && at != end; at.increment(error)) {
      const auto name = at->path().filename();
      const bool described = std::find(kKinds.begin(), kKinds.end(), name.extension()) != kKinds.end();
      if (!at->is_regular_file() || !described || name == kRunFile || name.string().ends_with(".index.json")) continue;
      files.push_back(part / name);
    }
    if (error && part.empty()) throw FileError(dir, "cannot be read: " + error.message());
  }
  std::sort(files.begin(), files.end());
  return files;
}

/// Throws where two configs are not of the same model. Dropout is training's alone.
void check_same_config(const fs::path& a, const fs::path& b) {
  const auto read = [](const fs::path& path) {
    const auto text = read_file(path);
    auto json =
        nested_too_deeply(text) ? nlohmann::json() : nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object()) throw FileError(path, "is no JSON object of a config");
    std::vector<std::string> leave_out = {"transformers_version", "_name_or_path"};
    for (const auto& [key, value] : json.items())
      if (key.find("drop") != std::string::npos) leave_out.push_back(key);
    for (const auto& key : leave_out) json.erase(key);
    return json;
  };
  const auto here = read(a), there = read(b);
  for (const auto* side : {&here, &there}) {
    for (const auto& [key, value] : side->items()) {
      if (here.contains(key) && there.contains(key) && here[key] == there[key]) continue;
      throw FileError(b, fmt::format("{} is not that of {}: these are no checkpoints of one model", key, a.string()));
    }
  }
}

/// Throws where two folders hold other models or tokenizers; `files` are those of `a`.
void check_same_description(const fs::path& a, const std::vector<fs::path>& files, const fs::path& b) {
  for (const auto& file : described_in(b)) {
    if (file == "config.json" || file == "generation_config.json" || std::binary_search(files.begin(), files.end(), file))
      continue;
    throw FileError(b / file, fmt::format("is not in {}: these are no checkpoints of one model", a.string()));
  }
  for (const auto& file : files) {
    if (file == "config.json") {
      check_same_config(a / file, b / file);
    } else if (file != "generation_config.json" &&
               (!fs::exists(b / file) || read_file(a / file) != read_file(b / file))) {
      throw FileError(b / file,
                      fmt::format("is not the same as in {}: these are no checkpoints of one model", a.string()));
    }
  }
}

}  // namespace

std::vector<KeptCheckpoint> kept_checkpoints(const fs::path& run) {
  std::vector<KeptCheckpoint> kept;
  for (const auto& dir : folders_in(run))
    if (const auto step = step_in(dir.filename().string())) kept.push_back({*step, dir});
  std::sort(kept.begin(), kept.end(), [](const auto& a, const auto& b) { return a.step < b.step; });
  return kept;
}

bool is_checkpoint_name(const std::string& name) {
  return step_in(name) || unfinished_step_in(name);
}

void save_checkpoint(const fs::path& run, std::int64_t step, const std::function<void(const fs::path&)>& save) {
  const auto dir = run / checkpoint_name(step);
  auto unfinished = dir;
  unfinished += kUnfinished;
  remove_folder(unfinished);
  std::error_code error;
  fs::create_directories(unfinished, error);
  if (error) throw FileError(unfinished, "cannot be created: " + error.message());
  save(unfinished);
  remove_folder(dir);
  fs::rename(unfinished, dir, error);
  if (error) throw FileError(dir, "cannot be written: " + error.message());
}

void remove_checkpoint(const fs::path& run, std::int64_t step) {
  remove_folder(run / checkpoint_name(step));
}

void remove_later_checkpoints(const fs::path& run, std::int64_t step) {
  if (!fs::exists(run)) return;
  for (const auto& dir : folders_in(run)) {
    const auto name = dir.filename().string();
    if (unfinished_step_in(name) || step_in(name).value_or(0) > step) remove_folder(dir);
  }
}

void average_models(std::span<const fs::path> dirs, const fs::path& out) {
  if (dirs.empty()) throw ConfigError("no model to average");
  if (!is_new_or_empty(out)) throw ConfigError(out.string() + ": is not empty");
  // The last says the rest: a run that went on may have learned to decode otherwise meanwhile.
  const auto& last = dirs.back();
  const auto files = described_in(last);
  if (std::find(files.begin(), files.end(), fs::path("config.json")) == files.end()) {
    throw FileError(last, "is no model folder: it has no config.json");
  }
  for (const auto& dir : dirs.first(dirs.size() - 1)) check_same_description(last, files, dir);
  const auto weights = average_weights(dirs);
  std::vector<fs::path> generators;
  for (const auto& dir : dirs) {
    if (fs::exists(dir / kGeneratorDir)) generators.push_back(dir / kGeneratorDir);
  }
  if (generators.size() == dirs.size()) average_models(generators, out / kGeneratorDir);
  for (const auto& file : files) {
    std::error_code error;
    fs::create_directories((out / file).parent_path(), error);
    if (error) throw FileError(out, "cannot be created: " + error.message());
    write_file_atomically(out / file, read_file(last / file));
  }
  save_safetensors(out / "model.safetensors", weights);
}

}  // namespace langzoo
