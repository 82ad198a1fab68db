// langzoo-gpt: trains, evaluates and uses GPT-2 (models/gpt/gpt.h).
#include "apps/cli/causal_lm.h"
#include "models/gpt/gpt_step.h"

namespace {

using namespace langzoo;

class Gpt : public CausalLm {
 public:
  explicit Gpt(Gpt2LmHeadModel model) : model_(std::move(model)) {}

  torch::nn::Module& module() override { return *model_; }
  std::int64_t n_positions() const override { return model_->config().n_positions; }
  std::int64_t vocab_size() const override { return model_->config().vocab_size; }
  std::vector<TokenId> end_tokens() const override {
    const auto end = model_->config().eos_token_id;
    if (!end) return {};
    return {static_cast<TokenId>(*end)};
  }
  torch::Tensor logits(const torch::Tensor& ids) override { return model_->forward(ids).logits; }
  torch::Tensor loss_sum(const torch::Tensor& ids, const torch::Tensor& targets) override {
    return model_->loss_sum(ids, targets);
  }
  std::unique_ptr<StepFunction> start(const torch::Tensor& mask, std::int64_t capacity) override {
    return std::make_unique<Gpt2StepFunction>(model_, mask, capacity);
  }
  void save(const std::filesystem::path& dir) override { model_->save_pretrained(dir); }

 private:
  Gpt2LmHeadModel model_;
};

class GptFamily : public CausalLmFamily {
 public:
  std::string program() const override { return "gpt"; }

  std::unique_ptr<ModelConfig> default_config() const override {
    // Small enough to learn something on a laptop; the published shapes are presets.
    Gpt2Config small;
    small.n_layer = small.n_head = 4;
    small.n_embd = small.n_positions = 256;
    // The published vocabulary is GPT-2's own; a run has its tokenizer's.
    small.vocab_size = kFromTokenizer;
    small.bos_token_id.reset();
    small.eos_token_id.reset();
    return ModelConfig::of(small);
  }

  std::unique_ptr<CausalLm> create(const ModelConfig& config) const override {
    Gpt2LmHeadModel model{nullptr};
    construct_checked("model", [&] { model = Gpt2LmHeadModel(config.as<Gpt2Config>()); });
    return std::make_unique<Gpt>(model);
  }

  std::unique_ptr<CausalLm> load(const std::filesystem::path& dir, const PretrainedOptions& options,
                                 LoadReport& report) const override {
    return std::make_unique<Gpt>(from_pretrained<Gpt2LmHeadModel>(dir, &report, options));
  }
};

}  // namespace

int main(int argc, char** argv) {
  const GptFamily family;
  return run_program(argc, argv, "langzoo-gpt", "GPT-2: from your text to a trained model, and to new text.",
                     causal_lm_verbs(family));
}
