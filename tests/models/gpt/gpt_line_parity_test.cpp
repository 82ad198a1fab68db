#include "tests/support/test.h"

#include "models/auxiliary_lm.h"
#include "models/gpt/gpt.h"
#include "models/gpt/gpt_neo.h"
#include "models/gpt/openai_gpt.h"
#include "models/io/safetensors.h"
#include "models/losses/classification.h"
#include "models/losses/span.h"

namespace langzoo::test {
namespace {

struct Golden {
  explicit Golden(const std::string& name)
      : dir(fixture("gpt_line/" + name)), tensors(load_safetensors(dir / "golden.safetensors")) {
    INFO(name);
  }

  template <class Model>
  Model model() const {
    LoadReport report;
    auto loaded = from_pretrained<Model>(dir, &report);
    CHECK(report.ok());
    return loaded;
  }
  TokenInputs inputs() const { return {.ids = tensors["ids"], .attention_mask = tensors["mask"]}; }

  /// The loss, and the gradient of every parameter by name, after backward().
  void check(torch::nn::Module& model, const torch::Tensor& loss) const {
    CHECK(loss.item<double>() == Approx(tensors["loss"].item<double>()).epsilon(1e-5));
    loss.backward();
    double largest = 0;
    for (const auto& item : tensors) {
      if (item.key().starts_with("grad.")) largest = std::max(largest, item.value().abs().max().item<double>());
    }
    int compared = 0;
    for (const auto& parameter : model.named_parameters()) {
      const auto* const grad = tensors.find("grad." + parameter.key());
      if (grad == nullptr) continue;
      INFO(parameter.key());
      const auto scale = std::max(grad->abs().max().item<double>(), 0.1 * largest);
      CHECK(max_difference(parameter.value().grad(), *grad) <= 1e-5 * scale);
      ++compared;
    }
    CHECK(compared > 20);
  }

  std::filesystem::path dir;
  StateDict tensors;
};

torch::Tensor greedy(CausalLm& model, const torch::Tensor& prompt, std::int64_t count) {
  const auto decoder = model.start({}, prompt.size(1) + count);
  std::vector<torch::Tensor> chosen;
  auto next = prompt;
  for (std::int64_t i = 0; i < count; ++i) {
    next = decoder->step(next).argmax(-1, /*keepdim=*/true);
    chosen.push_back(next);
  }
  return torch::cat(chosen, 1);
}

template <class Model>
void check_language_model(const std::string& name) {
  INFO(name);
  const Golden golden(name);
  auto model = golden.model<Model>();
  const auto ids = golden.tensors["ids"];
  CHECK(max_difference(model->forward(ids).logits, golden.tensors["logits"]) < 2e-5);
  golden.check(*model, model->loss_sum(ids.slice(1, 0, -1), ids.slice(1, 1)) / (ids.numel() - ids.size(0)));
  CHECK(torch::equal(greedy(*model, ids.narrow(0, 0, 1), golden.tensors["greedy"].size(1)), golden.tensors["greedy"]));
}

template <class Model>
void check_classifier(const std::string& name) {
  INFO(name);
  const Golden golden(name);
  auto model = golden.model<Model>();
  const auto logits = model->logits(golden.inputs());
  CHECK(max_difference(logits, golden.tensors["logits"]) < 1e-5);
  golden.check(*model, sequence_loss_sum(logits, torch::tensor({1, 0, 2}), model->problem_type()) / 3);
}

template <class Model>
void check_tagger(const std::string& name) {
  INFO(name);
  const Golden golden(name);
  auto model = golden.model<Model>();
  const auto logits = model->logits(golden.inputs());
  const auto mask = golden.tensors["mask"] == 1;
  CHECK(max_difference(logits.index({mask}), golden.tensors["logits"].index({mask})) < 1e-5);
  golden.check(
      *model, cross_entropy(logits.flatten(0, 1), golden.tensors["labels"].flatten(), {.reduction = Reduction::kMean}));
}

template <class Model>
void check_answers(const std::string& name) {
  INFO(name);
  const Golden golden(name);
  auto model = golden.model<Model>();
  auto inputs = golden.inputs();
  inputs.compute_padding = true;
  const auto [start, end] = model->logits(inputs);
  CHECK(max_difference(start, golden.tensors["start"]) < 1e-5);
  CHECK(max_difference(end, golden.tensors["end"]) < 1e-5);
  const CrossEntropyOptions mean{.reduction = Reduction::kMean};
  golden.check(
      *model,
      (cross_entropy(start, torch::tensor({2, 1, 0}), mean) + cross_entropy(end, torch::tensor({5, 4, 1}), mean)) / 2);
}

template <class Model>
void check_choices(const std::string& name) {
  INFO(name);
  const Golden golden(name);
  auto model = golden.model<Model>();
  CHECK(max_difference(model->logits(golden.inputs()), golden.tensors["logits"]) < 1e-5);
  const auto both = model->logits_with_lm(golden.inputs());
  CHECK(max_difference(both.logits, golden.tensors["logits"]) < 1e-5);
  CHECK(both.lm_loss.template item<double>() == Approx(golden.tensors["lm_loss"].item<double>()).epsilon(1e-5));
  golden.check(*model, cross_entropy(both.logits, torch::tensor({1, 0}), {.reduction = Reduction::kMean}) +
                           0.5 * both.lm_loss / 4);
}

}  // namespace

TEST_CASE("language models of the GPT line give transformers' logits, loss, gradients and greedy ids") {
  check_language_model<OpenAiGptLmHeadModel>("openai_gpt");
  check_language_model<OpenAiGptLmHeadModel>("openai_gpt_relu");
  check_language_model<GptNeoForCausalLm>("gpt_neo");
}

TEST_CASE("classifiers of the GPT line read the last token, as transformers' do") {
  check_classifier<OpenAiGptForSequenceClassification>("openai_gpt_classifier");
  check_classifier<Gpt2ForSequenceClassification>("gpt2_classifier");
  check_classifier<GptNeoForSequenceClassification>("gpt_neo_classifier");
}

TEST_CASE("taggers of the GPT line give transformers' logits, loss and gradients") {
  check_tagger<Gpt2ForTokenClassification>("gpt2_tagger");
  check_tagger<GptNeoForTokenClassification>("gpt_neo_tagger");
}

TEST_CASE("question answering of the GPT line gives transformers' logits, loss and gradients") {
  check_answers<Gpt2ForQuestionAnswering>("gpt2_answers");
  check_answers<GptNeoForQuestionAnswering>("gpt_neo_answers");
}

TEST_CASE("double heads give transformers' choices, and the language model's loss of each row") {
  check_choices<OpenAiGptDoubleHeadsModel>("openai_gpt_choices");
  check_choices<Gpt2DoubleHeadsModel>("gpt2_choices");
}

}  // namespace langzoo::test
