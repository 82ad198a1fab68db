#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/cli/metrics/segment_verb.h"
#include "apps/cli/metrics/verbs.h"

namespace langzoo {

namespace {

class ScoreVerb : public Verb {
 public:
  std::string name() const override { return "score"; }
  std::string summary() const override { return "several metrics of the same texts"; }
  std::string examples() const override {
    return "score --metrics bleu chrf ter --hyp translations.txt --ref references.txt\n"
           "score --metrics bleu chrf --hyp baseline.txt mine.txt --ref references.txt --paired-bs --json\n";
  }
  std::string notes() const override {
    return "Each metric as its own verb computes it without options of its own. Fields under --json: those of that\n"
           "verb, an object for each metric and system.\n" +
           segment_notes();
  }
  void add_options(Options& options) override {
    options.add("--metrics", metrics_, "bleu, chrf, ter, rouge and qa, in the order of printing")
        .one_of({"bleu", "chrf", "ter", "rouge", "qa"})
        .required();
    options_.add_files(options);
    options_.add_more(options);
  }
  bool heeds_seed() const override { return true; }
  void run(const CommonOptions& common) override {
    options_.check();
    const SegmentTexts texts(options_);
    for (const auto& name : metrics_) verb_of(name)->score(options_, texts, common);
  }

 private:
  static std::unique_ptr<SegmentVerb> verb_of(const std::string& name) {
    for (const auto make : {bleu_verb, chrf_verb, ter_verb, rouge_verb, qa_verb}) {
      if (auto verb = make(); verb->name() == name) return verb;
    }
    throw std::logic_error(name);
  }

  std::vector<std::string> metrics_;
  SegmentOptions options_;
};

}  // namespace

std::unique_ptr<Verb> score_verb() {
  return std::make_unique<ScoreVerb>();
}

}  // namespace langzoo
