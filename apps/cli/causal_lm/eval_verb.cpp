#include <fmt/format.h>

#include "apps/cli/base/figure_list.h"
#include "apps/cli/causal_lm/verbs.h"
#include "apps/cli/examples.h"

namespace langzoo {

namespace {

/// How well a language model predicts a text.
class TextEvaluation {
 public:
  explicit TextEvaluation(const Family& family) : family_(family) {}

  void add_options(Options& options) {
    options.add("--stride", stride_, "tokens between the beginnings of two windows; by default the model's context")
        .range(1);
  }
  /// Whether it is a language model, or one without a head.
  static bool takes(const std::filesystem::path& model) { return family_in(model).task == "causal-lm"; }

  void run(const std::string& model, const std::string& data, const ComputeOptions& common) const {
    const auto lm = load_lm(family_, model, common, true);
    const auto n_positions = lm.model->n_positions();
    const auto stride = stride_.value_or(n_positions);
    if (stride > n_positions) {
      throw UsageError(fmt::format("--stride {}: more than the model's context of {} tokens", stride, n_positions));
    }
    const auto text =
        open_evaluation_text(data, *lm.tokenizer, common.seed_or(microworld_seed_of(model)), print_message);
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
  std::optional<std::int64_t> stride_;
};

}  // namespace

std::unique_ptr<Verb> eval_verb(const Family& family) {
  const auto text = std::make_shared<TextEvaluation>(family);
  return example_eval_verb(
      all_predictions(),
      {.examples = "eval --model run --data test.txt\n"
                   "eval --model run --data test.txt --stride 32 --json\n"
                   "eval --model run --data microworld\n",
       .notes = "Fields under --json: of a language model tokens (predicted ones: all but the first), bytes and words "
                "of the text,\n"
                "nats_per_token, perplexity, bits_per_byte, word_perplexity, stride; for microworld also "
                "source_nats_per_token, the\n"
                "entropy of the text's own source. microworld is told with the seed of the model's run, unless --seed "
                "says another.\n",
       .flags = {"--stride"},
       .heeds_seed = is_microworld_text,
       .add_options = [text](Options& options) { text->add_options(options); },
       .takes = TextEvaluation::takes,
       .run = [text](const std::string& model, const std::string& data,
                     const ComputeOptions& common) { text->run(model, data, common); }});
}

}  // namespace langzoo
