#include "apps/training/tasks/word_vectors/train_options.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/training/tasks/word_vectors.h"
#include "apps/training/text_corpus.h"
#include "data/files/config_error.h"
#include "models/pretrained.h"
#include "models/word_vectors/formats.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kUnboundedSteps = 1'000'000'000;

/// Defaults that differ from skipgram's; of two for one key the later counts.
struct OtherDefault {
  std::string of;  ///< a kind, an objective, or "gradients": an optimizer that is not own
  std::string key, value;
};
const std::vector<OtherDefault> kOtherDefaults = {
    {"cbow", "train.learning_rate", "0.05"},
    {"glove", "train.learning_rate", "0.05"},
    {"glove", "train.schedule", "constant"},
    {"glove", "train.max_epochs", "25"},
    {"glove", "model.window", "15"},
    {"ppmi-svd", "train.max_epochs", "1"},
    {"ppmi-svd", "model.distance_weighting", "false"},
    {"softmax", "train.optimizer", "adamw"},
    {"softmax", "train.learning_rate", "0.001"},
    {"gradients", "train.batch_tokens", "1000"},
    {"softmax", "train.batch_tokens", "200"},
};

bool holds_for(const OtherDefault& other, const WordVectorsOptions& o, const RunConfig& config) {
  if (other.of == o.kind) return true;
  if (!o.is_word2vec()) return false;
  return other.of == o.word2vec.objective || (other.of == "gradients" && config.value("train.optimizer") != "own");
}

void refuse_contradictions(const WordVectorsOptions& o, const RunConfig& config) {
  if (config.value("train.max_epochs") == "0" && config.value("train.max_steps") == std::to_string(kUnboundedSteps)) {
    throw ConfigError("train.max_epochs = 0, no bound, needs one of steps: set train.max_steps");
  }
  if (!o.is_word2vec()) return;
  const auto& [min_n, max_n] = std::pair{o.word2vec.min_n, o.word2vec.max_n};
  if (o.word2vec.objective == "ns" && o.word2vec.negative < 1) {
    throw ConfigError("model.negative = 0, but objective ns needs one at least");
  }
  if (o.word2vec.subwords && min_n > max_n) {
    throw ConfigError(fmt::format("model.min_n = {} is more than model.max_n = {}", min_n, max_n));
  }
  if (o.word2vec.objective == "softmax" && config.value("train.optimizer") == "own") {
    throw ConfigError("train.optimizer = own: objective softmax is trained by adamw or sgd");
  }
}

}  // namespace

