/// A kind of task that is another one with something more: its examples, loss and measures are the other's unless it
/// says otherwise.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "apps/training/tasks/examples.h"

namespace langzoo {

/// The models of one derived kind implement the interface of the kind behind it, whose examples are of type Raw.
template <class Raw>
class DerivedKind : public ExampleKind {
 public:
  /// `behind` outlives it.
  DerivedKind(const ExampleKind& behind, ExampleFormat format) : behind_(behind), format_(std::move(format)) {}

  const ExampleFormat& format() const override { return format_; }
  std::unique_ptr<RawExamples> read(const std::filesystem::path& file, const ExampleReading& reading) const override {
    return behind_.read(file, reading);
  }
  std::unique_ptr<RawExamples> of_texts(const std::vector<std::string>& texts) const override {
    return behind_.of_texts(texts);
  }
  std::vector<std::string> texts(const RawExamples& examples, std::int64_t i) const override {
    return behind_.texts(examples, i);
  }
  std::string where(const RawExamples& examples, std::int64_t i) const override { return behind_.where(examples, i); }
  std::string complete_config(ModelConfig& config, const RawExamples& examples) const override {
    return behind_.complete_config(config, examples);
  }
  torch::Tensor loss_sum(const TokenModel& model, const torch::Tensor& logits, const TokenBatch& batch,
                         const LabelSmoothing& smoothing) const override {
    return behind_.loss_sum(model, logits, batch, smoothing);
  }
  bool has_classes(const TokenModel& model) const override { return behind_.has_classes(model); }
  EvalMetrics scores(const TokenModel& model, const RawExamples& raw, const EncodedExamples& encoded,
                     const std::vector<torch::Tensor>& logits) const override {
    return behind_.scores(model, raw, encoded, logits);
  }

 protected:
  static const std::vector<Raw>& raws(const RawExamples& examples) {
    return dynamic_cast<const RawExamplesOf<Raw>&>(examples).items;
  }
  static const Raw& raw_of(const RawExamples& examples, std::int64_t i) {
    return raws(examples).at(static_cast<std::size_t>(i));
  }

  const ExampleKind& behind_;
  const ExampleFormat format_;
};

}  // namespace langzoo
