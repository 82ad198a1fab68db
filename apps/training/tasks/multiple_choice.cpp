#include "apps/training/tasks/multiple_choice.h"

#include <algorithm>

#include <fmt/format.h>

#include "models/losses/cross_entropy.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

const std::string kColumns = "premise,choice1,choice2,label";

class MultipleChoiceKind : public ExampleKindFor<MultipleChoice, ChoiceExample> {
 public:
  const ExampleFormat& format() const override { return format_; }

 protected:
  Raws read_raws(const std::filesystem::path& file, const ExampleReading& reading) const override {
    auto names = column_names(reading.columns.empty() ? kColumns : reading.columns);
    if (reading.columns.empty()) {
      // As many more choices as the file has.
      std::vector<std::string> others;
      read_choices(file, std::span(names).first(names.size() - 1), /*labels=*/false, reading.format, &others);
      const auto has = [&](const std::string& name) {
        return std::find(others.begin(), others.end(), name) != others.end();
      };
      for (int n = 3; has(fmt::format("choice{}", n)); ++n) names.insert(names.end() - 1, fmt::format("choice{}", n));
      if (!reading.targets) names.pop_back();
    }
    return read_choices(file, names, reading.targets, reading.format, reading.unread);
  }
  std::optional<Raw> raw_of_texts(const std::vector<std::string>& texts) const override {
    if (texts.size() < 3) return {};
    return ChoiceExample{texts[0], {texts.begin() + 1, texts.end()}, -1, 1};
  }
  std::vector<std::string> texts_of(const Raw& raw) const override {
    std::vector<std::string> texts = {raw.premise};
    texts.insert(texts.end(), raw.choices.begin(), raw.choices.end());
    return texts;
  }
  /// A head that scores one choice has labels that say nothing: transformers' default.
  std::string complete_config_of(ModelConfig& config, const Raws& raws) const override {
    set_labels(config, ClassLabels());
    return raws.empty() ? "" : fmt::format("{} choices each", raws[0].choices.size());
  }
  std::vector<TokenExample> encode_raw(const Raw& raw, const ExampleEncoding& encoding) const override {
    TokenExample example;
    for (const auto& choice : raw.choices) example.rows.push_back(encoding.row(raw.premise, choice));
    if (encoding.targets) example.labels = {raw.label};
    return {example};
  }
  torch::Tensor logits_of(MultipleChoice& model, const TokenBatch& batch) const override {
    return model.logits(inputs_of(batch));
  }
  torch::Tensor loss_sum_of(const MultipleChoice& /*model*/, const torch::Tensor& logits, const TokenBatch& batch,
                            const LabelSmoothing& smoothing) const override {
    return cross_entropy(logits, batch.labels.flatten(), {.smoothing = smoothing});
  }
  EvalMetrics scores_of(const MultipleChoice& /*model*/, const Raws& raws, const EncodedExamples& /*encoded*/,
                        const std::vector<torch::Tensor>& logits) const override {
    std::size_t right = 0;
    for (std::size_t i = 0; i < raws.size(); ++i) right += logits[i].argmax().item<std::int64_t>() == raws[i].label;
    const auto share = static_cast<double>(right) / static_cast<double>(raws.size());
    return {{"accuracy", {.value = share, .direction = Direction::kHigherIsBetter}}};
  }

 private:
  ExampleFormat format_ = {
      .task = "multiple-choice",
      .examples = "premises with choices",
      .inputs = "premises",
      .files = ".csv, .tsv or .jsonl",
      .columns = kColumns,
      .columns_help =
          "of the premise, of each choice and of the label, a number from 0: names of the first line, or "
          "numbers from 1 in files without names; a column question joins the premise; choice3, choice4 and so on are "
          "read "
          "where there are any",
      .loss_unit = "nats an example",
      .metrics = {"loss", "accuracy"},
      .metrics_help = "loss (nats an example), accuracy",
      .otherwise = "does not choose",
      .decided = {"id2label", "label2id", "problem_type", "pair_in_both_orders"},
      .r_drop = true,
      .label_smoothing = true,
      .microworld = {MicroworldTask::kChoices, MicroworldTask::kGraphQuestions}};
};

}  // namespace

const ExampleKind& multiple_choice() {
  static const MultipleChoiceKind kind;
  return kind;
}

}  // namespace langzoo
