#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/training/comparison/comparison_task.h"
#include "apps/training/families.h"
#include "apps/training/run_tokenizer.h"
#include "apps/training/tasks/classification.h"
#include "apps/training/tasks/encoders.h"
#include "apps/training/tasks/examples.h"
#include "apps/training/tasks/t5.h"
#include "apps/training/tasks/tagging.h"
#include "data/files/config_error.h"
#include "data/files/files.h"
#include "data/files/numbers.h"
#include "data/microworld/microworld.h"
#include "data/pretraining/denoising.h"
#include "data/text/fingerprint.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kMostSegments = 200;

/// Learning from examples, by whatever model has a head for it: from random weights, or from those of a pretraining on
/// plain text, which is part of the run. One tokenizer and the same examples in the same order for all.
class ExampleComparison : public ComparisonTask {
 public:
  ExampleComparison(const ExampleKind& kind, std::string_view head, std::string usual)
      : kind_(kind), head_(head), usual_(std::move(usual)) {}

  std::string_view name() const override { return kind_.format().task; }
  std::vector<ScoreInfo> scores() const override {
    std::vector<ScoreInfo> infos = {{usual_, Direction::kHigherIsBetter, usual_}};
    for (const auto& metric : kind_.format().metrics) {
      if (metric == usual_ || metric == "loss") continue;
      infos.push_back({metric, Direction::kHigherIsBetter, metric});
    }
    infos.push_back({"loss", Direction::kLowerIsBetter, "loss"});
    return infos;
  }
  std::string segment_score() const override { return "accuracy"; }
  std::string loss_unit() const override { return kind_.format().loss_unit; }
  std::vector<std::pair<std::string, std::string>> data_keys() const override {
    return {{"train", kind_.format().files + ", or microworld"},
            {"valid", "another; by default a tenth of the first"},
            {"test", "another; of microworld more of its own"},
            {"tokenizer", tokenizer_spec_help()},
            {"text", "plain text for models that pretrain: a file, or microworld"},
            {"microworld_examples", "examples that microworld makes to learn from"},
            {"microworld_seed", "which"},
            {"microworld_bytes", "plain text that it tells"}};
  }

  ComparisonData prepare(const ComparisonSpec& spec, const fs::path& dir, const Message& message) const override {
    ComparisonData data;
    ExampleOptions options(kind_.format());
    options.train = value(spec, "train");
    if (options.train.empty())
      throw ConfigError(fmt::format("data.train is missing (--data): {}, or microworld", kind_.format().files));
    options.valid = value(spec, "valid");
    options.tokenizer = value(spec, "tokenizer").empty() ? "train:wordpiece:4000" : value(spec, "tokenizer");
    if (options.made(options.train)) {
      for (const auto* const key : {"valid", "test"}) {
        if (const auto file = value(spec, key); !file.empty() && file != options.train)
          throw ConfigError(fmt::format("data.{} = {}: {} makes its own", key, file, options.train));
      }
      options.microworld_examples = number(spec, "microworld_examples", 4000);
      options.microworld_seed = static_cast<std::uint64_t>(number(spec, "microworld_seed", 1));
      auto others = options;
      // Not fewer where few are learned from.
      constexpr std::int64_t kTestExamples = 500;
      constexpr std::uint64_t kTestStream = 1'000'000;
      others.microworld_seed += kTestStream;
      others.microworld_examples = std::max(options.microworld_examples, 4 * kTestExamples);
      others.valid_fraction = 0.25;
      data.facts["test"] = others.make_file(dir / "test", true);
      options.valid = options.make_file(dir, true);
      options.train = options.make_file(dir, false);
    } else {
      if (value(spec, "test").empty())
        throw ConfigError("data.test is missing (--test): of files it is said what models are measured on");
      options.train = absolute_if_there(options.train);
      data.facts["test"] = absolute_if_there(value(spec, "test"));
      if (!value(spec, "microworld_examples").empty())
        throw ConfigError(fmt::format("data.microworld_examples: is for microworld, not for {}", options.train));
    }
    train_tokenizer(spec, options, dir, message);
    const auto config = encoder_config("bert");
    const auto examples = open_examples(kind_, options, *config, dir, message);
    // What is measured at the end is read at the beginning, so that nothing is trained in vain.
    auto measured = options;
    measured.valid = data.fact("test");
    measured.tokenizer = dir.string();
    open_examples(kind_, measured, *encoder_config("bert"), dir, [](const std::string&) {});
    data.facts["train"] = options.train;
    data.facts["valid"] = options.valid;
    data.facts["tokenizer"] = dir.string();
    std::int64_t tokens = 0;
    for (std::int64_t i = 0; i < examples.train->size(); ++i) {
      for (const auto& text : kind_.texts(*examples.train, i))
        tokens += std::ssize(examples.tokenizer->encode(text).ids);
    }
    data.set("train_examples", static_cast<double>(examples.train->size()));
    data.set("mean_tokens", static_cast<double>(tokens) / static_cast<double>(examples.train->size()));
    data.set("vocab_size", static_cast<double>(examples.tokenizer->vocab_size()));
    std::vector<fs::path> files = {options.train, data.fact("test")};
    if (!options.valid.empty()) files.emplace_back(options.valid);
    const bool pretrains = std::any_of(spec.models.begin(), spec.models.end(),
                                       [](const ModelSpec& model) { return !model.pretraining.empty(); });
    if (pretrains) files.push_back(plain_text(spec, dir, data));
    data.fingerprint = fmt::format("examples {:016x} tokenizer {:016x}", text_fingerprint(files, 1).print,
                                   tokenizer_fingerprint(*examples.tokenizer));
    return data;
  }

