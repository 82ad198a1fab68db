#include <chrono>
#include <iostream>

#include <fmt/format.h>

#include "apps/cli/base/figures.h"
#include "apps/cli/base/json_output.h"
#include "apps/cli/noisy_channel/tuning.h"
#include "apps/cli/noisy_channel/verbs.h"
#include "apps/training/output_dir.h"
#include "apps/training/pair_corpus.h"
#include "models/noisy_channel/noisy_channel_model.h"

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
    options.add("--model1-iterations", ibm_.model1_iterations, "of expectation maximisation").range(1, 1000);
    options.add("--model2-iterations", ibm_.model2_iterations, "after them; 0: Model 1").range(0, 1000);
    options.add("--max-words", ibm_.max_words, "pairs with a longer sentence do not train the IBM models")
        .range(1, 1000);
    options.add("--order", language_.order, "the words of an n-gram").range(1, 10);
    options.add("--num-beams", search_.beam, "hypotheses that the search keeps unless translate says otherwise")
        .range(1, 10'000);
    options.add("--tuning-pairs", tuning_pairs_, "validation pairs that choose the weights; 0: they stay as they are")
        .range(0, 1'000'000);
  }

  void compute(const ComputeOptions& common) override {
    const auto begin = std::chrono::steady_clock::now();
    if (!is_new_or_empty(out_)) throw UsageError(fmt::format("--out {}: is not empty", out_));
    corpus_.task_seed = common.seed_or(corpus_.task_seed);
    OutputGuard guard(out_);
    const auto message = [](const std::string& text) { std::cerr << text << '\n'; };
    const auto corpus = open_pair_corpus(corpus_, out_, message);

    Results results;
    NoisyChannelModel model{static_cast<std::int64_t>(corpus.tokenizers.source().vocab_size()),
                            train_channel(corpus.train, results),
                            train_language(corpus.train, corpus.tokenizers.target()), search_};
    const auto& valid = corpus.valid.value();
    results.language_perplexity = model.language.perplexity(targets_of(valid));
    message(fmt::format("language model: {} n-grams, perplexity {:.2f} of the validation targets",
                        model.language.tree().words.size() - 1, results.language_perplexity));
    const auto tuned = tune(model, corpus.tokenizers, valid, {tuning_pairs_, threads_of(common), message});
    model.options = tuned.options;
    results.bleu = tuned.bleu;
    model.save(out_);
    guard.keep();
    results.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    results.pairs = corpus.train.size();
    report(results, model.options, common.json);
  }

 private:
  struct Results {
    std::int64_t pairs = 0;
    std::vector<double> log_likelihoods;
    double language_perplexity = 0;
    std::optional<double> bleu;
    double seconds = 0;
  };

  IbmModel train_channel(const ParallelCorpus& corpus, Results& results) const {
    std::vector<TranslatedSentence> sentences;
    for (std::int64_t i = 0; i < corpus.size(); ++i) sentences.push_back({corpus.target(i), corpus.source(i)});
    auto options = ibm_;
    options.progress = [&](int iteration, double log_likelihood) {
      const bool first = iteration < ibm_.model1_iterations;
      std::cerr << fmt::format("Model {}, iteration {}: log-likelihood {:.1f}, {:.4f} a source token\n", first ? 1 : 2,
                               iteration + 1 - (first ? 0 : ibm_.model1_iterations), log_likelihood,
                               log_likelihood / static_cast<double>(corpus.source_tokens()));
    };
    auto training = train_ibm_model(sentences, options);
    if (training.too_long > 0) {
      std::cerr << fmt::format("left out: {} pairs of more than {} tokens\n", training.too_long, ibm_.max_words);
    }
    results.log_likelihoods = std::move(training.log_likelihoods);
    return std::move(training.model);
  }

  static std::vector<std::span<const TokenId>> targets_of(const ParallelCorpus& corpus) {
    std::vector<std::span<const TokenId>> targets;
    for (std::int64_t i = 0; i < corpus.size(); ++i) targets.push_back(corpus.target(i));
    return targets;
  }

  NGramModel train_language(const ParallelCorpus& corpus, const Tokenizer& tokenizer) const {
    return {targets_of(corpus), static_cast<std::int32_t>(tokenizer.vocab_size()), language_};
  }

  void report(const Results& results, const NoisyChannelOptions& options, bool json) const {
    if (json) {
      return print_json({{"pairs", results.pairs},
                         {"log_likelihoods", results.log_likelihoods},
                         {"language_perplexity", results.language_perplexity},
                         {"bleu", results.bleu},
                         {"language_weight", options.language_weight},
                         {"word_bonus", options.word_bonus},
                         {"jump_penalty", options.jump_penalty},
                         {"seconds", results.seconds},
                         {"peak_memory_bytes", peak_memory_bytes()},
                         {"out", out_}});
    }
    std::cout << fmt::format("language weight {}, word bonus {}, jump penalty {}\n", options.language_weight,
                             options.word_bonus, options.jump_penalty)
              << fmt::format("trained in {} with {}B of memory: {}\n", as_duration(results.seconds),
                             with_unit(static_cast<double>(peak_memory_bytes())), out_);
  }

  PairCorpusOptions corpus_;
  IbmOptions ibm_{.model2_iterations = 5};
  NGramOptions language_;
  NoisyChannelOptions search_;
  std::int64_t tuning_pairs_ = 200;
  std::string out_;
};

}  // namespace

std::unique_ptr<Verb> noisy_channel_train_verb() {
  return std::make_unique<NoisyChannelTrainVerb>();
}

}  // namespace langzoo
