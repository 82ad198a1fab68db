#include "apps/training/tasks/regression.h"

#include <cmath>
#include <stdexcept>

#include "data/metrics/correlation.h"
#include "data/tasks/text_rows.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

class Regression : public ExampleKindFor<SequenceClassifier, LabelledText> {
 public:
  const ExampleFormat& format() const override { return format_; }
  bool accepts(const TokenModel& model) const override {
    return ExampleKindFor::accepts(model) && of(model).problem_type() == ProblemType::kRegression &&
           of(model).labels().size() == 1;
  }

 protected:
  Raws read_raws(const std::filesystem::path& file, const ExampleReading& reading) const override {
    return read_labelled_texts(file, reading);
  }
  std::optional<Raw> raw_of_texts(const std::vector<std::string>& texts) const override {
    if (texts.empty() || texts.size() > 2) return {};
    return Raw{texts[0], texts.size() > 1 ? texts[1] : "", {}, 1};
  }
  std::vector<std::string> texts_of(const Raw& raw) const override { return raw.texts(); }
  std::string complete_config_of(ModelConfig& config, const Raws& /*raws*/) const override {
    set_labels(config, ClassLabels::of({"LABEL_0"}), ProblemType::kRegression);
    return {};
  }
  std::vector<TokenExample> encode_raw(const Raw& raw, const ExampleEncoding& encoding) const override {
    TokenExample example{.rows = encoding.rows(raw.text, raw.pair)};
    if (encoding.targets) {
      example.values = {static_cast<float>(value_of(raw.label))};
      if (!std::isfinite(example.values[0])) throw std::runtime_error("value " + raw.label + " is too large");
    }
    return {example};
  }
  torch::Tensor logits_of(SequenceClassifier& model, const TokenBatch& batch) const override {
    return model.logits(inputs_of(batch));
  }
  torch::Tensor loss_sum_of(const SequenceClassifier& model, const torch::Tensor& logits, const TokenBatch& batch,
                            const LabelSmoothing& /*smoothing*/) const override {
    return sequence_loss_sum(logits, batch.values, model.problem_type());
  }
  EvalMetrics scores_of(const SequenceClassifier& /*model*/, const Raws& /*raws*/, const EncodedExamples& encoded,
                        const std::vector<torch::Tensor>& logits) const override {
    std::vector<double> predicted, truth;
    for (std::size_t i = 0; i < logits.size(); ++i) {
      predicted.push_back(logits[i].item<double>());
      truth.push_back(encoded.examples.values(static_cast<std::int64_t>(i))[0]);
    }
    const auto higher = [](double value) { return Metric{.value = value, .direction = Direction::kHigherIsBetter}; };
    return {{"pearson", higher(pearson_correlation(predicted, truth))},
            {"spearman", higher(spearman_correlation(predicted, truth))}};
  }

 private:
  ExampleFormat format_ = {.task = "regression",
                           .examples = "texts with numbers",
                           .inputs = "texts",
                           .files = ".csv, .tsv or .jsonl",
                           .columns = std::string(kLabelledTextColumns),
                           .columns_help = std::string(kLabelledTextColumnsHelp),
                           .loss_unit = "squared error",
                           .metrics = {"loss", "pearson", "spearman"},
                           .metrics_help = "loss (the mean squared error), pearson, spearman",
                           .otherwise = "gives texts no numbers",
                           .decided = {"id2label", "label2id", "problem_type", "pair_in_both_orders"},
                           .microworld = {MicroworldTask::kSimilarity}};
};

}  // namespace

const ExampleKind& regression() {
  static const Regression kind;
  return kind;
}

}  // namespace langzoo