  std::string program_of(const ModelSpec& model) const override {
    for (const auto& family : families()) {
      if (family.model_type == model.family) return std::string(family.program);
    }
    return std::string(compared_family(model, std::vector<std::string_view>{name()}).program);
  }
  /// A family's own, or that of a registered model with such a head.
  std::unique_ptr<TaskSetup> setup(const ModelSpec& model) const override {
    for (const auto& family : families()) {
      if (family.model_type == model.family && family.task == name()) return family.setup();
    }
    const auto& types = encoder_types();
    const bool encoder = std::find(types.begin(), types.end(), model.family) != types.end();
    for (const auto& registered : registered_models()) {
      if (encoder || registered.model_type != model.family || !registered.architecture.ends_with(head_)) continue;
      for (const auto& family : families()) {
        if (family.model_type == model.family)
          return std::make_unique<ExampleSetup>(registered, family.default_config(), kind_);
      }
    }
    compared_family(model, std::vector<std::string_view>{name()});
    throw ConfigError(fmt::format("model {}: family {} has no head for {}", model.name, model.family, name()));
  }
  void configure(RunConfig& config, const ComparisonSpec& /*spec*/, const ComparisonData& data) const override {
    for (const auto* const key : {"train", "valid", "tokenizer"}) {
      if (!data.fact(key).empty()) config.set(std::string("data.") + key, data.fact(key), "the comparison");
    }
  }

  std::unique_ptr<TaskSetup> pretraining_setup(const ModelSpec& model) const override {
    if (!model.pretraining_family.empty()) {
      constexpr std::string_view kTasks[] = {"language-model", "causal-lm", "masked-lm", "pretraining"};
      const ModelSpec other{.name = model.name, .family = model.pretraining_family};
      return compared_family(other, kTasks).setup();
    }
    const auto& types = encoder_types();
    if (std::find(types.begin(), types.end(), model.family) != types.end())
      return langzoo::pretraining_setup(model.family, model.pretraining);
    const auto& t5 = t5_types();
    if (std::find(t5.begin(), t5.end(), model.family) != t5.end())
      return text_to_text_setup(model.family, model.pretraining);
    if (model.pretraining == "causal")
      return compared_family(model, std::vector<std::string_view>{"causal-lm"}).setup();
    throw ConfigError(
        fmt::format("model {}: pretraining {}: unknown for the family {}; there are {}, of T5 "
                    "span_corruption, of GPT-2 and its like causal",
                    model.name, model.pretraining, model.family, fmt::join(pretraining_objectives(), ", ")));
  }
  void configure_pretraining(RunConfig& config, const ComparisonSpec& /*spec*/,
                             const ComparisonData& data) const override {
    config.set("data.train", data.fact("text"), "the comparison");
    config.set("data.tokenizer", data.fact("tokenizer"), "the comparison");
  }

  RowLengths row(const ComparisonSpec& /*spec*/, const ComparisonData& data) const override {
    return {.source = data.number("mean_tokens"), .target = data.number("mean_tokens")};
  }
  void complete(ModelConfig& config, const ComparisonData& data) const override {
    fill_field(fields_in(config), "vocab_size", static_cast<std::int64_t>(data.number("vocab_size")));
  }

  MeasuredModel measure(const ModelToMeasure& model, const ComparisonSpec& /*spec*/,
                        const ComparisonData& data) const override {
    const auto loaded = load_example_model(model.dir, {});
    require_accepted(kind_, *loaded.model, model.dir.string());
    const auto run = run_options(kind_, model.dir);
    auto reading = run.reading();
    reading.model = loaded.model.get();
    const auto& file = data.fact("test");
    const auto raw = kind_.read(file, reading);
    const ExampleEncoding encoding{*loaded.tokenizer, *loaded.model, run.max_length};
    const auto encoded = encode_examples(kind_, file, *raw, encoding);
    MeasuredModel measured;
    for (std::int64_t i = 0; i < encoded.examples.size(); ++i)
      measured.tokens += static_cast<double>(encoded.examples.length(i));
    const StopWatch watch;
    const auto all = logits_of_all(kind_, *loaded.model, encoded, loaded.device);
    measured.seconds = watch.seconds();
    auto metrics = kind_.scores(*loaded.model, *raw, encoded, all.logits);
    metrics["loss"] = {.value = all.loss};
    for (const auto& info : scores()) {
      const auto found = metrics.find(info.name);
      if (found == metrics.end() || found->second.chart == MetricChart::kNone) continue;  // f1 of tags without entities
      if (std::isfinite(found->second.value)) measured.scores[info.name] = found->second.value;
    }
    // Losses of other tokens, or of other labels, do not compare.
    if (!model.trained_here) measured.scores.erase("loss");
    measured.segments = parts_of(file, reading, *loaded.model, encoding, loaded.device);
    return measured;
  }
  const SegmentMetric& segment_metric() const override {
    static const RatioMetric metric("accuracy");
    return metric;
  }

