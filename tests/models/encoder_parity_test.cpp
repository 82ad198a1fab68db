// transformers' BERT, RoBERTa, ALBERT, ELECTRA and DistilBERT with every head, by make_bert.py.
#include "tests/support/test.h"

#include <map>

#include <nlohmann/json.hpp>

#include "models/encoder.h"
#include "models/io/safetensors.h"
#include "models/losses/span.h"
#include "models/masked_lm.h"
#include "models/multiple_choice.h"
#include "models/next_sentence.h"
#include "models/question_answering.h"
#include "models/registry.h"
#include "models/replaced_token_detector.h"
#include "models/sequence_classifier.h"
#include "models/token_classifier.h"

namespace langzoo::test::encoder_parity_test {
namespace {

using nlohmann::json;
using torch::Tensor;
using Tensors = std::map<std::string, Tensor>;

/// By case.
std::map<std::string, Tensors> cases_of(const std::string& family) {
  std::map<std::string, Tensors> cases;
  for (const auto& item : load_safetensors(fixture("bert/" + family + ".safetensors"))) {
    const auto bar = item.key().find('|');
    cases[item.key().substr(0, bar)][item.key().substr(bar + 1)] = item.value();
  }
  return cases;
}

std::string text(const Tensor& bytes) {
  return {static_cast<const char*>(bytes.data_ptr()), static_cast<std::size_t>(bytes.numel())};
}

/// The case as a model's folder; weights that it lacks are those of `base`, which are named without the prefix.
void write_folder(const std::filesystem::path& dir, const Tensors& golden, const Tensors& base,
                  const std::string& prefix) {
  StateDict weights;
  bool own_base = false;
  for (const auto& [name, tensor] : golden) {
    if (!name.starts_with("weight|")) continue;
    weights.insert(name.substr(7), tensor);
    own_base |= name.find("word_embeddings") != std::string::npos;
  }
  for (const auto& [name, tensor] : base) {
    const bool of_grad = golden.contains("grad|" + prefix + "." + name.substr(name.find('|') + 1));
    if (!own_base && of_grad && name.starts_with("weight|")) weights.insert(prefix + "." + name.substr(7), tensor);
  }
  auto config = json::parse(text(golden.at("config")));
  config["architectures"] = {text(golden.at("architecture"))};
  write_file(dir / "config.json", config.dump());
  save_safetensors(dir / "model.safetensors", weights);
}

/// What transformers computes of a batch, by our model; `masked`: only tokens are compared.
struct Outcome {
  std::map<std::string, Tensor> outputs;
  Tensor loss;
};

Tensor mean_loss(const Tensor& logits, const Tensor& labels) {
  return cross_entropy(logits, labels, {.reduction = Reduction::kMean});
}

Outcome run(torch::nn::Module& module, const Tensors& golden) {
  TokenInputs inputs{golden.at("ids"), golden.at("types"), golden.at("mask")};
  const auto of = [&](const char* name) { return golden.contains(name) ? golden.at(name) : Tensor(); };
  const auto labels = of("labels");
  if (auto* const model = dynamic_cast<BareEncoder*>(&module)) {
    const auto [hidden, pooled, states, weights, scores] = model->encode(inputs);
    auto loss = (hidden.square().sum(-1) * inputs.attention_mask).sum();
    if (pooled.defined()) loss = loss + pooled.square().sum();
    return {{{"hidden", hidden}, {"pooled", pooled}}, loss};
  }
  if (auto* const model = dynamic_cast<PretrainingModel*>(&module)) {
    const auto [tokens, sentence] = model->pretraining_logits(inputs);
    const auto [masked_lm, order] = model->pretraining_loss(inputs, labels, of("sentence"));
    return {{{"logits", tokens}, {"sentence_logits", sentence}},
            masked_lm / labels.ne(-100).sum() + order / labels.size(0)};
  }
  if (auto* const model = dynamic_cast<MaskedLm*>(&module)) {
    const auto places = labels.flatten().ne(-100).nonzero().squeeze(1);
    const auto logits = model->logits(inputs);
    CHECK(max_difference(model->logits_at(inputs, places), logits.flatten(0, 1).index_select(0, places)) < 1e-5);
    return {{{"logits", logits}}, model->loss_sum(inputs, labels) / places.size(0)};
  }
  if (auto* const model = dynamic_cast<ReplacedTokenDetector*>(&module)) {
    const auto logits = model->logits(inputs);
    const auto& mask = inputs.attention_mask;
    return {{{"logits", logits}}, binary_cross_entropy_sum(logits, labels, mask) / mask.sum()};
  }
  if (auto* const model = dynamic_cast<SequenceClassifier*>(&module)) {
    const auto logits = model->logits(inputs);
    return {{{"logits", logits}}, sequence_loss_sum(logits, labels, model->problem_type()) / logits.size(0)};
  }
  if (auto* const model = dynamic_cast<TokenClassifier*>(&module)) {
    const auto logits = model->logits(inputs);
    return {{{"logits", logits}}, mean_loss(logits.flatten(0, 1), labels.flatten())};
  }
  if (auto* const model = dynamic_cast<QuestionAnswerer*>(&module)) {
    const auto [start, end] = model->logits(inputs);
    inputs.compute_padding = true;  // whose logits transformers' loss has in its softmax
    const auto [all_starts, all_ends] = model->logits(inputs);
    CHECK(max_difference(all_starts, of("start")) < 1e-5 * of("start").abs().max().item<double>());
    return {{{"start", start}, {"end", end}}, span_loss(all_starts, all_ends, of("starts"), of("ends"))};
  }
  Tensor logits;
  if (auto* const model = dynamic_cast<MultipleChoice*>(&module)) logits = model->logits(inputs);
  if (auto* const model = dynamic_cast<NextSentencePredictor*>(&module)) logits = model->logits(inputs);
  return {{{"logits", logits}}, mean_loss(logits, labels)};
}

/// Of tokens, not of padding; of everything where it is no output for each token.
Tensor of_tokens(const Tensor& x, const Tensor& mask) {
  const bool each = x.dim() >= 2 && x.size(0) == mask.size(0) && x.size(1) == mask.size(1) && mask.dim() == 2;
  return each ? x.index({mask == 1}) : x;
}

}  // namespace

TEST_CASE("encoders give transformers' outputs, losses and gradients, and go to its folders and back") {
  const std::string family = GENERATE("bert", "roberta", "albert", "electra", "distilbert");
  const auto cases = cases_of(family);
  CHECK(cases.size() >= 9);
  for (const auto& [name, golden] : cases) {
    INFO(family << " " << name);
    const TempDir dir;
    write_folder(dir.path(), golden, cases.at("Model"), family);
    LoadReport report;
    const auto& registered = registered_model(dir.path());
    CHECK(registered.architecture == text(golden.at("architecture")));
    const auto module = registered.load(dir.path(), &report, {});
    report.unmodelled.clear();
    CHECK(report.summary() == "");

    const auto [outputs, loss] = run(*module, golden);
    for (const auto& [output, ours] : outputs) {
      INFO(output);
      CHECK(ours.defined() == golden.contains(output));
      if (!ours.defined()) continue;
      const auto theirs = of_tokens(golden.at(output), golden.at("mask"));
      CHECK(max_difference(of_tokens(ours, golden.at("mask")), theirs) < 1e-5 * theirs.abs().max().item<double>());
    }
    CHECK(loss.item<double>() == Approx(golden.at("loss").item<double>()).epsilon(1e-5));

    loss.backward();
    double largest = 0;
    for (const auto& [key, value] : golden) {
      if (key.starts_with("grad|")) largest = std::max(largest, value.abs().max().item<double>());
    }
    for (const auto& parameter : module->named_parameters()) {
      INFO(parameter.key());
      const auto theirs = golden.find("grad|" + parameter.key());
      const auto& ours = parameter.value().grad();
      if (theirs == golden.end()) {
        CHECK((!ours.defined() || ours.abs().max().item<double>() == 0));
        continue;
      }
      REQUIRE(ours.defined());
      const double scale = std::max(theirs->second.abs().max().item<double>(), 0.1 * largest);
      CHECK(max_difference(ours, theirs->second) < 1e-5 * scale);
    }

    const TempDir copy;
    dynamic_cast<TaskModel&>(*module).save_pretrained(copy.path());
    const auto written = load_safetensors(copy / "model.safetensors"),
               given = load_safetensors(dir / "model.safetensors");
    CHECK(written.size() == given.size());
    for (const auto& item : given) CHECK(torch::equal(written[item.key()], item.value()));
    const auto ours = json::parse(read_file(copy / "config.json")),
               theirs = json::parse(read_file(dir / "config.json"));
    for (const auto& [key, value] : theirs.items()) {
      INFO(key);
      const bool constant = key == "is_decoder" || key == "add_cross_attention" || key.starts_with("summary_");
      if (key == "transformers_version" || key == "use_cache" || (constant && !ours.contains(key))) continue;
      CHECK(ours[key] == value);
    }
  }
}

TEST_CASE("every checkpoint gives its encoder to the bare model, and every head begins on that one") {
  const std::string family = GENERATE("bert", "roberta", "albert", "electra", "distilbert");
  const auto cases = cases_of(family);
  const TokenInputs inputs{cases.at("Model").at("ids"), cases.at("Model").at("types"), cases.at("Model").at("mask")};
  const auto prefix = text(cases.at("Model").at("architecture"));  // "BertModel"
  const auto& bare = *find_registered_model(family, prefix);
  const auto states = [&](torch::nn::Module& module) {
    return dynamic_cast<EncoderModel&>(module).encoder().encode(inputs).hidden;
  };
  for (const auto& [name, golden] : cases) {
    INFO(family << " " << name);
    const TempDir dir;
    write_folder(dir.path(), golden, cases.at("Model"), family);
    const auto whole = registered_model(dir.path()).load(dir.path(), nullptr, {});
    const auto alone = bare.load(dir.path(), nullptr, {});
    CHECK(torch::equal(states(*alone), states(*whole)));
  }
  const TempDir dir;
  write_folder(dir.path(), cases.at("Model"), cases.at("Model"), family);
  for (const auto& head : registered_models()) {
    if (head.model_type != family || head.architecture == prefix) continue;
    INFO(std::string(head.architecture));
    LoadReport report;
    const auto fresh = head.load(dir.path(), &report, {.new_head = true});
    CHECK(report.fresh.size() + report.replaced.size() >= 1);
    const auto alone = bare.load(dir.path(), nullptr, {});
    CHECK(torch::equal(states(*fresh), states(*alone)));
  }
}

}  // namespace langzoo::test::encoder_parity_test
