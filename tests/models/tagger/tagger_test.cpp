#include "tests/support/test.h"

#include "models/io/safetensors.h"
#include "models/optim/adamw.h"
#include "models/registry.h"
#include "models/tagger/tagger.h"

namespace langzoo::test::tagger_test {
namespace {

using torch::Tensor;

template <class Config>
Config small_config() {
  Config config;
  config.vocab_size = 9;
  config.embedding_size = 5;
  config.hidden_size = 4;
  config.dropout = 0;
  config.labels = ClassLabels::of({"O", "B-X", "I-X"});
  return config;
}

/// Of random tokens, padded to T. Shapes: (B,T), characters (B,T,4).
TokenInputs random_inputs(const std::vector<std::int64_t>& lengths, std::int64_t T) {
  const auto B = static_cast<std::int64_t>(lengths.size());
  TokenInputs inputs{.ids = torch::zeros({B, T}, torch::kInt64)};
  inputs.attention_mask = torch::zeros({B, T}, torch::kBool);
  inputs.characters = torch::zeros({B, T, 4}, torch::kInt64);
  for (std::int64_t b = 0; b < B; ++b) {
    for (std::int64_t t = 0; t < lengths[static_cast<std::size_t>(b)]; ++t) {
      inputs.ids[b][t] = torch::randint(9, {});
      inputs.attention_mask[b][t] = true;
      const auto n = 1 + torch::randint(4, {}).item<std::int64_t>();
      inputs.characters[b][t].narrow(0, 0, n).copy_(torch::randint(1, 5, {n}));
    }
  }
  return inputs;
}

TokenInputs row_of(const TokenInputs& inputs, std::int64_t b, std::int64_t length) {
  return {.ids = inputs.ids[b].narrow(0, 0, length).unsqueeze(0),
          .characters = inputs.characters[b].narrow(0, 0, length).unsqueeze(0)};
}

template <class Config>
Config with_characters(Config config, const std::string& kind) {
  config.characters = kind;
  config.character_embedding_size = 3;
  config.character_hidden_size = 4;
  config.alphabet = {"a", "b", "c"};
  return config;
}

}  // namespace

TEST_CASE("taggers and classifiers equal torch.nn and pytorch-crf: scores, loss, best tags, gradients") {
  for (const std::string name : {"crf_cnn", "crf_lstm", "softmax_gru", "last", "mean", "max", "attention"}) {
    CAPTURE(name);
    const auto dir = fixture("tagger/" + name);
    const auto golden = load_safetensors(dir / "golden.safetensors");
    LoadReport report;
    const auto module = registered_model(dir).load(dir, &report, {});
    CHECK(report.summary().empty());
    const auto optional = [&](const char* key) { return golden.contains(key) ? golden[key] : Tensor(); };
    const TokenInputs inputs{.ids = golden["ids"],
                             .attention_mask = golden["mask"],
                             .characters = optional("characters"),
                             .features = optional("features")};
    Tensor loss;
    if (auto* const tagger = dynamic_cast<TokenClassifier*>(module.get())) {
      const auto logits = tagger->logits(inputs);
      CHECK(max_difference(logits * golden["mask"].unsqueeze(-1), golden["logits"]) < 1e-5);
      loss = tagger->loss_sum(logits, golden["labels"], {});
      for (std::int64_t b = 0; golden.contains("best") && b < logits.size(0); ++b) {
        const auto length = golden["mask"][b].sum().item<std::int64_t>();
        const auto expected = golden["best"][b].narrow(0, 0, length).contiguous();
        const auto* const best = expected.data_ptr<std::int64_t>();
        CHECK(tagger->best_labels(logits[b].narrow(0, 0, length)) == std::vector<std::int64_t>(best, best + length));
      }
    } else {
      const auto logits = dynamic_cast<SequenceClassifier&>(*module).logits(inputs);
      CHECK(max_difference(logits, golden["logits"]) < 1e-5);
      loss = cross_entropy(logits, golden["labels"]);
    }
    CHECK(loss.item<double>() == Approx(golden["loss"].item<double>()).epsilon(1e-5));
    loss.backward();
    std::size_t compared = 0;
    for (const auto& item : module->named_parameters()) {
      CAPTURE(item.key());
      CHECK(max_difference(item.value().grad(), golden["grad." + item.key()]) < 2e-5);
      ++compared;
    }
    CHECK(compared > 6);
  }
}

TEST_CASE("shapes, one token, and a text without any") {
  for (const std::string pooling : {"last", "mean", "max", "attention"}) {
    for (const bool both : {false, true}) {
      auto config = small_config<TaggerClassifierConfig>();
      config.pooling = pooling, config.bidirectional = both, config.layers = 2;
      TaggerForSequenceClassification model(config);
      model->eval();
      const auto inputs = random_inputs({3, 0, 1}, 5);
      const auto logits = model->logits(inputs);
      CHECK(logits.sizes() == std::vector<std::int64_t>{3, 3});
      CHECK(max_difference(logits[1], model->output->bias) == 0);
      const TokenInputs none{.ids = torch::zeros({2, 0}, torch::kInt64)};
      CHECK(max_difference(model->logits(none)[1], model->output->bias) == 0);
    }
  }
  TaggerForTokenClassification tagger(small_config<TaggerConfig>());
  CHECK(tagger->logits(random_inputs({2, 0}, 3)).sizes() == std::vector<std::int64_t>{2, 3, 3});
  CHECK(tagger->logits({.ids = torch::zeros({2, 0}, torch::kInt64)}).sizes() == std::vector<std::int64_t>{2, 0, 3});
  CHECK_THROWS_WITH(tagger->logits({.ids = torch::zeros({2}, torch::kInt64)}), Catch::Contains("(B,T)"));
  tagger->to(torch::kBFloat16);
  CHECK(tagger->logits({.ids = torch::zeros({2, 0}, torch::kInt64)}).dtype() == torch::kBFloat16);
}

TEST_CASE("what a model makes of a row depends neither on padding nor on the batch") {
  torch::manual_seed(2);
  const std::vector<std::int64_t> lengths = {5, 1, 3};
  const auto inputs = random_inputs(lengths, 7);
  for (const std::string kind : {"none", "cnn", "lstm"}) {
    for (const std::string cell : {"lstm", "gru", "rnn_tanh"}) {
      CAPTURE(kind, cell);
      auto config = with_characters(small_config<TaggerConfig>(), kind);
      config.cell = cell, config.layers = 2, config.projection_size = 3;
      TaggerForTokenClassification tagger(config);
      tagger->eval();
      auto classes = with_characters(small_config<TaggerClassifierConfig>(), kind);
      classes.pooling = cell == "lstm" ? "last" : cell == "gru" ? "attention" : "mean";
      TaggerForSequenceClassification classifier(classes);
      classifier->eval();
      const auto tags = tagger->logits(inputs), texts = classifier->logits(inputs);
      for (std::int64_t b = 0; b < 3; ++b) {
        const auto length = lengths[static_cast<std::size_t>(b)];
        const auto alone = row_of(inputs, b, length);
        CHECK(max_difference(tagger->logits(alone)[0], tags[b].narrow(0, 0, length)) < 1e-6);
        CHECK(max_difference(classifier->logits(alone)[0], texts[b]) < 1e-6);
      }
    }
  }
}

TEST_CASE("dropout and unknown words are training's alone; one mask serves all steps where it is variational") {
  auto config = small_config<TaggerConfig>();
  config.unk_token_id = 0;
  config.singleton_dropout = 1;
  TaggerForTokenClassification model(config);
  const auto singletons = torch::zeros({9}, torch::kBool);
  singletons[3] = true;
  model->encoder().set_singletons(singletons);
  const TokenInputs rare{.ids = torch::tensor({{1, 3, 2}})}, unknown{.ids = torch::tensor({{1, 0, 2}})};
  CHECK(max_difference(model->logits(rare), model->logits(unknown)) == 0);
  model->eval();
  CHECK(max_difference(model->logits(rare), model->logits(unknown)) > 0);

  auto dropping = small_config<TaggerConfig>();
  dropping.dropout = 0.5;
  TaggerForTokenClassification dropped(dropping);
  CHECK(max_difference(dropped->logits(rare), dropped->logits(rare)) > 0);
  dropped->eval();
  CHECK(max_difference(dropped->logits(rare), dropped->logits(rare)) == 0);
  dropping.variational_dropout = true;
  TaggerForTokenClassification locked(dropping);
  const auto masks = locked->encoder().drop(torch::ones({6, 2, 8}));
  CHECK(max_difference(masks, masks[0].expand_as(masks)) == 0);
  CHECK(masks.eq(0).any().item<bool>());
}

TEST_CASE(
    "a model that reads characters or features says when there are none, and knows other features by their sizes") {
  auto config = with_characters(small_config<TaggerConfig>(), "cnn");
  TaggerForTokenClassification model(config);
  CHECK(model->max_characters() == 50);
  CHECK(model->character_id("b") == 3);
  CHECK(model->character_id("é") == 1);
  CHECK_THROWS_WITH(model->logits({.ids = torch::zeros({1, 2}, torch::kInt64)}), Catch::Contains("characters"));
  config = small_config<TaggerConfig>();
  config.features = "elmo:somewhere", config.feature_layers = 2, config.feature_width = 3, config.embedding_size = 0;
  TaggerForTokenClassification reader(config);
  CHECK_FALSE(reader->named_parameters().contains("embedding.weight"));
  CHECK(reader->named_parameters()["rnn.weight_ih_l0"].size(1) == 3);
  CHECK_THROWS_WITH(reader->logits({.ids = torch::zeros({1, 2}, torch::kInt64)}), Catch::Contains("features"));
  struct Fake : TokenFeatures {
    std::int64_t layers() const override { return 2; }
    std::int64_t width() const override { return 4; }
    Tensor of(std::span<const std::vector<std::string>>) const override { return {}; }
  };
  CHECK_THROWS_WITH(reader->set_features(std::make_shared<Fake>()),
                    Catch::Contains("elmo:somewhere") && Catch::Contains("width 4") && Catch::Contains("width 3"));
}

TEST_CASE("configs name what is impossible") {
  const auto fails = [](auto change, const std::string& names) {
    auto config = with_characters(small_config<TaggerConfig>(), "lstm");
    change(config);
    CHECK_THROWS_WITH(TaggerForTokenClassification(config), Catch::Contains(names));
  };
  fails([](auto& config) { config.hidden_size = 0; }, "hidden_size = 0");
  fails([](auto& config) { config.characters = "none", config.embedding_size = 0; }, "embedding_size = 0");
  fails([](auto& config) { config.character_hidden_size = 5; }, "character_hidden_size = 5");
  fails([](auto& config) { config.character_width = 2; }, "character_width = 2");
  fails([](auto& config) { config.cell = "tree"; }, "cell = ");
  fails([](auto& config) { config.alphabet = {"a", "a"}; }, "alphabet");
  fails([](auto& config) { config.feature_width = 3; }, "feature_width = 3");
  fails([](auto& config) { config.unk_token_id = 9; }, "unk_token_id = 9");
  fails([](auto& config) { config.labels.id2label = {{1, "a"}}; }, "id2label");
}

TEST_CASE("a saved model is the same, its constraints too, and another head may be put on it") {
  const TempDir dir;
  auto config = with_characters(small_config<TaggerConfig>(), "cnn");
  config.crf = true;
  TaggerForTokenClassification model(config);
  model->eval();
  model->save_pretrained(dir.path());
  const auto saved = load_safetensors(dir / "model.safetensors");
  CHECK(saved["crf.transitions"][0][2].item<double>() == -10000);  // O before I-X
  const auto opened = registered_model(dir.path()).load(dir.path(), nullptr, {});
  const auto inputs = random_inputs({4, 2}, 4);
  auto& tagger = dynamic_cast<TokenClassifier&>(*opened);
  CHECK(torch::equal(tagger.logits(inputs), model->logits(inputs)));
  CHECK(tagger.labels_are_chained());
  CHECK(dynamic_cast<TokenTextReader&>(*opened).character_id("c") == 4);
  CHECK(registered_model(dir.path()).program == "langzoo-tagger");
}

TEST_CASE("a tagger learns a batch, with a CRF also tags that only their neighbours tell") {
  const TokenInputs inputs{.ids = torch::tensor({{1, 3, 3, 3, 3, 3}, {2, 3, 3, 3, 3, 3}})};
  const auto labels = torch::tensor({{1, 2, 1, 2, 1, 2}, {2, 1, 2, 1, 2, 1}});
  for (const bool chained : {true, false}) {
    CAPTURE(chained);
    torch::manual_seed(1);
    auto config = small_config<TaggerConfig>();
    config.crf = chained, config.crf_constraints = "none";
    TaggerForTokenClassification model(config);
    model->encoder().set_singletons(torch::zeros({9}, torch::kBool));
    if (chained) {
      // All tokens but the first look alike to it.
      const torch::NoGradGuard no_grad;
      for (auto& item : model->named_parameters()) {
        if (item.key().starts_with("rnn.weight_hh")) item.value().zero_().requires_grad_(false);
      }
    }
    FlatParameters parameters(model->named_parameters());
    AdamW adam(parameters, {.weight_decay = 0.0});
    for (int step = 0; step < 120; ++step) {
      parameters.zero_grad();
      model->loss_sum(model->logits(inputs), labels, {}).backward();
      adam.step(0.05);
    }
    model->eval();
    const auto logits = model->logits(inputs);
    CHECK(model->loss_sum(logits, labels, {}).item<double>() < 0.5);
    for (std::int64_t b = 0; b < 2; ++b) CHECK(torch::equal(torch::tensor(model->best_labels(logits[b])), labels[b]));
  }
}

}  // namespace langzoo::test::tagger_test
