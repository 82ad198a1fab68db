#include <optional>

#include <fmt/format.h>

#include "apps/cli/base/figure_list.h"
#include "apps/cli/bit_sequences/drawn_task.h"
#include "apps/cli/bit_sequences/verbs.h"
#include "apps/cli/model_verb.h"

namespace langzoo {

namespace {

class BitSequenceEvalVerb : public ModelVerb {
 public:
  std::string name() const override { return "eval"; }
  std::string summary() const override { return "measure a model on sequences of any length"; }
  std::string examples() const override {
    return "eval --model run --json\n"
           "eval --model run --task copy --length 80 --sequences 1000 --json\n"
           "eval --model run --task repeat-copy --length 10 --repeats 20\n";
  }
  std::string notes() const override {
    return "Sequences are drawn by --seed, and none of them is one of any training. Fields under --json:\n"
           "bits_per_sequence (-log2 p of all bits of the answer), errors (bits of it that are wrong), both means "
           "over\n"
           "the sequences; task, length, sequences, answer_bits (of a sequence); of ngrams also\n"
           "optimal_bits_per_sequence, what the best possible estimator needs.\n";
  }
  bool heeds_seed() const override { return true; }
  void add_own_options(Options& options) override {
    ModelVerb::add_own_options(options);
    drawn_.add_to(options);
    options.add("--sequences", sequences_, "how many").range(1, 1'000'000'000);
    options.add("--batch-size", batch_size_, "computed together at most; no figure depends on it").range(1, 1 << 16);
  }
  void compute(const ComputeOptions& common) override {
    const auto loaded = load_and_report(model_, common, [&](const DeviceOptions& options, LoadReport* report) {
      return load_bit_sequence_model(model_, options, report);
    });
    const auto task = drawn_.task(model_);
    const auto score = measure_bits(*loaded.model,
                                    {.format = task.format(),
                                     .lengths = task.exact_lengths(),
                                     .sequences = sequences_,
                                     .seed = common.seed_or(1),
                                     .batch_size = batch_size_},
                                    loaded.device);
    std::vector<Figure> figures = {{"bits_per_sequence", "bits a sequence", score.bits_per_sequence, 5},
                                   {"errors", "wrong bits a sequence", score.errors, 3},
                                   {"task", "task", task.name},
                                   {"length", "length", task.greatest_length()},
                                   {"sequences", "sequences", sequences_},
                                   {"answer_bits", "bits of an answer", score.answer_bits / sequences_}};
    if (score.optimal_bits_per_sequence)
      figures.push_back({"optimal_bits_per_sequence", "of the best estimator", *score.optimal_bits_per_sequence, 5});
    print_figures(figures, common.json);
  }

 private:
  DrawnTask drawn_;
  std::int64_t sequences_ = 100, batch_size_ = 100;
};

}  // namespace

std::unique_ptr<Verb> bit_sequence_eval_verb() {
  return std::make_unique<BitSequenceEvalVerb>();
}

}  // namespace langzoo
