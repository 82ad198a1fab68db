// transformers' T5 and mT5, by make_t5.py.
#include "tests/support/test.h"

#include <map>

#include <torch/nn/utils/rnn.h>
#include <nlohmann/json.hpp>

#include "models/encoder.h"
#include "models/generation/beam_search.h"
#include "models/io/safetensors.h"
#include "models/losses/span.h"
#include "models/question_answering.h"
#include "models/registry.h"
#include "models/sequence_classifier.h"
#include "models/t5/t5.h"
#include "models/token_classifier.h"

namespace langzoo::test::t5_parity_test {
namespace {

using nlohmann::json;
using torch::Tensor;
using Ids = std::vector<std::int32_t>;

constexpr const char* kVariants[] = {"t5", "v1_1", "flan", "tied", "scaled", "mt5", "byt5"};

std::shared_ptr<T5ForConditionalGenerationImpl> load(const std::string& variant, torch::Dtype dtype) {
  const auto dir = fixture("t5/" + variant);
  const auto module = registered_model(dir).load(dir, nullptr, {.dtype = dtype});
  return std::dynamic_pointer_cast<T5ForConditionalGenerationImpl>(module);
}

/// Of one element the difference counts as of the tensor's largest.
double relative_difference(const Tensor& ours, const Tensor& theirs) {
  return max_difference(ours, theirs) / std::max(1.0, theirs.abs().max().item<double>());
}

BeamSearchOptions options_of(const json& settings) {
  BeamSearchOptions options;
  options.num_beams = settings["num_beams"];
  options.num_return_sequences = settings.value("num_return_sequences", 1);
  options.max_new_tokens = settings["max_new_tokens"];
  options.min_new_tokens = settings["min_new_tokens"];
  options.eos_token_ids = {1};
  options.length_penalty = settings.value("length_penalty", 1.0);
  options.no_repeat_ngram_size = settings["no_repeat_ngram_size"];
  options.repetition_penalty = settings["repetition_penalty"];
  options.bad_words_ids = settings["bad_words_ids"].get<std::vector<Ids>>();
  if (!settings["forced_eos_token_id"].is_null()) options.forced_eos_token_id = {settings["forced_eos_token_id"]};
  const auto early = settings.value("early_stopping", json(false));
  options.early_stopping = early == "never" ? EarlyStopping::kNever
                           : early == true  ? EarlyStopping::kTrue
                                            : EarlyStopping::kFalse;
  return options;
}

}  // namespace

TEST_CASE("T5s give the reference's log-probabilities, states, loss and gradients") {
  const std::string variant = GENERATE(from_range(std::begin(kVariants), std::end(kVariants)));
  for (const auto dtype : {torch::kFloat32, torch::kFloat64}) {
    INFO(variant << " " << c10::toString(dtype));
    const double most = dtype == torch::kFloat64 ? 1e-9 : 1e-5;
    const auto golden = load_safetensors(fixture("t5/" + variant + "/golden.safetensors"));
    const auto model = load(variant, dtype);
    REQUIRE(model);
    const auto &source = golden["source"], &lengths = golden["source_lengths"], &input = golden["decoder_input"],
               &labels = golden["labels"];
    const auto logprobs = model->forward(source, lengths, input).log_softmax(-1);
    CHECK(relative_difference(logprobs, golden["logprobs"]) < most);
    CHECK(relative_difference(model->encode(source, lengths), golden["encoded"]) < most);
    const auto loss = model->loss_sum(source, lengths, input, labels) / labels.ne(-100).sum();
    CHECK(loss.item<double>() == Approx(golden["loss"].item<double>()).epsilon(most));
    loss.backward();
    std::size_t gradients = 0;
    for (const auto& item : golden) gradients += item.key().starts_with("grad.");
    CHECK(model->named_parameters().size() == gradients);
    for (const auto& item : model->named_parameters()) {
      INFO(item.key());
      CHECK(relative_difference(item.value().grad(), golden["grad." + item.key()]) < most);
    }
  }
}

TEST_CASE("a T5 that is written has the files' names and both keys of the softmax") {
  const std::string variant = GENERATE(from_range(std::begin(kVariants), std::end(kVariants)));
  INFO(variant);
  const TempDir dir;
  const auto model = load(variant, torch::kFloat32);
  model->save_pretrained(dir.path());
  const auto written = load_safetensors(dir / "model.safetensors"),
             expected = load_safetensors(fixture("t5/" + variant + "/model.safetensors"));
  REQUIRE(written.size() == expected.size());
  for (const auto& item : expected) CHECK(torch::equal(written[item.key()], item.value()));
  const auto ours = json::parse(read_file(dir / "config.json")),
             theirs = json::parse(read_file(fixture("t5/" + variant + "/config.json")));
  for (const auto& [key, value] : ours.items()) {
    INFO(key);
    if (key == "dtype" || key == "tie_word_embeddings" || key == "scale_decoder_outputs") continue;
    CHECK(theirs.value(key, json()) == value);
  }
  const bool tied = variant == "t5" || variant == "tied", scaled = variant == "t5" || variant == "scaled";
  CHECK(ours["tie_word_embeddings"] == tied);
  CHECK(ours["scale_decoder_outputs"] == scaled);
  CHECK(ours["model_type"] == (variant == "mt5" ? "mt5" : "t5"));
  const auto again = registered_model(dir.path()).load(dir.path(), nullptr, {});
  const auto source = torch::tensor({{3, 4, 1}}), lengths = torch::tensor({3}), input = torch::tensor({{0, 5}});
  CHECK(torch::equal(dynamic_cast<T5ForConditionalGenerationImpl&>(*again).forward(source, lengths, input),
                     model->forward(source, lengths, input)));
}

TEST_CASE("greedy search and beam search of T5s give transformers' ids and scores") {
  const std::string variant = GENERATE(from_range(std::begin(kVariants), std::end(kVariants)));
  const auto model = load(variant, torch::kFloat32);
  const auto cases = json::parse(read_file(fixture("t5/" + variant + "/generation.json")));
  REQUIRE(cases.size() >= 50);
  for (const auto& c : cases) {
    INFO(variant << " " << c["settings"].dump());
    const auto sources = c["sources"].get<std::vector<Ids>>();
    std::vector<Tensor> rows;
    std::vector<std::int64_t> lengths;
    for (const auto& source : sources) {
      rows.push_back(torch::tensor(source, torch::kInt64));
      lengths.push_back(std::ssize(source));
    }
    const auto padded = torch::nn::utils::rnn::pad_sequence(rows, /*batch_first=*/true, 0);
    const auto options = options_of(c["settings"]);
    const auto step = model->start(padded, torch::tensor(lengths), options.max_new_tokens);
    const auto found =
        beam_search(*step, pad_left(std::vector<Ids>(sources.size(), {model->start_token()}), 0), options);
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

TEST_CASE("a T5's attentions are transformers', and with them its output is the same") {
  const auto golden = load_safetensors(fixture("t5/t5/golden.safetensors"));
  const auto model = load("t5", torch::kFloat32);
  const auto &source = golden["source"], &lengths = golden["source_lengths"], &input = golden["decoder_input"];
  const torch::NoGradGuard no_grad;
  const auto found = model->attentions(source, lengths, input, 1 << 20);
  REQUIRE(found.size() == 3);
  const char* const names[] = {"encoder", "decoder", "cross"};
  const auto padding = torch::arange(15) >= lengths.unsqueeze(1);
  for (std::size_t kind = 0; kind < 3; ++kind) {
    REQUIRE(found[kind].layers.size() == 2);
    for (std::size_t i = 0; i < 2; ++i) {
      auto difference = (found[kind].layers[i] - golden[names[kind] + ("." + std::to_string(i))]).abs();
      if (kind == 0) difference = difference.masked_fill(padding.view({3, 1, 15, 1}), 0.0);
      CHECK(difference.max().item<double>() < 1e-5);
    }
  }
  CHECK(max_difference(model->attention(source, lengths, input), golden["cross.0"].mean(1)) < 1e-5);
}

namespace {

using Tensors = std::map<std::string, Tensor>;

std::string text(const Tensor& bytes) {
  return {static_cast<const char*>(bytes.data_ptr()), static_cast<std::size_t>(bytes.numel())};
}

/// What transformers computes of a batch, by our model.
struct Outcome {
  std::map<std::string, Tensor> outputs;
  Tensor loss;
};

Outcome run(torch::nn::Module& module, const Tensors& golden, bool compute_padding) {
  const TokenInputs inputs{
      .ids = golden.at("ids"), .attention_mask = golden.at("mask"), .compute_padding = compute_padding};
  if (auto* const model = dynamic_cast<BareEncoder*>(&module)) {
    const auto hidden = model->encode(inputs).hidden * inputs.attention_mask.unsqueeze(-1);
    return {{{"hidden", hidden}}, hidden.square().sum()};
  }
  if (auto* const model = dynamic_cast<QuestionAnswerer*>(&module)) {
    const auto [start, end] = model->logits(inputs);
    const auto masked = [&](const Tensor& x) { return x.where(inputs.attention_mask != 0, torch::zeros({})); };
    // Without the mask: padding takes part in transformers' softmax.
    auto loss = compute_padding ? span_loss(start, end, golden.at("starts"), golden.at("ends")) : Tensor();
    return {{{"start", masked(start)}, {"end", masked(end)}}, loss};
  }
  if (auto* const model = dynamic_cast<TokenClassifier*>(&module)) {
    const auto logits = model->logits(inputs);
    const auto loss =
        cross_entropy(logits.flatten(0, 1), golden.at("labels").flatten(), {.reduction = Reduction::kMean});
    return {{{"logits", logits * inputs.attention_mask.unsqueeze(-1)}}, loss};
  }
  auto& model = dynamic_cast<SequenceClassifier&>(module);
  const auto logits = model.logits(inputs);
  return {{{"logits", logits}}, sequence_loss_sum(logits, golden.at("labels"), model.problem_type()) / logits.size(0)};
}

}  // namespace

TEST_CASE("T5's other classes give the reference's outputs, losses and gradients") {
  std::map<std::string, Tensors> cases;
  for (const auto& item : load_safetensors(fixture("t5/heads.safetensors"))) {
    const auto bar = item.key().find('|');
    cases[item.key().substr(0, bar)][item.key().substr(bar + 1)] = item.value();
  }
  REQUIRE(cases.size() == 5);
  for (const auto& [name, golden] : cases) {
    const TempDir dir;
    StateDict weights;
    for (const auto& [key, tensor] : golden) {
      if (key.starts_with("weight|")) weights.insert(key.substr(7), tensor);
    }
    write_file(dir / "config.json", text(golden.at("config")));
    save_safetensors(dir / "model.safetensors", weights);
    LoadReport report;
    for (const bool compute_padding : {true, false}) {
      INFO(name << (compute_padding ? " with padding" : " packed"));
      const auto model = registered_model(dir.path()).load(dir.path(), &report, {});
      CHECK(report.fresh.empty());
      const auto [outputs, loss] = run(*model, golden, compute_padding);
      for (const auto& [key, output] : outputs) {
        INFO(key);
        auto expected = golden.at(key);
        if (expected.dim() > 1 && expected.size(1) == 13) {
          const auto kept = golden.at("mask").unsqueeze(-1).to(torch::kFloat32);
          expected = expected.dim() == 3 ? expected * kept : expected * kept.squeeze(-1);
        }
        CHECK(relative_difference(output, expected) < 1e-5);
      }
      if (!loss.defined()) continue;
      CHECK(loss.item<double>() == Approx(golden.at("loss").item<double>()).epsilon(1e-5));
      loss.backward();
      for (const auto& item : model->named_parameters()) {
        INFO(item.key());
        const auto found = golden.find("grad|" + item.key());
        REQUIRE(found != golden.end());
        CHECK(relative_difference(item.value().grad(), found->second) < 1e-5);
      }
    }
    // What is written is read by the same names.
    const TempDir saved;
    const auto model = registered_model(dir.path()).load(dir.path(), nullptr, {});
    dynamic_cast<const TaskModel&>(*model).save_pretrained(saved.path());
    const auto written = load_safetensors(saved / "model.safetensors");
    CHECK(written.size() == weights.size());
    for (const auto& item : weights) CHECK(written.contains(item.key()));
    CHECK(registered_model(saved.path()).architecture == text(golden.at("architecture")));
  }
}

}  // namespace langzoo::test::t5_parity_test
