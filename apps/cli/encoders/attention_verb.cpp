#include <iostream>

#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "apps/cli/attention/attention_page.h"
#include "apps/cli/attention/model_attention.h"
#include "apps/cli/base/figures.h"
#include "apps/cli/base/json_output.h"
#include "apps/cli/encoders/given_texts.h"
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
           "attention --model run --text \"Where is Mary?\" --pair \"Mary is in the garden.\" --json\n"
           "attention --model run --data lines.txt --out attention.html\n";
  }
  std::string notes() const override {
    return fmt::format(
        "--out becomes one page that needs nothing else. Texts that make more than {} weights are refused.\n"
        "Fields under --json, a line a text: attentions, with queries and keys (both the tokens, special ones "
        "included) and weights\n"
        "(by layer, head, query and key, as in transformers).\n",
        AttentionPage::kMostWeights);
  }
  void add_own_options(Options& options) override {
    ModelVerb::add_own_options(options);
    input_.add_to(options, "a text to read", /*pairs=*/true);
    options.add("--out", out_, "the page to write");
    options.add("--batch-size", batch_size_, "texts computed together").range(1, 4096);
  }
  void compute(const ComputeOptions& common) override {
    if (out_.empty() && !common.json) throw UsageError("give --out a name for the page, or ask for --json");
    input_.check();
    const auto loaded = load_and_report(model_, common, [&](const DeviceOptions& options, LoadReport* report) {
      return load_example_model(model_, options, report);
    });
    auto* const model = dynamic_cast<EncoderModel*>(loaded.model.get());
    if (model == nullptr) throw std::runtime_error(fmt::format("{}: the model has no attention to show", model_));
    if (!out_.empty()) check_writable(out_);
    AttentionPage page;
    input_.for_each(batch_size_, [&](const std::vector<GivenText>& texts) {
      for (const auto& maps : maps_of(model->encoder(), loaded, texts)) {
        if (common.json) print_json(to_json(maps));
        if (!out_.empty()) page.add(maps);
      }
    });
    if (out_.empty()) return;
    const auto title = std::filesystem::path(model_).lexically_normal().filename().string();
    write_file_atomically(out_, page.html(title, "attention as a text is read"));
    std::cerr << fmt::format("{} written to {}\n", counted(static_cast<std::int64_t>(page.size()), "text", "texts"),
                             out_);
  }

 private:
  static TokenRow row_of(const LoadedModel<TokenModel>& loaded, const GivenText& given) {
    TokenRow row;
    encode_from(given.where, [&] {
      row = ExampleEncoding{*loaded.tokenizer, *loaded.model, 1 << 20, false}.row(given.text, given.pair);
      if (row.ids.empty()) throw std::runtime_error("the text has no tokens");
      const auto most = loaded.model->n_positions();
      if (most > 0 && std::ssize(row.ids) > most)
        throw std::runtime_error(fmt::format("{} tokens, but the model takes {}", row.ids.size(), most));
    });
    return row;
  }

  static std::vector<AttentionMaps> maps_of(Encoder& encoder, const LoadedModel<TokenModel>& loaded,
                                            const std::vector<GivenText>& texts) {
    const c10::InferenceMode inference;
    TokenExamples examples;
    std::vector<std::int64_t> all;
    for (const auto& text : texts) {
      all.push_back(examples.size());
      examples.add({.rows = {row_of(loaded, text)}});
    }
    const auto pad = loaded.tokenizer->special_tokens().pad.value_or(0);
    const auto batch = to_device(token_batch(examples, all, pad), loaded.device);
    const auto layers = encoder.encode(inputs_of(batch), {.attentions = true}).attentions;
    std::vector<AttentionMaps> maps;
    for (const auto row : all) {
      const auto ids = examples.ids(row, 0);
      AttentionWeights weights{.kind = AttentionKind::kEncoder, .most = AttentionPage::kMostWeights};
      for (const auto& layer : layers)
        weights.add(layer.narrow(0, row, 1).narrow(2, 0, std::ssize(ids)).narrow(3, 0, std::ssize(ids)));
      auto map = attention_map(weights, {.source = shown_tokens(*loaded.tokenizer, ids)});
      map.name = "attentions";
      map.title = "Self-attention";
      map.about = "Each token looks at all tokens.";
      const auto& [text, pair, where] = texts[static_cast<std::size_t>(row)];
      maps.push_back({.title = pair.empty() ? text : text + " / " + pair, .maps = {std::move(map)}});
    }
    return maps;
  }

  GivenTexts input_;
  std::string out_;
  std::size_t batch_size_ = 8;
};

}  // namespace

std::unique_ptr<Verb> encoder_attention_verb() {
  return std::make_unique<EncoderAttentionVerb>();
}

}  // namespace langzoo
