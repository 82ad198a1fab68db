/// What a recurrent encoder-decoder can be made of.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "models/io/config_fields.h"

namespace langzoo {

/// config.json of model_type "seq2seq". The published architectures are combinations of these fields: see preset().
struct Seq2SeqConfig {
  std::int64_t source_vocab_size = 0, target_vocab_size = 0;
  bool shared_embeddings = false;    ///< one matrix for the tokens of both sides
  bool tie_word_embeddings = false;  ///< the output layer's matrix is the decoder's embedding
  bool output_bias = true;
  std::int64_t embedding_size = 512;
  std::int64_t hidden_size = 512;  ///< of each decoder layer
  /// Of each direction of each encoder layer; hidden_size when null.
  std::optional<std::int64_t> encoder_hidden_size;
  std::int64_t encoder_layers = 1, decoder_layers = 1;
  std::string cell = "lstm";   ///< rnn_tanh, rnn_relu, lstm, gru
  bool recurrent_bias = true;  ///< torch.nn's second bias, bias_hh; false: one bias a gate, as in the papers

  /// forward; bidirectional: every layer; gnmt: the lowest only, the others run forward over its two outputs.
  std::string encoder = "forward";
  bool reverse_source = false;  ///< read the source from its last token to its first (Sutskever et al. 2014)
  /// The first layer, counted from 1, of encoder and decoder that adds its input to its output; 0: none.
  std::int64_t residual_from = 0;

  /// What the decoder starts from. state: layer l's last state in the encoder, h and, of an LSTM, c (of bidirectional
  /// layers both directions' side by side if together they are hidden_size wide, else the backward one's). hidden: the
  /// same with c = 0. tanh: tanh(W h + b) of the topmost layer's last h, the backward direction's where there is one
  /// (Bahdanau et al. 2015), one W for each decoder layer.
  std::string bridge = "state";

  /// none, dot, general or additive (models/layers/attention_mechanism.h).
  std::string attention = "none";
  std::int64_t attention_size = 512;  ///< width of additive attention's tanh layer
  std::int64_t attention_window = 0;  ///< local-p's D; 0: global
  /// What is compared with the source. current: the top layer's output of this step, the context joining only the
  /// output (Luong et al. 2015). previous: the lowest layer's state before this step, the context being input to every
  /// layer (Bahdanau et al. 2015; Wu et al. 2016).
  std::string attention_query = "current";
  bool input_feeding = false;  ///< the attentional output of a step is input to the next (Luong et al. 2015, 3.3)
  bool peeky = false;          ///< without attention: the encoder's last h is input to every layer and to the output

  /// What the output layer reads, h being the decoder's top output, c the context (peeky: the encoder's last h), y the
  /// embedded token before. hidden: h. concat: [c; h], where the query is previous [h; c; y]. tanh: tanh(W_c [c; h]).
  /// maxout: the larger of each two neighbours of U h_{i-1} + V y + C c, which are 2 maxout_size (Bahdanau et al.
  /// 2015).
  std::string output = "hidden";
  std::int64_t maxout_size = 512;

  double dropout = 0.0;       ///< training: on what enters each layer and the output layer
  double word_dropout = 0.0;  ///< training: the share of tokens, of both sides, whose embedding is zero

  /// uniform: U(-initializer_range, initializer_range) everywhere. fan_in: embeddings N(0, 0.01^2), matrices
  /// N(0, 1/inputs), biases 0 (DLFS2). orthogonal: recurrent matrices orthogonal, additive attention's N(0, 0.001^2),
  /// v and biases 0, the rest N(0, 0.01^2) (Bahdanau et al. 2015, appendix B.1).
  std::string initializer = "uniform";
  double initializer_range = 0.1;

  std::int64_t decoder_start_token_id = 1;
  std::optional<std::int64_t> bos_token_id, pad_token_id = 0;
  std::vector<std::int64_t> eos_token_id = {2};  ///< any of these; the labels of a target end with the first

  /// The wiring of "plain" (Sutskever et al. 2014: reversed source), "peeky" and "dot" (DLFS2), "bahdanau" (2015, all
  /// of it), "additive" (its simplified common form), "luong" (2015: general, input feeding), "local-p" (ditto, with a
  /// window) or "gnmt" (Wu et al. 2016, four layers); sizes are the defaults, the vocabularies unset.
  /// std::invalid_argument for others.
  static Seq2SeqConfig preset(const std::string& name);

  void for_each_field(FieldVisitor& visit);
  /// Throws std::invalid_argument naming the first impossible field or combination.
  void validate() const;

  std::int64_t encoder_width() const { return encoder_hidden_size.value_or(hidden_size); }
  bool has_attention() const { return attention != "none"; }
  bool attends_before_step() const { return has_attention() && attention_query == "previous"; }
  /// Of the encoder's output for one token.
  std::int64_t source_width() const { return encoder_width() * (encoder == "bidirectional" ? 2 : 1); }
  /// Of what the output layer reads.
  std::int64_t readout_width() const;
};

}  // namespace langzoo
