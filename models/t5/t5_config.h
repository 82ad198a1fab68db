/// What a T5 can be made of.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "models/io/class_labels.h"
#include "models/io/config_fields.h"
#include "models/layers/activations.h"
#include "models/layers/relative_positions.h"
#include "models/losses/classification.h"

namespace langzoo {

/// Hugging Face's config.json of model_type "t5", key by key, with its defaults, which are T5 1.0 small's.
struct T5Config {
  std::int64_t vocab_size = 32128;
  std::int64_t d_model = 512;
  std::int64_t d_kv = 64;  ///< of a head; heads times d_kv need not be d_model
  std::int64_t d_ff = 2048;
  std::int64_t num_layers = 6;                     ///< of the encoder
  std::optional<std::int64_t> num_decoder_layers;  ///< num_layers when null
  std::int64_t num_heads = 8;
  std::int64_t relative_attention_num_buckets = 32;
  std::int64_t relative_attention_max_distance = 128;
  double dropout_rate = 0.1;
  double classifier_dropout = 0.0;
  double layer_norm_epsilon = 1e-6;
  double initializer_factor = 1.0;
  std::string feed_forward_proj = "relu";   ///< an activation, or "gated-" and an activation
  std::optional<std::string> dense_act_fn;  ///< the activation, where it is not the one of feed_forward_proj
  bool tie_word_embeddings = true;          ///< the softmax's matrix is the embedding
  /// Whether the decoder's states are divided by sqrt(d_model) before the softmax; null: as tie_word_embeddings says.
  std::optional<bool> scale_decoder_outputs;
  std::int64_t decoder_start_token_id = 0;
  std::optional<std::int64_t> pad_token_id = 0;
  std::vector<std::int64_t> eos_token_id = {1};          ///< any of these
  bool is_encoder_decoder = true, is_gated_act = false;  ///< in files; the class and feed_forward_proj say the same
  ClassLabels labels;
  std::optional<std::string> problem_type;  ///< kProblemTypeNames; null: one label is a number, more are classes

  /// Of T5 1.0 "t5-small", "t5-base", "t5-large", "t5-3b", "t5-11b"; of T5 1.1, whose shapes FLAN-T5's are,
  /// "t5-v1_1-small", "-base", "-large", "-xl", "-xxl"; "byt5-small", "byt5-base", "byt5-large". std::invalid_argument
  /// for others.
  static T5Config preset(const std::string& name);

  void for_each_field(FieldVisitor& visit);
  /// Throws std::invalid_argument naming the first impossible field or combination.
  void validate() const { check("t5 config"); }

  std::int64_t decoder_layers() const { return num_decoder_layers.value_or(num_layers); }
  bool is_gated() const { return feed_forward_proj.starts_with("gated-"); }
  /// "gelu_new" of "gated-gelu", as in transformers.
  std::string activation_name() const;
  Activation activation() const { return activation_from_name(activation_name()); }
  bool scales_outputs() const { return scale_decoder_outputs.value_or(tie_word_embeddings); }
  DistanceBuckets buckets(bool bidirectional) const;
  ProblemType problem() const;

 protected:
  void check(const std::string& what) const;
};

/// Of model_type "mt5": the defaults differ, and the decoder's states are never scaled.
struct Mt5Config : T5Config {
  Mt5Config();
  /// "mt5-small", "mt5-base", "mt5-large", "mt5-xl", "mt5-xxl". std::invalid_argument for others.
  static Mt5Config preset(const std::string& name);

  void validate() const { check("mt5 config"); }
};

}  // namespace langzoo
