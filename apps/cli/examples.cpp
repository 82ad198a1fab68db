#include "apps/cli/examples.h"

#include <algorithm>
#include <optional>

#include "apps/cli/base/figure_list.h"
#include "apps/cli/model_verb.h"
#include "apps/cli/train_verb.h"

namespace langzoo {

namespace {

/// What eval and predict have in common: a model, and a table of examples for it.
class ExampleVerb : public ModelVerb {
 public:
  explicit ExampleVerb(const ExampleKind& kind) : kind_(kind), format_(kind.format()), columns_(format_) {}

 protected:
  /// --text-column for text_column, and so on.
  void add_column_options(Options& options, bool targets) {
    for (const auto& field : fields_of([&](FieldVisitor& visit) { columns_.for_each_column(visit, targets); })) {
      auto flag = "--" + field.name;
      std::replace(flag.begin(), flag.end(), '_', '-');
      options.add(flag, columns_.columns.at(shown_++), field.help);
    }
  }
  LoadedModel<TokenModel> load(const ComputeOptions& common) const {
    return load_and_report(model_, common, [&](const DeviceOptions& options, LoadReport* report) {
      return load_example_model(kind_, model_, options, report);
    });
  }
  ParallelCorpus encode(const std::string& file, const std::vector<TableRow>& rows,
                        const LoadedModel<TokenModel>& model) const {
    return encode_examples(kind_, file, rows, *model.tokenizer, *model.model);
  }

  const ExampleKind& kind_;
  const ExampleFormat& format_;
  ExampleOptions columns_;
  std::optional<std::string> data_;

 private:
  std::size_t shown_ = 0;
};

class EvalVerb : public ExampleVerb {
 public:
  using ExampleVerb::ExampleVerb;
  std::string name() const override { return "eval"; }
  std::string summary() const override { return "measure a model on " + format_.examples; }
  std::string examples() const override { return "eval --model run --data test.csv\n"; }
  std::string notes() const override { return "Fields under --json: examples, " + format_.metrics_help + ".\n"; }
  void add_own_options(Options& options) override {
    ModelVerb::add_own_options(options);
    options.add("--data", data_, format_.examples + ": .csv, .jsonl or TSV").required();
    add_column_options(options, /*targets=*/true);
  }
  void compute(const ComputeOptions& common) override {
    const auto model = load(common);
    const auto examples = encode(*data_, read_examples(*data_, columns_), model);
    std::vector<Figure> figures = {{"examples", "examples", examples.size()}};
    for (const auto& [name, value] : values_of(kind_.evaluate(*model.model, examples, model.device))) {
      figures.push_back({name, name, value});
    }
    print_figures(figures, common.json);
  }
};

class PredictVerb : public ExampleVerb {
 public:
  PredictVerb(const ExampleKind& kind, ExamplePredictions predictions)
      : ExampleVerb(kind), predictions_(std::move(predictions)), given_(format_.input_columns.size()) {}
  std::string name() const override { return "predict"; }
  std::string summary() const override { return predictions_.summary; }
  std::string examples() const override {
    return "predict --model run " + predictions_.example + "\npredict --model run --data new.csv --json\n";
  }
  std::string notes() const override { return "Fields under --json, " + predictions_.fields + ".\n"; }
  void add_own_options(Options& options) override {
    ModelVerb::add_own_options(options);
    options.add("--data", data_, format_.inputs + ": .csv, .jsonl or TSV");
    add_column_options(options, /*targets=*/false);
    const auto first = flag(0);
    options.add(first, given_[0], "or one " + format_.input_columns[0].name);
    options.exactly_one_of({"--data", first});
    for (std::size_t i = 1; i < given_.size(); ++i) options.add(flag(i), given_[i], "with it").needs(first);
  }
  void compute(const ComputeOptions& common) override {
    std::vector<TableRow> rows(data_ ? 0 : 1, TableRow{{}, 1});
    for (std::size_t i = 0; !data_ && i < given_.size(); ++i) {
      if (!given_[i]) throw UsageError(flag(i) + " is missing");
      rows[0].values.push_back(*given_[i]);
    }
    const auto model = load(common);
    if (data_) rows = read_examples(*data_, columns_, /*targets=*/false);
    predictions_.print(model, rows, encode(data_.value_or(flag(0)), rows, model), common.json);
  }

 private:
  std::string flag(std::size_t input) const { return "--" + format_.input_columns[input].name; }

  ExamplePredictions predictions_;
  std::vector<std::optional<std::string>> given_;  ///< one example: a value an input
};

}  // namespace

Verbs example_verbs(const Family& family, const ExampleKind& kind, const ExamplePredictions& predictions) {
  Verbs verbs;
  verbs.push_back(std::make_unique<TrainVerb>(
      std::string(family.program), "train --data train.csv --valid valid.csv --out run\ntrain --out run --resume\n",
      family.setup));
  verbs.push_back(std::make_unique<EvalVerb>(kind));
  verbs.push_back(std::make_unique<PredictVerb>(kind, predictions));
  return verbs;
}

}  // namespace langzoo
