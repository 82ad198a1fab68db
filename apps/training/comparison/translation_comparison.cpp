#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <c10/core/InferenceMode.h>
#include <fmt/format.h>
#include <torch/types.h>

#include "apps/training/comparison/comparison_task.h"
#include "apps/training/families.h"
#include "apps/training/pair_corpus.h"
#include "apps/training/tasks/noisy_channel.h"
#include "apps/training/tasks/text_to_text.h"
#include "apps/training/tasks/translation.h"
#include "data/files/config_error.h"
#include "data/files/files.h"
#include "data/files/numbers.h"
#include "data/text/fingerprint.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kMadePairs = 20'000, kHeldOutPairs = 500, kMostTokens = 60, kShownPairs = 4;

/// Sentence pairs, one tokenizer for both sides. Pairs with a longer side than kMostTokens tokens are left out
/// beforehand, so that no model sees fewer than another. Models are measured by what they write for the test sources,
/// by beam search, whatever they are.
class TranslationComparison : public ComparisonTask {
 public:
  std::string_view name() const override { return "translation"; }
  std::vector<ScoreInfo> scores() const override {
    return {{"bleu", Direction::kHigherIsBetter, "BLEU"},
            {"chrf", Direction::kHigherIsBetter, "chrF"},
            {"exact_match", Direction::kHigherIsBetter, "exact, %"},
            {"nats_per_token", Direction::kLowerIsBetter, "nats a target token"}};
  }
  std::string loss_unit() const override { return "nats a target token"; }
  std::string unit() const override { return "target tokens"; }
  std::vector<std::pair<std::string, std::string>> data_keys() const override {
    return {{"train", "a file of pairs (source TAB target, or JSON lines), or microworld-ko, dates, addition"},
            {"valid", "another; by default the last pairs of the first"},
            {"test", "likewise"},
            {"tokenizer", "of both sides: " + tokenizer_spec_help()},
            {"pairs", "made up pairs, where data.train names a task; by default 20,000"},
            {"num_beams", "how wide the search for the test data's translations is; by default 4"}};
  }

  ComparisonData prepare(const ComparisonSpec& spec, const fs::path& dir, const Message& message) const override {
    if (!value(spec, "pairs").empty() && fs::is_regular_file(value(spec, "train")))
      throw ConfigError(fmt::format("data.pairs: is for pairs that are made up, not for {}", value(spec, "train")));
    auto train = read_pairs(spec, "train", 0);
    auto valid = read_pairs(spec, "valid", 1), test = read_pairs(spec, "test", 2);
    const auto take = [&](std::vector<SentencePair>& part, const char* what) {
      if (!part.empty()) return;
      const auto count = std::min<std::size_t>(1000, train.size() / 20);
      if (count == 0)
        throw ConfigError(fmt::format("{}: {} pairs are too few to set some aside; --{} names others",
                                      value(spec, "train"), train.size(), what));
      part.assign(std::make_move_iterator(train.end() - static_cast<std::ptrdiff_t>(count)),
                  std::make_move_iterator(train.end()));
      train.resize(train.size() - count);
    };
    take(test, "test");
    take(valid, "valid");
    const auto tokenizers = make_tokenizers(spec, train, dir, message);
    const auto fits = [&](const SentencePair& pair, std::int64_t* sources, std::int64_t* targets) {
      const auto s = std::ssize(tokenizers.source().encode(pair.source).ids);
      const auto t = std::ssize(tokenizers.target().encode(pair.target).ids);
      if (s == 0 || t == 0 || s > kMostTokens || t > kMostTokens) return false;
      *sources += s, *targets += t + 1;  // the end token
      return true;
    };
    std::int64_t sources = 0, targets = 0, ignored = 0;
    std::erase_if(valid, [&](const auto& pair) { return !fits(pair, &ignored, &ignored); });
    std::erase_if(test, [&](const auto& pair) { return !fits(pair, &ignored, &ignored); });
    const bool bounded = spec.budget.kind == ComparisonBudget::Kind::kTokens && spec.budget.amount > 0;
    std::vector<SentencePair> used;
    for (auto& pair : train) {
      std::int64_t more_sources = 0, more_targets = 0;
      if (!fits(pair, &more_sources, &more_targets)) continue;
      if (bounded && static_cast<double>(targets + more_targets) > spec.budget.amount) break;
      sources += more_sources, targets += more_targets;
      used.push_back(std::move(pair));
    }
    if (used.size() < static_cast<std::size_t>(spec.batch_size)) {
      throw ConfigError(
          fmt::format("{} pairs to learn from, fewer than one step of {}: the budget or the data is too "
                      "small",
                      used.size(), spec.batch_size));
    }
    if (valid.empty() || test.empty())
      throw ConfigError(fmt::format("no pair of at most {} tokens is left to validate or to test", kMostTokens));
    ComparisonData data;
    Fingerprint print(1);
    const auto write = [&](const char* part, const std::vector<SentencePair>& pairs) {
      const auto path = dir / (std::string(part) + ".tsv");
      std::string text;
      for (const auto& pair : pairs) text += column(pair.source) + '\t' + column(pair.target) + '\n';
      write_file_atomically(path, text);
      print.add(text);
      data.facts[part] = path.string();
    };
    write("train", used), write("valid", valid), write("test", test);
    print.add(tokenizer_fingerprint(tokenizers.source()));
    data.facts["tokenizer"] = dir.string();
    data.set("vocab_size", static_cast<double>(tokenizers.source().vocab_size()));
    data.set("train_pairs", static_cast<double>(used.size()));
    data.set("train_tokens", static_cast<double>(targets));
    data.set("mean_source", static_cast<double>(sources) / static_cast<double>(used.size()));
    data.set("mean_target", static_cast<double>(targets) / static_cast<double>(used.size()));
    data.fingerprint = fmt::format("pairs {:016x} beams {}", print.value(), beams(spec));
    message(fmt::format("{} pairs to learn from, {} target tokens; {} to validate, {} to test", used.size(), targets,
                        valid.size(), test.size()));
    return data;
  }

