#include <iostream>

#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "apps/cli/attention/attention_page.h"
#include "apps/cli/attention/model_attention.h"
#include "apps/cli/base/json_output.h"
#include "apps/cli/causal_lm/verbs.h"
#include "apps/cli/shown_tokens.h"
#include "apps/cli/text_lines.h"
#include "data/files/files.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

class AttentionVerb : public ComputeVerb {
 public:
  explicit AttentionVerb(const Family& family) : family_(family) {}
  std::string name() const override { return "attention"; }
  std::string summary() const override { return "look at every layer and head as a model reads a text"; }
  std::string examples() const override {
    return "attention --model run --text \"Mary went to the garden.\" --out attention.html\n"
           "attention --model run --text \"Mary went to the garden.\" --json\n";
  }
  std::string notes() const override {
    return fmt::format(
        "--out becomes one page that needs nothing else. No token is added to the text. One that makes more than\n"
        "{} weights is refused. Fields under --json: decoder_attentions, with queries and keys (both the text's\n"
        "tokens) and weights (by layer, head, query and key, as in transformers).\n",
        AttentionPage::kMostWeights);
  }
  void add_own_options(Options& options) override {
    options.add("--model", model_, "a Hugging Face model folder: an earlier --out, or any other").required();
    options.add("--text", text_, "the text to read").required();
    options.add("--out", out_, "the page to write");
  }
  void compute(const ComputeOptions& common) override {
    if (out_.empty() && !common.json) throw UsageError("give --out a name for the page, or ask for --json");
    if (common.json && is_standard_output(out_)) throw UsageError("--json: not with --out to stdout");
    const auto lm = load_lm(family_, model_, common, /*with_tokenizer=*/true);
    if (!out_.empty()) check_writable(out_);
    std::vector<TokenId> ids;
    ReplacedTexts(*lm.tokenizer).see("--text", text_);
    encode_from("--text", [&] { lm.tokenizer->encode(text_, ids); });
    if (ids.empty()) throw UsageError("--text: the text has no tokens");
    const auto most = lm.model->n_positions();
    if (most > 0 && std::ssize(ids) > most)
      throw std::runtime_error(fmt::format("--text: {} tokens, but the model's context is {}", ids.size(), most));
    const auto maps = maps_of(lm, ids, common.torch_device());
    if (common.json) print_json(to_json(maps));
    if (out_.empty()) return;
    AttentionPage page;
    page.add(maps);
    const auto title = std::filesystem::path(model_).lexically_normal().filename().string();
    write_file_atomically(out_, page.html(title, "attention as a text is read"));
    std::cerr << fmt::format("{} tokens written to {}\n", ids.size(), out_);
  }

 private:
  AttentionMaps maps_of(const LoadedLm& lm, const std::vector<TokenId>& ids, torch::Device device) const {
    const c10::InferenceMode inference;
    const auto row = torch::tensor(ids, torch::kInt64).to(device).unsqueeze(0);  // (1,T)
    const auto weights = lm.model->attentions(row, AttentionPage::kMostWeights);
    if (weights.layers.empty()) throw std::runtime_error(fmt::format("{}: the model has no attention to show", model_));
    auto map = attention_map(weights, {.decoder_input = shown_tokens(*lm.tokenizer, ids)});
    map.title = "Self-attention";
    map.about = "Each token looks at itself and at those before it.";
    return {.title = text_, .maps = {std::move(map)}};
  }

  const Family& family_;
  std::string model_, text_, out_;
};

}  // namespace

std::unique_ptr<Verb> attention_verb(const Family& family) {
  return std::make_unique<AttentionVerb>(family);
}

}  // namespace langzoo
