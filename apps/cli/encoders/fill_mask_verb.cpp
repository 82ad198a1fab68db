#include <algorithm>
#include <iostream>

#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "apps/cli/base/json_output.h"
#include "apps/cli/encoders/verbs.h"
#include "apps/cli/model_verb.h"
#include "apps/cli/text_lines.h"
#include "apps/training/tasks/examples.h"
#include "models/masked_lm.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

class FillMaskVerb : public ModelVerb {
 public:
  std::string name() const override { return "fill-mask"; }
  std::string summary() const override { return "the tokens that a masked language model puts in gaps"; }
  std::string examples() const override {
    return "fill-mask --model run --text \"Mary went to the [MASK].\" --top 5\n";
  }
  std::string notes() const override {
    return "Gaps are the tokenizer's own mask token: [MASK] or <mask>. Fields under --json: masks, of each position "
           "(in\n"
           "the ids, special tokens counted) and candidates: token, id, probability.\n";
  }
  void add_own_options(Options& options) override {
    ModelVerb::add_own_options(options);
    options.add("--text", text_, "a text with gaps").required();
    options.add("--top", top_, "candidates of each gap").range(1, 1000);
  }
  void compute(const ComputeOptions& common) override {
    const auto loaded = load_and_report(model_, common, [&](const DeviceOptions& options, LoadReport* report) {
      return load_example_model(model_, options, report);
    });
    auto* const model = dynamic_cast<MaskedLm*>(loaded.model.get());
    if (model == nullptr) {
      throw std::invalid_argument(
          fmt::format("{}: {} predicts no hidden tokens", model_, registered_model(model_).architecture));
    }
    const auto& tokenizer = *loaded.tokenizer;
    const auto& mask = tokenizer.special_tokens().mask;
    if (!mask) throw std::invalid_argument(fmt::format("{}: the tokenizer has no mask token", model_));
    TokenRow row;
    encode_from("--text", [&] {
      row = ExampleEncoding{tokenizer, *loaded.model, 1 << 20, false}.row(text_);
      const auto most = loaded.model->n_positions();
      if (most > 0 && std::ssize(row.ids) > most) {
        throw std::runtime_error(fmt::format("{} tokens, but the model takes {}", row.ids.size(), most));
      }
    });
    std::vector<std::int64_t> places;
    for (std::size_t i = 0; i < row.ids.size(); ++i) {
      if (row.ids[i] == *mask) places.push_back(static_cast<std::int64_t>(i));
    }
    if (places.empty()) {
      throw UsageError(fmt::format("--text: has no gap; gaps are {} here", tokenizer.id_to_token(*mask)));
    }
    const c10::InferenceMode inference;
    TokenExamples examples;
    examples.add({.rows = {row}});
    const auto batch = to_device(token_batch(examples, {0}, 0), loaded.device);
    const auto logits = model->logits_at(inputs_of(batch), torch::tensor(places).to(loaded.device));
    const auto top = std::min<std::int64_t>(static_cast<std::int64_t>(top_), logits.size(1));
    const auto [probabilities, ids] = logits.to(torch::kFloat32).softmax(-1).to(torch::kCPU).topk(top);
    std::vector<JsonValue> masks;
    for (std::size_t i = 0; i < places.size(); ++i) {
      std::vector<JsonValue> candidates;
      if (!common.json) std::cout << fmt::format("position {}\n", places[i]);
      for (std::int64_t rank = 0; rank < top; ++rank) {
        const auto at = static_cast<std::int64_t>(i);
        const auto id = static_cast<TokenId>(ids[at][rank].item<std::int64_t>());
        const auto probability = probabilities[at][rank].item<double>();
        const auto token = tokenizer.has_token(id) ? tokenizer.id_to_token(id) : "";
        candidates.push_back({{"token", token}, {"id", id}, {"probability", probability}});
        if (!common.json) std::cout << fmt::format("  {:.4f}  {}\n", probability, token);
      }
      masks.push_back({{"position", places[i]}, {"candidates", candidates}});
    }
    if (common.json) print_json({{"masks", masks}});
  }

 private:
  std::string text_;
  std::size_t top_ = 5;
};

}  // namespace

std::unique_ptr<Verb> fill_mask_verb() {
  return std::make_unique<FillMaskVerb>();
}

}  // namespace langzoo
