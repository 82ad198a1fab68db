#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <c10/core/InferenceMode.h>
#include <fmt/format.h>
#include <torch/types.h>

#include "apps/training/comparison/comparison_task.h"
#include "apps/training/comparison/own_lm.h"
#include "apps/training/families.h"
#include "apps/training/run_tokenizer.h"
#include "apps/training/stream_text.h"
#include "apps/training/tasks/causal_lm.h"
#include "data/files/config_error.h"
#include "data/files/files.h"
#include "data/files/numbers.h"
#include "data/files/text_lines.h"
#include "data/metrics/perplexity.h"
#include "data/microworld/microworld.h"
#include "data/text/fingerprint.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kMicroworldValid = 20'000, kMicroworldTest = 100'000;  // bytes
constexpr std::int64_t kSegmentTokens = 64, kPictureTokens = 24, kPromptTokens = 8, kSampleTokens = 60;

/// Language models on one stream of text: a line is its tokens and an end token, whatever the family; a step reads the
/// next `context` tokens of each of `batch_size` rows, in all models the same ones in the same order. Those with a
/// memory keep it from step to step; the others see each window alone.
class LmComparison : public ComparisonTask {
 public:
  std::string_view name() const override { return "lm"; }
  std::vector<ScoreInfo> scores() const override {
    return {{"nats_per_token", Direction::kLowerIsBetter, "nats a token"},
            {"bits_per_byte", Direction::kLowerIsBetter, "bits a byte"},
            {"word_perplexity", Direction::kLowerIsBetter, "perplexity a word"},
            {"nats_above_source", Direction::kLowerIsBetter, "nats a token above the source"}};
  }
  std::vector<std::pair<std::string, std::string>> data_keys() const override {
    return {{"train", "a text file, or microworld"},
            {"valid", "another; by default the last lines of the first"},
            {"test", "likewise"},
            {"tokenizer", "what the tokens are: " + tokenizer_spec_help()},
            {"microworld_bytes", "training text that microworld tells; by default what the budget takes"},
            {"microworld_seed", "which stories it tells"}};
  }

  ComparisonData prepare(const ComparisonSpec& spec, const fs::path& dir, const Message& message) const override {
    ComparisonData data;
    auto parts = is_told(spec) ? tell(spec, dir, data) : split_text(spec, dir);
    StreamTextOptions reading;
    reading.train = parts.train.string();
    reading.valid = parts.valid.string();
    reading.tokenizer = value(spec, "tokenizer", "train:bytebpe:2048");
    const auto corpus = open_stream_corpus(reading, dir, message);
    const auto step = spec.batch_size * spec.context, there = corpus.train.predicted();
    auto wanted = there;
    if (spec.budget.kind == ComparisonBudget::Kind::kTokens && spec.budget.amount > 0) {
      if (spec.budget.amount < static_cast<double>(step)) {
        throw ConfigError(fmt::format("budget tokens={}: less than one step of {} rows of {} tokens, which takes {}",
                                      spec.budget.amount, spec.batch_size, spec.context, step));
      }
      wanted = static_cast<std::int64_t>(std::min(spec.budget.amount, static_cast<double>(there)));
    }
    wanted = wanted / step * step;
    if (wanted == 0) {
      throw ConfigError(fmt::format("{}: {} tokens to train on, fewer than the {} of one step",
                                    value(spec, "train", ""), there, step));
    }
    if (wanted < there - there / 10)
      shorten(*corpus.train.ids, wanted, LineEncoder(*corpus.tokenizer).end(), parts.train, dir);
    data.facts["train"] = parts.train.string();
    data.facts["valid"] = parts.valid.string();
    data.facts["test"] = parts.test.string();
    data.facts["tokenizer"] = dir.string();
    data.set("max_tokens", static_cast<double>(wanted));
    data.set("vocab_size", static_cast<double>(corpus.tokenizer->vocab_size()));
    open_stream_text(parts.test.string(), *corpus.tokenizer, true);  // so that nothing is trained in vain
    std::size_t words = 0, bytes = 0;
    FileLines lines(parts.test);
    for (std::string_view line; lines.next(line);) words += words_of(line).size(), bytes += line.size() + 1;
    data.set("test_bytes", static_cast<double>(bytes));
    data.set("test_words", static_cast<double>(words));
    if (words == 0) throw ConfigError(fmt::format("{}: has no words to test on", parts.test.string()));
    data.fingerprint = fmt::format("{} of {} test {:016x}", corpus.fingerprint, wanted,
                                   text_fingerprint(std::vector{parts.test}, 1).print);
    message(fmt::format("{} tokens to learn from, {} kinds; {} bytes to test on", wanted,
                        corpus.tokenizer->vocab_size(), bytes));
    return data;
  }

