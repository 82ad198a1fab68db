#include <chrono>
#include <iostream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/cli/base/json_output.h"
#include "apps/cli/translation/pair_corpus.h"
#include "apps/cli/translation/sentence_translator.h"
#include "data/files/files.h"

namespace langzoo {

namespace {

class EvalVerb : public ComputeVerb {
 public:
  explicit EvalVerb(std::unique_ptr<TranslationMethod> method) : method_(std::move(method)) {}
  std::string name() const override { return "eval"; }
  std::string summary() const override { return "measure a model on sentence pairs"; }
  std::string examples() const override {
    return "eval --model run --data test.tsv\n"
           "eval --model run --data test.en --target test.fr --num-beams 5 --json\n"
           "eval --model run --data test.tsv --alignments test.links\n"
           "eval --model run --data addition --pairs 1000\n";
  }
  std::string notes() const override {
    return "The sources are translated by beam search and compared with the targets. Pairs of which a side is empty\n"
           "are left out. With alignments made by hand the model's are compared with them (alignment error rate: Och\n"
           "and Ney 2003): --alignments FILE has a line for each pair with i-j where word i of the source and word j\n"
           "of the target surely belong together and i?j where they possibly do. Words are what stands between white\n"
           "space, counted from 0. The alignments of microworld-ko are known. The model's links: " +
           method_->align_help() +
           ".\n"
           "Fields under --json: pairs, bleu, bleu_signature, chrf, exact_match (in per cent), alignment_error_rate\n"
           "(in 0..1), seconds (of translating), " +
           method_->figures_help() + ".\n";
  }
  void add_own_options(Options& options) override {
    options.add("--model", model_, "a model folder: an earlier --out").required();
    add_pairs_options(options, pairs_).required();
    const auto of_task = [this] { return is_pair_task(pairs_.data); };
    options.add("--pairs", pairs_.task_pairs, "pairs that addition, dates or microworld-ko make")
        .range(1, 1'000'000'000)
        .needs("such --data", of_task);
    options.add("--skip", pairs_.task_skip, "of those as many are passed over first: the training's")
        .range(0, 1'000'000'000)
        .needs("such --data", of_task);
    options.add("--out", out_, "a file for the translations, one a line");
    options.add("--alignments", alignments_, "which words of the pairs belong together, a line for each pair");
    method_->add_options(options);
  }
  bool has_device() const override { return method_->has_device(); }

  void compute(const ComputeOptions& common) override {
    if (method_->has_n_best()) throw UsageError("--n-best: eval measures the best translation");
    pairs_.task_seed = common.seed_or(pairs_.task_seed);
    pairs_.keep_padding |= PairFormat::load(model_).keep_padding;
    const auto translator = method_->load(model_, common);
    const auto& tokenizers = translator->tokenizers();
    const auto pairs = open_evaluation_pairs(pairs_, tokenizers);
    const auto alignments = reference_alignments(pairs_, alignments_, pairs.all);
    if (pairs.sources.size() < pairs.all.size()) {
      std::cerr << fmt::format("left out: {} pairs of which a side is empty\n",
                               pairs.all.size() - pairs.sources.size());
    }

    Results results;
    results.figures = translator->figures(pairs.corpus);
    const auto begin = std::chrono::steady_clock::now();
    std::vector<std::string> hypotheses;
    for (const auto& found : translator->translate(pairs.sources))
      hypotheses.push_back(text_of(tokenizers, found.front()));
    results.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    results.pairs = pairs.sources.size();
    results.scores = text_scores(hypotheses, pairs.references, {});
    if (!out_.empty()) write_lines(hypotheses);
    if (alignments) results.alignment_error_rate = error_rate(*translator, pairs.all, *alignments);
    report(results, common.json);
  }

 private:
  void write_lines(const std::vector<std::string>& lines) const {
    write_file_atomically(out_, fmt::format("{}\n", fmt::join(lines, "\n")));
  }

  struct Results {
    std::size_t pairs = 0;
    TextScores scores;
    std::optional<double> alignment_error_rate;
    std::vector<Figure> figures;
    double seconds = 0;
  };

  /// Nothing for a model that aligns no words, unless a file of alignments asks for it.
  std::optional<double> error_rate(const SentenceTranslator& translator, const std::vector<SentencePair>& pairs,
                                   std::span<const ReferenceAlignment> references) const {
    std::vector<AlignmentLinks> found;
    for (const auto& pair : pairs) {
      std::optional<AlignmentLinks> links;
      try {
        links = translator.align(sentence_tokens(translator.tokenizers().source(), pair.source),
                                 sentence_tokens(translator.tokenizers().target(), pair.target));
      } catch (const std::runtime_error& error) {
        throw std::runtime_error(fmt::format("{}: line {}: {}", pairs_.data, pair.line, one_line(error)));
      }
      if (!links && !alignments_.empty())
        throw std::runtime_error(fmt::format("{}: the model aligns no words", model_));
      if (!links) return std::nullopt;
      found.push_back(*std::move(links));
    }
    return alignment_error_rate(found, references);
  }

  static void report(const Results& results, bool json) {
    const auto& scores = results.scores;
    const auto& aer = results.alignment_error_rate;
    if (json) {
      JsonMembers members = {{"pairs", results.pairs},
                             {"bleu", scores.bleu.score},
                             {"bleu_signature", scores.bleu_signature},
                             {"chrf", scores.chrf},
                             {"exact_match", scores.exact_match}};
      if (aer) members.emplace_back("alignment_error_rate", *aer);
      for (const auto& figure : results.figures) {
        members.emplace_back(figure.key, std::visit([](auto value) { return JsonValue(value); }, figure.value));
      }
      members.emplace_back("seconds", results.seconds);
      return print_json(members);
    }
    std::cout << fmt::format("{:<16}{}\n", "pairs", results.pairs)
              << fmt::format("{:<16}{:.2f}   {}\n", "BLEU", scores.bleu.score, scores.bleu_signature)
              << fmt::format("{:<16}{:.2f}\n", "chrF2", scores.chrf)
              << fmt::format("{:<16}{:.2f} %\n", "exact match", scores.exact_match);
    if (aer) std::cout << fmt::format("{:<16}{:.4f}\n", "alignment error", *aer);
    for (const auto& figure : results.figures) {
      if (const auto* value = std::get_if<double>(&figure.value)) {
        std::cout << fmt::format("{:<16}{:.4f}\n", figure.label, *value);
      }
    }
    std::cout << fmt::format("{:<16}{:.1f}\n", "seconds", results.seconds);
  }

  std::unique_ptr<TranslationMethod> method_;
  std::string model_, out_, alignments_;
  PairsOptions pairs_ = evaluation_pairs_defaults();
};

}  // namespace

std::unique_ptr<Verb> translation_eval_verb(std::unique_ptr<TranslationMethod> method) {
  return std::make_unique<EvalVerb>(std::move(method));
}

}  // namespace langzoo
