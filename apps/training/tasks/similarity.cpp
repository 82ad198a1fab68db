#include "apps/training/tasks/similarity.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <stdexcept>

#include "apps/training/tasks/classification.h"
#include "apps/training/tasks/labelled_texts.h"
#include "apps/training/tasks/regression.h"
#include "data/tasks/text_rows.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

const std::string kBothOrders = "pair_in_both_orders";

/// Those of the kind that its model, or its training data, asks for.
class Similarity : public ExampleKind {
 public:
  const ExampleFormat& format() const override { return format_; }
  bool accepts(const TokenModel& model) const override {
    return classification().accepts(model) || regression().accepts(model);
  }
  std::unique_ptr<RawExamples> read(const std::filesystem::path& file, const ExampleReading& reading) const override {
    return classification().read(file, reading);
  }
  std::unique_ptr<RawExamples> of_texts(const std::vector<std::string>& texts) const override {
    return texts.size() == 2 ? classification().of_texts(texts) : nullptr;
  }
  std::vector<std::string> texts(const RawExamples& examples, std::int64_t i) const override {
    return classification().texts(examples, i);
  }
  std::string where(const RawExamples& examples, std::int64_t i) const override {
    return classification().where(examples, i);
  }
  std::string complete_config(ModelConfig& config, const RawExamples& examples) const override {
    const auto field = find_field(fields_in(config), kBothOrders);
    if (!field) throw std::invalid_argument("similarity: the model reads no pairs in both orders");
    field->set("true");
    if (!has_numbers(examples)) return classification().complete_config(config, examples);
    regression().complete_config(config, examples);
    return "numbers";
  }
  std::vector<TokenExample> encode(const RawExamples& examples, std::int64_t i,
                                   const ExampleEncoding& encoding) const override {
    return of(encoding.model).encode(examples, i, encoding);
  }
  torch::Tensor logits(TokenModel& model, const TokenBatch& batch) const override {
    return of(model).logits(model, batch);
  }
  torch::Tensor loss_sum(const TokenModel& model, const torch::Tensor& logits, const TokenBatch& batch,
                         const LabelSmoothing& smoothing) const override {
    return of(model).loss_sum(model, logits, batch, smoothing);
  }
  bool has_classes(const TokenModel& model) const override { return of(model).has_classes(model); }
  EvalMetrics scores(const TokenModel& model, const RawExamples& raw, const EncodedExamples& encoded,
                     const std::vector<torch::Tensor>& logits) const override {
    return of(model).scores(model, raw, encoded, logits);
  }

 private:
  static const ExampleKind& of(const TokenModel& model) {
    return regression().accepts(model) ? regression() : classification();
  }
  static bool has_numbers(const RawExamples& examples) {
    std::set<double> values;
    for (const auto& example : dynamic_cast<const RawExamplesOf<LabelledText>&>(examples).items) {
      try {
        values.insert(value_of(example.label));
      } catch (const std::runtime_error&) {
        return false;
      }
    }
    return values.size() > 2 ||
           std::any_of(values.begin(), values.end(), [](double value) { return value != std::floor(value); });
  }

  ExampleFormat format_ = {.task = "similarity",
                           .examples = "pairs of texts with labels or numbers",
                           .inputs = "pairs",
                           .files = ".csv, .tsv or .jsonl",
                           .columns = std::string(kLabelledTextColumns),
                           .columns_help = std::string(kLabelledTextColumnsHelp),
                           .loss_unit = "nats a pair, or squared error",
                           .metrics = {},
                           .metrics_help = "those of classification or of regression",
                           .otherwise = "compares no texts",
                           .decided = {"id2label", "label2id", "problem_type", kBothOrders},
                           .microworld = {MicroworldTask::kSimilarity}};
};

}  // namespace

const ExampleKind& similarity() {
  static const Similarity kind;
  return kind;
}

}  // namespace langzoo
