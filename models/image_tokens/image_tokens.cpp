#include "models/image_tokens/image_tokens.h"

#include <stdexcept>

#include <c10/core/InferenceMode.h>
#include <c10/util/StringUtil.h>

#include "models/layers/pixels.h"
#include "models/losses/cross_entropy.h"
#include "models/optim/autocast.h"
#include "third_party/torch.h"

namespace langzoo {

using torch::Tensor;

namespace {

/// Codes follow the tokens of text in the language model's vocabulary.
class CodeStepFunction : public StepFunction {
 public:
  CodeStepFunction(std::unique_ptr<StepFunction> model, std::int64_t first_code)
      : model_(std::move(model)), first_code_(first_code) {}

  Tensor step(const Tensor& ids) override {
    const c10::InferenceMode inference;
    const auto logits = model_->step(read_text_ ? ids + first_code_ : ids);
    read_text_ = true;
    return logits.slice(1, first_code_);
  }
  void reorder(const Tensor& rows) override { model_->reorder(rows); }
  std::int64_t capacity() const override { return model_->capacity(); }

 private:
  std::unique_ptr<StepFunction> model_;
  std::int64_t first_code_;
  bool read_text_ = false;
};

}  // namespace

void ImageTokensConfig::for_each_field(FieldVisitor& visit) {
  constexpr double kMostTokens = 1 << 24, kMostWidth = 1 << 13;
  const auto count = [](double most, std::string_view help) {
    return FieldRules{.least = 1, .most = most, .help = help};
  };
  visit("vocab_size", vocab_size,
        {.least = 1, .most = kMostTokens, .from_tokenizer = true, .help = "tokens of captions"});
  visit("image_size", image_size, count(1024, "pixels of a picture's side"));
  visit("patch_size", patch_size, count(256, "pixels of the side of a part, which is a token"));
  visit("codes", codes, count(1 << 16, "tokens that a part can be"));
  visit("code_size", code_size, count(kMostWidth, "width of a code's vector"));
  visit("hidden_size", hidden_size, count(kMostWidth, "channels of the autoencoder"));
  visit("code_decay", code_decay, {.least = 0, .below = 1, .help = "of the running means that codes are"});
  visit("commitment", commitment, {.least = 0, .help = "how much the encoder is drawn to the codes"});
  visit("max_text", max_text, count(4096, "tokens of a caption, its end included"));
  visit("n_embd", n_embd, count(kMostWidth, "width of the language model"));
  visit("n_layer", n_layer, count(256, "its layers"));
  visit("n_head", n_head, count(256, "its attention heads"));
  visit("dropout", dropout, {.least = 0, .below = 1, .help = "of the language model"});
  visit("pad_token_id", pad_token_id,
        {.least = 0, .most = kMostTokens, .from_tokenizer = true, .help = "fills the place of a caption"});
  visit("eos_token_id", eos_token_id,
        {.least = 0, .most = kMostTokens, .from_tokenizer = true, .one_or_more = true, .help = "ends a caption"});
}

void ImageTokensConfig::validate() const {
  check_fields(*this, "image-tokens config");
  const auto allow = [](bool holds, const std::string& combination) {
    if (!holds) throw std::invalid_argument("image-tokens config: " + combination);
  };
  allow(image_size % patch_size == 0,
        c10::str("image_size = ", image_size, " must be a multiple of patch_size = ", patch_size));
  allow(n_embd % n_head == 0, c10::str("n_embd = ", n_embd, " must be a multiple of n_head = ", n_head));
  allow(pad_token_id < vocab_size, c10::str("pad_token_id = ", pad_token_id, " must be in [0, ", vocab_size, ")"));
  check_end_tokens("image-tokens config", eos_token_id, vocab_size);
}

Gpt2Config ImageTokensConfig::language_model() const {
  Gpt2Config config;
  config.vocab_size = vocab_size + codes;
  config.n_positions = max_text + num_parts();
  config.n_embd = n_embd, config.n_layer = n_layer, config.n_head = n_head;
  config.resid_pdrop = config.embd_pdrop = config.attn_pdrop = dropout;
  config.bos_token_id.reset();
  config.eos_token_id.clear();
  return config;
}

DiscreteAutoencoderImpl::DiscreteAutoencoderImpl(const ImageTokensConfig& config) : config_(config) {
  const auto C = config.hidden_size, E = config.code_size, K = config.codes, size = config.patch_size;
  patches = register_module("patches", convolution(3, C, size, size));
  mix = register_module("mix", convolution(C, C, 3));
  to_code = register_module("to_code", convolution(C, E, 1));
  from_code = register_module("from_code", convolution(E, C, 3));
  spread = register_module("spread", convolution(C, C, 3));
  pixels =
      register_module("pixels", torch::nn::ConvTranspose2d(torch::nn::ConvTranspose2dOptions(C, 3, size).stride(size)));
  codebook = register_buffer("codebook", torch::zeros({K, E}));
  code_counts = register_buffer("code_counts", torch::zeros({K}));
  code_sums = register_buffer("code_sums", torch::zeros({K, E}));
}

Tensor DiscreteAutoencoderImpl::scaled(const Tensor& bytes) const {
  return scaled_pixels(bytes, config_.image_size, codebook, "image-tokens");
}

Tensor DiscreteAutoencoderImpl::vectors(const Tensor& pictures) {
  const auto x = mix(patches(pictures).relu()).relu();
  return to_code(x).flatten(2).transpose(1, 2);
}

Tensor DiscreteAutoencoderImpl::pictures(const Tensor& vectors) {
  const auto side = config_.image_size / config_.patch_size;
  const auto x = vectors.transpose(1, 2).unflatten(2, {side, side});  // (B,E,side,side)
  return pixels(spread(from_code(x).relu()).relu());
}

std::pair<Tensor, Tensor> DiscreteAutoencoderImpl::nearest(const Tensor& vectors) const {
  const auto distances = vectors.square().sum(1, true) - 2 * vectors.mm(codebook.t()) + codebook.square().sum(1);
  const auto [least, codes] = distances.min(1);
  return {codes, least};
}

/// Appendix A.1: a code is the mean of what was nearest to it, older batches weighing less.
void DiscreteAutoencoderImpl::move_codes(const Tensor& vectors, const Tensor& codes, const Tensor& distances) {
  const double fresh = 1 - config_.code_decay;
  code_counts.mul_(config_.code_decay).add_(torch::bincount(codes, {}, config_.codes), fresh);
  code_sums.mul_(config_.code_decay).add_(torch::zeros_like(code_sums).index_add_(0, codes, vectors), fresh);
  // Codes that nothing is near begin anew at the vectors that are farthest from any.
  constexpr double kForgotten = 0.1;
  const auto forgotten = (code_counts < kForgotten).nonzero().squeeze(1);
  const auto needed = std::min<std::int64_t>(forgotten.numel(), vectors.size(0));
  if (needed > 0) {
    const auto farthest = std::get<1>(distances.topk(needed)), moved = forgotten.narrow(0, 0, needed);
    code_counts.index_fill_(0, moved, 1.0);
    code_sums.index_copy_(0, moved, vectors.index_select(0, farthest));
  }
  codebook.copy_(code_sums / code_counts.clamp_min(1e-6).unsqueeze(1));
}

Tensor DiscreteAutoencoderImpl::loss_sum(const Tensor& bytes, bool quantize) {
  const AutocastGuard exact(bytes.device().type(), torch::kFloat32);
  const auto target = scaled(bytes);
  auto z = vectors(target);  // (B,P,E)
  Tensor commitment;
  if (quantize) {
    Tensor code_vectors;
    {
      const torch::NoGradGuard no_grad;
      const auto flat = z.flatten(0, 1);
      const auto [codes, distances] = nearest(flat);
      code_vectors = codebook.index_select(0, codes).view_as(z);
      if (is_training()) move_codes(flat, codes, distances);
    }
    commitment = config_.commitment * at::mse_loss(z, code_vectors);
    z = z + (code_vectors - z).detach();
  }
  const auto error = at::mse_loss(pictures(z), target, at::Reduction::Sum);
  return quantize ? error + commitment * target.numel() : error;
}

Tensor DiscreteAutoencoderImpl::encode(const Tensor& bytes) {
  const torch::NoGradGuard no_grad;
  const AutocastGuard exact(bytes.device().type(), torch::kFloat32);
  const auto z = vectors(scaled(bytes));
  return nearest(z.flatten(0, 1)).first.view({z.size(0), z.size(1)});
}

Tensor DiscreteAutoencoderImpl::decode(const Tensor& codes) {
  const torch::NoGradGuard no_grad;
  const AutocastGuard exact(codes.device().type(), torch::kFloat32);
  const auto z = codebook.index_select(0, codes.flatten()).view({codes.size(0), codes.size(1), -1});
  return ((pictures(z) + 1.0) * 127.5).round().clamp(0, 255).to(torch::kUInt8).flatten(1);
}

ImageTokensImpl::ImageTokensImpl(const ImageTokensConfig& config) : TaskModule(config) {
  config_.validate();
  vae = register_module("vae", DiscreteAutoencoder(config_));
  lm = register_module("lm", Gpt2LmHeadModel(config_.language_model()));
}

Tensor ImageTokensImpl::text_rows(const std::vector<std::vector<std::int32_t>>& captions) const {
  const auto S = config_.max_text;
  if (config_.eos_token_id.empty())
    throw std::invalid_argument("image-tokens: eos_token_id is null: captions have no end");
  auto rows = torch::full({std::ssize(captions), S}, config_.pad_token_id, torch::kInt64);
  auto row = rows.accessor<std::int64_t, 2>();
  for (std::int64_t b = 0; b < std::ssize(captions); ++b) {
    const auto& ids = captions[static_cast<std::size_t>(b)];
    if (std::ssize(ids) >= S)
      throw std::invalid_argument(
          c10::str("image-tokens: a caption of ", ids.size(), " tokens; max_text = ", S, " leaves room for ", S - 1));
    for (std::int64_t t = 0; t < std::ssize(ids); ++t) row[b][t] = ids[static_cast<std::size_t>(t)];
    row[b][std::ssize(ids)] = config_.eos_token_id.front();
  }
  return rows;
}

ImageTokensLoss ImageTokensImpl::language_loss(const Tensor& text, const Tensor& pixels) {
  const auto codes = vae->encode(pixels) + config_.vocab_size;  // (B,P)
  const auto S = text.size(1);
  const auto ids = at::cat({text, codes}, 1);  // (B,S+P)
  const auto T = ids.size(1) - 1;
  const auto hidden = lm->transformer->forward(ids.narrow(1, 0, T));  // (B,T,C)
  // Padding that follows a caption's end is no token of it.
  const auto ended = (text == config_.eos_token_id.front()).cumsum(1) > 0;
  const auto targets = at::cat({text.narrow(1, 1, S - 1).masked_fill(ended.narrow(1, 0, S - 1), -100), codes}, 1);
  const auto part = [&](std::int64_t begin, std::int64_t size) {
    return linear_cross_entropy(hidden.narrow(1, begin, size).flatten(0, 1), lm->lm_head->weight,
                                targets.narrow(1, begin, size).flatten());
  };
  return {part(0, S - 1), part(S - 1, T - S + 1)};
}

std::unique_ptr<StepFunction> ImageTokensImpl::start(std::int64_t captions) {
  if (is_training()) throw std::invalid_argument("image-tokens: drawing needs evaluation mode: call eval() first");
  const auto mask = torch::ones({captions, config_.max_text}, torch::kBool).to(vae->codebook.device());
  return std::make_unique<CodeStepFunction>(lm->start(mask, config_.max_text + config_.num_parts() - 1),
                                            config_.vocab_size);
}

const PretrainedTraits& ImageTokensImpl::pretrained_traits() {
  static const PretrainedTraits traits{
      .model_type = "image-tokens", .architecture = "ImageTokensModel", .base_model_prefix = ""};
  return traits;
}

}  // namespace langzoo
