/// What the configs of BERT and its relatives have in common; names no family.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/io/class_labels.h"
#include "models/io/config_fields.h"
#include "models/layers/post_norm_layer.h"
#include "models/losses/classification.h"

namespace langzoo {

/// Keys of transformers' config.json that all of them call the same, with BERT's defaults.
struct EncoderBaseConfig {
  std::int64_t vocab_size = 30522;
  std::int64_t max_position_embeddings = 512;
  double initializer_range = 0.02;
  bool tie_word_embeddings = true;
  std::optional<std::int64_t> pad_token_id = 0, bos_token_id;
  std::vector<std::int64_t> eos_token_id;
  ClassLabels labels;
  std::optional<std::string> problem_type;  ///< kProblemTypeNames; null: one label is a number, more are classes

  ProblemType problem() const;

 protected:
  void visit_base_fields(FieldVisitor& visit);
};

/// Those of the ones that are wired like BERT, with its defaults.
struct EncoderConfig : EncoderBaseConfig {
  std::int64_t hidden_size = 768;
  std::int64_t num_hidden_layers = 12;
  std::int64_t num_attention_heads = 12;
  std::int64_t intermediate_size = 3072;
  std::string hidden_act = "gelu";
  double hidden_dropout_prob = 0.1;
  double attention_probs_dropout_prob = 0.1;
  std::int64_t type_vocab_size = 2;
  double layer_norm_eps = 1e-12;
  std::string position_embedding_type = "absolute";  ///< or as transformers before version 5: kPositionTypeNames
  /// Whether a model without a head has a pooler, which its files say and not the config.
  bool add_pooling_layer = true;

  PositionType positions() const;
  /// A layer of these sizes, with all three dropouts.
  PostNormLayerOptions layer(const PostNormLayerNames& names) const;

 protected:
  void visit_fields(FieldVisitor& visit);
  /// What fields require of each other; `what` begins the error: "bert config".
  void check(const std::string& what) const;
};

/// Of problem_type and the labels, for configs that are none of the above.
ProblemType problem_type_of(const std::optional<std::string>& name, const ClassLabels& labels);
/// The field of that name.
void visit_problem_type(FieldVisitor& visit, std::optional<std::string>& problem_type);
/// The rules of a size and of a dropout.
FieldRules size_field(std::string_view help, std::string_view alias = {});
FieldRules dropout_field(std::string_view help);
/// Throws std::invalid_argument "WHAT: KEY: ..." for a name that is no activation.
void check_activation(const std::string& what, const char* key, const std::string& name);

/// N(0, std^2) for matrices and embeddings, 0 for biases and the padding's word, 1 for gains, as transformers does; the
/// papers cut the normal distribution at two deviations.
void init_encoder(torch::nn::Module& module, double std, std::optional<std::int64_t> padding);

}  // namespace langzoo
