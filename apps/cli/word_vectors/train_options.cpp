#include "apps/cli/word_vectors/train_options.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/cli/base/program.h"
#include "models/pretrained.h"

namespace langzoo {

namespace {

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

/// Keys that mean nothing under a condition.
struct Unread {
  bool condition;
  std::string who;
  std::vector<std::string> keys;
};

std::vector<Unread> unread_keys(const WordVectorsOptions& o, bool own) {
  const bool glove = o.kind == "glove", ppmi = o.kind == "ppmi-svd", word2vec = o.is_word2vec();
  const bool subwords = o.word2vec.subwords;
  const auto& objective = o.word2vec.objective;
  return {
      {true, "a training of word vectors", {"train.batch_size"}},
      {own,
       "train.optimizer = own",
       {"train.weight_decay", "train.clip_norm", "train.ema_decay", "train.accumulation", "train.dtype", "train.beta1",
        "train.beta2", "train.epsilon"}},
      {!word2vec,
       o.kind,
       {"model.objective", "model.negative", "model.sample", "model.sampling_power", "model.full_input_gradient",
        "model.subwords", "model.min_n", "model.max_n", "model.buckets", "train.batch_tokens", "train.init"}},
      {!glove, o.kind, {"model.x_max", "model.alpha"}},
      {!ppmi, o.kind, {"model.context_smoothing", "model.shift", "model.eigenvalue_weight", "model.add_contexts"}},
      {ppmi,
       "ppmi-svd, which is computed at once,",
       {"train.optimizer", "train.learning_rate", "train.min_learning_rate", "train.schedule", "train.warmup_steps"}},
      {word2vec, o.kind, {"model.distance_weighting", "data.counting_memory_mb"}},
      {word2vec && objective != "ns", "objective " + objective, {"model.negative", "model.sampling_power"}},
      {word2vec && !subwords, "a model without --subwords", {"model.min_n", "model.max_n", "model.buckets"}},
      {o.kind == "skipgram" && !subwords, "skipgram without --subwords", {"model.full_input_gradient"}},
  };
}

/// A key as the user may have given it: "--dim (model.dim)".
std::string named(const std::string& key) {
  for (const auto& flag : word_vectors_flags()) {
    if (flag.key == key) return fmt::format("{} ({})", flag.name, key);
  }
  return key;
}

/// Throws for a key that has another value than its default although nobody reads it.
void refuse_unread(const RunConfig& config, const WordVectorsOptions& o) {
  RunConfig defaults;
  TrainSetting setting;
  WordVectorsOptions options;
  defaults.bind("train", setting.trainer);
  defaults.bind("train", setting.batch);
  bind_word_vectors(defaults, options, setting);
  for (const auto& [condition, who, keys] : unread_keys(o, config.value("train.optimizer") == "own")) {
    if (!condition) continue;
    for (const auto& key : keys) {
      if (config.value(key) == defaults.value(key)) continue;
      throw UsageError(fmt::format("{} = {}: {} makes no use of it", named(key), config.value(key), who));
    }
  }
}

void refuse_contradictions(const WordVectorsOptions& o, const RunConfig& config) {
  if (!o.is_word2vec()) return;
  const auto& [min_n, max_n] = std::pair{o.word2vec.min_n, o.word2vec.max_n};
  if (o.word2vec.objective == "ns" && o.word2vec.negative < 1) {
    throw UsageError("--negative: model.negative = 0, but objective ns needs one at least");
  }
  if (o.word2vec.subwords && min_n > max_n) {
    throw UsageError(fmt::format("model.min_n = {} is more than model.max_n = {}", min_n, max_n));
  }
  if (o.word2vec.objective == "softmax" && config.value("train.optimizer") == "own") {
    throw UsageError("train.optimizer = own: objective softmax is trained by adamw or sgd");
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
  t.max_steps = 1'000'000'000;
  t.weight_decay = t.clip_norm = 0;
  t.eval_every = 0;
  t.save_every = 5'000;
  setting.batch.batch_tokens = 0;
  config.hide("train.batch_size");
  config.describe("train.batch_tokens", "words of text a step; 0: a hundredth of the run, 2,000 to 100,000");
  config.describe("train.optimizer", "own: the algorithm of word2vec.c, of glove.c; or adamw, sgd: by gradients");
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
    visit("init", o.init,
          {.help = "a model folder to go on from, with new text: its vocabulary is extended; of hs the tree begins "
                   "anew"});
    visit("deterministic", o.deterministic, {.help = "the same bytes for a seed, whatever the number of threads"});
  });
}

std::vector<TrainFlag> word_vectors_flags() {
  return {
      {"--model", "model.kind"},        {"--objective", "model.objective"}, {"--dim", "model.dim"},
      {"--window", "model.window"},     {"--negative", "model.negative"},   {"--min-count", "data.min_count"},
      {"--sample", "model.sample"},     {"--epochs", "train.max_epochs"},   {"--learning-rate", "train.learning_rate"},
      {"--subwords", "model.subwords"}, {"--init", "train.init"},           {"--deterministic", "train.deterministic"}};
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

void complete_word_vectors(RunConfig& config, const WordVectorsOptions& o, bool resumed) {
  if (!o.init.empty() && !resumed) {
    const auto before = initial_config(o.init);
    config.set_default("model.kind", before.architecture);
    config.set_default("model.objective", before.objective);
    config.set_default("model.dim", std::to_string(before.dim));
    config.set_default("model.subwords", before.subwords ? "true" : "false");
    if (before.subwords) {
      config.set_default("model.min_n", std::to_string(before.min_n));
      config.set_default("model.max_n", std::to_string(before.max_n));
      config.set_default("model.buckets", std::to_string(before.buckets));
    }
  }
  for (const auto& other : kOtherDefaults) {
    if (other.key == "train.optimizer" && holds_for(other, o, config)) config.set_default(other.key, other.value);
  }
  refuse_contradictions(o, config);
  refuse_unread(config, o);
  for (const auto& other : kOtherDefaults) {
    if (holds_for(other, o, config)) config.set_default(other.key, other.value);
  }
  const double rate = std::stod(config.value("train.learning_rate"));
  config.set_default("train.min_learning_rate", fmt::format("{}", rate * 1e-4));
}

Word2VecConfig initial_config(const std::filesystem::path& dir) {
  return config_of<Word2VecConfig>(dir, Word2VecImpl::pretrained_traits());
}

}  // namespace langzoo
