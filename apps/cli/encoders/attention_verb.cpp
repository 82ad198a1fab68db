#include <iostream>

#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "apps/cli/attention/attention_page.h"
#include "apps/cli/attention/model_attention.h"
#include "apps/cli/base/json_output.h"
#include "apps/cli/encoders/verbs.h"
#include "apps/cli/model_verb.h"
#include "apps/cli/shown_tokens.h"
#include "apps/cli/text_lines.h"
#include "apps/training/tasks/examples.h"
#include "data/files/files.h"
#include "models/encoder.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

class EncoderAttentionVerb : public ModelVerb {
 public:
  std::string name() const override { return "attention"; }
  std::string summary() const override { return "look at every layer and head as a model reads a text"; }
  std::string examples() const override {
    return "attention --model run --text \"Mary went to the garden.\" --out attention.html\n"
           "attention --model run --text \"Where is Mary?\" --pair \"Mary is in the garden.\" --json\n";
  }
  std::string notes() const override {
    return fmt::format(
        "--out becomes one page that needs nothing else. A text that makes more than {} weights is refused.\n"
        "Fields under --json: attentions, with queries and keys (both the tokens, special ones included) and weights\n"
        "(by layer, head, query and key, as in transformers).\n",
        AttentionPage::kMostWeights);
  }
  void add_own_options(Options& options) override {
    ModelVerb::add_own_options(options);
    options.add("--text", text_, "the text to read").required();
    options.add("--pair", pair_, "a second text, read with it");
    options.add("--out", out_, "the page to write");
  }
  void compute(const ComputeOptions& common) override {
    if (out_.empty() && !common.json) throw UsageError("give --out a name for the page, or ask for --json");
    const auto loaded = load_and_report(model_, common, [&](const DeviceOptions& options, LoadReport* report) {
      return load_example_model(model_, options, report);
    });
    auto* const model = dynamic_cast<EncoderModel*>(loaded.model.get());
    if (model == nullptr) throw std::runtime_error(fmt::format("{}: the model has no attention to show", model_));
    if (!out_.empty()) check_writable(out_);
    TokenRow row;
    encode_from("--text", [&] {
      row = ExampleEncoding{*loaded.tokenizer, *loaded.model, 1 << 20, false}.row(text_, pair_);
      if (row.ids.empty()) throw std::runtime_error("the text has no tokens");
      const auto most = loaded.model->n_positions();
      if (most > 0 && std::ssize(row.ids) > most)
        throw std::runtime_error(fmt::format("{} tokens, but the model takes {}", row.ids.size(), most));
    });
    const auto maps = maps_of(model->encoder(), loaded, row);
    if (common.json) print_json(to_json(maps));
    if (out_.empty()) return;
    AttentionPage page;
    page.add(maps);
    const auto title = std::filesystem::path(model_).lexically_normal().filename().string();
    write_file_atomically(out_, page.html(title, "attention as a text is read"));
    std::cerr << fmt::format("{} tokens written to {}\n", row.ids.size(), out_);
  }

 private:
  AttentionMaps maps_of(Encoder& encoder, const LoadedModel<TokenModel>& loaded, const TokenRow& row) const {
    const c10::InferenceMode inference;
    TokenExamples examples;
    examples.add({.rows = {row}});
    const auto batch = to_device(token_batch(examples, {0}, 0), loaded.device);
    AttentionWeights weights{.kind = AttentionKind::kEncoder, .most = AttentionPage::kMostWeights};
    for (const auto& layer : encoder.encode(inputs_of(batch), {.attentions = true}).attentions) weights.add(layer);
    auto map = attention_map(weights, {.source = shown_tokens(*loaded.tokenizer, row.ids)});
    map.name = "attentions";
    map.title = "Self-attention";
    map.about = "Each token looks at all tokens.";
    return {.title = pair_.empty() ? text_ : text_ + " / " + pair_, .maps = {std::move(map)}};
  }

  std::string text_, pair_, out_;
};

}  // namespace

std::unique_ptr<Verb> encoder_attention_verb() {
  return std::make_unique<EncoderAttentionVerb>();
}

}  // namespace langzoo
