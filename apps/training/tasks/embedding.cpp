#include "apps/training/tasks/embedding.h"

#include <map>
#include <stdexcept>
#include <vector>

#include <c10/core/InferenceMode.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/training/tasks/examples.h"
#include "data/files/config_error.h"
#include "data/files/files.h"
#include "third_party/torch.h"

namespace langzoo {

namespace fs = std::filesystem;
using Json = nlohmann::json;

namespace {

/// What a folder of sentence-transformers says.
struct Modules {
  fs::path transformer;
  std::optional<Pooling> pooling;
  bool normalize = false, lower_case = false;
  std::int64_t max_length = 0;
};

Json read_json(const fs::path& path) {
  auto json = Json::parse(read_file(path, std::uint64_t{1} << 24), nullptr, false);
  if (json.is_discarded()) throw FileError(path, "is no JSON");
  return json;
}

/// The value of an object's key; of another type than `otherwise`: an error.
template <class T>
T value_or(const Json& object, const char* key, T otherwise, const fs::path& path) {
  if (!object.contains(key) || object[key].is_null()) return otherwise;
  try {
    return object[key].get<T>();
  } catch (const Json::exception&) {
    throw FileError(path, fmt::format("{}: is {}", key, object[key].dump()));
  }
}

Pooling read_pooling(const fs::path& path) {
  const auto json = read_json(path);
  if (!json.is_object()) throw FileError(path, "is no JSON object");
  const std::map<std::string, Pooling> known = {
      {"mean", Pooling::kMean}, {"cls", Pooling::kCls}, {"max", Pooling::kMax}};
  std::optional<Pooling> found;
  if (const auto mode = value_or<std::string>(json, "pooling_mode", "", path); !mode.empty()) {
    if (!known.contains(mode))
      throw FileError(path, fmt::format("pooling_mode {}: pooling is mean, cls or max here", mode));
    found = known.at(mode);
  }
  for (const auto& [key, value] : json.items()) {
    if (!key.starts_with("pooling_mode_") || value != true) continue;
    const auto mode = key == "pooling_mode_mean_tokens"  ? std::optional(Pooling::kMean)
                      : key == "pooling_mode_cls_token"  ? std::optional(Pooling::kCls)
                      : key == "pooling_mode_max_tokens" ? std::optional(Pooling::kMax)
                                                         : std::nullopt;
    if (!mode) throw FileError(path, fmt::format("{}: pooling is mean, cls or max here", key));
    if (found) throw FileError(path, fmt::format("{}: several poolings at once are not done here", key));
    found = mode;
  }
  if (!found) throw FileError(path, "says no pooling_mode");
  return *found;
}

Modules read_modules(const fs::path& dir) {
  const auto path = dir / "modules.json";
  Modules modules{.transformer = dir};
  if (!fs::exists(path)) return modules;
  const auto list = read_json(path);
  if (!list.is_array()) throw FileError(path, "is no list of modules");
  for (const auto& module : list) {
    if (!module.is_object()) throw FileError(path, fmt::format("is no module: {}", module.dump()));
    const auto type = value_or<std::string>(module, "type", "", path);
    const auto place = dir / value_or<std::string>(module, "path", "", path);
    const auto inside = fs::weakly_canonical(place).lexically_relative(fs::weakly_canonical(dir));
    if (inside.empty() || *inside.begin() == "..") {
      throw FileError(path, fmt::format("path {} lies outside of the folder", place.string()));
    }
    if (type.ends_with(".Transformer")) {
      modules.transformer = place;
      const auto config = place / "sentence_bert_config.json";
      if (!fs::exists(config)) continue;
      const auto settings = read_json(config);
      modules.max_length = value_or<std::int64_t>(settings, "max_seq_length", 0, config);
      if (modules.max_length < 0) throw FileError(config, fmt::format("max_seq_length: is {}", modules.max_length));
      modules.lower_case = value_or<bool>(settings, "do_lower_case", false, config);
    } else if (type.ends_with(".Pooling")) {
      modules.pooling = read_pooling(place / "config.json");
    } else if (type.ends_with(".Normalize")) {
      modules.normalize = true;
    } else {
      throw FileError(path, fmt::format("type: \"{}\" is not known; Transformer, Pooling and Normalize are", type));
    }
  }
  return modules;
}

std::string lower_case(std::string text) {
  for (auto& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

}  // namespace

torch::Tensor pool(const torch::Tensor& hidden, const torch::Tensor& mask, Pooling pooling) {
  const auto kept = mask.unsqueeze(-1);  // (B,T,1)
  switch (pooling) {
    case Pooling::kMax:
      return hidden.masked_fill(kept.logical_not(), -1e9).amax(1);
    case Pooling::kCls:
      return hidden.select(1, 0);
    default:
      return (hidden * kept).sum(1) / kept.sum(1).clamp_min(1);
  }
}

SentenceEmbedder SentenceEmbedder::load(const fs::path& dir, const DeviceOptions& device,
                                        const EmbeddingOptions& options, LoadReport* report) {
  const auto modules = read_modules(dir);
  SentenceEmbedder embedder;
  embedder.loaded_ = load_example_model(modules.transformer, device, report);
  auto* const model = dynamic_cast<EncoderModel*>(embedder.loaded_.model.get());
  if (model == nullptr) {
    throw std::invalid_argument(fmt::format("{}: {} has no encoder whose states are vectors of texts", dir.string(),
                                            registered_model(modules.transformer).architecture));
  }
  embedder.encoder_ = &model->encoder();
  embedder.pooling_ = options.pooling.value_or(modules.pooling.value_or(Pooling::kMean));
  embedder.normalize_ = options.normalize.value_or(modules.normalize);
  embedder.lower_case_ = modules.lower_case;
  embedder.batch_size_ = options.batch_size;
  const auto most = embedder.loaded_.model->n_positions();
  if (most > 0 && options.max_length.value_or(0) > most)
    throw ConfigError(fmt::format("--max-length {}: the model takes {} tokens", *options.max_length, most));
  embedder.max_length_ = options.max_length.value_or(modules.max_length);
  if (most > 0 && (embedder.max_length_ == 0 || embedder.max_length_ > most)) embedder.max_length_ = most;
  return embedder;
}

std::int64_t SentenceEmbedder::width() const {
  return encoder_->width();
}

torch::Tensor SentenceEmbedder::embed(std::span<const std::string> texts, std::int64_t* cut) const {
  const ExampleEncoding encoding{*loaded_.tokenizer, *loaded_.model, max_length_, false};
  TokenExamples examples;
  for (const auto& text : texts) {
    auto row = lower_case_ ? encoding.row(lower_case(text)) : encoding.row(text);
    if (cut != nullptr) *cut += row.cut ? 1 : 0;
    examples.add({.rows = {std::move(row)}});
  }
  auto all = torch::empty({examples.size(), width()});
  if (examples.size() == 0) return all;
  const c10::InferenceMode inference;
  const auto pad = loaded_.tokenizer->special_tokens().pad.value_or(0);
  for (const auto& chosen : batches_by_length(token_lengths(examples), {.sentences = batch_size_})) {
    const auto batch = to_device(token_batch(examples, chosen, pad), loaded_.device);
    const auto encoded = encoder_->encode(inputs_of(batch));
    if (pooling_ == Pooling::kPooler && !encoded.pooled.defined()) {
      throw std::invalid_argument("the model has no pooler: another --pooling is needed");
    }
    auto vectors = pooling_ == Pooling::kPooler ? encoded.pooled : pool(encoded.hidden, batch.mask, pooling_);
    vectors = vectors.to(torch::kFloat32);
    if (normalize_) vectors = vectors / vectors.norm(2, -1, true).clamp_min(1e-12);
    all.index_copy_(0, torch::tensor(chosen), vectors.to(torch::kCPU));
  }
  return all;
}

}  // namespace langzoo
