#include "models/transformer/transformer_config.h"

#include <algorithm>
#include <stdexcept>

#include <c10/util/StringUtil.h>

#include "models/generation_config.h"
#include "models/layers/activations.h"

namespace langzoo {

namespace {

[[noreturn]] void fail(const std::string& what) {
  throw std::invalid_argument("transformer config: " + what);
}

}  // namespace

TransformerConfig TransformerConfig::preset(const std::string& name) {
  const auto sized = [](std::int64_t width, std::int64_t layers, std::int64_t heads, std::int64_t ffn, double dropout) {
    TransformerConfig config;
    config.d_model = width;
    config.encoder_layers = config.decoder_layers = layers;
    config.encoder_attention_heads = config.decoder_attention_heads = heads;
    config.encoder_ffn_dim = config.decoder_ffn_dim = ffn;
    config.dropout = dropout;
    config.activation_function = "relu";
    config.scale_embedding = true;
    config.initializer = "xavier";
    return config;
  };
  if (name == "tiny") return sized(64, 2, 4, 256, 0.1);
  if (name == "iwslt-small") return sized(256, 3, 4, 1024, 0.1);
  if (name == "iwslt") return sized(512, 6, 4, 1024, 0.3);
  if (name == "base") return sized(512, 6, 8, 2048, 0.1);
  if (name == "big") return sized(1024, 6, 16, 4096, 0.3);
  fail("the preset \"" + name + "\" is not known: use tiny, iwslt-small, iwslt, base or big");
}

void TransformerConfig::for_each_field(FieldVisitor& visit) {
  constexpr double kLargest = 1 << 16, kLargestVocabulary = 1 << 24;
  const auto size = [](std::string_view help, std::string_view alias = {}) {
    return FieldRules{.least = 1, .most = kLargest, .alias = alias, .help = help};
  };
  const auto layers = [](std::string_view help, std::string_view alias = {}) {
    return FieldRules{.least = 1, .most = 256, .alias = alias, .help = help};
  };
  const auto share = [](std::string_view help) { return FieldRules{.least = 0, .below = 1, .help = help}; };
  const auto token = [](std::string_view help, bool one_or_more = false) {
    return FieldRules{.least = 0, .most = kLargestVocabulary, .one_or_more = one_or_more, .help = help};
  };
  visit("vocab_size", vocab_size,
        {.least = 1, .most = kLargestVocabulary, .from_tokenizer = true, .help = "tokens of the source"});
  visit("decoder_vocab_size", decoder_vocab_size,
        {.least = 1, .most = kLargestVocabulary, .help = "tokens of the target; null: as the source's"});
  visit("share_encoder_decoder_embeddings", share_encoder_decoder_embeddings,
        {.help = "one embedding for the tokens of both sides"});
  visit("tie_word_embeddings", tie_word_embeddings, {.help = "the softmax's matrix is the target's embedding"});
  visit("max_position_embeddings", max_position_embeddings,
        {.least = 1, .most = 1 << 20, .help = "tokens that each side may have"});
  visit("d_model", d_model, size("width", "hidden_size"));
  visit("encoder_layers", encoder_layers, layers("blocks of the encoder", "num_hidden_layers"));
  visit("decoder_layers", decoder_layers, layers("blocks of the decoder"));
  visit("encoder_attention_heads", encoder_attention_heads,
        size("attention heads of the encoder, which share the width", "num_attention_heads"));
  visit("decoder_attention_heads", decoder_attention_heads, size("attention heads of the decoder, likewise"));
  visit("encoder_ffn_dim", encoder_ffn_dim, size("width of the encoder's feed-forward layers"));
  visit("decoder_ffn_dim", decoder_ffn_dim, size("width of the decoder's feed-forward layers"));
  visit("activation_function", activation_function, {.help = "of the feed-forward layers: relu, gelu, swish, ..."});
  visit("gated_feed_forward", gated_feed_forward, {.help = "feed-forward layers with a gate (SwiGLU and its like)"});
  visit("scale_embedding", scale_embedding, {.help = "multiply embeddings by the root of d_model"});
  visit("position_embedding_type", position_embedding_type,
        {.choices = {"sinusoidal", "interleaved", "learned"},
         .help = "sinusoidal (Marian: sines, then cosines), interleaved (the paper's order) or learned"});
  visit("normalize_before", normalize_before, {.help = "layer norms before each part (pre-norm) instead of after"});
  visit("dropout", dropout, share("of the embeddings and of what is added to the residual stream"));
  visit("attention_dropout", attention_dropout, share("of the attention weights"));
  visit("activation_dropout", activation_dropout, share("between the feed-forward layers"));
  visit("encoder_layerdrop", encoder_layerdrop, share("how often a layer of the encoder is left out in training"));
  visit("decoder_layerdrop", decoder_layerdrop, share("how often a layer of the decoder is left out in training"));
  visit("initializer", initializer,
        {.choices = {"normal", "xavier"}, .help = "normal (of init_std) or xavier (embeddings N(0, 1/d_model))"});
  visit("init_std", init_std, {.least = 0, .help = "standard deviation of initializer normal"});
  visit("decoder_start_token_id", decoder_start_token_id,
        {.least = 0, .most = kLargestVocabulary, .from_tokenizer = true, .help = "what the decoder is first given"});
  visit("bos_token_id", bos_token_id, token("begins a target"));
  visit("eos_token_id", eos_token_id, token("ends a target; one token or several", true));
  visit("pad_token_id", pad_token_id, token("fills up; its embedding stays 0 unless it is tied"));
  visit("forced_bos_token_id", forced_bos_token_id, token("the first token of every translation; null: any"));
  visit("forced_eos_token_id", forced_eos_token_id,
        token("the last token of a translation of full length; null: any", true));
  visit.constant("is_encoder_decoder", "true", "this model has an encoder and a decoder");
}

void TransformerConfig::validate() const {
  check_fields(*this, "transformer config");
  const auto require_heads = [&](const char* field, std::int64_t heads) {
    if (d_model % heads != 0) fail(c10::str("d_model = ", d_model, " must be a multiple of ", field, " = ", heads));
  };
  require_heads("encoder_attention_heads", encoder_attention_heads);
  require_heads("decoder_attention_heads", decoder_attention_heads);
  if (share_encoder_decoder_embeddings && target_vocab_size() != vocab_size)
    fail(c10::str("share_encoder_decoder_embeddings needs equal vocabularies: vocab_size = ", vocab_size,
                  ", decoder_vocab_size = ", target_vocab_size()));
  const auto require_token = [&](const char* field, std::optional<std::int64_t> id, std::int64_t vocabulary) {
    if (id && *id >= vocabulary) fail(c10::str(field, " = ", *id, " must be in [0, ", vocabulary, ")"));
  };
  require_token("decoder_start_token_id", decoder_start_token_id, target_vocab_size());
  check_end_tokens("transformer config", eos_token_id, target_vocab_size());
  require_token("pad_token_id", pad_token_id, std::min(vocab_size, target_vocab_size()));
  try {
    activation_from_name(activation_function);
  } catch (const std::invalid_argument& error) {
    fail(c10::str("activation_function: ", error.what()));
  }
}

bool TransformerConfig::is_marian() const {
  // transformers 5.23 shares embeddings only where the softmax is tied too.
  return !normalize_before && !gated_feed_forward && position_embedding_type == "sinusoidal" &&
         (tie_word_embeddings || !share_encoder_decoder_embeddings);
}

}  // namespace langzoo