void bind_word_vectors(RunConfig& config, WordVectorsOptions& o, TrainSetting& setting) {
  auto& t = setting.trainer;
  t.optimizer = "own";
  t.schedule = "linear";
  t.learning_rate = 0.025;
  t.min_learning_rate = t.learning_rate * 1e-4;
  t.max_epochs = 5;
  t.max_steps = kUnboundedSteps;
  t.weight_decay = t.clip_norm = 0;
  t.eval_every = 0;
  t.save_every = 5'000;
  setting.batch.batch_tokens = 0;
  config.hide("train.batch_size");
  config.describe("train.batch_tokens", "words of text a step; 0: a hundredth of the run, 2,000 to 100,000");
  config.describe("train.optimizer", "own: the algorithm of word2vec.c, of glove.c; or adamw, sgd: by gradients");
  config.describe("train.init",
                  "what to go on from: a word2vec model folder, whose vocabulary is extended (of hs the tree begins "
                  "anew), or vectors for the words they know: another model folder, a file");
  config.bind("model", [&o](FieldVisitor& visit) {
    visit("kind", o.kind,
          {.choices = {"skipgram", "cbow", "glove", "ppmi-svd"}, .help = "skipgram, cbow, glove or ppmi-svd"});
  });
  // The text gives the size of the vocabulary; `kind` is word2vec's architecture; dim is the same for all.
  config.bind("model", o.word2vec, {"vocab_size", "architecture"});
  config.bind("model", [&o](FieldVisitor& visit) {
    visit("distance_weighting", o.distance_weighting,
          {.help = "glove, ppmi-svd: a pair at distance d counts 1/d, not 1"});
  });
  config.bind("model", o.glove, {"vocab_size", "dim"});
  config.bind("model", o.ppmi_svd, {"vocab_size", "dim"});
  config.bind("data", [&o](FieldVisitor& visit) {
    visit("train", o.data, {.help = "a file or a folder of .txt files, words separated by white space; or microworld"});
    visit("microworld_bytes", o.microworld_bytes,
          {.least = 1000, .most = 1LL << 40, .help = "text that microworld tells"});
    visit("microworld_seed", o.microworld_seed, {.help = "which stories it tells"});
    visit("min_count", o.min_count, {.least = 1, .help = "rarer words are left out"});
    visit("max_vocabulary", o.max_vocabulary, {.least = 0, .help = "keep so many words, the most frequent; 0: all"});
    visit("lines", o.lines, {.help = "a line's end ends a sentence; false: running text"});
    visit("counting_memory_mb", o.counting_memory_mb,
          {.least = 1, .most = 1 << 30, .help = "glove, ppmi-svd: megabytes for counting; the rest goes to the disk"});
  });
  config.bind("train", [&o](FieldVisitor& visit) {
    visit("deterministic", o.deterministic, {.help = "the same bytes for a seed, whatever the number of threads"});
  });
}

std::vector<TrainFlag> word_vectors_flags() {
  return {{"--model", "model.kind"},
          {"--objective", "model.objective"},
          {"--dim", "model.dim"},
          {"--window", "model.window"},
          {"--negative", "model.negative"},
          {"--min-count", "data.min_count"},
          {"--sample", "model.sample"},
          {"--epochs", "train.max_epochs"},
          {"--learning-rate", "train.learning_rate"},
          {"--subwords", "model.subwords"},
          {"--deterministic", "train.deterministic"}};
}

std::vector<UnreadKeys> word_vectors_unread(const WordVectorsOptions& o) {
  const bool glove = o.kind == "glove", ppmi = o.kind == "ppmi-svd", word2vec = o.is_word2vec();
  const bool subwords = o.word2vec.subwords;
  const auto& objective = o.word2vec.objective;
  return {
      {true, "a training of word vectors", {"train.batch_size"}},
      {o.data != kMicroworld,
       "a text that microworld does not tell",
       {"data.microworld_bytes", "data.microworld_seed"}},
      {!word2vec,
       o.kind,
       {"model.objective", "model.negative", "model.sample", "model.sampling_power", "model.full_input_gradient",
        "model.subwords", "model.min_n", "model.max_n", "model.buckets", "train.batch_tokens"}},
      {!glove, o.kind, {"model.x_max", "model.alpha"}},
      {ppmi && o.ppmi_svd.association != "ppmi",
       "model.association = " + o.ppmi_svd.association,
       {"model.context_smoothing", "model.shift"}},
      {!ppmi,
       o.kind,
       {"model.association", "model.context_smoothing", "model.shift", "model.eigenvalue_weight",
        "model.add_contexts"}},
      {ppmi,
       "ppmi-svd, which is computed at once,",
       {"train.optimizer", "train.learning_rate", "train.min_learning_rate", "train.schedule", "train.warmup_steps",
        "train.init"}},
      {word2vec, o.kind, {"model.distance_weighting", "data.counting_memory_mb"}},
      {word2vec && objective != "ns", "objective " + objective, {"model.negative", "model.sampling_power"}},
      {word2vec && !subwords, "a model without subwords", {"model.min_n", "model.max_n", "model.buckets"}},
      {o.kind == "skipgram" && !subwords, "skipgram without subwords", {"model.full_input_gradient"}},
  };
}

