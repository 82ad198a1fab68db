#include "apps/training/task_setup.h"

#include <algorithm>
#include <new>
#include <stdexcept>

#include <fmt/format.h>

#include "apps/training/families.h"
#include "apps/training/run_tokenizer.h"
#include "apps/training/training_state.h"
#include "data/files/config_error.h"
#include "data/files/files.h"
#include "models/causal_lm.h"
#include "models/encoder_decoder.h"
#include "models/generation_config.h"
#include "models/io/weights.h"
#include "tokenizers/directory.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

/// The config of the model in `dir`; what its file leaves open has the published default.
std::unique_ptr<ModelConfig> config_in(const fs::path& dir, const ConfiguredModel& model) {
  auto type = model_type_of(dir);
  if (type.empty()) type = registered_model(dir).model_type;
  const auto* const theirs = find_registered_model(type);
  if (theirs == nullptr || theirs->program != model.registered.program) {
    throw ConfigError(fmt::format("train.init = {}: is a model of type {}, this run's is a {}", dir.string(), type,
                                  model.registered.model_type));
  }
  const auto text = read_config(dir, type);
  return model.config.parsed(text, (dir / "config.json").string());
}

/// Whether another value makes no other model of the same weights.
bool may_differ(const std::string& name, const std::string& json) {
  const bool fraction =
      json.find_first_of(".eE") != std::string::npos && json.find_first_not_of("0123456789+-.eE") == std::string::npos;
  return fraction || name.ends_with("_token_id");
}

/// For a key of which train.init decides.
[[noreturn]] void refuse(const RunConfig& config, const std::string& key, const std::string& value,
                         const fs::path& init) {
  throw ConfigError(fmt::format("{} = {}: the model in {} has {} (train.init)", key, config.value(key), init.string(),
                                value.empty()   ? "none"
                                : value == init ? "its own"
                                                : value));
}

void begin_with_tokenizers(RunConfig& config, const fs::path& init) {
  const std::string source = "data.tokenizer", target = "data.target_tokenizer";
  if (!config.has(source)) return;
  if (!has_tokenizer(init)) {
    if (config.given(source)) return;  // a preset's will do
    throw ConfigError(fmt::format("train.init = {}: holds no tokenizer; data.tokenizer says which", init.string()));
  }
  const auto require = [&](const std::string& key, const fs::path& dir) {
    const auto value = has_tokenizer(dir) ? dir.string() : "";
    config.set_over_preset(key, value);
    const auto given = config.value(key);
    if (absolute_if_there(given) != value && !is_tokenizer_in(dir, given)) refuse(config, key, value, init);
  };
  require(source, init);
  if (config.has(target)) require(target, init / kTargetTokenizerDir);
}

/// Of models that know labels: whether both know the same.
bool same_labels(ModelConfig& a, ModelConfig& b) {
  const auto x = find_field(fields_in(a), "id2label"), y = find_field(fields_in(b), "id2label");
  return !x || !y || x->json() == y->json();
}

std::int64_t vocabulary_of(ModelConfig& config) {
  const auto field = find_field(fields_in(config), "vocab_size");
  return field && field->json() != "null" ? std::stoll(field->json()) : 0;
}

/// Tokens that a run's vocabulary has beyond that of the model it begins with are new: gives the tensors of `file` that
/// have a row for each of `before` tokens the further rows that `model` has, which are random.
void grow_vocabulary(StateDict& file, const torch::nn::Module& model, const PretrainedTraits& traits,
                     std::int64_t before, std::int64_t after) {
  const auto fresh = state_dict(model);
  const auto prefix = traits.base_model_prefix + ".";
  const auto counterpart = [&](const std::string& name) {
    if (const auto* const found = fresh.find(name)) return found;
    return fresh.find(name.starts_with(prefix) ? name.substr(prefix.size()) : prefix + name);
  };
  for (auto& item : file) {
    auto& tensor = item.value();
    const auto* const mine = counterpart(item.key());
    if (mine == nullptr || tensor.dim() != mine->dim() || tensor.dim() == 0) continue;
    if (tensor.size(0) != before || mine->size(0) != after || tensor[0].sizes() != (*mine)[0].sizes()) continue;
    tensor = torch::cat({tensor, mine->detach().slice(0, before).to(tensor.scalar_type())});
  }
}

}  // namespace

void TrainSetting::bind(RunConfig& config) {
  config.bind("train", trainer);
  config.bind("train", batch);
  config.bind("train", distribution);
  config.bind("train", [this](FieldVisitor& visit) {
    visit("init", init, {.help = "a model folder whose weights the run begins with, its tokenizer with them"});
  });
}

bool TrainSetting::begins_with_init() const {
  return !init.empty() && !(resume && fs::exists(training_state_path(out)));
}

void begin_with_model(const ConfiguredModel& model, RunConfig& config, const fs::path& init) {
  const auto theirs = config_in(init, model);
  RunConfig there;
  there.bind("model", *theirs);
  for (const auto& field : fields_of(fields_in(*theirs))) {
    const auto key = "model." + field.name;
    if (!config.has(key)) continue;
    const auto value = there.value(key);
    config.set_default(key, value);
    if (config.value(key) != value && !may_differ(field.name, field.json())) refuse(config, key, value, init);
  }
  begin_with_tokenizers(config, init);
}

