#include "tests/support/test.h"

#include "models/gpt/gpt.h"
#include "models/gpt/gpt_step.h"
#include "models/io/safetensors.h"
#include "tests/support/closed_form.h"

namespace langzoo::test {
namespace {

/// Greedy ids after the prompts, by the step function alone. Shapes: (B,count).
torch::Tensor greedy(const Gpt2LmHeadModel& model, const torch::Tensor& ids, const torch::Tensor& mask, int count) {
  GptStepFunction decoder(model.ptr(), mask, ids.size(1) + count);
  std::vector<torch::Tensor> chosen;
  auto next = ids;
  for (int i = 0; i < count; ++i) {
    next = decoder.step(next).argmax(-1, /*keepdim=*/true);
    chosen.push_back(next);
  }
  return torch::cat(chosen, 1);
}

double difference_where(const torch::Tensor& mask, const torch::Tensor& a, const torch::Tensor& b) {
  return max_difference(a.index({mask == 1}), b.index({mask == 1}));
}

}  // namespace

TEST_CASE("models that transformers saved give transformers' logits, loss, gradients and greedy ids") {
  const std::string variant = GENERATE("tiny", "relu_inverse", "untied_unscaled");
  INFO(variant);
  LoadReport report;
  auto model = from_pretrained<Gpt2LmHeadModel>(fixture("gpt/" + variant), &report);
  CHECK(report.ok());
  const auto golden = load_safetensors(fixture("gpt/" + variant + "/golden.safetensors"));
  const auto ids = golden["ids"], mask = golden["mask"];

  CHECK(max_difference(model->forward(ids).logits.log_softmax(-1), golden["full_logits"].log_softmax(-1)) < 1e-5);
  const auto padded = model->forward(ids, {.attention_mask = mask}).logits.log_softmax(-1);
  CHECK(difference_where(mask, padded, golden["logits"].log_softmax(-1)) < 1e-5);
  const auto given = model->forward(ids, {.attention_mask = mask, .position_ids = golden["position_ids"]}).logits;
  CHECK(difference_where(mask, given, golden["logits"]) < 1e-4);

  const auto loss = model->loss_sum(ids.slice(1, 0, -1), ids.slice(1, 1)) / (ids.numel() - ids.size(0));
  CHECK(loss.item<double>() == Approx(golden["loss"].item<double>()).epsilon(1e-6));
  loss.backward();
  int compared = 0;
  for (const auto& parameter : model->named_parameters())
    if (const auto* grad = golden.find("grad." + parameter.key())) {
      INFO(parameter.key());
      CHECK(max_difference(parameter.value().grad(), *grad) < 1e-5 * (1 + grad->abs().max().item<double>()));
      ++compared;
    }
  CHECK(compared == (variant == "tiny" ? 28 : 0));

  CHECK(torch::equal(greedy(model, ids, mask, 10), golden["greedy"]));
}

TEST_CASE("a model of the 124M shape gives transformers' log-probabilities and greedy ids") {
  auto model = [] {
    const SkipInit filled_below;
    return Gpt2LmHeadModel(Gpt2Config());
  }();
  fill_closed_form(*model);
  model->eval();
  const auto golden = load_safetensors(fixture("gpt/gpt2_124m.safetensors"));
  const auto ids = golden["ids"], mask = golden["mask"];
  const torch::NoGradGuard no_grad;
  const auto logprobs = model->forward(ids, {.attention_mask = mask}).logits.log_softmax(-1);
  const auto next = logprobs.slice(1, 0, -1).gather(2, ids.slice(1, 1).unsqueeze(-1)).squeeze(-1);
  CHECK(difference_where(mask.slice(1, 0, -1), next, golden["logprobs"]) < 1e-4);
  CHECK(max_difference(logprobs.select(1, -1).slice(1, 0, 50257, 997), golden["last_logprobs"]) < 1e-4);
  CHECK(torch::equal(greedy(model, ids, mask, 20), golden["greedy"]));
}

}  // namespace langzoo::test