  std::string program_of(const ModelSpec& /*model*/) const override { return "lm"; }
  std::unique_ptr<TaskSetup> setup(const ModelSpec& model) const override {
    constexpr std::string_view kTasks[] = {"causal-lm", "language-model"};
    // "lstm" is a kind of rnn-lm; "gpt2" a model type.
    const auto kinds = lm_kinds();
    if (std::find(kinds.begin(), kinds.end(), model.family) == kinds.end()) compared_family(model, kTasks);
    return lm_setup(model.family);
  }
  void configure(RunConfig& config, const ComparisonSpec& spec, const ComparisonData& data) const override {
    const auto set = [&](const char* key, const std::string& value) {
      if (config.has(key)) config.set(key, value, name_of(spec));
    };
    set("data.train", data.fact("train"));
    set("data.valid", data.fact("valid"));
    set("data.tokenizer", data.fact("tokenizer"));
    set("data.max_tokens", data.fact("max_tokens"));
    const auto context = std::to_string(spec.context);
    for (const auto* const key :
         {"data.bptt", "data.context", "model.n_positions", "model.max_position_embeddings", "model.context"})
      set(key, context);
    set("data.in_order", "true");
  }
  RowLengths row(const ComparisonSpec& spec, const ComparisonData& /*data*/) const override {
    return {.target = static_cast<double>(spec.context)};
  }
  std::int64_t step_tokens(const ComparisonSpec& spec) const override { return spec.batch_size * spec.context; }
  void complete(ModelConfig& config, const ComparisonData& data) const override {
    fill_field(fields_in(config), "vocab_size", static_cast<std::int64_t>(data.number("vocab_size")));
  }

  MeasuredModel measure(const ModelToMeasure& model, const ComparisonSpec& /*spec*/,
                        const ComparisonData& data) const override {
    const auto lm = open(model);
    lm.model->module().eval();
    const bool alike = model.trained_here || reads_alike(model.dir, *lm.tokenizer, data);
    auto measured = alike ? measure_stream(lm, data) : measure_bytes(lm, model, data);
    measured.samples = continue_test(lm, data);
    if (alike) add_picture(lm, data, measured.pictures);
    return measured;
  }
  const SegmentMetric& segment_metric() const override {
    static const RatioMetric metric("nats_per_token");
    return metric;
  }

 private:
  static std::string name_of(const ComparisonSpec& spec) { return spec.name.empty() ? "the comparison" : spec.name; }
  static std::string value(const ComparisonSpec& spec, const char* key, const std::string& otherwise) {
    const auto found = spec.data.find(key);
    return found == spec.data.end() || found->second.empty() ? otherwise : found->second;
  }
  static std::uint64_t number(const ComparisonSpec& spec, const char* key, std::uint64_t otherwise) {
    const auto text = value(spec, key, "");
    std::uint64_t number = otherwise;
    if (!text.empty() && read_number(text, number) != NumberFault::kNone)
      throw ConfigError(fmt::format("data.{} = {}: expected a whole number", key, text));
    return number;
  }
  static bool is_told(const ComparisonSpec& spec) { return value(spec, "train", "") == kMicroworld; }

  /// Stories to learn from, to validate and to test on: of three streams, the first two those of other programs.
  static TextParts tell(const ComparisonSpec& spec, const fs::path& dir, ComparisonData& data) {
    for (const auto* const key : {"valid", "test"}) {
      if (const auto file = value(spec, key, ""); !file.empty() && file != kMicroworld)
        throw ConfigError(fmt::format("data.{} = {}: microworld tells its own", key, file));
    }
    const auto seed = number(spec, "microworld_seed", 1);
    // A token is four or five bytes of it; some more for vocabularies of words.
    const bool tokens = spec.budget.kind == ComparisonBudget::Kind::kTokens;
    const double taken = tokens ? std::clamp(5.5 * spec.budget.amount, 1e6, 64e6) : 12e6;
    const auto bytes = number(spec, "microworld_bytes", static_cast<std::uint64_t>(taken));
    if (bytes > (std::uint64_t{1} << 32))
      throw ConfigError(fmt::format("data.microworld_bytes = {}: more than {}", bytes, std::uint64_t{1} << 32));
    TextParts parts{dir / "train.txt", dir / "valid.txt", dir / "test.txt"};
    write_file_atomically(parts.train, microworld_text(2 * seed, bytes));
    write_file_atomically(parts.valid, microworld_text(2 * seed + 1, kMicroworldValid));
    constexpr std::uint64_t kTestStream = 1'000'000;
    std::string test;
    double nats = 0;
    for (Microworld world(2 * (seed + kTestStream)); test.size() < kMicroworldTest;) {
      const auto story = world.next();
      test += story.text, nats += story.nats;
    }
    write_file_atomically(parts.test, test);
    data.facts["source_nats"] = fmt::format("{}", nats);
    return parts;
  }

