#include <iostream>

#include <fmt/format.h>

#include "apps/cli/attention/attention_page.h"
#include "apps/cli/base/figures.h"
#include "apps/cli/base/json_output.h"
#include "apps/cli/translation/sentence_translator.h"
#include "apps/cli/translation/shown_pairs.h"
#include "data/files/files.h"

namespace langzoo {

namespace {

class AttentionVerb : public ComputeVerb {
 public:
  explicit AttentionVerb(std::unique_ptr<TranslationMethod> method) : method_(std::move(method)) {}
  std::string name() const override { return "attention"; }
  std::string summary() const override { return "look at every layer and head as a model reads and writes a pair"; }
  std::string examples() const override {
    return "attention --model run --text \"She reads.\" --out attention.html\n"
           "attention --model run --text \"She reads.\" --translation \"Elle lit.\" --json\n"
           "attention --model run --data test.tsv --pairs 5 --out attention.html\n";
  }
  std::string notes() const override {
    return fmt::format(
        "--out becomes one page that needs nothing else. A --text without --translation is translated first.\n"
        "Texts that make more than {} weights of a kind, or on a page, are refused.\n"
        "Fields under --json, an object a pair: of what the model has encoder_attentions, decoder_attentions and\n"
        "cross_attentions, each with queries and keys (tokens) and weights (by layer, head, query and key, as in\n"
        "transformers). The decoder's tokens are those that it has read, the start token first; what looks at the\n"
        "source is the token that is written next.\n",
        AttentionPage::kMostWeights);
  }
  bool warns_itself() const override { return true; }
  bool heeds_seed() const override { return true; }
  void add_own_options(Options& options) override {
    declared_ = &options;
    options.add("--model", model_, "a model folder: an earlier --out").required();
    pairs_.add_to(options, 1);
    options.add("--out", out_, "the page to write");
    method_->add_options(options);
  }
  bool has_device() const override { return method_->has_device(); }

  void compute(const ComputeOptions& common) override {
    if (out_.empty() && !common.json) throw UsageError("give --out a name for the page, or ask for --json");
    if (common.json && is_standard_output(out_)) throw UsageError("--json: not with --out to stdout");
    pairs_.read_as_run(model_, common);
    const auto translator = method_->load(model_, common);
    if (!out_.empty()) check_writable(out_);
    warn_of_idle(*declared_);
    AttentionPage page;
    std::int64_t left_out = 0, shown = 0;
    pairs_.for_each(*translator,
                    [&](const std::string& text, const SentenceTokens& source, const SentenceTokens& target) {
                      if (source.ids.empty()) {
                        ++left_out;
                        return;
                      }
                      auto maps = translator->attention_maps(source.ids, target.ids);
                      if (maps.maps.empty())
                        throw std::runtime_error(fmt::format("{}: the model has no attention to show", model_));
                      ++shown;
                      if (common.json) print_json(to_json(maps));
                      maps.title = text;
                      if (!out_.empty()) page.add(maps);
                    });
    if (left_out > 0) {
      std::cerr << fmt::format("not shown: {} whose source is empty\n", counted(left_out, "pair", "pairs"));
    }
    if (shown == 0) throw std::runtime_error("there is no pair to show");
    if (out_.empty()) return;
    const auto title = std::filesystem::path(model_).lexically_normal().filename().string();
    write_file_atomically(out_, page.html(title, "attention as a pair is read and written"));
    std::cerr << fmt::format("{} written to {}\n", counted(std::ssize(page), "pair", "pairs"), out_);
  }

 private:
  std::unique_ptr<TranslationMethod> method_;
  const Options* declared_ = nullptr;
  std::string model_, out_;
  ShownPairs pairs_;
};

}  // namespace

std::unique_ptr<Verb> attention_verb(std::unique_ptr<TranslationMethod> method) {
  return std::make_unique<AttentionVerb>(std::move(method));
}

}  // namespace langzoo
