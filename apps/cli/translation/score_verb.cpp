#include <iostream>
#include <numeric>

#include <fmt/format.h>

#include "apps/cli/base/json_output.h"
#include "apps/cli/model_verb.h"
#include "apps/cli/text_lines.h"
#include "apps/cli/translation/neural_translator.h"
#include "apps/cli/translation/pair_corpus.h"
#include "models/registry.h"

namespace langzoo {

namespace {

class ScoreVerb : public ModelVerb {
 public:
  std::string name() const override { return "score"; }
  std::string summary() const override { return "the log-probability of every token of given targets"; }
  std::string examples() const override {
    return "score --model run --data pairs.tsv\n"
           "score --model run --data pairs.tsv --json\n";
  }
  std::string notes() const override {
    return "One object, or block of lines, for each pair. Fields under --json: ids of the target, the end token last, "
           "and\n"
           "logprobs (natural logarithms) of them as the model gives them: nothing is forbidden or forced.\n";
  }
  void add_own_options(Options& options) override {
    ModelVerb::add_own_options(options);
    add_pairs_options(options, pairs_).required();
  }

  void compute(const ComputeOptions& common) override {
    const auto translator = load_and_report(model_, common, [&](const DeviceOptions& device, LoadReport* report) {
      return load_translator(registered_model(model_), model_, device, report);
    });
    const auto corpus = read_pairs(translator);
    const auto logprobs = target_log_probabilities(*translator.model, corpus, translator.special, translator.device);
    for (std::int64_t i = 0; i < corpus.size(); ++i) {
      const auto target = corpus.target(i);
      std::vector<TokenId> ids(target.begin(), target.end());
      ids.push_back(*translator.special.target_end);
      print(ids, logprobs[static_cast<std::size_t>(i)], translator, common.json);
    }
  }

 private:
  /// All of them, blank ones too.
  ParallelCorpus read_pairs(const Translator& translator) const {
    const auto file = open_pairs(pairs_);
    ReplacedTexts replaced_sources(translator.tokenizers.source()), replaced_targets(translator.tokenizers.target());
    ParallelCorpus corpus;
    for (SentencePair pair; file->next(pair);) {
      std::vector<TokenId> source, target;
      const auto where = fmt::format("{}: line {}", file->name(), pair.line);
      encode_from(where, [&] {
        translator.tokenizers.source().encode(pair.source, source);
        translator.tokenizers.target().encode(pair.target, target);
        for (const auto& side : {source, target}) require_fitting(side, max_tokens(*translator.model));
      });
      replaced_sources.see(where, pair.source);
      replaced_targets.see(where, pair.target);
      corpus.add(source, target);
    }
    tell_left_out(file->left_out());
    return corpus;
  }

  static void print(const std::vector<TokenId>& ids, const std::vector<double>& logprobs, const Translator& translator,
                    bool json) {
    if (json) return print_json({{"ids", ids}, {"logprobs", logprobs}});
    const auto tokens = shown_tokens(translator.tokenizers.target(), ids);
    for (std::size_t i = 0; i < ids.size(); ++i)
      std::cout << fmt::format("{:>10.4f}  {:>6}  {}\n", logprobs[i], ids[i], tokens[i]);
    std::cout << fmt::format("{:>10.4f}  in all, {} tokens\n\n", std::accumulate(logprobs.begin(), logprobs.end(), 0.0),
                             ids.size());
  }

  PairsOptions pairs_ = evaluation_pairs_defaults();
};

}  // namespace

std::unique_ptr<Verb> translation_score_verb() {
  return std::make_unique<ScoreVerb>();
}

}  // namespace langzoo
