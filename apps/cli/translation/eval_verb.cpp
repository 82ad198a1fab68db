#include <chrono>
#include <iostream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/cli/base/figure_list.h"
#include "apps/cli/base/figures.h"
#include "apps/cli/text_lines.h"
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
           "are not measured; --out has a line for each pair all the same. With alignments made by hand the model's "
           "are compared with them (alignment error rate: Och\n"
           "and Ney 2003): --alignments FILE has a line for each pair with i-j where word i of the source and word j\n"
           "of the target surely belong together and i?j where they possibly do. Words are what stands between white\n"
           "space, counted from 0. The alignments of microworld-ko are known. The model's links: " +
           method_->align_help() +
           ".\n"
           "Fields under --json: pairs, bleu, bleu_signature, chrf, exact_match (in per cent), alignment_error_rate\n"
           "(in 0..1), seconds (of translating), " +
           method_->figures_help() + ".\n";
  }
  bool warns_itself() const override { return true; }
  bool heeds_seed() const override { return true; }
  void add_own_options(Options& options) override {
    declared_ = &options;
    add_model_folder(options, model_).required();
    add_pairs_options(options, pairs_).required();
    const auto of_task = [this] { return is_pair_task(pairs_.data); };
    options.add("--pairs", pairs_.task_pairs, "pairs that addition, dates or microworld-ko make")
        .range(1, 1'000'000'000)
        .needs("such --data", of_task);
    options.add("--skip", skip_, "of those as many are passed over first; by default as many as trained the model")
        .range(0, 1'000'000'000)
        .needs("such --data", of_task);
    options.add("--out", out_, "a file for the translations, one a line");
    options.add("--alignments", alignments_, "which words of the pairs belong together, a line for each pair");
    options.idle_where("--seed", "--data names a file", [of_task] { return !of_task(); });
    method_->add_options(options);
  }
  bool has_device() const override { return method_->has_device(); }

  void compute(const ComputeOptions& common) override {
    const auto of_run = evaluation_pairs_of(model_);
    pairs_.task_seed = common.seed_or(of_run.task_seed);
    pairs_.task_skip = skip_.value_or(of_run.task_skip);
    pairs_.keep_padding |= of_run.keep_padding;
    if (!out_.empty()) check_writable(out_);
    if (is_standard_output(out_)) throw UsageError("--out: stdout is for the figures; name a file");
    const auto translator = method_->load(model_, common);
    warn_of_idle(*declared_);  // not before: the folder says how many beams there are
    const auto& tokenizers = translator->tokenizers();
    const auto pairs = open_evaluation_pairs(pairs_, tokenizers, translator->max_source());
    const auto alignments = reference_alignments(pairs_, alignments_, pairs.all);
    tell_left_out(pairs.left_out);
    if (pairs.measured.size() < pairs.all.size()) {
      std::cerr << fmt::format("not measured: {} of which a side is empty\n",
                               counted(std::ssize(pairs.all) - std::ssize(pairs.measured), "pair", "pairs"));
    }

    const auto measured = translator->figures(pairs.corpus);
    const auto begin = std::chrono::steady_clock::now();
    const auto found = translator->translate(pairs.sources);
    std::vector<std::string> translations, hypotheses;
    for (std::size_t i = 0; i < found.size(); ++i)
      translations.push_back(translator->text(found[i].front(), pairs.all[i].source));
    for (const auto i : pairs.measured) hypotheses.push_back(translations[i]);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    const auto scores = text_scores(hypotheses, pairs.references, {});
    if (!out_.empty()) write_file_atomically(out_, fmt::format("{}\n", fmt::join(translations, "\n")));

    std::vector<Figure> figures = {{"pairs", "pairs", std::ssize(pairs.measured)},
                                   {"bleu", "BLEU", scores.bleu.score, 2, "   " + scores.bleu_signature},
                                   {"bleu_signature", "", scores.bleu_signature},
                                   {"chrf", "chrF2", scores.chrf, 2},
                                   {"exact_match", "exact match", scores.exact_match, 2, " %"}};
    if (const auto aer = error_rate(*translator, pairs.all, alignments)) {
      figures.push_back({"alignment_error_rate", "alignment error", *aer});
    }
    figures.insert(figures.end(), measured.begin(), measured.end());
    figures.push_back({"seconds", "seconds", seconds, 1});
    print_figures(figures, common.json, 16);
  }

 private:
  /// Nothing where nobody knows the alignments, and for a model that aligns no words, unless a file asks for it.
  std::optional<double> error_rate(const SentenceTranslator& translator, const std::vector<SentencePair>& pairs,
                                   const std::optional<std::vector<ReferenceAlignment>>& references) const {
    if (!references) return std::nullopt;
    std::vector<AlignmentLinks> found;
    for (const auto& pair : pairs) {
      std::optional<AlignmentLinks> links;
      encode_from(fmt::format("{}: line {}", pairs_.data, pair.line), [&] {
        links = translator.align(sentence_tokens(translator.tokenizers().source(), pair.source),
                                 sentence_tokens(translator.tokenizers().target(), pair.target));
      });
      if (!links && !alignments_.empty())
        throw std::runtime_error(fmt::format("{}: the model aligns no words", model_));
      if (!links) return std::nullopt;
      found.push_back(*std::move(links));
    }
    return alignment_error_rate(found, *references);
  }

  std::unique_ptr<TranslationMethod> method_;
  const Options* declared_ = nullptr;
  std::string model_, out_, alignments_;
  PairsOptions pairs_ = evaluation_pairs_defaults();
  std::optional<std::int64_t> skip_;
};

}  // namespace

std::unique_ptr<Verb> translation_eval_verb(std::unique_ptr<TranslationMethod> method) {
  return std::make_unique<EvalVerb>(std::move(method));
}

}  // namespace langzoo
