#include "models/captioner/captioner.h"

#include <bit>
#include <stdexcept>

#include <c10/util/StringUtil.h>

#include "models/layers/init.h"
#include "models/layers/pixels.h"
#include "models/seq2seq/seq2seq_step.h"
#include "models/transformer/transformer_step.h"
#include "third_party/torch.h"

namespace langzoo {

using torch::Tensor;

namespace {

Seq2SeqConfig recurrent_config(const CaptionerConfig& config) {
  Seq2SeqConfig recurrent;
  recurrent.source_vocab_size = recurrent.target_vocab_size = config.vocab_size;
  recurrent.embedding_size = recurrent.hidden_size = recurrent.attention_size = config.hidden_size;
  recurrent.encoder_layers = recurrent.decoder_layers = config.decoder_layers;
  recurrent.cell = config.decoder;
  recurrent.bridge = "tanh";
  // A first state alone says too little: an LSTM then learns to write without looking.
  recurrent.peeky = config.attention == "none";
  recurrent.attention = config.attention;
  recurrent.attention_query = "previous";
  recurrent.output = "concat";
  recurrent.dropout = config.dropout;
  return recurrent;
}

TransformerConfig transformer_config(const CaptionerConfig& config) {
  TransformerConfig transformer;
  transformer.vocab_size = config.vocab_size;
  transformer.d_model = config.hidden_size;
  transformer.encoder_layers = config.encoder_layers;
  transformer.decoder_layers = config.decoder_layers;
  transformer.encoder_attention_heads = transformer.decoder_attention_heads = config.num_heads;
  transformer.encoder_ffn_dim = transformer.decoder_ffn_dim = 4 * config.hidden_size;
  transformer.normalize_before = true;
  transformer.position_embedding_type = "learned";
  transformer.max_position_embeddings = config.max_position_embeddings;
  transformer.dropout = config.dropout;
  transformer.decoder_start_token_id = config.decoder_start_token_id;
  transformer.eos_token_id = config.eos_token_id;
  transformer.pad_token_id.reset();
  return transformer;
}

}  // namespace

void CaptionerConfig::for_each_field(FieldVisitor& visit) {
  constexpr double kMostTokens = 1 << 24, kMostWidth = 1 << 13;
  const auto count = [](double most, std::string_view help) {
    return FieldRules{.least = 1, .most = most, .help = help};
  };
  visit("vocab_size", vocab_size, {.least = 1, .most = kMostTokens, .from_tokenizer = true, .help = "tokens"});
  visit("image_size", image_size, count(1024, "pixels of a picture's side"));
  visit("patch_size", patch_size, count(256, "pixels of the side of a part, which has a state of its own"));
  visit("encoder", encoder, {.choices = {"cnn", "vit"}, .help = "cnn (convolutions) or vit (a Vision Transformer)"});
  visit("encoder_layers", encoder_layers, count(64, "layers of vit"));
  visit("decoder", decoder, {.choices = {"lstm", "gru", "transformer"}, .help = "lstm, gru or transformer"});
  visit("decoder_layers", decoder_layers, count(64, "layers of the decoder"));
  visit("attention", attention,
        {.choices = {"none", "dot", "general", "additive"},
         .help = "of lstm and gru to the parts: none, dot, general or additive"});
  visit("hidden_size", hidden_size, count(kMostWidth, "width of everything"));
  visit("num_heads", num_heads, count(256, "attention heads of vit and transformer"));
  visit("dropout", dropout, {.least = 0, .below = 1, .help = "of states, embeddings and what layers add"});
  visit("max_position_embeddings", max_position_embeddings, count(4096, "tokens of a caption, its end included"));
  visit("decoder_start_token_id", decoder_start_token_id,
        {.least = 0, .most = kMostTokens, .from_tokenizer = true, .help = "what the decoder is first given"});
  visit("eos_token_id", eos_token_id,
        {.least = 0, .most = kMostTokens, .from_tokenizer = true, .one_or_more = true, .help = "ends a caption"});
}

void CaptionerConfig::validate() const {
  check_fields(*this, "captioner config");
  const auto allow = [](bool holds, const std::string& combination) {
    if (!holds) throw std::invalid_argument("captioner config: " + combination);
  };
  allow(image_size % patch_size == 0,
        c10::str("image_size = ", image_size, " must be a multiple of patch_size = ", patch_size));
  allow(encoder != "cnn" || std::has_single_bit(static_cast<std::uint64_t>(patch_size)),
        c10::str("patch_size = ", patch_size, " must be a power of 2 where encoder = cnn"));
  allow(hidden_size % 2 == 0, c10::str("hidden_size = ", hidden_size, " must be even"));
  allow((is_recurrent() && encoder == "cnn") || hidden_size % num_heads == 0,
        c10::str("hidden_size = ", hidden_size, " must be a multiple of num_heads = ", num_heads));
  allow(decoder_start_token_id < vocab_size,
        c10::str("decoder_start_token_id = ", decoder_start_token_id, " must be in [0, ", vocab_size, ")"));
  check_end_tokens("captioner config", eos_token_id, vocab_size);
}

PictureEncoderImpl::PictureEncoderImpl(const CaptionerConfig& config) : dropout_(config.dropout) {
  const auto C = config.hidden_size;
  convolutions = register_module("convolutions", torch::nn::ModuleList());
  if (config.encoder == "vit") {
    convolutions->push_back(convolution(3, C, config.patch_size, config.patch_size));
  } else {
    std::int64_t width = 3;
    for (auto size = config.patch_size; size > 1; size /= 2) {
      convolutions->push_back(convolution(width, C / 2, 4, 2));
      width = C / 2;
    }
    convolutions->push_back(convolution(width, C, 3));
    convolutions->push_back(convolution(C, C, 3));
  }
  positions = register_parameter("positions", torch::empty({config.num_parts(), C}));
  if (config.encoder == "cnn") return;
  layers = register_module("layers", torch::nn::ModuleList());
  const auto of_layers = transformer_config(config);
  for (std::int64_t i = 0; i < config.encoder_layers; ++i) layers->push_back(TransformerEncoderLayer(of_layers));
  layer_norm = register_module("layer_norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({C})));
}

Tensor PictureEncoderImpl::forward(const Tensor& pixels) {
  auto x = pixels;
  for (std::size_t i = 0; i < convolutions->size(); ++i) {
    x = convolutions->at<torch::nn::Conv2dImpl>(i).forward(x);
    if (layers.is_empty()) x = x.relu();
  }
  x = x.flatten(2).transpose(1, 2) + positions;  // (B,P,C)
  x = at::dropout(x, dropout_, is_training());
  if (layers.is_empty()) return x;
  for (const auto& layer : *layers) x = layer->as<TransformerEncoderLayerImpl>()->forward(x, {});
  return layer_norm(x);
}

CaptionerImpl::CaptionerImpl(const CaptionerConfig& config) : TaskModule(config) {
  config_.validate();
  auto width = config_.hidden_size;
  {
    const SkipInit filled_below;
    encoder = register_module("encoder", PictureEncoder(config_));
    if (config_.is_recurrent()) {
      const auto of_decoder = recurrent_config(config_);
      of_decoder.validate();
      recurrent = register_module("decoder", Seq2SeqDecoder(of_decoder, torch::nn::Embedding(nullptr)));
      width = of_decoder.readout_width();
    } else {
      transformer = register_module("decoder", TransformerDecoder(transformer_config(config_)));
    }
    output = register_module("output", Linear(width, config_.vocab_size));
  }
  if (!SkipInit::active()) initialize();
}

void CaptionerImpl::initialize() {
  const torch::NoGradGuard no_grad;
  for (auto& item : named_parameters()) {
    const auto& name = item.key();
    const auto& parameter = item.value();
    if (name.ends_with("layer_norm.weight")) {
      parameter.fill_(1.0);
    } else if (name.ends_with("positions") || name.find("embed") != std::string::npos) {
      init_normal(parameter, 0.02);
    } else if (name.ends_with("alignment.v")) {
      init_normal(parameter, 0.1);
    } else if (parameter.dim() == 1) {
      parameter.zero_();
    } else {
      torch::nn::init::xavier_uniform_(parameter);
    }
  }
}

Tensor CaptionerImpl::encode(const Tensor& source) {
  return encoder(scaled_pixels(source, config_.image_size, encoder->positions, "captioner"));
}

DecoderState CaptionerImpl::start_recurrent(const Tensor& states) {
  const auto lengths = torch::full({states.size(0)}, states.size(1), torch::kInt64).to(states.device());
  return recurrent->start({states.transpose(0, 1), states.mean(1), {}}, lengths);
}

LabelStates CaptionerImpl::label_states(const Tensor& source, const Tensor& /*source_lengths*/,
                                        const Tensor& decoder_input, const Tensor& labels) {
  if (labels.sizes() != decoder_input.sizes() || decoder_input.dim() != 2 || decoder_input.size(0) != source.size(0)) {
    throw std::invalid_argument(c10::str("captioner: decoder_input ", decoder_input.sizes(), " and labels ",
                                         labels.sizes(), " must be (B,T) for B = ", source.size(0), " pictures"));
  }
  const auto states = encode(source);
  if (config_.is_recurrent()) {
    auto state = start_recurrent(states);
    const auto readout = recurrent(decoder_input, state).readout.flatten(0, 1);  // (T B, R)
    return LabelStates::of(readout, labels.t().reshape({-1}), output->weight, output->bias);
  }
  const auto memory = transformer->memory(states, {});
  const auto hidden = transformer->forward(decoder_input, {.memory = &memory}).hidden.flatten(0, 1);  // (B T, C)
  return LabelStates::of(hidden, labels.reshape({-1}), output->weight, output->bias);
}

std::unique_ptr<StepFunction> CaptionerImpl::start(const Tensor& source, const Tensor& /*source_lengths*/,
                                                   std::int64_t capacity) {
  if (is_training()) throw std::invalid_argument("captioner: generation needs evaluation mode: call eval() first");
  const c10::InferenceMode inference;
  const auto states = encode(source);
  if (config_.is_recurrent()) {
    return std::make_unique<Seq2SeqStepFunction>(recurrent, output, start_recurrent(states), /*reversed=*/false,
                                                 capacity);
  }
  return std::make_unique<TransformerStepFunction>(
      transformer, [output = output](const Tensor& hidden) mutable { return output(hidden); },
      transformer->memory(states, {}), capacity);
}

Tensor CaptionerImpl::attention(const Tensor& source, const Tensor& /*source_lengths*/, const Tensor& decoder_input) {
  const auto states = encode(source);
  if (config_.is_recurrent()) {
    auto state = start_recurrent(states);
    return recurrent(decoder_input, state).attention;
  }
  const auto memory = transformer->memory(states, {});
  return transformer->alignment(transformer->forward(decoder_input, {.memory = &memory}).queries, memory);
}

const PretrainedTraits& CaptionerImpl::pretrained_traits() {
  static const PretrainedTraits traits{
      .model_type = "captioner", .architecture = "ImageCaptioner", .base_model_prefix = ""};
  return traits;
}

}  // namespace langzoo