  /// Leaves in dir/train.txt the lines whose tokens are learned from: other processes need not read the rest.
  static void shorten(const std::vector<TokenId>& ids, std::int64_t wanted, TokenId end, fs::path& train,
                      const fs::path& dir) {
    const auto last = ids.begin() + wanted + 1;
    const auto lines = std::count(ids.begin() + 1, last, end) + 1;
    const auto whole = read_file(train);
    std::string_view rest = whole, line;
    std::int64_t taken = 0;
    while (taken < lines && take_line(rest, line)) ++taken;
    train = dir / "train.txt";
    write_file_atomically(train, std::string_view(whole).substr(0, whole.size() - rest.size()));
  }

  static LoadedLm open(const ModelToMeasure& model) {
    if (model.own == nullptr) return load_causal_lm(model.dir);
    return {load_run_tokenizer(model.dir), load_own_lm(*model.own, model.dir), torch::kCPU};
  }

  /// Whether a model of somebody's learned from a text read as here, by the same tokenizer.
  static bool reads_alike(const fs::path& dir, const Tokenizer& tokenizer, const ComparisonData& data) {
    return !lm_kind_of_run(dir).empty() && lines_of_run(dir) &&
           tokenizer_fingerprint(tokenizer) == tokenizer_fingerprint(*load_run_tokenizer(data.fact("tokenizer")));
  }

  /// Every token but the first end token, given what the model takes of all that is before: one with a memory all of
  /// it, one with a context at least half of that.
  static MeasuredModel measure_stream(const LoadedLm& lm, const ComparisonData& data) {
    const auto text = open_stream_text(data.fact("test"), *lm.tokenizer, true);
    StreamReading reading;
    if (lm.model->n_positions() > 1) reading.stride = std::max<std::int64_t>(1, lm.model->n_positions() / 2);
    const StopWatch watch;
    const auto logs = stream_log_probabilities(*lm.model, *text.ids, reading, lm.device);
    MeasuredModel measured;
    measured.seconds = watch.seconds();
    measured.tokens = static_cast<double>(logs.size());
    double nats = 0;
    std::vector<double> segment(2, 0);
    const auto end = LineEncoder(*lm.tokenizer).end();
    for (std::size_t i = 0; i < logs.size(); ++i) {
      if (!std::isfinite(logs[i]))
        throw std::runtime_error(fmt::format("token {} of the test text has no probability", i + 1));
      nats -= logs[i];
      segment[0] -= logs[i], segment[1] += 1;
      const bool ends = (*text.ids)[i + 1] == end && segment[1] >= kSegmentTokens;
      if (!ends && i + 1 < logs.size()) continue;
      measured.segments.push_back(segment);
      segment = {0, 0};
    }
    measured.scores["nats_per_token"] = nats / measured.tokens;
    measured.scores["word_perplexity"] = perplexity(nats, data.number("test_words"));
    // What <unk> stands for was not predicted.
    if (text.unknown > 0) return measured;
    measured.scores["bits_per_byte"] = bits_per(nats, data.number("test_bytes"));
    if (data.has("source_nats"))
      measured.scores["nats_above_source"] = (nats - data.number("source_nats")) / measured.tokens;
    return measured;
  }

