#include "models/t5/t5_config.h"

#include <algorithm>
#include <map>
#include <stdexcept>

#include <fmt/format.h>

#include "models/encoder_config.h"

namespace langzoo {

namespace {

constexpr std::string_view kGated = "gated-";

struct T5Size {
  std::int64_t width, head, inner, layers, heads, decoder_layers = 0;
};

const T5Size& size_of(const std::map<std::string, T5Size>& sizes, const std::string& name, const char* family) {
  const auto found = sizes.find(name);
  if (found != sizes.end()) return found->second;
  std::string known;
  for (const auto& [preset, size] : sizes) known += (known.empty() ? "" : ", ") + preset;
  throw std::invalid_argument(fmt::format("{} preset \"{}\" is not known: use one of {}", family, name, known));
}

void set_size(T5Config& config, const T5Size& size) {
  config.d_model = size.width;
  config.d_kv = size.head;
  config.d_ff = size.inner;
  config.num_layers = size.layers;
  config.num_heads = size.heads;
  if (size.decoder_layers > 0) config.num_decoder_layers = size.decoder_layers;
}

}  // namespace

T5Config T5Config::preset(const std::string& name) {
  static const std::map<std::string, T5Size> sizes = {
      {"t5-small", {512, 64, 2048, 6, 8}},         {"t5-base", {768, 64, 3072, 12, 12}},
      {"t5-large", {1024, 64, 4096, 24, 16}},      {"t5-3b", {1024, 128, 16384, 24, 32}},
      {"t5-11b", {1024, 128, 65536, 24, 128}},     {"t5-v1_1-small", {512, 64, 1024, 8, 6}},
      {"t5-v1_1-base", {768, 64, 2048, 12, 12}},   {"t5-v1_1-large", {1024, 64, 2816, 24, 16}},
      {"t5-v1_1-xl", {2048, 64, 5120, 24, 32}},    {"t5-v1_1-xxl", {4096, 64, 10240, 24, 64}},
      {"byt5-small", {1472, 64, 3584, 12, 6, 4}},  {"byt5-base", {1536, 64, 3968, 18, 12, 6}},
      {"byt5-large", {1536, 64, 3840, 36, 16, 12}}};
  T5Config config;
  set_size(config, size_of(sizes, name, "T5"));
  const bool bytes = name.starts_with("byt5");
  if (bytes || name.starts_with("t5-v1_1")) {
    config.feed_forward_proj = "gated-gelu";
    config.tie_word_embeddings = false;
  }
  if (bytes) config.vocab_size = 384;
  return config;
}

void T5Config::for_each_field(FieldVisitor& visit) {
  constexpr double kLargest = 1 << 16, kLargestVocabulary = 1 << 24;
  const auto size = [](std::string_view help, std::string_view alias = {}) {
    return FieldRules{.least = 1, .most = kLargest, .alias = alias, .help = help};
  };
  const auto share = [](std::string_view help) { return FieldRules{.least = 0, .below = 1, .help = help}; };
  const auto token = [](std::string_view help, bool one_or_more = false) {
    return FieldRules{.least = 0, .most = kLargestVocabulary, .one_or_more = one_or_more, .help = help};
  };
  visit("vocab_size", vocab_size,
        {.least = 1, .most = kLargestVocabulary, .from_tokenizer = true, .help = "tokens it knows"});
  visit("d_model", d_model, size("width", "hidden_size"));
  visit("d_kv", d_kv, size("width of an attention head", "head_dim"));
  visit("d_ff", d_ff, {.least = 1, .most = 1 << 20, .help = "width of the feed-forward layers"});
  visit("num_layers", num_layers,
        {.least = 1, .most = 4096, .alias = "num_hidden_layers", .help = "blocks of the encoder"});
  visit("num_decoder_layers", num_decoder_layers,
        {.least = 1, .most = 4096, .help = "blocks of the decoder; null: as the encoder"});
  visit("num_heads", num_heads, size("attention heads", "num_attention_heads"));
  visit("relative_attention_num_buckets", relative_attention_num_buckets,
        {.least = 4, .most = kLargest, .help = "buckets of distances between tokens"});
  visit("relative_attention_max_distance", relative_attention_max_distance,
        {.least = 1, .most = kLargestVocabulary, .help = "distance from which on all are alike"});
  visit("dropout_rate", dropout_rate, share("dropout, of the attention weights too"));
  visit("classifier_dropout", classifier_dropout, share("dropout of what heads read"));
  visit("layer_norm_epsilon", layer_norm_epsilon, {.above = 0, .help = "added to mean squares"});
  visit("initializer_factor", initializer_factor,
        {.least = 0, .help = "new weights are as large as the paper's times this"});
  visit("feed_forward_proj", feed_forward_proj,
        {.help = "the feed-forward layers: relu, gelu, ... or gated-gelu, gated-silu, ..."});
  visit("dense_act_fn", dense_act_fn, {.help = "their activation; null: as feed_forward_proj says"});
  visit("tie_word_embeddings", tie_word_embeddings, {.help = "the softmax's matrix is the embedding"});
  visit("scale_decoder_outputs", scale_decoder_outputs,
        {.help = "divide by the root of d_model before the softmax; null: where it is tied"});
  auto start = token("what the decoder is first given");
  start.from_tokenizer = true;
  visit("decoder_start_token_id", decoder_start_token_id, start);
  visit("pad_token_id", pad_token_id, token("fills up"));
  visit("eos_token_id", eos_token_id, token("ends a text; one token or several", true));
  visit("is_encoder_decoder", is_encoder_decoder, {.derived = true});
  visit("is_gated_act", is_gated_act, {.derived = true});
  labels.for_each_field(visit);
  visit_problem_type(visit, problem_type);
  visit.constant("is_decoder", "false", "a T5 has an encoder: a decoder alone is another family's");
}

void T5Config::check(const std::string& what) const {
  check_fields(*this, what);
  const auto fail = [&](const std::string& reason) { throw std::invalid_argument(what + ": " + reason); };
  if (relative_attention_max_distance <= relative_attention_num_buckets / 2)
    fail(fmt::format(
        "relative_attention_max_distance = {} must be above the {} distances that have one of "
        "relative_attention_num_buckets = {} each",
        relative_attention_max_distance, relative_attention_num_buckets / 2, relative_attention_num_buckets));
  const auto require_token = [&](const char* field, std::int64_t id) {
    if (id >= vocab_size) fail(fmt::format("{} = {} must be in [0, {})", field, id, vocab_size));
  };
  require_token("decoder_start_token_id", decoder_start_token_id);
  if (pad_token_id) require_token("pad_token_id", *pad_token_id);
  for (const auto id : eos_token_id) require_token("eos_token_id", id);
  labels.validate(what);
  const auto named = feed_forward_proj.substr(is_gated() ? kGated.size() : 0);
  try {
    activation_from_name(named);
  } catch (const std::invalid_argument& error) {
    fail(fmt::format("feed_forward_proj = {}: {}, or gated- and one of them", feed_forward_proj, error.what()));
  }
  check_activation(what, "dense_act_fn", activation_name());
}

std::string T5Config::activation_name() const {
  if (dense_act_fn) return *dense_act_fn;
  if (feed_forward_proj == "gated-gelu") return "gelu_new";
  return feed_forward_proj.substr(is_gated() ? kGated.size() : 0);
}

DistanceBuckets T5Config::buckets(bool bidirectional) const {
  return {relative_attention_num_buckets, relative_attention_max_distance, bidirectional};
}

ProblemType T5Config::problem() const {
  return problem_type_of(problem_type, labels);
}

Mt5Config::Mt5Config() {
  vocab_size = 250112;
  d_ff = 1024;
  num_layers = 8;
  num_heads = 6;
  feed_forward_proj = "gated-gelu";
}

Mt5Config Mt5Config::preset(const std::string& name) {
  static const std::map<std::string, T5Size> sizes = {{"mt5-small", {512, 64, 1024, 8, 6}},
                                                      {"mt5-base", {768, 64, 2048, 12, 12}},
                                                      {"mt5-large", {1024, 64, 2816, 24, 16}},
                                                      {"mt5-xl", {2048, 64, 5120, 24, 32}},
                                                      {"mt5-xxl", {4096, 64, 10240, 24, 64}}};
  Mt5Config config;
  set_size(config, size_of(sizes, name, "mT5"));
  config.tie_word_embeddings = false;
  return config;
}

}  // namespace langzoo
