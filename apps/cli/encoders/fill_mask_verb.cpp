#include <algorithm>
#include <iostream>

#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "apps/cli/base/json_output.h"
#include "apps/cli/encoders/given_texts.h"
#include "apps/cli/encoders/verbs.h"
#include "apps/cli/model_verb.h"
#include "apps/cli/text_lines.h"
#include "apps/training/tasks/examples.h"
#include "models/masked_lm.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

/// Texts at a time, which bounds the memory.
constexpr std::size_t kMaskedAtOnce = 1024;

class FillMaskVerb : public ModelVerb {
 public:
  std::string name() const override { return "fill-mask"; }
  std::string summary() const override { return "the tokens that a masked language model puts in gaps"; }
  std::string examples() const override {
    return "fill-mask --model run --text \"Mary went to the [MASK].\" --top 5\n"
           "fill-mask --model run --data gaps.txt --json\n";
  }
  std::string notes() const override {
    return "Gaps are the tokenizer's own mask token: [MASK] or <mask>. Fields under --json, a line a text: masks, of "
           "each\n"
           "position (in the ids, special tokens counted) and candidates: token, id, probability.\n";
  }
  void add_own_options(Options& options) override {
    ModelVerb::add_own_options(options);
    input_.add_to(options, "a text with gaps", /*pairs=*/true);
    options.add("--top", top_, "candidates of each gap").range(1, 1000);
    options.add("--batch-size", batch_size_, "texts computed together").range(1, 4096);
  }
  void compute(const ComputeOptions& common) override {
    input_.check();
    const auto loaded = load_and_report(model_, common, [&](const DeviceOptions& options, LoadReport* report) {
      return load_example_model(model_, options, report);
    });
    auto* const model = dynamic_cast<MaskedLm*>(loaded.model.get());
    if (model == nullptr) {
      throw std::invalid_argument(
          fmt::format("{}: {} predicts no hidden tokens", model_, registered_model(model_).architecture));
    }
    if (!loaded.tokenizer->special_tokens().mask)
      throw std::invalid_argument(fmt::format("{}: the tokenizer has no mask token", model_));
    input_.for_each(kMaskedAtOnce,
                    [&](const std::vector<GivenText>& texts) { fill(loaded, *model, texts, common.json); });
  }

 private:
  /// What is said of the gaps of a text.
  struct Filled {
    std::vector<std::int64_t> places;  ///< in its ids
    torch::Tensor probabilities, ids;  ///< (places, top)
  };

  /// The tokens of a text that has gaps, and where these are.
  std::pair<TokenRow, std::vector<std::int64_t>> tokens_of(const LoadedModel<TokenModel>& loaded,
                                                           const GivenText& given) const {
    const auto& tokenizer = *loaded.tokenizer;
    const auto mask = *tokenizer.special_tokens().mask;
    TokenRow row;
    std::vector<std::int64_t> places;
    encode_from(given.where, [&] {
      row = ExampleEncoding{tokenizer, *loaded.model, 1 << 20, false}.row(given.text, given.pair);
      const auto most = loaded.model->n_positions();
      if (most > 0 && std::ssize(row.ids) > most)
        throw std::runtime_error(fmt::format("{} tokens, but the model takes {}", row.ids.size(), most));
      for (std::size_t i = 0; i < row.ids.size(); ++i) {
        if (row.ids[i] == mask) places.push_back(static_cast<std::int64_t>(i));
      }
      if (places.empty()) throw UsageError(fmt::format("has no gap; gaps are {} here", tokenizer.id_to_token(mask)));
    });
    return {std::move(row), std::move(places)};
  }

  void fill(const LoadedModel<TokenModel>& loaded, MaskedLm& model, const std::vector<GivenText>& texts,
            bool json) const {
    const c10::InferenceMode inference;
    TokenExamples examples;
    std::vector<Filled> all;
    for (const auto& text : texts) {
      auto [row, places] = tokens_of(loaded, text);
      examples.add({.rows = {std::move(row)}});
      all.push_back({std::move(places), {}, {}});
    }
    const auto pad = loaded.tokenizer->special_tokens().pad.value_or(0);
    const BatchLimits limits{.sentences = static_cast<std::int64_t>(batch_size_)};
    for (const auto& chosen : batches_by_length(token_lengths(examples), limits)) {
      const auto batch = to_device(token_batch(examples, chosen, pad), loaded.device);
      std::vector<std::int64_t> places;
      for (std::size_t row = 0; row < chosen.size(); ++row) {
        for (const auto place : all[static_cast<std::size_t>(chosen[row])].places)
          places.push_back(static_cast<std::int64_t>(row) * batch.ids.size(1) + place);
      }
      const auto logits = model.logits_at(inputs_of(batch), torch::tensor(places).to(loaded.device));
      const auto top = std::min<std::int64_t>(static_cast<std::int64_t>(top_), logits.size(1));
      const auto [probabilities, ids] = logits.to(torch::kFloat32).softmax(-1).to(torch::kCPU).topk(top);
      std::int64_t first = 0;
      for (const auto text : chosen) {
        auto& filled = all[static_cast<std::size_t>(text)];
        const auto count = std::ssize(filled.places);
        filled.probabilities = probabilities.narrow(0, first, count);
        filled.ids = ids.narrow(0, first, count);
        first += count;
      }
    }
    for (std::size_t i = 0; i < texts.size(); ++i) {
      if (!json && input_.of_file()) std::cout << fmt::format("{}\n", texts[i].where);
      print(*loaded.tokenizer, all[i], json);
    }
  }

  static void print(const Tokenizer& tokenizer, const Filled& filled, bool json) {
    std::vector<JsonValue> masks;
    for (std::int64_t gap = 0; gap < std::ssize(filled.places); ++gap) {
      const auto position = filled.places[static_cast<std::size_t>(gap)];
      std::vector<JsonValue> candidates;
      if (!json) std::cout << fmt::format("position {}\n", position);
      for (std::int64_t rank = 0; rank < filled.ids.size(1); ++rank) {
        const auto id = static_cast<TokenId>(filled.ids[gap][rank].item<std::int64_t>());
        const auto probability = filled.probabilities[gap][rank].item<double>();
        const auto token = tokenizer.has_token(id) ? tokenizer.id_to_token(id) : "";
        candidates.push_back({{"token", token}, {"id", id}, {"probability", probability}});
        if (!json) std::cout << fmt::format("  {:.4f}  {}\n", probability, token);
      }
      masks.push_back({{"position", position}, {"candidates", candidates}});
    }
    if (json) print_json({{"masks", masks}});
  }

  GivenTexts input_;
  std::size_t top_ = 5, batch_size_ = 32;
};

}  // namespace

std::unique_ptr<Verb> fill_mask_verb() {
  return std::make_unique<FillMaskVerb>();
}

}  // namespace langzoo
