#include "models/electra/electra_pretraining.h"

#include <stdexcept>

#include "models/losses/classification.h"
#include "third_party/torch.h"

namespace langzoo {

using torch::Tensor;

Tensor ElectraLoss::total(double weight) const {
  return masked_lm / std::max<std::int64_t>(1, chosen) + weight * replaced / std::max<std::int64_t>(1, tokens);
}

ReplacedTokens replace_tokens(const Tensor& ids, const Tensor& places, const Tensor& logits) {
  const torch::NoGradGuard no_grad;
  const auto reached = logits.detach().softmax(-1, torch::kFloat32).cumsum(-1, torch::kFloat64);  // (N,V)
  const auto total = reached.narrow(-1, logits.size(-1) - 1, 1);  // 1 but for rounding
  const auto random = at::rand({logits.size(0), 1}, torch::kFloat64).to(logits.device());
  const auto drawn = at::searchsorted(reached, random * total, /*out_int32=*/false, /*right=*/true).squeeze(-1);  // (N)
  const auto text = ids.flatten();
  const auto given = text.index_copy(0, places, drawn);
  return {given.view_as(ids), (given != text).to(ids.scalar_type()).view_as(ids)};
}

ElectraPretrainingImpl::ElectraPretrainingImpl(const ElectraConfig& discriminator, const ElectraConfig& generator)
    : ElectraPretrainingImpl(ElectraForPreTraining(discriminator), ElectraForMaskedLm(generator)) {}

ElectraPretrainingImpl::ElectraPretrainingImpl(ElectraForPreTraining detector, ElectraForMaskedLm writer)
    : discriminator(register_module("discriminator", std::move(detector))),
      generator(register_module("generator", std::move(writer))) {
  const auto shared = discriminator->base->embeddings->parameters();
  const auto own = generator->base->embeddings->parameters();
  for (std::size_t i = 0; i < shared.size(); ++i) {
    if (i < own.size() && own[i].sizes() == shared[i].sizes()) continue;
    throw std::invalid_argument("electra: generator and discriminator need embeddings of the same sizes");
  }
  if (!generator->config().tie_word_embeddings)
    throw std::invalid_argument("electra: tie_word_embeddings = false, the generator's must be tied");
  generator->base->share_embeddings(*generator->base, discriminator->base->embeddings);
}

std::shared_ptr<ElectraPretrainingImpl> ElectraPretrainingImpl::from_pretrained(const std::filesystem::path& dir) {
  auto discriminator = langzoo::from_pretrained<ElectraForPreTraining>(dir);
  auto generator = langzoo::from_pretrained<ElectraForMaskedLm>(dir / "generator");
  std::shared_ptr<ElectraPretrainingImpl> both(
      new ElectraPretrainingImpl(std::move(discriminator), std::move(generator)));
  both->eval();
  return both;
}

ElectraLoss ElectraPretrainingImpl::loss(const TokenInputs& inputs, const Tensor& text, const Tensor& labels) {
  if (text.sizes() != inputs.ids.sizes() || labels.sizes() != inputs.ids.sizes())
    throw std::invalid_argument("electra: text and labels must have the shape of the inputs");
  const auto targets = labels.flatten();
  const auto places = (targets != -100).nonzero().squeeze(1);
  ElectraLoss result;
  const auto logits = generator->logits_at(inputs, places);  // (N,V)
  result.masked_lm = cross_entropy(logits, targets.index_select(0, places));
  result.chosen = places.size(0);
  const auto [given, replaced] = replace_tokens(text, places, logits);
  result.given = given;
  result.is_replaced = replaced;
  auto read = inputs;
  read.ids = result.given;
  const auto& mask = inputs.attention_mask;
  result.replaced = binary_cross_entropy_sum(discriminator->logits(read), result.is_replaced, mask);
  result.tokens = mask.defined() ? (mask != 0).sum().item<std::int64_t>() : text.numel();
  return result;
}

void ElectraPretrainingImpl::save_pretrained(const std::filesystem::path& dir) const {
  generator->save_pretrained(dir / "generator");
  discriminator->save_pretrained(dir);
}

}  // namespace langzoo
