#include <iostream>

#include <fmt/format.h>

#include "apps/cli/base/figure_list.h"
#include "apps/cli/causal_lm/verbs.h"
#include "apps/cli/lm/verbs.h"
#include "apps/cli/model_verb.h"
#include "apps/training/run_config.h"
#include "apps/training/tasks/elmo.h"
#include "apps/training/tasks/lm.h"
#include "models/ngram_lm/ngram_lm.h"

namespace langzoo {

namespace {

/// Where the folder is none, that is said later.
bool holds_ngrams(const std::string& dir) {
  try {
    return model_type_of(dir) == "ngram";
  } catch (const std::exception&) {
    return false;
  }
}

class LmEvalVerb : public ComputeVerb {
 public:
  std::string name() const override { return "eval"; }
  std::string summary() const override { return "measure how well a model predicts a text"; }
  std::string examples() const override {
    return "eval --model run --data test.txt --json\n"
           "eval --model run --data test.txt --cache 500 --dynamic-rate 0.1\n"
           "eval --model run --data text8 --set data.lines=false\n";
  }
  std::string notes() const override {
    return "A text is one stream: </s> before the first line and after each; every token but the first is predicted, "
           "a\n"
           "recurrent model's state goes from line to line. Lines are read as the model's run did (data.lines), "
           "unless\n"
           "--set says otherwise. No figure depends on --batch-size.\n"
           "An ELMo's backward direction reads it from its end and predicts every token but the last; nats_per_token "
           "is "
           "the\n"
           "mean of both directions, each of which predicts so many tokens.\n"
           "Fields under --json: tokens (words and line ends), oov (those that are <unk>), nats_per_token, "
           "perplexity;\n"
           "of n-gram models also perplexity_without_oov: unknown words are not scored, and yet are history; of ELMo\n"
           "forward_perplexity and backward_perplexity. Those of stupid back-off are of scores that do not sum to 1, "
           "and\n"
           "compare with no other model's.\n";
  }
  bool heeds_seed() const override { return true; }
  void add_own_options(Options& options) override {
    add_model_folder(options, model_, kAnyModelHelp).required();
    options.add("--data", data_, "text: a file, a folder of .txt files, or microworld").required();
    options.add("--set", set_, "data.lines=true or false: whether a line is a sentence");
    options.add("--batch-size", reading_.batch_size, "how much is computed at once").range(1, 1 << 20);
    options.add("--stride", reading_.stride, "of a Transformer: tokens between two windows; by default its context")
        .range(1);
    auto& dynamic = reading_.dynamic;
    options.add("--dynamic-rate", dynamic.learning_rate, "learn what was read, at this rate (dynamic evaluation)")
        .between(0, 1e6);
    options.add("--dynamic-decay", dynamic.decay, "the share of the way back to the saved weights in each update")
        .between(0, 1)
        .needs("--dynamic-rate");
    options.add("--dynamic-segment", dynamic.segment, "tokens between updates").range(1).needs("--dynamic-rate");
    auto& cache = reading_.cache;
    options.add("--cache", cache.window, "the last so many words are likelier where states are alike (cache)")
        .range(0, 1 << 20);
    options.add("--cache-theta", cache.theta, "how much alike").between(0, 1e6).needs("--cache");
    options.add("--cache-lambda", cache.lambda, "the cache's share").between(0, 1).needs("--cache");
    options.idle_where("--seed", "--data is not microworld", [this] { return !is_microworld_text(data_); });
    for (const auto* const flag : {"--dtype", "--batch-size"})
      options.idle_where(flag, "n-grams are looked up", [this] { return holds_ngrams(model_); });
  }
  void compute(const ComputeOptions& common) override {
    if (holds_elmo(model_)) return measure_elmo(common);
    const auto lm = load_lm(family_of_program("lm"), model_, common, true);
    const auto context = lm.model->n_positions();
    if (context == 0 && reading_.stride) throw UsageError("--stride: this model has no windows, it reads on and on");
    if (reading_.stride && *reading_.stride > context) {
      throw UsageError(
          fmt::format("--stride {}: more than the model's context of {} tokens", *reading_.stride, context));
    }
    const bool has_memory = dynamic_cast<StreamLm*>(lm.model.get()) != nullptr;
    if (!has_memory && (reading_.dynamic.learning_rate > 0 || reading_.cache.window > 0))
      throw UsageError("--dynamic-rate and --cache are for models with a memory: rnn, lstm, gru, ar");
    const auto text = open_stream_text(data_, *lm.tokenizer, lines(), common.seed_or(microworld_seed_of(model_)));
    if (text.predicted() < 1) throw std::runtime_error(data_ + ": has no token to predict");
    const auto logs = stream_log_probabilities(*lm.model, *text.ids, reading_, lm.device);
    auto figures = figures_of(text, stream_metrics(logs));
    if (const auto* const ngrams = dynamic_cast<NGramLmImpl*>(lm.model.get())) {
      if (ngrams->config().smoothing == kStupidBackoff)
        std::cerr << fmt::format("note: {}: scores of stupid back-off do not sum to 1: these are no perplexities\n",
                                 model_);
      std::vector<double> known;
      const auto unknown = LineEncoder(*lm.tokenizer).unknown();
      for (std::size_t i = 0; i < logs.size(); ++i) {
        if ((*text.ids)[i + 1] != unknown) known.push_back(logs[i]);
      }
      figures.push_back(
          {"perplexity_without_oov", "without unknown words", stream_metrics(known).at("perplexity").value});
    }
    print_figures(figures, common.json, 24);
  }

 private:
  void measure_elmo(const ComputeOptions& common) {
    if (reading_.stride) throw UsageError("--stride: this model has no windows, it reads on and on");
    if (reading_.dynamic.learning_rate > 0 || reading_.cache.window > 0)
      throw UsageError("--dynamic-rate and --cache: not for an ELMo, which knows what comes behind a word");
    const auto lm = load_and_report(model_, common, [&](const DeviceOptions& options, LoadReport* report) {
      return load_elmo(model_, options, report);
    });
    const auto text = open_stream_text(data_, *lm.tokenizer, lines(), common.seed_or(microworld_seed_of(model_)), true);
    if (text.predicted() < 1) throw std::runtime_error(data_ + ": has no token to predict");
    const auto metrics = elmo_metrics(elmo_log_probabilities(*lm.model, text, reading_.batch_size, lm.device));
    auto figures = figures_of(text, metrics);
    figures.push_back({"forward_perplexity", "forward perplexity", metrics.at("forward_perplexity").value});
    figures.push_back({"backward_perplexity", "backward perplexity", metrics.at("backward_perplexity").value});
    print_figures(figures, common.json, 24);
  }

  static std::vector<Figure> figures_of(const StreamText& text, const EvalMetrics& metrics) {
    return {{"tokens", "tokens", text.predicted()},
            {"oov", "unknown words", text.unknown},
            {"nats_per_token", "nats per token", metrics.at("loss").value},
            {"perplexity", "perplexity", metrics.at("perplexity").value}};
  }

  bool lines() const {
    bool lines = lines_of_run(model_);
    RunConfig config;
    config.bind("data", [&](FieldVisitor& visit) { visit("lines", lines); });
    for (const auto& assignment : set_) config.set_text(assignment, "--set");
    return lines;
  }

  std::string model_, data_;
  std::vector<std::string> set_;
  StreamReading reading_;
};

}  // namespace

std::unique_ptr<Verb> lm_eval_verb() {
  return std::make_unique<LmEvalVerb>();
}

}  // namespace langzoo
