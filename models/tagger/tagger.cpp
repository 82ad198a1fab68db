#include "models/tagger/tagger.h"

#include <algorithm>
#include <limits>

#include "models/layers/dropout.h"
#include "models/layers/init.h"
#include "third_party/torch.h"

namespace langzoo {

using torch::Tensor;

namespace {

PretrainedTraits tagger_traits(const char* architecture) {
  return {.model_type = "tagger",
          .architecture = architecture,
          .base_model_prefix = "",
          .heads = {"output.", "crf.", "projection.", "attention.", "attention_vector."}};
}

/// As torch.nn.Linear, without a bias at first.
Linear score_layer(std::int64_t in, std::int64_t out, bool with_bias = true) {
  Linear layer(in, out, with_bias);
  const torch::NoGradGuard no_grad;
  if (with_bias && !SkipInit::active()) layer->bias.zero_();
  return layer;
}

std::vector<std::string> names_of(const ClassLabels& labels) {
  std::vector<std::string> names;
  for (const auto& [id, name] : labels.id2label) names.push_back(name);
  return names;
}

}  // namespace

void TaggerConfig::for_each_field(FieldVisitor& visit) {
  visit_encoder_fields(visit);
  visit("crf", crf, {.help = "the tags of a sentence are chosen together, by a linear-chain CRF"});
  visit(
      "crf_constraints", crf_constraints,
      {.choices = {"auto", "none"}, .help = "of BIO and IOBES tags the CRF allows what the scheme does: auto or none"});
  visit("projection_size", projection_size,
        {.least = 0, .most = 1 << 16, .help = "a tanh layer below the scores; 0: none"});
}

CrfConstraints TaggerConfig::constraints() const {
  return crf && crf_constraints == "auto" ? tag_constraints(names_of(labels)) : CrfConstraints{};
}

void TaggerConfig::validate() const {
  check_fields(*this, "tagger config");
  check_encoder("tagger config");
}

TaggerForTokenClassificationImpl::TaggerForTokenClassificationImpl(const Config& config) : TaggerTaskModule(config) {
  auto width = config_.encoded_width();
  if (config_.projection_size > 0) {
    projection = register_module("projection", score_layer(width, config_.projection_size));
    width = config_.projection_size;
  }
  output = register_module("output", score_layer(width, config_.labels.size()));
  if (!config_.crf) return;
  crf = register_module("crf", LinearChainCrf(config_.labels.size(), config_.constraints()));
}

Tensor TaggerForTokenClassificationImpl::logits(const TokenInputs& inputs) {
  auto hidden = encoder_(inputs).hidden;  // (T,B,D H)
  if (!projection.is_empty()) hidden = projection(hidden).tanh();
  return output(hidden).transpose(0, 1).contiguous();
}

Tensor TaggerForTokenClassificationImpl::loss_sum(const Tensor& logits, const Tensor& labels,
                                                  const LabelSmoothing& smoothing) const {
  return crf.is_empty() ? TokenClassifier::loss_sum(logits, labels, smoothing) : crf->loss_sum(logits, labels);
}

std::vector<std::int64_t> TaggerForTokenClassificationImpl::best_labels(const Tensor& logits) const {
  return crf.is_empty() ? TokenClassifier::best_labels(logits) : crf->best(logits);
}

const PretrainedTraits& TaggerForTokenClassificationImpl::pretrained_traits() {
  static const auto traits = tagger_traits("TaggerForTokenClassification");
  return traits;
}

void TaggerClassifierConfig::for_each_field(FieldVisitor& visit) {
  visit_encoder_fields(visit);
  visit("pooling", pooling,
        {.choices = {"last", "mean", "max", "attention"},
         .help = "one vector of a text's: last, mean, max or attention"});
  visit("problem_type", problem_type,
        {.choices = {kProblemTypeNames.begin(), kProblemTypeNames.end()}, .help = "one label a text, or several"});
}

void TaggerClassifierConfig::validate() const {
  check_fields(*this, "tagger config");
  check_encoder("tagger config");
}

TaggerForSequenceClassificationImpl::TaggerForSequenceClassificationImpl(const Config& config)
    : TaggerTaskModule(config) {
  const auto width = config_.encoded_width();
  if (config_.pooling == "attention") {
    attention = register_module("attention", score_layer(width, width));
    attention_vector = register_module("attention_vector", score_layer(width, 1, /*with_bias=*/false));
  }
  output = register_module("output", score_layer(width, config_.labels.size()));
}

ProblemType TaggerForSequenceClassificationImpl::problem_type() const {
  if (!config_.problem_type) return ProblemType::kSingleLabel;
  const auto* const found = std::find(kProblemTypeNames.begin(), kProblemTypeNames.end(), *config_.problem_type);
  return static_cast<ProblemType>(found - kProblemTypeNames.begin());
}

Tensor TaggerForSequenceClassificationImpl::pooled(const TaggerStates& states) {
  const auto& [hidden, last, lengths] = states;
  const auto T = hidden.size(0);
  if (config_.pooling == "last" || T == 0) return dropped(last, config_.dropout, is_training());
  const auto length = lengths.to(hidden.device()).unsqueeze(0);                                             // (1,B)
  const auto outside = at::arange(T, length.options()).unsqueeze(1).ge(length.clamp_min(1)).unsqueeze(-1);  // (T,B,1)
  constexpr auto kNone = -std::numeric_limits<float>::infinity();
  if (config_.pooling == "max") return hidden.masked_fill(outside, kNone).amax(0);
  if (config_.pooling == "mean") return hidden.sum(0) / length.clamp_min(1).squeeze(0).unsqueeze(1);
  const auto scores = attention_vector(attention(hidden).tanh());  // (T,B,1)
  return (hidden * scores.masked_fill(outside, kNone).softmax(0)).sum(0);
}

Tensor TaggerForSequenceClassificationImpl::logits(const TokenInputs& inputs) {
  return output(pooled(encoder_(inputs)));
}

const PretrainedTraits& TaggerForSequenceClassificationImpl::pretrained_traits() {
  static const auto traits = tagger_traits("TaggerForSequenceClassification");
  return traits;
}

}  // namespace langzoo