void refuse_model(const RegisteredModel& registered, const std::string& where) {
  auto message = fmt::format("{}: {} is no model for this kind of task", where, registered.architecture);
  const auto all = families();
  const auto family = std::find_if(all.begin(), all.end(), [&](const Family& f) {
    return f.model_type == registered.model_type && f.architecture == registered.architecture;
  });
  if (family != all.end()) message += fmt::format("; langzoo-{} opens it, for {}", family->program, family->task);
  throw std::invalid_argument(message);
}

void check_without_tokenizers(const ModelConfig& config) {
  try {
    config.validate_without_tokenizers();
  } catch (const std::invalid_argument& error) {
    throw ConfigError(fmt::format("model: {}", error.what()));
  }
}

void require_vocabulary(ModelConfig& config, const std::string& name, std::int64_t tokens) {
  const auto field = find_field(fields_in(config), name);
  if (!field || field->json() == "null" || std::stoll(field->json()) >= tokens) return;
  throw ConfigError(fmt::format("model.{} = {}: the tokenizer has {} tokens", name, field->json(), tokens));
}

void complete_vocabulary(ModelConfig& config, const std::string& name, const Tokenizer& tokenizer) {
  const auto tokens = static_cast<std::int64_t>(tokenizer.vocab_size());
  fill_field(fields_in(config), name, tokens);
  require_vocabulary(config, name, tokens);
}

void complete_special_tokens(ModelConfig& config, const Tokenizer& tokenizer) {
  const auto fields = fields_in(config);
  const auto& special = tokenizer.special_tokens();
  const auto fill = [&](const char* name, const std::optional<TokenId>& id) {
    if (id) fill_field(fields, name, *id);
  };
  fill("pad_token_id", special.pad);
  fill("bos_token_id", special.bos ? special.bos : special.cls);
  fill("eos_token_id", special.eos ? special.eos : special.sep);
  // T5's encoder-decoder heads read the text again, after what fills up.
  fill("decoder_start_token_id", special.pad ? special.pad : special.bos ? special.bos : special.eos);
}

std::shared_ptr<torch::nn::Module> make_model(const RegisteredModel& registered, const ModelConfig& config) {
  try {
    return registered.make(config.to_json(), "model");
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    throw ConfigError(error.what());
  }
}

std::shared_ptr<const Tokenizer> load_model_tokenizer(const std::filesystem::path& dir, std::int64_t vocab_size) {
  std::shared_ptr<const Tokenizer> tokenizer = load_run_tokenizer(dir);
  check_vocabulary(dir, "text", *tokenizer, vocab_size);
  return tokenizer;
}

namespace {

/// With the weights in train.init.
std::shared_ptr<torch::nn::Module> make_begun_model(const RegisteredModel& registered, ModelConfig& config,
                                                    const TrainSetting& setting) {
  const fs::path init = setting.init;
  const auto& traits = registered.traits();
  auto file = load_weights(init);
  const auto theirs = config_in(init, {registered, config});
  if (!same_labels(*theirs, config)) {
    for (const auto& name : file.keys()) {
      const auto begins_so = [&](const std::string& head) { return name.starts_with(head); };
      if (std::any_of(traits.heads.begin(), traits.heads.end(), begins_so)) file.erase(name);
    }
  }
  LoadReport report;
  untie_different(fields_in(config), file, traits, report);
  auto model = make_model(registered, config);
  const auto before = vocabulary_of(*theirs), after = vocabulary_of(config);
  if (after > before && before > 0) grow_vocabulary(file, *model, traits, before, after);
  load_pretrained_weights(*model, file, init, traits, {.new_head = true}, report);
  const auto summary = report.summary();
  setting.message(fmt::format("begins with the weights in {}{}", init.string(), summary.empty() ? "" : ": " + summary));
  return model;
}

/// Whether both texts begin, end and are filled up by the same ids.
bool same_token_ids(ModelConfig& a, ModelConfig& b) {
  const auto fields = fields_of(fields_in(a));
  return std::all_of(fields.begin(), fields.end(), [&](const Field& field) {
    if (!field.name.ends_with("_token_id")) return true;
    const auto other = find_field(fields_in(b), field.name);
    return !other || other->json() == field.json();
  });
}

/// The generation_config.json of the model that a run begins with stays, unless the run has other tokens than it says.
void keep_generation_config(torch::nn::Module& model, const RegisteredModel& registered, ModelConfig& config,
                            const TrainSetting& setting) {
  const fs::path dir = setting.begins_with_init() ? fs::path(setting.init) : setting.out;
  if (setting.init.empty() || !fs::exists(dir / "generation_config.json")) return;
  if (!same_token_ids(*config_in(dir, {registered, config}), config))
    return setting.message(
        fmt::format("generation_config.json of {} is left: the run has other model.*_token_id", dir.string()));
  if (auto* const lm = dynamic_cast<CausalLm*>(&model)) lm->generation_config = generation_config_of(dir);
  if (auto* const both = dynamic_cast<EncoderDecoder*>(&model)) both->generation_config = generation_config_of(dir);
}

}  // namespace

std::shared_ptr<torch::nn::Module> make_model(const RegisteredModel& registered, ModelConfig& config,
                                              const TrainSetting& setting) {
  auto model =
      setting.begins_with_init() ? make_begun_model(registered, config, setting) : make_model(registered, config);
  keep_generation_config(*model, registered, config, setting);
  return model;
}

}  // namespace langzoo
