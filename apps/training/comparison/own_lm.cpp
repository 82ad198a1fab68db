#include "apps/training/comparison/own_lm.h"

#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "data/files/files.h"
#include "models/io/safetensors.h"
#include "models/losses/cross_entropy.h"
#include "third_party/torch.h"

namespace langzoo {

namespace fs = std::filesystem;
using torch::Tensor;

namespace {

using OwnJson = nlohmann::json;

/// Keeps what was read, and reads its end again for each new token.
class ForwardStep : public StepFunction {
 public:
  ForwardStep(std::shared_ptr<torch::nn::Module> owner, LmForward forward, std::int64_t context, std::int64_t capacity)
      : owner_(std::move(owner)), forward_(std::move(forward)), context_(context), capacity_(capacity) {}

  Tensor step(const Tensor& ids) override {
    ids_ = ids_.defined() ? at::cat({ids_, ids}, 1) : ids;
    const auto seen = std::min(context_, ids_.size(1));
    return forward_(ids_.narrow(1, ids_.size(1) - seen, seen)).select(1, seen - 1).to(torch::kFloat32);
  }
  void reorder(const Tensor& rows) override {
    if (ids_.defined()) ids_ = ids_.index_select(0, rows);
  }
  std::int64_t capacity() const override { return capacity_; }

 private:
  std::shared_ptr<torch::nn::Module> owner_;
  LmForward forward_;
  std::int64_t context_, capacity_;
  Tensor ids_;
};

class ForwardLm : public CausalLm {
 public:
  ForwardLm(std::shared_ptr<torch::nn::Module> module, LmForward forward, std::int64_t vocab_size, std::int64_t context)
      : module_(std::move(module)), forward_(std::move(forward)), vocab_size_(vocab_size), context_(context) {}

  torch::nn::Module& module() override { return *module_; }
  std::int64_t vocab_size() const override { return vocab_size_; }
  std::int64_t n_positions() const override { return context_; }
  std::vector<std::int32_t> end_tokens() const override { return {}; }
  void save_pretrained(const fs::path& dir) const override {
    fs::create_directories(dir);
    save_safetensors(dir / "model.safetensors", state_dict(*module_));
    const OwnJson config = {{"model_type", "own"}, {"vocab_size", vocab_size_}, {"context", context_}};
    write_file_atomically(dir / "config.json", config.dump(2) + "\n");
  }
  Tensor logits(const Tensor& ids) override {
    auto logits = forward_(ids);
    if (logits.dim() == 3 && logits.size(0) == ids.size(0) && logits.size(1) == ids.size(1) &&
        logits.size(2) == vocab_size_) {
      return logits;
    }
    throw std::runtime_error(c10::str("forward() of ids ", ids.sizes(), " gave ", logits.sizes(), ", expected [",
                                      ids.size(0), ", ", ids.size(1), ", ", vocab_size_, "]"));
  }
  Tensor loss_sum(const Tensor& ids, const Tensor& targets) override {
    return at::cross_entropy_loss(logits(ids).flatten(0, 1).to(torch::kFloat32), targets.flatten(), {},
                                  at::Reduction::Sum, -100);
  }
  std::unique_ptr<StepFunction> start(const Tensor& mask, std::int64_t capacity) override {
    if (mask.defined() && !mask.all().item<bool>())
      throw std::invalid_argument("a model of the program's own takes prompts of one length");
    return std::make_unique<ForwardStep>(module_, forward_, context_, capacity);
  }

 private:
  std::shared_ptr<torch::nn::Module> module_;
  LmForward forward_;
  std::int64_t vocab_size_, context_;
};

}  // namespace

std::shared_ptr<CausalLm> forward_lm(std::shared_ptr<torch::nn::Module> module, LmForward forward,
                                     std::int64_t vocab_size, std::int64_t context) {
  return std::make_shared<ForwardLm>(std::move(module), std::move(forward), vocab_size, context);
}

std::shared_ptr<CausalLm> load_own_lm(const OwnLm& own, const fs::path& dir) {
  const auto file = dir / "config.json";
  const auto config = OwnJson::parse(read_file(file, 1 << 20), nullptr, false);
  const auto number = [&](const char* key) {
    if (!config.is_object() || !config.contains(key) || !config[key].is_number_integer())
      throw FileError(file, fmt::format("{}: expected a whole number", key));
    return config[key].get<std::int64_t>();
  };
  auto model = own.make(number("vocab_size"), number("context"));
  load_state_dict(model->module(), load_safetensors(dir / "model.safetensors"));
  model->module().eval();
  return model;
}

}  // namespace langzoo