  std::string program_of(const ModelSpec& model) const override {
    return std::string(compared_family(model, kTasks).program);
  }
  std::unique_ptr<TaskSetup> setup(const ModelSpec& model) const override {
    return compared_family(model, kTasks).setup();
  }
  void configure(RunConfig& config, const ComparisonSpec& /*spec*/, const ComparisonData& data) const override {
    for (const auto* const key : {"train", "valid", "tokenizer"})
      config.set(std::string("data.") + key, data.fact(key), "the comparison");
    // What is translated while training costs time that is none of the budget's.
    for (const auto* const key : {"data.translated", "data.generated"}) {
      if (config.has(key)) config.set(key, "0", "the comparison");
    }
  }
  RowLengths row(const ComparisonSpec& /*spec*/, const ComparisonData& data) const override {
    return {.source = data.number("mean_source"), .target = data.number("mean_target")};
  }
  void complete(ModelConfig& config, const ComparisonData& data) const override {
    const auto size = static_cast<std::int64_t>(data.number("vocab_size"));
    for (const auto* const name : {"vocab_size", "source_vocab_size", "target_vocab_size"}) {
      if (find_field(fields_in(config), name)) fill_field(fields_in(config), name, size);
    }
  }

  MeasuredModel measure(const ModelToMeasure& model, const ComparisonSpec& spec,
                        const ComparisonData& data) const override {
    PairsOptions reading;
    reading.data = data.fact("test");
    MeasuredModel measured;
    std::vector<std::string> hypotheses;
    const auto& registered = registered_model(model.dir);
    const auto module = registered.load(model.dir, nullptr, {});
    if (std::dynamic_pointer_cast<EncoderDecoder>(module) == nullptr) {
      const auto channel = load_noisy_channel(model.dir);
      const auto pairs = open_evaluation_pairs(reading, channel->tokenizers());
      const StopWatch watch;
      const auto found = channel->translate(pairs.sources);
      measured.seconds = watch.seconds();
      for (const auto i : pairs.measured) {
        hypotheses.push_back(channel->text(found[i].front(), pairs.all[i].source));
        measured.tokens += static_cast<double>(found[i].front().ids.size());
      }
      finish(measured, hypotheses, pairs);
      return measured;
    }
    const auto translator = load_translator(registered, model.dir);
    const auto pairs = open_evaluation_pairs(reading, translator.tokenizers, max_tokens(*translator.model));
    BeamSearchOptions search;
    search.num_beams = beams(spec);
    search.max_new_tokens = 2 * kMostTokens;
    const StopWatch watch;
    const auto found = decode_sources(translator, pairs.sources, search, kDecodeBatch);
    measured.seconds = watch.seconds();
    for (const auto i : pairs.measured) {
      hypotheses.push_back(text_of(translator.tokenizers, found[i].front()));
      measured.tokens += static_cast<double>(found[i].front().ids.size());
    }
    const bool alike = model.trained_here || tokenizer_fingerprint(translator.tokenizers.target()) ==
                                                 tokenizer_fingerprint(*load_run_tokenizer(data.fact("tokenizer")));
    if (alike) {
      measured.scores["nats_per_token"] =
          target_nats(*translator.model, pairs.corpus, translator.special, translator.device).per_token();
    }
    finish(measured, hypotheses, pairs);
    add_picture(translator, pairs, measured.pictures);
    return measured;
  }
  const SegmentMetric& segment_metric() const override {
    static const Bleu bleu;
    return bleu;
  }

 private:
  static constexpr std::string_view kTasks[] = {"translation", kTextToText};

