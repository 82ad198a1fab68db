#include "apps/cli/word_vectors/train_options.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/cli/base/program.h"
#include "models/pretrained.h"

namespace langzoo {

namespace {

using Json = RunConfig::Json;

/// Defaults that differ from skipgram's; of two for one key the later counts.
struct OtherDefault {
  std::string of;  ///< a kind, an objective, or "gradients": an optimizer that is not own
  std::string key;
  Json value;
};
const std::vector<OtherDefault> kOtherDefaults = {
    {"cbow", "train.learning_rate", 0.05},
    {"glove", "train.learning_rate", 0.05},
    {"glove", "train.schedule", "constant"},
    {"glove", "train.max_epochs", 25},
    {"glove", "model.window", 15},
    {"ppmi-svd", "train.max_epochs", 1},
    {"ppmi-svd", "model.distance_weighting", false},
    {"softmax", "train.optimizer", "adamw"},
    {"softmax", "train.learning_rate", 0.001},
    {"gradients", "train.batch_tokens", 1'000},
    {"softmax", "train.batch_tokens", 200},
};

bool holds_for(const OtherDefault& other, const WordVectorsOptions& o, const RunConfig& config) {
  if (other.of == o.kind) return true;
  if (!o.is_word2vec()) return false;
  return other.of == o.objective || (other.of == "gradients" && config.value("train.optimizer") != "own");
}

/// Keys that mean nothing under a condition.
struct Unread {
  bool condition;
  std::string who;
  std::vector<std::string> keys;
};

std::vector<Unread> unread_keys(const WordVectorsOptions& o, bool own) {
  const bool glove = o.kind == "glove", ppmi = o.kind == "ppmi-svd", word2vec = o.is_word2vec();
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
      {word2vec && o.objective != "ns", "objective " + o.objective, {"model.negative", "model.sampling_power"}},
      {word2vec && !o.subwords, "a model without --subwords", {"model.min_n", "model.max_n", "model.buckets"}},
      {o.kind == "skipgram" && !o.subwords, "skipgram without --subwords", {"model.full_input_gradient"}},
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
  bind_train(defaults, setting.trainer, setting.batch);
  bind_word_vectors(defaults, options, setting);
  for (const auto& [condition, who, keys] : unread_keys(o, config.value("train.optimizer") == "own")) {
    if (!condition) continue;
    for (const auto& key : keys) {
      if (config.value(key) == defaults.value(key)) continue;
      throw UsageError(fmt::format("{} = {}: {} makes no use of it", named(key), config.value(key).dump(), who));
    }
  }
}

void refuse_contradictions(const WordVectorsOptions& o, const RunConfig& config) {
  if (!o.is_word2vec()) return;
  if (o.objective == "ns" && o.negative < 1) {
    throw UsageError("--negative: model.negative = 0, but objective ns needs one at least");
  }
  if (o.subwords && o.min_n > o.max_n) {
    throw UsageError(fmt::format("model.min_n = {} is more than model.max_n = {}", o.min_n, o.max_n));
  }
  if (o.objective == "softmax" && config.value("train.optimizer") == "own") {
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
  config.bind("model.kind", o.kind, "skipgram, cbow, glove or ppmi-svd",
              one_of({"skipgram", "cbow", "glove", "ppmi-svd"}));
  config.bind("model.objective", o.objective,
              "of skipgram and cbow: ns (negative sampling), hs (hierarchical softmax) or softmax",
              one_of({"ns", "hs", "softmax"}));
  config.bind("model.dim", o.dim, "width of the vectors", between(1, 1 << 16));
  config.bind("model.window", o.window, "words on either side that count as neighbours", between(1, 1000));
  config.bind("model.negative", o.negative, "negative words for each example of ns", between(0, 1000));
  config.bind("model.sample", o.sample, "threshold of subsampling frequent words; 0: none", between(0, 1));
  config.bind("model.sampling_power", o.sampling_power, "negatives are drawn by count to this power", between(0, 1));
  config.bind("model.full_input_gradient", o.full_input_gradient,
              "cbow, subwords: every part of an input takes the whole error, not its share");
  config.bind("model.subwords", o.subwords, "compose words of character n-grams, which gives unseen words a vector");
  config.bind("model.min_n", o.min_n, "characters of the shortest n-gram", between(1, 64));
  config.bind("model.max_n", o.max_n, "characters of the longest", between(1, 64));
  config.bind("model.buckets", o.buckets, "rows that the n-grams share", between(1, 1 << 30));
  config.bind("model.distance_weighting", o.distance_weighting,
              "glove, ppmi-svd: a pair at distance d counts 1/d, not 1");
  config.bind("model.x_max", o.x_max, "glove: counts from here on weigh alike", at_least(1e-9));
  config.bind("model.alpha", o.alpha, "glove: smaller ones weigh (count / x_max)^alpha", between(0, 1));
  config.bind("model.context_smoothing", o.context_smoothing, "ppmi-svd: power of the context counts",
              between(1e-9, 1));
  config.bind("model.shift", o.shift, "ppmi-svd: log2 of it is taken off", between(1, 1e6));
  config.bind("model.eigenvalue_weight", o.eigenvalue_weight, "ppmi-svd: power of the singular values", between(0, 1));
  config.bind("model.add_contexts", o.add_contexts, "ppmi-svd: add each word's vector as a context");
  config.bind("data.train", o.data, "a file or a folder of .txt files, words separated by white space; or microworld");
  config.bind("data.microworld_bytes", o.microworld_bytes, "text that microworld tells", between(1000, 1LL << 40));
  config.bind("data.microworld_seed", o.microworld_seed, "which stories it tells");
  config.bind("data.min_count", o.min_count, "rarer words are left out", at_least(1));
  config.bind("data.max_vocabulary", o.max_vocabulary, "keep so many words, the most frequent; 0: all", at_least(0));
  config.bind("data.lines", o.lines, "a line's end ends a sentence; false: running text");
  config.bind("data.counting_memory_mb", o.counting_memory_mb,
              "glove, ppmi-svd: megabytes for counting; the rest goes to the disk", between(1, 1 << 30));
  config.bind("train.init", o.init,
              "a model folder to go on from, with new text: its vocabulary is extended; of hs the tree begins anew");
  config.bind("train.deterministic", o.deterministic, "the same bytes for a seed, whatever the number of threads");
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
      if (other.of == kind) settings.push_back(fmt::format("{} = {}", other.key, other.value.dump()));
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
    config.set_default("model.dim", before.dim);
    config.set_default("model.subwords", before.subwords);
    if (before.subwords) {
      config.set_default("model.min_n", before.min_n);
      config.set_default("model.max_n", before.max_n);
      config.set_default("model.buckets", before.buckets);
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
  config.set_default("train.min_learning_rate", config.value("train.learning_rate").get<double>() * 1e-4);
}

Word2VecConfig initial_config(const std::string& dir) {
  return Word2VecConfig::from_json(read_config(dir, Word2VecImpl::pretrained_traits()),
                                   (std::filesystem::path(dir) / "config.json").string());
}

}  // namespace langzoo
