#include <iostream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/cli/base/json_output.h"
#include "apps/cli/model_checks.h"
#include "apps/cli/ngram/ngram_folder.h"
#include "apps/cli/ngram/verbs.h"
#include "apps/training/output_dir.h"
#include "data/files/files.h"
#include "models/ngram/arpa.h"

namespace langzoo {

namespace {

namespace fs = std::filesystem;

class NGramConvertVerb : public Verb {
 public:
  std::string name() const override { return "convert"; }
  std::string summary() const override { return "write an n-gram model as an ARPA file, or read one"; }
  std::string examples() const override {
    return "convert --model run --arpa model.arpa\n"
           "convert --from-arpa model.arpa --out model\n";
  }
  std::string notes() const override {
    return "ARPA files hold back-off models: those of Kneser-Ney smoothing, and not mixtures. One without <unk> or "
           "</s>\n"
           "gives it 10^-100.\n"
           "Fields under --json: order, ngrams (by length), words.\n";
  }
  void add_options(Options& options) override {
    add_model_folder(options, model_, "the folder of an n-gram model");
    options.add("--arpa", arpa_, "the file to write; - is stdout").needs("--model");
    options.add("--from-arpa", from_arpa_, "the file to read").excludes("--model").excludes("--arpa");
    options.add("--out", out_, "the model folder to write, new or empty").needs("--from-arpa");
    options.exactly_one_of({"--model", "--from-arpa"});
  }

  void run(const CommonOptions& common) override {
    if (from_arpa_) return read(common);
    if (!arpa_) throw UsageError("--arpa is missing: the file to write");
    if (common.json && is_standard_output(*arpa_)) throw UsageError("--json: not with --arpa to stdout");
    check_writable(*arpa_);
    const auto lm = load_ngrams(model_);
    const auto* const model = std::get_if<NGramModel>(&lm->model());
    try {
      if (model == nullptr) throw std::invalid_argument("an ARPA file holds back-off models, and this is a mixture");
      write_file_atomically(*arpa_, [&](std::ostream& out) { write_arpa(out, *model); });
    } catch (const std::invalid_argument& error) {
      throw FileError(model_, error.what());
    }
    if (!is_standard_output(*arpa_)) print(*model, common);
  }

 private:
  void read(const CommonOptions& common) const {
    if (out_.empty()) throw UsageError("--out is missing: the model folder to write");
    const fs::path out(out_);
    if (!is_new_or_empty(out)) throw UsageError(fmt::format("--out {}: is not empty", out_));
    OutputGuard guard(out, OutputUse::kNew);
    bool has_end = false;
    write_file_atomically(out / kNGramFile, [&](std::ostream& file) { has_end = convert_arpa(*from_arpa_, file); });
    if (!has_end)
      std::cerr << fmt::format("warning: {}: has no </s>: its probability is 10^-100 at every line's end\n",
                               *from_arpa_);
    const auto model = NGramModel::load(out / kNGramFile);
    NGramLmImpl(NGramLmConfig{}, model, out / kNGramFile).save_pretrained(out);
    save_words(model.words(), out);
    guard.keep();
    print(model, common);
    std::cerr << fmt::format("saved in {}\n", out_);
  }

  static void print(const NGramModel& model, const CommonOptions& common) {
    std::vector<std::int64_t> counts(model.counts().begin(), model.counts().end());
    if (common.json) {
      print_json({{"order", model.order()}, {"ngrams", counts}, {"words", model.vocabulary()}});
    } else {
      std::cout << fmt::format("{} words; n-grams of 1, 2, ... words: {}\n", model.vocabulary(),
                               fmt::join(counts, ", "));
    }
  }

  std::string model_, out_;
  std::optional<std::string> arpa_, from_arpa_;
};

}  // namespace

std::unique_ptr<Verb> ngram_convert_verb() {
  return std::make_unique<NGramConvertVerb>();
}

}  // namespace langzoo