 private:
  static std::string value(const ComparisonSpec& spec, const char* key) {
    const auto found = spec.data.find(key);
    return found == spec.data.end() ? std::string() : found->second;
  }
  static std::int64_t number(const ComparisonSpec& spec, const char* key, std::int64_t otherwise) {
    const auto text = value(spec, key);
    constexpr std::int64_t kMost = std::int64_t{1} << 32;
    std::int64_t number = otherwise;
    const bool fits =
        text.empty() || (read_number(text, number) == NumberFault::kNone && number > 0 && number <= kMost);
    if (!fits) throw ConfigError(fmt::format("data.{} = {}: expected a number from 1 to {}", key, text, kMost));
    return number;
  }

  /// Whatever the model, the tokenizer is that of the inputs; with what stands for spans where some model fills them
  /// in.
  void train_tokenizer(const ComparisonSpec& spec, const ExampleOptions& options, const fs::path& dir,
                       const Message& message) const {
    const auto& t5 = t5_types();
    const bool spans = std::any_of(spec.models.begin(), spec.models.end(), [&](const ModelSpec& model) {
      return !model.pretraining.empty() && std::find(t5.begin(), t5.end(), model.family) != t5.end();
    });
    const auto wanted = parse_tokenizer_spec(options.tokenizer, "data.tokenizer");
    if (!spans || wanted.kind.empty()) return;
    const auto examples = kind_.read(options.train, options.reading());
    std::vector<std::string> texts;
    for (std::int64_t i = 0; i < examples->size(); ++i) {
      for (auto& text : kind_.texts(*examples, i)) texts.push_back(std::move(text));
    }
    const auto next = [&texts, i = std::size_t{0}](std::string& text) mutable {
      if (i == texts.size()) return false;
      text = texts[i++];
      return true;
    };
    make_tokenizer(wanted, next, {.special_tokens = sentinel_tokens(kSentinels)}, message)->save(dir);
  }

  static fs::path plain_text(const ComparisonSpec& spec, const fs::path& dir, ComparisonData& data) {
    const auto text = value(spec, "text").empty() ? "microworld" : value(spec, "text");
    if (spec.pretraining_tokens <= 0) throw ConfigError("pretraining_tokens is missing: how much models pretrain on");
    auto file = fs::path(absolute_if_there(text));
    if (text == "microworld") {
      file = dir / "text.txt";
      const auto usual = static_cast<std::int64_t>(std::clamp(5.5 * spec.pretraining_tokens, 1e6, 32e6));
      write_file_atomically(file, microworld_text(2 * static_cast<std::uint64_t>(number(spec, "microworld_seed", 1)),
                                                  static_cast<std::uint64_t>(number(spec, "microworld_bytes", usual))));
    }
    data.facts["text"] = file.string();
    return file;
  }

  /// What was right of each part of the examples, and of how many: a part counts by its share of what is judged.
  std::vector<std::vector<double>> parts_of(const std::string& file, const ExampleReading& reading, TokenModel& model,
                                            const ExampleEncoding& encoding, torch::Device device) const {
    auto left = kind_.read(file, reading);
    const auto size = left->size(), part = std::max<std::int64_t>(1, (size + kMostSegments - 1) / kMostSegments);
    std::vector<std::vector<double>> parts;
    while (left->size() > 0) {
      std::vector<bool> chosen(static_cast<std::size_t>(left->size()), false);
      std::fill_n(chosen.begin(), std::min<std::int64_t>(part, left->size()), true);
      const auto some = left->take(chosen);
      const auto encoded = encode_examples(kind_, file, *some, encoding);
      const auto all = logits_of_all(kind_, model, encoded, device);
      const auto metrics = kind_.scores(model, *some, encoded, all.logits);
      const auto accuracy = metrics.find("accuracy");
      if (accuracy == metrics.end()) return {};
      std::vector<std::int64_t> numbers(static_cast<std::size_t>(encoded.examples.size()));
      for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<std::int64_t>(i);
      const auto judged = static_cast<double>(kind_.targets(token_batch(encoded.examples, numbers, encoded.pad)));
      parts.push_back({accuracy->second.value * judged, judged});
    }
    return parts;
  }

  const ExampleKind& kind_;
  const std::string_view head_;
  const std::string usual_;
};

}  // namespace

const ComparisonTask& classification_comparison() {
  static const ExampleComparison task(classification(), "ForSequenceClassification", "accuracy");
  return task;
}

const ComparisonTask& tagging_comparison() {
  static const ExampleComparison task(tagging(), "ForTokenClassification", "f1");
  return task;
}

}  // namespace langzoo