  static std::string value(const ComparisonSpec& spec, const char* key) {
    const auto found = spec.data.find(key);
    return found == spec.data.end() ? std::string() : found->second;
  }
  static std::int64_t number(const ComparisonSpec& spec, const char* key, std::int64_t otherwise, std::int64_t most) {
    const auto text = value(spec, key);
    std::int64_t number = otherwise;
    const bool fits = text.empty() || (read_number(text, number) == NumberFault::kNone && number > 0 && number <= most);
    if (!fits) throw ConfigError(fmt::format("data.{} = {}: expected a number from 1 to {}", key, text, most));
    return number;
  }
  static std::int64_t beams(const ComparisonSpec& spec) { return number(spec, "num_beams", 4, 64); }
  static std::string column(std::string text) {
    for (auto& c : text) c = c == '\t' || c == '\n' || c == '\r' ? ' ' : c;
    return text;
  }

  /// Those that a task makes follow each other: to train, to validate, to test.
  static std::vector<SentencePair> read_pairs(const ComparisonSpec& spec, const char* key, std::int64_t part) {
    const auto train = value(spec, "train");
    if (train.empty())
      throw ConfigError("data.train is missing (--data): a file of pairs, or microworld-ko, dates, addition");
    auto name = value(spec, key);
    PairsOptions options;
    if (is_pair_task(train)) {
      const auto made = number(spec, "pairs", kMadePairs, 10'000'000);
      if (name.empty()) name = train;
      options.task_pairs = part == 0 ? made : kHeldOutPairs;
      options.task_skip = part == 0 ? 0 : made + (part - 1) * kHeldOutPairs;
    }
    if (name.empty()) return {};
    options.data = name;
    const auto pairs = open_pairs(options);
    return read_all(*pairs);
  }

  static TranslationTokenizers make_tokenizers(const ComparisonSpec& spec, const std::vector<SentencePair>& train,
                                               const fs::path& dir, const Message& message) {
    std::string text;
    for (const auto& pair : train) text += column(pair.source) + '\t' + column(pair.target) + '\n';
    const auto all = dir / "tokenizer.tsv";
    write_file_atomically(all, text);
    PairCorpusOptions options;
    options.train = options.valid = all.string();
    options.tokenizer = value(spec, "tokenizer").empty() ? "train:unigram:4000" : value(spec, "tokenizer");
    auto corpus = open_pair_corpus(options, dir, message);
    fs::remove(all);
    return std::move(corpus.tokenizers);
  }

  static void finish(MeasuredModel& measured, const std::vector<std::string>& hypotheses,
                     const EvaluationPairs& pairs) {
    EvalMetrics metrics;
    text_scores(hypotheses, pairs.references, {}).add_to(metrics);
    for (const auto* const name : {"bleu", "chrf", "exact_match"}) measured.scores[name] = metrics.at(name).value;
    const Bleu bleu;
    for (std::size_t i = 0; i < hypotheses.size(); ++i) {
      std::vector<double> statistics(bleu.width());
      const std::vector<std::string_view> references = {pairs.references[i]};
      bleu.measure(hypotheses[i], references, statistics);
      measured.segments.push_back(std::move(statistics));
      if (std::ssize(measured.samples) < kShownPairs)
        measured.samples.push_back({pairs.all[pairs.measured[i]].source + "\n", hypotheses[i]});
    }
  }

  /// What the decoder attends to as it writes the first test pair's reference.
  static void add_picture(const Translator& translator, const EvaluationPairs& pairs,
                          std::vector<AttentionPicture>& pictures) {
    const c10::InferenceMode inference;
    const auto batch = parallel_batch(pairs.corpus, std::vector<std::int64_t>{0}, translator.special);
    const auto weights = translator.model->attention(batch.source, batch.source_lengths, batch.decoder_input);
    if (!weights.defined()) return;
    AttentionPicture picture;
    picture.title = "target by source";
    const auto shown = [](const Tokenizer& tokenizer, std::int64_t id) {
      const auto token = static_cast<TokenId>(id);
      const auto text = tokenizer.decode_generated(std::span(&token, 1));
      return text.empty() && tokenizer.has_token(token) ? tokenizer.id_to_token(token) : text;
    };
    const auto of = weights[0].to(torch::kCPU, torch::kFloat32).contiguous();
    for (std::int64_t s = 0; s < of.size(1); ++s)
      picture.keys.push_back(shown(translator.tokenizers.source(), batch.source[0][s].item<std::int64_t>()));
    for (std::int64_t t = 0; t < of.size(0); ++t) {
      picture.queries.push_back(shown(translator.tokenizers.target(), batch.labels[0][t].item<std::int64_t>()));
      const auto* const row = of.const_data_ptr<float>() + t * of.size(1);
      picture.weights.emplace_back(row, row + of.size(1));
    }
    pictures.push_back(std::move(picture));
  }
};

}  // namespace

const ComparisonTask& translation_comparison() {
  static const TranslationComparison task;
  return task;
}

}  // namespace langzoo
