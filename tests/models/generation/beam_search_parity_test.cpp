// transformers' ids and scores, by make_beam_search.py.
#include <nlohmann/json.hpp>

#include "models/generation/beam_search.h"
#include "models/gpt/gpt.h"
#include "models/gpt/gpt_step.h"
#include "models/pretrained.h"
#include "tests/support/test.h"

namespace langzoo::beam_search_parity_test {
namespace {

using nlohmann::json;
using Ids = std::vector<std::int32_t>;

json goldens(const std::string& name) {
  return json::parse(test::read_file(test::fixture("generation/beam_search_" + name + ".json")));
}

torch::Tensor matrix(const json& rows) {
  std::vector<torch::Tensor> result;
  for (const auto& row : rows) result.push_back(torch::tensor(row.get<std::vector<float>>()));
  return torch::stack(result);
}

BeamSearchOptions options_of(const json& settings) {
  BeamSearchOptions options;
  options.num_beams = settings["num_beams"];
  options.num_return_sequences = settings["num_return_sequences"];
  options.max_new_tokens = settings["max_new_tokens"];
  options.min_new_tokens = settings["min_new_tokens"];
  options.eos_token_ids = settings["eos_token_id"].get<Ids>();
  options.length_penalty = settings["length_penalty"];
  options.no_repeat_ngram_size = settings["no_repeat_ngram_size"];
  options.repetition_penalty = settings["repetition_penalty"];
  options.bad_words_ids = settings.value("bad_words_ids", std::vector<Ids>());
  options.min_length = settings.value("min_length", 0);
  if (settings.contains("forced_bos_token_id")) {
    options.forced_bos_token_id = settings["forced_bos_token_id"].get<std::int32_t>();
  }
  options.forced_eos_token_id = settings.value("forced_eos_token_id", Ids());
  options.suppress_tokens = settings.value("suppress_tokens", Ids());
  options.begin_suppress_tokens = settings.value("begin_suppress_tokens", Ids());
  const auto& early = settings["early_stopping"];
  options.early_stopping = early == "never" ? EarlyStopping::kNever
                           : early == true  ? EarlyStopping::kTrue
                                            : EarlyStopping::kFalse;
  return options;
}

void check_equal(const std::vector<std::vector<Hypothesis>>& mine, const json& golden) {
  REQUIRE(mine.size() == golden["ids"].size());
  for (std::size_t b = 0; b < mine.size(); ++b) {
    REQUIRE(mine[b].size() == golden["ids"][b].size());
    for (std::size_t i = 0; i < mine[b].size(); ++i) {
      CHECK(mine[b][i].ids == golden["ids"][b][i].get<Ids>());
      CHECK(mine[b][i].score == Approx(golden["scores"][b][i].get<double>()).epsilon(1e-5).margin(1e-6));
    }
  }
}

/// s_t = tanh(W s_{t-1} + e(y_t)); c_t = softmax(s_t . h) h; logits = U [s_t; c_t] + b, over the embeddings h of the
/// source.
class TinyRecurrent : public StepFunction {
 public:
  TinyRecurrent(const json& weights, const std::vector<Ids>& sources)
      : target_(matrix(weights["target"])),
        recurrent_(matrix(weights["recurrent"])),
        output_(matrix(weights["output"])),
        bias_(torch::tensor(weights["bias"].get<std::vector<float>>())) {
    const auto padded = pad_left(sources, 0);  // on which side does not matter to this model
    states_ = matrix(weights["source"]).index({padded.ids});
    mask_ = padded.mask;
    s_ = torch::zeros({padded.ids.size(0), recurrent_.size(0)});
  }

  torch::Tensor step(const torch::Tensor& ids) override {
    for (const auto& y : ids.unbind(1)) s_ = torch::tanh(s_.matmul(recurrent_.t()) + target_.index({y}));
    const auto scores = states_.matmul(s_.unsqueeze(2)).squeeze(2).masked_fill(mask_.logical_not(), -INFINITY);
    const auto context = scores.softmax(1).unsqueeze(1).matmul(states_).squeeze(1);
    return torch::cat({s_, context}, 1).matmul(output_.t()) + bias_;
  }
  void reorder(const torch::Tensor& rows) override {
    for (auto* held : {&states_, &mask_, &s_}) *held = held->index_select(0, rows);
  }
  std::int64_t capacity() const override { return 100; }

 private:
  torch::Tensor target_, recurrent_, output_, bias_, states_, mask_, s_;
};

TEST_CASE("beam search of a GPT-2 gives transformers' ids and scores") {
  const auto golden = goldens("gpt");
  auto model = from_pretrained<Gpt2LmHeadModel>(test::fixture("gpt/tiny"));
  REQUIRE(golden["cases"].size() == 200);
  for (const auto& c : golden["cases"]) {
    INFO(c["settings"].dump());
    const auto prompts = c["prompts"].get<std::vector<Ids>>();
    const auto padded = pad_left(prompts, 0);
    GptStepFunction step(model.ptr(), padded.mask, model->config().n_positions);
    check_equal(beam_search(step, padded, options_of(c["settings"])), c);
  }
}

TEST_CASE("beam search of an encoder-decoder gives transformers' ids and scores") {
  const auto golden = goldens("encoder_decoder");
  REQUIRE(golden["cases"].size() == 200);
  for (const auto& c : golden["cases"]) {
    INFO(c["settings"].dump());
    const auto sources = c["sources"].get<std::vector<Ids>>();
    TinyRecurrent step(golden["weights"], sources);
    const std::vector<Ids> start(sources.size(), Ids{c["start"].get<std::int32_t>()});
    check_equal(beam_search(step, pad_left(start, 0), options_of(c["settings"])), c);
  }
}

TEST_CASE("beam search of a GPT-2 with all logits processors gives transformers' ids and scores") {
  const auto golden = goldens("processors_gpt");
  auto model = from_pretrained<Gpt2LmHeadModel>(test::fixture("gpt/tiny"));
  REQUIRE(golden["cases"].size() == 150);
  for (const auto& c : golden["cases"]) {
    INFO(c["settings"].dump());
    const auto padded = pad_left(c["prompts"].get<std::vector<Ids>>(), 0);
    auto options = options_of(c["settings"]);
    options.prefixes = c["prefixes"].get<std::vector<Ids>>();
    GptStepFunction step(model.ptr(), padded.mask, model->config().n_positions);
    check_equal(beam_search(step, padded, options), c);
  }
}

TEST_CASE("beam search of an encoder-decoder with all logits processors gives transformers' ids and scores") {
  const auto golden = goldens("processors_encoder_decoder"), weights = goldens("encoder_decoder")["weights"];
  REQUIRE(golden["cases"].size() == 150);
  for (const auto& c : golden["cases"]) {
    INFO(c["settings"].dump());
    const auto sources = c["sources"].get<std::vector<Ids>>();
    auto options = options_of(c["settings"]);
    options.prefixes = c["prefixes"].get<std::vector<Ids>>();
    TinyRecurrent step(weights, sources);
    const std::vector<Ids> start(sources.size(), Ids{c["start"].get<std::int32_t>()});
    check_equal(beam_search(step, pad_left(start, 0), options), c);
  }
}

}  // namespace
}  // namespace langzoo::beam_search_parity_test
