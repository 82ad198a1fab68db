#include <fmt/format.h>

#include "apps/cli/base/figure_list.h"
#include "apps/cli/causal_lm/verbs.h"

namespace langzoo {

namespace {

class EvalVerb : public ComputeVerb {
 public:
  explicit EvalVerb(const Family& family) : family_(family) {}
  std::string name() const override { return "eval"; }
  std::string summary() const override { return "measure how well a model predicts a text"; }
  std::string examples() const override {
    return "eval --model run --data test.txt\n"
           "eval --model run --data test.txt --stride 32 --json\n"
           "eval --model run --data microworld\n";
  }
  std::string notes() const override {
    return "Fields under --json: tokens (predicted ones: all but the first), bytes and words of the text, "
           "nats_per_token,\n"
           "perplexity, bits_per_byte, word_perplexity, stride; for microworld also source_nats_per_token, the entropy "
           "of\n"
           "the text's own source. microworld is told with the seed of the model's run, unless --seed says another.\n";
  }
  bool heeds_seed() const override { return true; }
  void add_own_options(Options& options) override {
    add_model_folder(options, model_, kAnyModelHelp).required();
    options.add("--data", data_, "text: a file, a folder of .txt files, or microworld").required();
    options.add("--stride", stride_, "tokens between the beginnings of two windows; by default the model's context")
        .range(1);
    options.idle_where("--seed", "--data is not microworld", [this] { return !is_microworld_text(data_); });
  }
  void compute(const ComputeOptions& common) override {
    const auto lm = load_lm(family_, model_, common, true);
    const auto n_positions = lm.model->n_positions();
    const auto stride = stride_.value_or(n_positions);
    if (stride > n_positions) {
      throw UsageError(fmt::format("--stride {}: more than the model's context of {} tokens", stride, n_positions));
    }
    const auto text = open_evaluation_text(data_, *lm.tokenizer, common.seed_or(microworld_seed_of(model_)));
    const auto nats = text_nats(*lm.model, text, stride, lm.device);
    std::vector<Figure> figures = {{"tokens", "tokens", nats.tokens},
                                   {"bytes", "bytes", static_cast<std::int64_t>(nats.bytes)},
                                   {"words", "words", static_cast<std::int64_t>(nats.words)},
                                   {"nats_per_token", "nats per token", nats.per_token()}};
    if (nats.source_nats) {
      figures.push_back({"source_nats_per_token", "source nats per token",
                         *nats.source_nats / static_cast<double>(nats.tokens), 4,
                         "   the entropy of the text's source: no model does better"});
    }
    figures.push_back({"perplexity", "perplexity", nats.perplexity()});
    figures.push_back({"bits_per_byte", "bits per byte", nats.bits_per_byte()});
    figures.push_back({"word_perplexity", nats.words > 0 ? "word perplexity" : "", nats.word_perplexity()});
    figures.push_back({"stride", "stride", stride});
    print_figures(figures, common.json, 22);
  }

 private:
  const Family& family_;
  std::string model_, data_;
  std::optional<std::int64_t> stride_;
};

}  // namespace

std::unique_ptr<Verb> eval_verb(const Family& family) {
  return std::make_unique<EvalVerb>(family);
}

}  // namespace langzoo
