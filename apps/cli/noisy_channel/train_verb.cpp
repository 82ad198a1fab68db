#include <chrono>
#include <iostream>

#include <fmt/format.h>

#include "apps/cli/base/figures.h"
#include "apps/cli/base/json_output.h"
#include "apps/cli/noisy_channel/verbs.h"
#include "apps/training/output_dir.h"
#include "apps/training/tasks/noisy_channel.h"

namespace langzoo {

namespace {

class NoisyChannelTrainVerb : public ComputeVerb {
 public:
  NoisyChannelTrainVerb() { corpus_.tokenizer = corpus_.target_tokenizer = "train:byteword:200000"; }

  std::string name() const override { return "train"; }
  std::string summary() const override { return "train a model on sentence pairs"; }
  std::string examples() const override {
    return "train --data microworld-ko --out run\n"
           "train --data train.tsv --valid valid.tsv --out run\n"
           "train --data train.en --target train.fr --valid valid.en --valid-target valid.fr --out run\n";
  }
  std::string notes() const override {
    return "Trains P(source | target), IBM Model 1 and from it Model 2, by expectation maximisation, and P(target),\n"
           "an n-gram model with modified Kneser-Ney smoothing; then finds the weights of the search that give the\n"
           "validation pairs the highest BLEU.\n"
           "Fields under --json: pairs, log_likelihoods (of the sources given the targets, before each iteration, in\n"
           "nats), language_perplexity and bleu (of the validation pairs), language_weight, word_bonus, jump_penalty,\n"
           "seconds, peak_memory_bytes.\n";
  }
  bool has_device() const override { return false; }

  void add_own_options(Options& options) override {
    options
        .add("--data", corpus_.train,
             "pairs: TSV (source TAB target), JSON lines; addition, dates or microworld-ko; with --target the sources, "
             "one a line")
        .required();
    options.add("--target", corpus_.train_target, "the targets, one a line, where they have a file of their own");
    options.add("--valid", corpus_.valid, "as --data; otherwise the last tenth of it");
    options.add("--valid-target", corpus_.valid_target, "as --target").needs("--valid");
    options.add("--out", out_, "the model folder, new or empty").required();
    options.add("--tokenizer", corpus_.tokenizer, "of the sources: " + tokenizer_spec_help());
    options.add("--target-tokenizer", corpus_.target_tokenizer, "of the targets");
    options.add("--pairs", corpus_.task_pairs, "pairs that addition, dates or microworld-ko make")
        .range(1, 1'000'000'000)
        .needs("such --data or --valid", [this] { return is_pair_task(corpus_.train) || is_pair_task(corpus_.valid); });
    options.add("--model1-iterations", training_.model1_iterations, "of expectation maximisation").range(1, 1000);
    options.add("--model2-iterations", training_.model2_iterations, "after them; 0: Model 1").range(0, 1000);
    options.add("--max-words", training_.max_words, "pairs with a longer sentence do not train the IBM models")
        .range(1, 1000);
    options.add("--order", training_.model.order, "the words of an n-gram").range(1, 10);
    options
        .add("--num-beams", training_.model.options.beam,
             "hypotheses that the search keeps unless translate says otherwise")
        .range(1, 10'000);
    const auto of_task = [this] { return is_pair_task(corpus_.train) || is_pair_task(corpus_.valid); };
    options.idle_where("--seed", "no pairs are made up", [of_task] { return !of_task(); });
    options
        .add("--tuning-pairs", training_.tuning_pairs,
             "validation pairs that choose the weights; 0: they stay as they are")
        .range(0, 1'000'000);
  }

  bool heeds_seed() const override { return true; }
  void compute(const ComputeOptions& common) override {
    const auto begin = std::chrono::steady_clock::now();
    if (!is_new_or_empty(out_)) throw UsageError(fmt::format("--out {}: is not empty", out_));
    corpus_.task_seed = common.seed_or(corpus_.task_seed);
    OutputGuard guard(out_);
    const auto corpus = open_pair_corpus(corpus_, out_, print_message);
    const auto trained = train_noisy_channel(corpus, training_, print_message);
    trained.model.save(out_);
    guard.keep();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    const auto& options = trained.model.options;
    if (common.json) {
      return print_json({{"pairs", corpus.train.size()},
                         {"log_likelihoods", trained.log_likelihoods},
                         {"language_perplexity", trained.language_perplexity},
                         {"bleu", trained.bleu},
                         {"language_weight", options.language_weight},
                         {"word_bonus", options.word_bonus},
                         {"jump_penalty", options.jump_penalty},
                         {"seconds", seconds},
                         {"peak_memory_bytes", peak_memory_bytes()},
                         {"out", out_}});
    }
    std::cout << fmt::format("language weight {}, word bonus {}, jump penalty {}\n", options.language_weight,
                             options.word_bonus, options.jump_penalty)
              << fmt::format("trained in {} with {}B of memory: {}\n", as_duration(seconds),
                             with_unit(static_cast<double>(peak_memory_bytes())), out_);
  }

 private:
  PairCorpusOptions corpus_;
  NoisyChannelTraining training_;
  std::string out_;
};

}  // namespace

std::unique_ptr<Verb> noisy_channel_train_verb() {
  return std::make_unique<NoisyChannelTrainVerb>();
}

}  // namespace langzoo
