#include "models/encoder_config.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "models/layers/init.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

constexpr double kLargest = 1 << 24;

template <class Enum, std::size_t count>
Enum named(const std::array<std::string_view, count>& names, std::string_view name) {
  return static_cast<Enum>(std::find(names.begin(), names.end(), name) - names.begin());
}

template <std::size_t count>
std::vector<std::string_view> list(const std::array<std::string_view, count>& names) {
  return {names.begin(), names.end()};
}

}  // namespace

FieldRules size_field(std::string_view help, std::string_view alias) {
  return {.least = 1, .most = kLargest, .alias = alias, .help = help};
}

FieldRules dropout_field(std::string_view help) {
  return {.least = 0, .below = 1, .help = help};
}

void EncoderBaseConfig::visit_base_fields(FieldVisitor& visit) {
  const auto token = [](std::string_view help) { return FieldRules{.least = -1, .most = kLargest, .help = help}; };
  visit("vocab_size", vocab_size, {.least = 1, .most = kLargest, .from_tokenizer = true, .help = "tokens it knows"});
  visit("max_position_embeddings", max_position_embeddings, size_field("places that have a vector"));
  visit("initializer_range", initializer_range, {.least = 0, .help = "standard deviation of new weights"});
  visit("tie_word_embeddings", tie_word_embeddings, {.help = "the masked LM's output layer is the embedding"});
  auto pad = token("fills up");
  pad.from_tokenizer = true;  // RoBERTa's places need one
  visit("pad_token_id", pad_token_id, pad);
  visit("bos_token_id", bos_token_id, token("begins a text"));
  auto ends = token("ends a text");
  ends.one_or_more = true;
  visit("eos_token_id", eos_token_id, ends);
  labels.for_each_field(visit);
  visit_problem_type(visit, problem_type);
}

void EncoderConfig::visit_fields(FieldVisitor& visit) {
  visit_base_fields(visit);
  visit("hidden_size", hidden_size, size_field("width"));
  visit("num_hidden_layers", num_hidden_layers, {.least = 1, .most = 4096, .help = "layers"});
  visit("num_attention_heads", num_attention_heads, size_field("attention heads, which share the width"));
  visit("intermediate_size", intermediate_size, size_field("width of the feed-forward layers"));
  visit("hidden_act", hidden_act, {.help = "activation of the feed-forward layers"});
  visit("hidden_dropout_prob", hidden_dropout_prob, dropout_field("dropout of the embeddings and of what layers add"));
  visit("attention_probs_dropout_prob", attention_probs_dropout_prob,
        dropout_field("dropout of the attention weights"));
  visit("type_vocab_size", type_vocab_size, size_field("segments that have a vector"));
  visit("layer_norm_eps", layer_norm_eps, {.above = 0, .help = "added to variances"});
  visit("position_embedding_type", position_embedding_type,
        {.choices = list(kPositionTypeNames), .help = "what tells where a token stands"});
  visit.constant("is_decoder", "false", "these models read in both directions: a decoder is another family's");
  visit.constant("add_cross_attention", "false", "these models read one text: an encoder-decoder is another family's");
}

void EncoderConfig::check(const std::string& what) const {
  if (hidden_size % num_attention_heads != 0)
    throw std::invalid_argument(fmt::format("{}: hidden_size = {} must be a multiple of num_attention_heads = {}", what,
                                            hidden_size, num_attention_heads));
  check_activation(what, "hidden_act", hidden_act);
  labels.validate(what);
}

ProblemType EncoderBaseConfig::problem() const {
  return problem_type_of(problem_type, labels);
}

ProblemType problem_type_of(const std::optional<std::string>& name, const ClassLabels& labels) {
  if (name) return named<ProblemType>(kProblemTypeNames, *name);
  return labels.size() == 1 ? ProblemType::kRegression : ProblemType::kSingleLabel;
}

void visit_problem_type(FieldVisitor& visit, std::optional<std::string>& problem_type) {
  visit("problem_type", problem_type,
        {.choices = list(kProblemTypeNames),
         .help = "what a sequence classifier's labels are; null: one is a number, of more a text has one"});
}

PositionType EncoderConfig::positions() const {
  return named<PositionType>(kPositionTypeNames, position_embedding_type);
}

PostNormLayerOptions EncoderConfig::layer(const PostNormLayerNames& names) const {
  return {.names = names,
          .width = hidden_size,
          .heads = num_attention_heads,
          .inner_width = intermediate_size,
          .activation = activation_from_name(hidden_act),
          .layer_norm_eps = layer_norm_eps,
          .attention_dropout = attention_probs_dropout_prob,
          .attention_output_dropout = hidden_dropout_prob,
          .output_dropout = hidden_dropout_prob,
          .positions = positions(),
          .max_positions = max_position_embeddings};
}

void check_activation(const std::string& what, const char* key, const std::string& name) {
  try {
    activation_from_name(name);
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(fmt::format("{}: {}: {}", what, key, error.what()));
  }
}

void init_encoder(torch::nn::Module& module, double std, std::optional<std::int64_t> padding) {
  const torch::NoGradGuard no_grad;
  for (const auto& item : module.named_parameters()) {
    const std::string& name = item.key();
    const auto& parameter = item.value();
    if (parameter.dim() >= 2) {
      init_normal(parameter, std);
      const bool words = name.ends_with("word_embeddings.weight");
      if (words && padding && *padding >= 0 && *padding < parameter.size(0)) parameter[*padding].zero_();
    } else {
      parameter.fill_(name.ends_with("bias") ? 0.0 : 1.0);
    }
  }
}

}  // namespace langzoo
