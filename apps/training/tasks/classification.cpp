#include "apps/training/tasks/classification.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "data/metrics/classification.h"
#include "data/tasks/text_rows.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

const std::string kProblemType = "problem_type";

bool has_several(const SequenceClassifier& model) {
  return model.problem_type() == ProblemType::kMultiLabel;
}

Metric fraction(double value) {
  return {.value = value, .direction = Direction::kHigherIsBetter};
}

class Classification : public ExampleKindFor<SequenceClassifier, LabelledText> {
 public:
  const ExampleFormat& format() const override { return format_; }
  bool has_classes(const TokenModel& model) const override { return !has_several(of(model)); }
  bool accepts(const TokenModel& model) const override {
    return ExampleKindFor::accepts(model) && of(model).problem_type() != ProblemType::kRegression;
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

  /// The labels, in the order of their bytes.
  std::string complete_config_of(ModelConfig& config, const Raws& raws) const override {
    const bool lists = find_field(fields_in(config), kProblemType) &&
                       std::any_of(raws.begin(), raws.end(), [](const Raw& raw) { return is_list(raw.label); });
    std::set<std::string> names;
    for (const auto& raw : raws) {
      if (!lists) {
        names.insert(raw.label);
        continue;
      }
      try {
        for (auto& label : labels_of(raw.label)) names.insert(std::move(label));
      } catch (const std::runtime_error& error) {
        throw std::runtime_error(fmt::format("{}: {}", where_of(raw), error.what()));
      }
    }
    set_labels(config, ClassLabels::of({names.begin(), names.end()}),
               lists ? ProblemType::kMultiLabel : ProblemType::kSingleLabel);
    return fmt::format("{} labels", names.size());
  }

  std::vector<TokenExample> encode_raw(const Raw& raw, const ExampleEncoding& encoding) const override {
    const auto& model = of(encoding.model);
    TokenExample example{.rows = encoding.rows(raw.text, raw.pair)};
    if (!encoding.targets) return {example};
    if (!has_several(model)) {
      example.labels = {id_of(model, raw.label)};
      return {example};
    }
    example.values.resize(static_cast<std::size_t>(model.labels().size()));
    for (const auto& label : labels_of(raw.label)) example.values.at(static_cast<std::size_t>(id_of(model, label))) = 1;
    return {example};
  }

  torch::Tensor logits_of(SequenceClassifier& model, const TokenBatch& batch) const override {
    return model.logits(inputs_of(batch));
  }
  torch::Tensor loss_sum_of(const SequenceClassifier& model, const torch::Tensor& logits, const TokenBatch& batch,
                            const LabelSmoothing& smoothing) const override {
    return sequence_loss_sum(logits, has_several(model) ? batch.values : batch.labels.flatten(), model.problem_type(),
                             smoothing);
  }

  EvalMetrics scores_of(const SequenceClassifier& model, const Raws& /*raws*/, const EncodedExamples& encoded,
                        const std::vector<torch::Tensor>& logits) const override {
    if (has_several(model)) return scores_of_several(model, encoded, logits);
    const auto& names = model.labels().id2label;
    std::vector<std::string_view> predicted, truth;
    for (std::size_t i = 0; i < logits.size(); ++i) {
      predicted.push_back(names.at(logits[i].argmax().item<std::int64_t>()));
      truth.push_back(names.at(encoded.examples.labels(static_cast<std::int64_t>(i))[0]));
    }
    const auto scores = score_classification(predicted, truth);
    return measures(scores.accuracy, scores.macro);
  }

 private:
  /// Whether a label is a JSON list of labels.
  static bool is_list(const std::string& label) {
    if (!label.starts_with('[')) return false;
    try {
      labels_of(label);
      return true;
    } catch (const std::runtime_error&) {
      return false;
    }
  }
  static std::int64_t id_of(const SequenceClassifier& model, const std::string& label) {
    const auto& [id2label, label2id] = model.labels();
    if (label2id.contains(label)) return label2id.at(label);
    for (const auto& [id, name] : id2label) {
      if (name == label) return id;
    }
    throw std::runtime_error(unknown_label("label", label, model.labels()));
  }

  static EvalMetrics measures(double accuracy, const ClassScore& macro) {
    return {{"accuracy", fraction(accuracy)},
            {"precision", fraction(macro.precision)},
            {"recall", fraction(macro.recall)},
            {"f1", fraction(macro.f1)}};
  }

  /// A text is right where all its labels are.
  static EvalMetrics scores_of_several(const SequenceClassifier& model, const EncodedExamples& encoded,
                                       const std::vector<torch::Tensor>& logits) {
    std::map<std::string_view, LabelCounts> counts;
    std::size_t right = 0;
    for (std::size_t i = 0; i < logits.size(); ++i) {
      const auto truth = encoded.examples.values(static_cast<std::int64_t>(i));
      const auto* const given = logits[i].data_ptr<float>();
      bool all = true;
      for (const auto& [id, name] : model.labels().id2label) {
        const bool predicted = given[id] > 0, wanted = truth[static_cast<std::size_t>(id)] > 0;
        auto& count = counts[name];
        count.predicted += predicted ? 1 : 0, count.truth += wanted ? 1 : 0,
            count.correct += predicted && wanted ? 1 : 0;
        all = all && predicted == wanted;
      }
      right += all ? 1 : 0;
    }
    return measures(static_cast<double>(right) / static_cast<double>(logits.size()), average_labels(counts).macro);
  }

  ExampleFormat format_ = {
      .task = "classification",
      .examples = "labelled texts",
      .inputs = "texts",
      .files = ".csv, .tsv or .jsonl",
      .columns = std::string(kLabelledTextColumns),
      .columns_help = std::string(kLabelledTextColumnsHelp),
      .loss_unit = "nats a text",
      .metrics = {"loss", "accuracy", "precision", "recall", "f1"},
      .metrics_help = "loss (nats a text), accuracy; precision, recall and f1, means over the labels",
      .otherwise = "does not classify texts",
      .decided = {"id2label", "label2id", kProblemType, "pair_in_both_orders"},
      .r_drop = true,
      .label_smoothing = true,
      .microworld = {MicroworldTask::kClassification, MicroworldTask::kEntailment}};
};

}  // namespace

const ExampleKind& classification() {
  static const Classification kind;
  return kind;
}

torch::Tensor class_probabilities(const SequenceClassifier& model, const torch::Tensor& logits) {
  return has_several(model) ? logits.sigmoid() : logits.softmax(-1);
}

std::vector<std::string> chosen_labels(const SequenceClassifier& model, const torch::Tensor& probabilities) {
  const auto& names = model.labels().id2label;
  if (!has_several(model)) return {names.at(probabilities.argmax().item<std::int64_t>())};
  std::vector<std::string> labels;
  for (const auto& [id, name] : names) {
    if (probabilities[id].item<double>() > 0.5) labels.push_back(name);
  }
  return labels;
}

}  // namespace langzoo