  /// Of a model whose tokens, or whose line ends, are others: only what does not depend on them.
  static MeasuredModel measure_bytes(const LoadedLm& lm, const ModelToMeasure& model, const ComparisonData& data) {
    const auto& file = data.fact("test");
    MeasuredModel measured;
    double nats = 0;
    std::int64_t unknown = 0;
    const auto family = family_in(model.dir).task;
    const bool stream = family == "language-model" || !lm_kind_of_run(model.dir).empty();
    const StopWatch watch;
    if (stream) {
      const auto text = open_stream_text(file, *lm.tokenizer, lines_of_run(model.dir));
      unknown = text.unknown;
      StreamReading reading;
      if (lm.model->n_positions() > 1) reading.stride = std::max<std::int64_t>(1, lm.model->n_positions() / 2);
      for (const auto log : stream_log_probabilities(*lm.model, *text.ids, reading, lm.device)) nats -= log;
      measured.tokens = static_cast<double>(text.predicted());
    } else {
      const auto text = open_evaluation_text(file, *lm.tokenizer, 1);
      std::vector<std::int64_t> ids(text.tokens.size());
      text.tokens.read(0, ids);
      if (const auto unk = lm.tokenizer->special_tokens().unk) unknown = std::count(ids.begin(), ids.end(), *unk);
      const auto all = text_nats(*lm.model, text, std::max<std::int64_t>(1, lm.model->n_positions() / 2), lm.device);
      nats = all.nats;
      measured.tokens = static_cast<double>(all.tokens);
    }
    measured.seconds = watch.seconds();
    if (unknown > 0 || !std::isfinite(nats)) {
      throw std::runtime_error(fmt::format(
          "{}: its tokenizer is another, and {} tokens of the test text are unknown to it: no score compares",
          model.dir.string(), unknown));
    }
    measured.scores["bits_per_byte"] = bits_per(nats, data.number("test_bytes"));
    return measured;
  }

  /// How the models go on from the test text's first words.
  static std::vector<ReportSample> continue_test(const LoadedLm& lm, const ComparisonData& data) {
    const auto text = read_file(data.fact("test"));
    TextLines lines(text);
    std::string_view line;
    while (lines.next(line) && words_of(line).empty()) continue;
    const LineEncoder encoder(*lm.tokenizer);
    const auto reference = load_run_tokenizer(data.fact("tokenizer"));
    std::vector<TokenId> first;
    LineEncoder(*reference).encode(line, first);
    if (first.size() > kPromptTokens) first.resize(kPromptTokens);
    const auto prompt = reference->decode(first);
    std::vector<TokenId> ids = {encoder.end()};
    encoder.encode(prompt, ids);
    const auto room = context_of(*lm.model) - static_cast<std::int64_t>(ids.size());
    if (room < 1) return {};
    GenerateOptions options;
    options.max_new_tokens = std::min(kSampleTokens, room);
    options.sampling.temperature = 0.8;
    options.seed = 1;
    std::vector<ReportSample> samples;
    for (const auto& found : continue_ids(*lm.model, ids, options, lm.device))
      samples.push_back({prompt, generated_text(*lm.tokenizer, found)});
    return samples;
  }

  static void add_picture(const LoadedLm& lm, const ComparisonData& data, std::vector<AttentionPicture>& pictures) {
    const auto text = open_stream_text(data.fact("test"), *lm.tokenizer, true);
    const auto count = std::min<std::int64_t>({kPictureTokens, std::ssize(*text.ids), context_of(*lm.model)});
    const std::vector<TokenId> ids(text.ids->begin(), text.ids->begin() + count);
    const c10::InferenceMode inference;
    const auto row = at::tensor(std::vector<std::int64_t>(ids.begin(), ids.end()), torch::kInt64).unsqueeze(0);
    const auto all = lm.model->attentions(row.to(lm.device), std::int64_t{1} << 24);
    if (all.layers.empty()) return;
    const auto mean = all.layers.back()[0].mean(0).to(torch::kCPU, torch::kFloat32).contiguous();
    AttentionPicture picture;
    picture.title = fmt::format("layer {}, the mean of its heads", all.layers.size());
    for (const auto id : ids) picture.queries.push_back(lm.tokenizer->has_token(id) ? shown(*lm.tokenizer, id) : "");
    picture.keys = picture.queries;
    for (std::int64_t i = 0; i < mean.size(0); ++i) {
      const auto* const weights = mean.const_data_ptr<float>() + i * mean.size(1);
      picture.weights.emplace_back(weights, weights + mean.size(1));
    }
    pictures.push_back(std::move(picture));
  }
  static std::string shown(const Tokenizer& tokenizer, TokenId id) {
    auto text = tokenizer.decode_generated(std::span(&id, 1));
    return text.empty() ? tokenizer.id_to_token(id) : text;
  }
};

}  // namespace

const ComparisonTask& lm_comparison() {
  static const LmComparison task;
  return task;
}

}  // namespace langzoo
