#include <chrono>
#include <cmath>
#include <iostream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/cli/translation/decode.h"
#include "apps/cli/translation/pair_corpus.h"
#include "apps/cli/translation/scores.h"
#include "data/files/files.h"

namespace langzoo {

namespace {

using Json = nlohmann::ordered_json;

class EvalVerb : public ComputeVerb {
 public:
  explicit EvalVerb(const TranslationFamily& family) : family_(family) {}
  std::string name() const override { return "eval"; }
  std::string summary() const override { return "measure a model on sentence pairs"; }
  std::string examples() const override {
    return "eval --model run --data test.tsv\n"
           "eval --model run --data test.en --target test.fr --num-beams 5 --json\n"
           "eval --model run --data addition --seed 9\n";
  }
  std::string notes() const override {
    return "The sources are translated by beam search (one beam: greedily) and compared with the targets; the loss is "
           "of\n"
           "the true targets. Pairs of which a side is empty are left out.\n"
           "Fields under --json: pairs, bleu, bleu_signature, chrf, exact_match (in per cent), nats_per_token, "
           "perplexity,\n"
           "tokens (of the targets, end tokens included), seconds (of translating).\n";
  }
  void add_own_options(CLI::App& app) override {
    app.add_option("--model", model_, "a model folder: an earlier --out")->required();
    app.add_option("--data", pairs_.data, "pairs as in train, or sources")->required();
    app.add_option("--target", pairs_.target, "the targets, one a line, where they have a file of their own");
    app.add_flag("--keep-padding", pairs_.keep_padding,
                 "source_target lines and tasks: keep the spaces that fill up, if the model was trained so");
    app.add_option("--pairs", pairs_.task_pairs, "pairs that addition, dates or microworld-ko make")
        ->check(integer_from(1, 1'000'000'000))
        ->capture_default_str();
    app.add_option("--out", out_, "a file for the translations, one a line");
    decoding_.add_to(app);
  }

  void compute(const ComputeOptions& common) override {
    const auto options = decoding_.options();
    pairs_.task_seed = common.seed_or(kTaskSeed);
    const auto translator = load_translator(family_, model_, common);
    const auto source = open_pairs(pairs_);
    const auto pairs = read_all(*source);

    std::vector<std::vector<TokenId>> sources;
    std::vector<std::string> references;
    ParallelCorpus corpus;
    for (const auto& pair : pairs) {
      std::vector<TokenId> from, to;
      try {
        translator.tokenizers.source().encode(pair.source, from);
        translator.tokenizers.target().encode(pair.target, to);
      } catch (const std::runtime_error& error) {
        throw std::runtime_error(fmt::format("{}: line {}: {}", source->name(), pair.line, one_line(error)));
      }
      if (from.empty() || to.empty()) continue;
      corpus.add(from, to);
      sources.push_back(std::move(from));
      references.push_back(pair.target);
    }
    if (sources.empty()) throw std::runtime_error(fmt::format("{}: no pair to measure", source->name()));
    if (sources.size() < pairs.size()) {
      std::cerr << fmt::format("left out: {} pairs of which a side is empty\n", pairs.size() - sources.size());
    }

    const auto nats = target_nats(*translator.model, corpus, translator.marks, translator.device);
    const auto begin = std::chrono::steady_clock::now();
    std::vector<std::string> hypotheses;
    for (const auto& found : decode_sources(translator, sources, options, decoding_.batch_size())) {
      hypotheses.push_back(text_of(translator, found.front()));
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    const auto scores = text_scores(hypotheses, references, {});
    if (!out_.empty()) write_lines(hypotheses);
    report(scores, nats, sources.size(), seconds, common.json);
  }

 private:
  /// Of made up pairs: others than those of a training with its default seed.
  static constexpr std::uint64_t kTaskSeed = 2;

  void write_lines(const std::vector<std::string>& lines) const {
    write_file_atomically(out_, fmt::format("{}\n", fmt::join(lines, "\n")));
  }

  static void report(const TextScores& scores, const TargetNats& nats, std::size_t pairs, double seconds, bool json) {
    const auto perplexity = std::exp(nats.per_token());
    if (json) {
      return print_json({{"pairs", pairs},
                         {"bleu", scores.bleu.score},
                         {"bleu_signature", scores.bleu_signature},
                         {"chrf", scores.chrf},
                         {"exact_match", scores.exact_match},
                         {"nats_per_token", nats.per_token()},
                         {"perplexity", std::isfinite(perplexity) ? Json(perplexity) : Json(nullptr)},
                         {"tokens", nats.tokens},
                         {"seconds", seconds}});
    }
    std::cout << fmt::format("{:<16}{}\n", "pairs", pairs)
              << fmt::format("{:<16}{:.2f}   {}\n", "BLEU", scores.bleu.score, scores.bleu_signature)
              << fmt::format("{:<16}{:.2f}\n", "chrF2", scores.chrf)
              << fmt::format("{:<16}{:.2f} %\n", "exact match", scores.exact_match)
              << fmt::format("{:<16}{:.4f}\n", "nats per token", nats.per_token())
              << fmt::format("{:<16}{:.4f}\n", "perplexity", perplexity)
              << fmt::format("{:<16}{:.1f}\n", "seconds", seconds);
  }

  const TranslationFamily& family_;
  std::string model_, out_;
  PairsOptions pairs_{.task_pairs = 5000};
  DecodeFlags decoding_;
};

}  // namespace

std::unique_ptr<Verb> translation_eval_verb(const TranslationFamily& family) {
  return std::make_unique<EvalVerb>(family);
}

}  // namespace langzoo
