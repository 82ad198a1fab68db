#include <iostream>

#include <fmt/format.h>

#include "apps/cli/attention/attention_page.h"
#include "apps/cli/base/figures.h"
#include "apps/cli/base/json_output.h"
#include "apps/cli/translation/attention_view.h"
#include "apps/cli/translation/sentence_translator.h"
#include "apps/cli/translation/shown_pairs.h"
#include "data/files/files.h"

namespace langzoo {

namespace {

class AlignVerb : public ComputeVerb {
 public:
  explicit AlignVerb(std::unique_ptr<TranslationMethod> method) : method_(std::move(method)) {}
  std::string name() const override { return "align"; }
  std::string summary() const override {
    return "show which words of a source and of its target a model puts together";
  }
  std::string examples() const override {
    return "align --model run --text \"She reads.\"\n"
           "align --model run --text \"She reads.\" --translation \"Elle lit.\"\n"
           "align --model run --data test.tsv --pairs 20 --out alignment.html\n"
           "align --model run --data test.tsv --pairs 1000 --format pharaoh > test.links\n";
  }
  std::string notes() const override {
    return "Pictures go to the terminal, or with --out into one self-contained page. A --text without --translation\n"
           "is translated first. --format pharaoh prints a line for each pair with i-j for word i of the source and\n"
           "word j of the target (what stands between white space, counted from 0): " +
           method_->align_help() +
           ".\n"
           "Fields under --json: source_tokens, target_tokens, " +
           method_->weight_name() +
           " (a list for each target token, with a\n"
           "weight for each source token).\n";
  }
  bool warns_itself() const override { return true; }
  bool heeds_seed() const override { return true; }
  void add_own_options(Options& options) override {
    declared_ = &options;
    options.add("--model", model_, "a model folder: an earlier --out").required();
    pairs_.add_to(options, 10);
    options.add("--out", out_, "the page to write");
    options.add("--format", format_, "of what goes to stdout: picture or pharaoh")
        .one_of({"picture", "pharaoh"})
        .idle_with("--out")
        .idle_with("--json");
    method_->add_options(options);
  }
  bool has_device() const override { return method_->has_device(); }

  void compute(const ComputeOptions& common) override {
    pairs_.read_as_run(model_, common);
    translator_ = method_->load(model_, common);
    if (!out_.empty()) check_writable(out_);
    if (common.json && is_standard_output(out_)) throw UsageError("--json: not with --out to stdout");
    warn_of_idle(*declared_);  // not before: the folder says how many beams there are
    AttentionPage page;
    std::int64_t left_out = 0;
    pairs_.for_each(*translator_, [&](const std::string& text, const SentenceTokens& source,
                                      const SentenceTokens& target) {
      if (format_ == "pharaoh" && out_.empty() && !common.json) {
        std::cout << pharaoh_line(checked(translator_->align(source, target))) << '\n';
        return;
      }
      if (source.ids.empty()) {
        ++left_out;
        return;
      }
      const auto view = checked(translator_->attention_view(source.ids, target.ids));
      if (common.json) {
        print_json(
            {{"source_tokens", view.source}, {"target_tokens", view.target}, {method_->weight_name(), view.weights}});
      } else if (out_.empty()) {
        std::cout << attention_text(view) << '\n';
      }
      if (!out_.empty()) page.add(to_maps(view, text, method_->weight_name()));
    });
    if (left_out > 0) {
      std::cerr << fmt::format("not shown: {} whose source is empty\n", counted(left_out, "pair", "pairs"));
    }
    if (out_.empty()) return;
    const auto title = std::filesystem::path(model_).lexically_normal().filename().string();
    const auto subtitle = fmt::format("{} of {} sentence pairs", method_->weight_name(), page.size());
    write_file_atomically(out_, page.html(title, subtitle));
    std::cerr << fmt::format("{} written to {}\n", counted(std::ssize(page), "pair", "pairs"), out_);
  }

 private:
  template <class Found>
  Found checked(std::optional<Found> found) const {
    if (!found) throw std::runtime_error(fmt::format("{}: the model has no attention to show", model_));
    return *std::move(found);
  }

  std::unique_ptr<TranslationMethod> method_;
  const Options* declared_ = nullptr;
  std::unique_ptr<SentenceTranslator> translator_;
  std::string model_, out_, format_ = "picture";
  ShownPairs pairs_;
};

}  // namespace

std::unique_ptr<Verb> align_verb(std::unique_ptr<TranslationMethod> method) {
  return std::make_unique<AlignVerb>(std::move(method));
}

}  // namespace langzoo
