#include "apps/cli/classification.h"

#include <iostream>

#include <fmt/format.h>
#include <torch/torch.h>

#include "apps/cli/base/json_output.h"
#include "apps/cli/model_checks.h"
#include "apps/cli/text_lines.h"
#include "apps/cli/train_verb.h"
#include "apps/training/tasks/classification.h"

namespace langzoo {

namespace {

/// What eval and predict have in common: a model, and texts for it.
class ModelVerb : public ComputeVerb {
 public:
  void add_own_options(Options& options) override {
    options.add("--model", dir_, "a model folder: an earlier --out").required();
    options.add("--text-column", text_column_, "its name in the first line, or its number in files without names");
  }
  void compute(const ComputeOptions& common) override {
    LoadReport report;
    const auto classifier = load_classifier(dir_, {common.torch_device(), common.torch_dtype()}, &report);
    show_load_report(dir_, report);
    apply(*classifier.model, *classifier.tokenizer, common);
  }

 protected:
  virtual void apply(SequenceClassifier& model, const Tokenizer& tokenizer, const ComputeOptions& common) = 0;
  std::string dir_, text_column_ = "text", label_column_;
  std::optional<std::string> data_;
};

class EvalVerb : public ModelVerb {
 public:
  std::string name() const override { return "eval"; }
  std::string summary() const override { return "measure a model on labelled texts"; }
  std::string examples() const override { return "eval --model run --data test.csv\n"; }
  std::string notes() const override {
    return "Fields under --json: examples, loss (nats a text), accuracy; precision, recall and f1, means over the "
           "labels.\n";
  }
  void add_own_options(Options& options) override {
    ModelVerb::add_own_options(options);
    options.add("--data", data_, "labelled texts: .csv, .jsonl or TSV").required();
    options.add("--label-column", label_column_ = "label", "likewise of the labels");
  }

 protected:
  void apply(SequenceClassifier& model, const Tokenizer& tokenizer, const ComputeOptions& common) override {
    const auto rows = read_labelled_text(*data_, text_column_, label_column_);
    const auto texts = encode_labelled(*data_, rows, tokenizer, model);
    JsonMembers figures = {{"examples", texts.size()}};
    if (!common.json) std::cout << fmt::format("{:<11}{}\n", "examples", texts.size());
    for (const auto& [name, value] : values_of(evaluate_classifier(model, texts, common.torch_device()))) {
      figures.emplace_back(name, value);
      if (!common.json) std::cout << fmt::format("{:<11}{:.4f}\n", name, value);
    }
    if (common.json) print_json(figures);
  }
};

class PredictVerb : public ModelVerb {
 public:
  std::string name() const override { return "predict"; }
  std::string summary() const override { return "the labels of texts"; }
  std::string examples() const override {
    return "predict --model run --text \"a fine film\"\npredict --model run --data new.csv --json\n";
  }
  std::string notes() const override {
    return "Fields under --json, a line a text: label, probabilities (by label).\n";
  }
  void add_own_options(Options& options) override {
    ModelVerb::add_own_options(options);
    options.add("--data", data_, "texts: .csv, .jsonl or TSV");
    options.add("--text", text_, "or one text");
    options.exactly_one_of({"--data", "--text"});
  }

 protected:
  void apply(SequenceClassifier& model, const Tokenizer& tokenizer, const ComputeOptions& common) override {
    const auto rows = data_ ? read_labelled_text(*data_, text_column_, "") : std::vector<LabelledText>{{text_, "", 1}};
    const auto texts = encode_labelled(data_.value_or("--text"), rows, tokenizer, model);
    const auto probabilities = class_log_probs(model, texts, common.torch_device()).exp();
    for (std::int64_t i = 0; i < texts.size(); ++i) {
      JsonMembers all;
      for (const auto& [id, name] : model.labels().id2label)
        all.emplace_back(name, probabilities[i][id].item<double>());
      const auto& label = model.labels().id2label.at(probabilities[i].argmax().item<std::int64_t>());
      if (common.json) print_json({{"label", label}, {"probabilities", all}});
      if (!common.json) std::cout << fmt::format("{}\t{:.4f}\n", label, probabilities[i].max().item<double>());
    }
  }

 private:
  std::string text_;
};

}  // namespace

Verbs classification_verbs(const Family& family) {
  Verbs verbs;
  verbs.push_back(std::make_unique<TrainVerb>(
      std::string(family.program), "train --data train.csv --valid valid.csv --out run\ntrain --out run --resume\n",
      family.setup));
  verbs.push_back(std::make_unique<EvalVerb>());
  verbs.push_back(std::make_unique<PredictVerb>());
  return verbs;
}

}  // namespace langzoo
