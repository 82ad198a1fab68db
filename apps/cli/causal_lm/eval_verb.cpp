#include <iostream>

#include <fmt/format.h>

#include "apps/cli/base/json_output.h"
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
           "the text's own source.\n";
  }
  void add_own_options(Options& options) override {
    options.add("--model", model_, "a Hugging Face model folder: an earlier --out, or any other").required();
    options.add("--data", data_, "text: a file, a folder of .txt files, or microworld").required();
    options.add("--stride", stride_, "tokens between the beginnings of two windows; by default the model's context")
        .range(1);
  }
  void compute(const ComputeOptions& common) override {
    const auto lm = load_lm(family_, model_, common, true);
    const auto n_positions = lm.model->n_positions();
    const auto stride = stride_.value_or(n_positions);
    if (stride > n_positions) {
      throw UsageError(fmt::format("--stride {}: more than the model's context of {} tokens", stride, n_positions));
    }
    const auto text = open_evaluation_text(data_, *lm.tokenizer, common.seed_or(TextCorpusOptions{}.microworld_seed));
    const auto nats = text_nats(*lm.model, text, stride, lm.device);
    const auto tokens = static_cast<double>(nats.tokens);
    if (common.json) {
      JsonMembers result = {{"tokens", nats.tokens},
                            {"bytes", nats.bytes},
                            {"words", nats.words},
                            {"nats_per_token", nats.per_token()},
                            {"perplexity", nats.perplexity()},
                            {"bits_per_byte", nats.bits_per_byte()},
                            {"word_perplexity", nats.word_perplexity()},
                            {"stride", stride}};
      if (nats.source_nats) result.emplace_back("source_nats_per_token", *nats.source_nats / tokens);
      return print_json(result);
    }
    std::cout << fmt::format("{:<22}{}\n{:<22}{}\n{:<22}{}\n", "tokens", nats.tokens, "bytes", nats.bytes, "words",
                             nats.words);
    std::cout << fmt::format("{:<22}{:.4f}\n", "nats per token", nats.per_token());
    if (nats.source_nats) {
      std::cout << fmt::format("{:<22}{:.4f}   the entropy of the text's source: no model does better\n",
                               "source nats per token", *nats.source_nats / tokens);
    }
    std::cout << fmt::format("{:<22}{:.4f}\n{:<22}{:.4f}\n", "perplexity", nats.perplexity(), "bits per byte",
                             nats.bits_per_byte());
    if (nats.words > 0) std::cout << fmt::format("{:<22}{:.4f}\n", "word perplexity", nats.word_perplexity());
    std::cout << fmt::format("{:<22}{}\n", "stride", stride);
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
