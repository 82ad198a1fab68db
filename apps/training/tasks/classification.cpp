#include "apps/training/tasks/classification.h"

#include <set>

#include <fmt/format.h>

#include "data/metrics/classification.h"
#include "models/losses/cross_entropy.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

torch::Tensor logits_of(SequenceClassifier& model, const ParallelBatch& batch) {
  return model.logits(batch.source, input_mask(batch));
}

class Classification : public ExampleKindFor<SequenceClassifier> {
 public:
  const ExampleFormat& format() const override { return format_; }

  /// The labels, in the order of their bytes.
  std::string complete_config(ModelConfig& config, const std::vector<TableRow>& rows) const override {
    std::set<std::string> names;
    for (const auto& row : rows) names.insert(row.values.at(1));
    read_fields(config, write_fields(ClassLabels::of({names.begin(), names.end()})), "labels");
    return fmt::format("{} labels", names.size());
  }

  std::vector<TokenId> target_ids(const TableRow& row, const Tokenizer& /*tokenizer*/,
                                  const TokenModel& model) const override {
    const auto& label = row.values.at(1);
    const auto& [id2label, label2id] = of(model).labels();
    if (label2id.contains(label)) return {static_cast<TokenId>(label2id.at(label))};
    for (const auto& [id, name] : id2label) {
      if (name == label) return {static_cast<TokenId>(id)};
    }
    throw std::runtime_error(fmt::format("the model has no label \"{}\"", label));
  }

  torch::Tensor loss_sum(TokenModel& model, const ParallelBatch& batch) const override {
    return cross_entropy(logits_of(of(model), batch), batch.labels.flatten());
  }
  EvalMetrics evaluate(TokenModel& model, const ParallelCorpus& texts, torch::Device device) const override {
    return evaluate_classifier(of(model), texts, device);
  }

 private:
  ExampleFormat format_ = {
      .task = "classification",
      .examples = "labelled texts",
      .inputs = "texts",
      .input_columns = {{"text", "its name in the first line, or its number in files without names"}},
      .target_columns = {{"label", "likewise of the labels"}},
      .loss_unit = "nats a text",
      .metrics = {"loss", "accuracy", "precision", "recall", "f1"},
      .metrics_help = "loss (nats a text), accuracy; precision, recall and f1, means over the labels",
      .otherwise = "does not classify texts",
      .decided = {"id2label", "label2id"}};
};

}  // namespace

const ExampleKind& classification() {
  static const Classification kind;
  return kind;
}

torch::Tensor class_log_probs(SequenceClassifier& model, const ParallelCorpus& texts, torch::Device device) {
  return of_all_examples(texts, device, [&](const ParallelBatch& batch) {
    return logits_of(model, batch).log_softmax(-1, torch::kFloat32);
  });
}

EvalMetrics evaluate_classifier(SequenceClassifier& model, const ParallelCorpus& texts, torch::Device device) {
  const auto log_probs = class_log_probs(model, texts, device);
  const auto best = log_probs.argmax(-1);
  const auto& names = model.labels().id2label;
  std::vector<std::string_view> predicted, truth;
  double nats = 0;
  for (std::int64_t i = 0; i < texts.size(); ++i) {
    predicted.push_back(names.at(best[i].item<std::int64_t>()));
    truth.push_back(names.at(texts.target(i)[0]));
    nats -= log_probs[i][texts.target(i)[0]].item<double>();
  }
  const auto scores = score_classification(predicted, truth);
  const auto higher = [](double value) { return Metric{.value = value, .direction = Direction::kHigherIsBetter}; };
  return {{"loss", {.value = nats / static_cast<double>(texts.size()), .chart = MetricChart::kLoss}},
          {"accuracy", higher(scores.accuracy)},
          {"precision", higher(scores.macro.precision)},
          {"recall", higher(scores.macro.recall)},
          {"f1", higher(scores.macro.f1)}};
}

}  // namespace langzoo
