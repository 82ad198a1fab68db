// transformers' MarianMTModel and torch.nn.Transformer, by make_transformer.py.
#include "tests/support/test.h"

#include <nlohmann/json.hpp>
#include <torch/nn/utils/rnn.h>

#include "models/generation/beam_search.h"
#include "models/io/safetensors.h"
#include "models/transformer/transformer.h"

namespace langzoo::test::transformer_parity_test {
namespace {

using nlohmann::json;
using Ids = std::vector<std::int32_t>;

std::shared_ptr<TransformerMtModelImpl> load(const std::string& variant, torch::Dtype dtype) {
  const auto dir = fixture("transformer/" + variant);
  const PretrainedOptions options{.dtype = dtype};
  if (variant.starts_with("torch")) return from_pretrained<TransformerMtModel>(dir, nullptr, options).ptr();
  return from_pretrained<MarianMtModel>(dir, nullptr, options).ptr();
}

BeamSearchOptions options_of(const json& settings) {
  BeamSearchOptions options;
  options.num_beams = settings["num_beams"];
  options.num_return_sequences = settings.value("num_return_sequences", 1);
  options.max_new_tokens = settings["max_new_tokens"];
  options.min_new_tokens = settings["min_new_tokens"];
  options.eos_token_ids = {0};
  options.length_penalty = settings.value("length_penalty", 1.0);
  options.no_repeat_ngram_size = settings["no_repeat_ngram_size"];
  options.repetition_penalty = settings["repetition_penalty"];
  options.bad_words_ids = settings["bad_words_ids"].get<std::vector<Ids>>();
  if (!settings["forced_bos_token_id"].is_null()) options.forced_bos_token_id = settings["forced_bos_token_id"];
  if (!settings["forced_eos_token_id"].is_null()) options.forced_eos_token_id = {settings["forced_eos_token_id"]};
  const auto early = settings.value("early_stopping", json(false));
  options.early_stopping = early == "never" ? EarlyStopping::kNever
                           : early == true  ? EarlyStopping::kTrue
                                            : EarlyStopping::kFalse;
  return options;
}

}  // namespace

TEST_CASE("Transformers give the reference's log-probabilities, loss and gradients") {
  const std::string variant = GENERATE("shared", "separate", "untied", "torch_post", "torch_pre");
  for (const auto dtype : {torch::kFloat32, torch::kFloat64}) {
    INFO(variant << " " << c10::toString(dtype));
    const bool precise = dtype == torch::kFloat64;
    const auto golden = load_safetensors(fixture("transformer/" + variant + "/golden.safetensors"));
    const auto model = load(variant, dtype);
    const auto &source = golden["source"], &lengths = golden["source_lengths"], &input = golden["decoder_input"],
               &labels = golden["labels"];
    const auto logprobs = model->forward(source, lengths, input).log_softmax(-1);
    CHECK(max_difference(logprobs, golden["logprobs"]) < (precise ? 1e-9 : 3e-5));
    const auto loss = model->loss_sum(source, lengths, input, labels) / labels.ne(-100).sum();
    CHECK(loss.item<double>() == Approx(golden["loss"].item<double>()).epsilon(precise ? 1e-9 : 1e-5));
    loss.backward();
    for (const auto& item : model->named_parameters()) {
      INFO(item.key());
      CHECK(max_difference(item.value().grad(), golden["grad." + item.key()]) < (precise ? 1e-9 : 3e-5));
    }
  }
}

TEST_CASE("a MarianMTModel that is written has the files' names") {
  const std::string variant = GENERATE("shared", "separate", "untied");
  INFO(variant);
  const TempDir dir;
  const auto model = load(variant, torch::kFloat32);
  model->save_pretrained(dir.path());
  const auto written = load_safetensors(dir / "model.safetensors");
  auto expected = load_safetensors(fixture("transformer/" + variant + "/model.safetensors"));
  if (variant == "untied") expected.erase("model.shared.weight");  // which nothing there uses
  REQUIRE(written.size() == expected.size());
  for (const auto& item : expected) CHECK(torch::equal(written[item.key()], item.value()));
  const auto ours = json::parse(read_file(dir / "config.json"));
  const auto theirs = json::parse(read_file(fixture("transformer/" + variant + "/config.json")));
  for (const auto& [key, value] : theirs.items()) {
    INFO(key);
    if (key == "transformers_version" || key == "use_cache" || key == "is_decoder" || key == "is_encoder_decoder")
      continue;
    if (variant == "untied" && key == "share_encoder_decoder_embeddings") continue;
    CHECK(ours[key] == value);
  }
}

TEST_CASE("greedy search and beam search give transformers' ids and scores") {
  const std::string variant = GENERATE("shared", "separate", "untied");
  const auto model = load(variant, torch::kFloat32);
  const auto cases = json::parse(read_file(fixture("transformer/" + variant + "/generation.json")));
  REQUIRE(cases.size() == 80);
  const auto start = model->start_token();
  for (const auto& c : cases) {
    INFO(variant << " " << c["settings"].dump());
    const auto sources = c["sources"].get<std::vector<Ids>>();
    std::vector<torch::Tensor> rows;
    std::vector<std::int64_t> lengths;
    for (const auto& source : sources) {
      rows.push_back(torch::tensor(source, torch::kInt64));
      lengths.push_back(std::ssize(source));
    }
    const auto padded = torch::nn::utils::rnn::pad_sequence(rows, /*batch_first=*/true, start);
    const auto options = options_of(c["settings"]);
    const auto step = model->start(padded, torch::tensor(lengths), options.max_new_tokens);
    const auto found = beam_search(*step, pad_left(std::vector<Ids>(sources.size(), {start}), 0), options);
    std::size_t i = 0;
    for (const auto& of_source : found) {
      for (const auto& hypothesis : of_source) {
        REQUIRE(i < c["ids"].size());
        CHECK(hypothesis.ids == c["ids"][i].get<Ids>());
        if (!c["scores"].is_null())
          CHECK(hypothesis.score == Approx(c["scores"][i].get<double>()).epsilon(1e-5).margin(1e-5));
        ++i;
      }
    }
    CHECK(i == c["ids"].size());
  }
}

}  // namespace langzoo::test::transformer_parity_test