std::string word_vectors_notes() {
  std::string text = "\nThese are the defaults of skipgram with ns. Others have:\n";
  std::vector<std::string> kinds;
  for (const auto& other : kOtherDefaults) {
    if (std::find(kinds.begin(), kinds.end(), other.of) == kinds.end()) kinds.push_back(other.of);
  }
  for (const auto& kind : kinds) {
    std::vector<std::string> settings;
    for (const auto& other : kOtherDefaults) {
      if (other.of == kind) settings.push_back(fmt::format("{} = {}", other.key, other.value));
    }
    text += fmt::format("  {:<14}{}\n", kind == "gradients" ? "adamw and sgd" : kind, fmt::join(settings, ", "));
  }
  return text + "train.min_learning_rate is a ten-thousandth of train.learning_rate.\n";
}

namespace {

void take_initial_settings(RunConfig& config, const WordVectorsOptions& o, const TrainSetting& setting) {
  const fs::path init = setting.init;
  if (fs::is_directory(init)) {
    const auto type = model_type_of(init);
    if (type == "word2vec") config.set_default("model.kind", initial_config(init).architecture);
    if (type == "glove") config.set_default("model.kind", type);
  }
  if (!extends_model(o, setting)) {
    const auto dim = fs::is_directory(init) ? load_word_vectors(init).dim() : read_word_vectors(init, {1}).dim();
    config.set_default("model.dim", std::to_string(dim));
    if (o.word2vec.dim == dim) return;
    throw ConfigError(fmt::format("model.dim = {}: the vectors in {} have {}", o.word2vec.dim, setting.init, dim));
  }
  const auto before = initial_config(init);
  config.set_default("model.objective", before.objective);
  config.set_default("model.dim", std::to_string(before.dim));
  config.set_default("model.subwords", before.subwords ? "true" : "false");
  if (before.subwords) {
    config.set_default("model.min_n", std::to_string(before.min_n));
    config.set_default("model.max_n", std::to_string(before.max_n));
    config.set_default("model.buckets", std::to_string(before.buckets));
  }
  require_settings_of(before, o.word2vec, setting.init);
}

}  // namespace

void complete_word_vectors(RunConfig& config, const WordVectorsOptions& o, const TrainSetting& setting) {
  if (!setting.init.empty() && !setting.resume) take_initial_settings(config, o, setting);
  for (const auto& other : kOtherDefaults) {
    if (other.key == "train.optimizer" && holds_for(other, o, config)) config.set_default(other.key, other.value);
  }
  refuse_contradictions(o, config);
  for (const auto& other : kOtherDefaults) {
    if (holds_for(other, o, config)) config.set_default(other.key, other.value);
  }
  const double rate = std::stod(config.value("train.learning_rate"));
  config.set_default("train.min_learning_rate", fmt::format("{}", rate * 1e-4));
}

bool extends_model(const WordVectorsOptions& o, const TrainSetting& setting) {
  return o.is_word2vec() && fs::is_directory(setting.init) && model_type_of(setting.init) == "word2vec";
}

void require_settings_of(const Word2VecConfig& before, const Word2VecConfig& wanted, const std::string& dir) {
  const auto require = [&](const char* key, const auto& now, const auto& there) {
    if (now != there) throw ConfigError(fmt::format("model.{} = {}: the model in {} has {}", key, now, dir, there));
  };
  require("dim", wanted.dim, before.dim);
  require("subwords", wanted.subwords, before.subwords);
  if (!wanted.subwords) return;
  require("buckets", wanted.buckets, before.buckets);
  require("min_n", wanted.min_n, before.min_n);
  require("max_n", wanted.max_n, before.max_n);
}

Word2VecConfig initial_config(const std::filesystem::path& dir) {
  return config_of<Word2VecConfig>(dir, Word2VecImpl::pretrained_traits());
}

}  // namespace langzoo
