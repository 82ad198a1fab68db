#include "tests/support/test.h"

#include <cmath>

#include <torch/nn/functional/loss.h>
#include <torch/optim/adamw.h>

#include "models/gpt/gpt.h"
#include "models/layers/init.h"

namespace langzoo::test {
namespace {

/// 2 layers, width 32, 4 heads, 97 tokens, 32 positions; no dropout unless asked for.
Gpt2Config tiny(double dropout = 0.0) {
  Gpt2Config config;
  config.vocab_size = 97;
  config.n_positions = 32;
  config.n_embd = 32;
  config.n_layer = 2;
  config.n_head = 4;
  config.resid_pdrop = config.embd_pdrop = config.attn_pdrop = dropout;
  config.bos_token_id = 96, config.eos_token_id = {96};
  return config;
}

/// A model whose logits differ enough for greedy choices to be clear.
Gpt2LmHeadModel tiny_model(Gpt2Config config = tiny()) {
  torch::manual_seed(1);
  config.initializer_range = 0.2;
  return Gpt2LmHeadModel(config);
}

torch::Tensor some_ids(std::int64_t rows, std::int64_t tokens) {
  torch::manual_seed(2);
  return torch::randint(97, {rows, tokens}, torch::kInt64);
}

std::int64_t parameter_count(torch::nn::Module& module) {
  std::int64_t count = 0;
  for (const auto& parameter : module.parameters()) count += parameter.numel();
  return count;
}

}  // namespace

TEST_CASE("the presets have the published parameter counts") {
  const SkipInit untouched_memory;
  CHECK(parameter_count(*Gpt2LmHeadModel(Gpt2Config::preset("gpt2"))) == 124'439'808);
  CHECK(parameter_count(*Gpt2LmHeadModel(Gpt2Config::preset("gpt2-medium"))) == 354'823'168);
  CHECK(parameter_count(*Gpt2LmHeadModel(Gpt2Config::preset("gpt2-large"))) == 774'030'080);
  CHECK(parameter_count(*Gpt2LmHeadModel(Gpt2Config::preset("gpt2-xl"))) == 1'557'611'200);
}

TEST_CASE("the loss at initialisation is about ln V") {
  torch::manual_seed(3);
  auto model = Gpt2LmHeadModel(tiny());
  const auto ids = some_ids(8, 32);
  const auto loss = model->loss_sum(ids.narrow(1, 0, 31), ids.narrow(1, 1, 31)).item<double>() / (8 * 31);
  CHECK(loss == Approx(std::log(97.0)).margin(0.05));
}

TEST_CASE("changing a token leaves the logits before it as they were") {
  auto model = tiny_model();
  const auto ids = some_ids(2, 16);
  auto changed = ids.clone();
  changed.select(1, 9).fill_(5);
  const auto a = model->forward(ids).logits, b = model->forward(changed).logits;
  CHECK(torch::equal(a.narrow(1, 0, 9), b.narrow(1, 0, 9)));
  CHECK(max_difference(a.narrow(1, 9, 7), b.narrow(1, 9, 7)) > 1e-3);
}

TEST_CASE("logits have the ids' shape, down to one token and a row of padding") {
  auto model = tiny_model();
  for (const auto& [rows, tokens] : std::vector<std::pair<int, int>>{{1, 1}, {3, 1}, {1, 32}, {3, 7}}) {
    const auto out = model->forward(some_ids(rows, tokens));
    CHECK(out.logits.sizes() == torch::IntArrayRef({rows, tokens, 97}));
    CHECK(out.hidden.sizes() == torch::IntArrayRef({rows, tokens, 32}));
  }
  const auto logits = model->forward(some_ids(2, 5), {.attention_mask = torch::zeros({2, 5}, torch::kInt64)}).logits;
  CHECK(torch::isfinite(logits).all().item<bool>());
}

TEST_CASE("a row's logits depend on neither its padding nor its neighbours") {
  auto model = tiny_model();
  const auto ids = some_ids(3, 12);
  const auto alone = model->forward(ids.slice(0, 1, 2).slice(1, 5)).logits;
  auto mask = torch::ones({3, 12}, torch::kInt64);
  mask[1].narrow(0, 0, 5).zero_();
  CHECK(max_difference(model->forward(ids, {.attention_mask = mask}).logits[1].slice(0, 5), alone[0]) < 1e-4);
  auto on_the_right = torch::cat({ids.slice(1, 5), ids.slice(1, 0, 5)}, 1);
  mask = mask.flip(1);
  CHECK(max_difference(model->forward(on_the_right, {.attention_mask = mask}).logits[1].slice(0, 0, 7), alone[0]) <
        1e-4);
}

TEST_CASE("logits from the cache equal the full forward's, one token or several at a time") {
  auto model = tiny_model();
  const auto ids = some_ids(2, 12);
  auto mask = torch::ones({2, 12}, torch::kInt64);
  mask[1].narrow(0, 0, 3).zero_();
  for (const bool padded : {false, true}) {
    const auto full = model->forward(ids, {.attention_mask = padded ? mask : torch::Tensor()}).logits;
    std::vector<KvCache> caches(2, KvCache(12));
    std::int64_t seen = 0;
    for (const std::int64_t tokens : {5, 1, 4, 1, 1}) {
      GptInputs inputs;
      if (padded) inputs.attention_mask = mask.narrow(1, 0, seen + tokens);
      inputs.caches = &caches;
      const torch::NoGradGuard no_grad;
      const auto logits = model->forward(ids.narrow(1, seen, tokens), inputs).logits;
      const auto from = padded ? std::max<std::int64_t>(seen, 3) : seen;
      CHECK(max_difference(logits.slice(1, from - seen), full.slice(1, from, seen + tokens)) < 1e-4);
      seen += tokens;
    }
  }
}

TEST_CASE("a tied head is the embedding itself and no parameter of its own") {
  auto model = tiny_model();
  CHECK(model->lm_head->weight.is_same(model->transformer->wte->weight));
  CHECK_FALSE(model->named_parameters().contains("lm_head.weight"));
  const auto count = model->parameters().size();
  auto config = tiny();
  config.tie_word_embeddings = false;
  auto untied = tiny_model(config);
  CHECK(untied->parameters().size() == count + 1);
  CHECK(untied->named_parameters().contains("lm_head.weight"));
  model->to(torch::kFloat64);
  CHECK(model->forward(some_ids(1, 4)).logits.scalar_type() == torch::kFloat64);
}

TEST_CASE("initialisation follows the paper") {
  auto config = tiny();
  config.n_embd = 128;
  config.n_layer = 8;
  torch::manual_seed(11);
  const auto model = Gpt2LmHeadModel(config);
  const auto parameters = model->named_parameters();
  const auto std_of = [&](const std::string& name) { return parameters[name].std().item<double>(); };
  CHECK(std_of("transformer.wte.weight") == Approx(0.02).epsilon(0.05));
  CHECK(std_of("transformer.h.3.attn.c_attn.weight") == Approx(0.02).epsilon(0.05));
  CHECK(std_of("transformer.h.3.attn.c_proj.weight") == Approx(0.02 / 4).epsilon(0.05));
  CHECK(std_of("transformer.h.7.mlp.c_proj.weight") == Approx(0.02 / 4).epsilon(0.05));
  CHECK(parameters["transformer.h.0.mlp.c_fc.bias"].eq(0).all().item<bool>());
  CHECK(parameters["transformer.h.0.ln_1.weight"].eq(1).all().item<bool>());
  CHECK(parameters["transformer.ln_f.bias"].eq(0).all().item<bool>());
}

TEST_CASE("loss_sum is the cross-entropy of the logits, and halves of a batch add up") {
  auto model = tiny_model();
  const auto ids = some_ids(4, 9);
  auto targets = some_ids(4, 10).slice(1, 1);
  targets[1].fill_(-100);
  const auto grads = [&](const torch::Tensor& loss) { return torch::autograd::grad({loss}, model->parameters()); };
  const auto logits = model->forward(ids).logits.flatten(0, 1);
  const auto plain = torch::nn::functional::cross_entropy(
      logits, targets.flatten(), torch::nn::functional::CrossEntropyFuncOptions().reduction(torch::kSum));
  const auto whole = model->loss_sum(ids, targets);
  CHECK(whole.item<double>() == Approx(plain.item<double>()).epsilon(1e-6));
  const auto expected = grads(plain), at_once = grads(whole);
  const auto first = grads(model->loss_sum(ids.slice(0, 0, 2), targets.slice(0, 0, 2)));
  const auto second = grads(model->loss_sum(ids.slice(0, 2), targets.slice(0, 2)));
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double size = expected[i].abs().max().item<double>() + 1e-6;
    CHECK(max_difference(at_once[i], expected[i]) < 1e-5 * size);
    CHECK(max_difference(first[i] + second[i], at_once[i]) < 1e-5 * size);
  }
}

TEST_CASE("gradient checkpointing changes neither loss nor gradients, dropout included") {
  auto model = tiny_model(tiny(/*dropout=*/0.2));
  const auto ids = some_ids(4, 9), targets = some_ids(4, 10).slice(1, 1);
  std::vector<torch::Tensor> results[2];
  for (const bool on : {false, true}) {
    model->set_gradient_checkpointing(on);
    torch::manual_seed(12);
    const auto loss = model->loss_sum(ids, targets);
    results[on] = torch::autograd::grad({loss}, model->parameters());
    results[on].push_back(loss.detach());
  }
  for (std::size_t i = 0; i < results[0].size(); ++i) CHECK(torch::equal(results[0][i], results[1][i]));
  model->eval();
  CHECK_FALSE(torch::equal(model->loss_sum(ids, targets), results[0].back()));
}

TEST_CASE("what is saved loads as the same model") {
  const TempDir dir;
  auto config = tiny();
  config.n_inner = 40;
  config.activation_function = "relu";
  config.tie_word_embeddings = GENERATE(true, false);
  auto model = tiny_model(config);
  model->save_pretrained(dir.path());
  LoadReport report;
  auto loaded = from_pretrained<Gpt2LmHeadModel>(dir.path(), &report);
  CHECK(report.ok());
  CHECK_FALSE(loaded->is_training());
  CHECK(write_fields(loaded->config()) == write_fields(model->config()));
  CHECK(loaded->lm_head->weight.is_same(loaded->transformer->wte->weight) == config.tie_word_embeddings);
  const auto ids = some_ids(2, 6);
  CHECK(torch::equal(loaded->forward(ids).logits, model->forward(ids).logits));
}

TEST_CASE("the model without a head is saved, loaded and initialised by itself, and takes other models' base") {
  const TempDir dir;
  torch::manual_seed(21);
  const Gpt2Model base(tiny());
  torch::manual_seed(21);
  const Gpt2LmHeadModel with_head(tiny());
  for (const auto& item : base->named_parameters()) {
    CHECK(torch::equal(item.value(), with_head->transformer->named_parameters()[item.key()]));
  }
  auto untied = tiny();
  untied.tie_word_embeddings = false;
  const Gpt2LmHeadModel model(untied);
  model->save_pretrained(dir.path());
  LoadReport report;
  auto loaded = from_pretrained<Gpt2Model>(dir.path(), &report);
  CHECK(report.other_heads == std::vector<std::string>{"lm_head.weight"});
  CHECK(torch::equal(loaded->wte->weight, model->transformer->wte->weight));

  save_pretrained(*loaded, loaded->config(), Gpt2ModelImpl::pretrained_traits(), dir / "base");
  CHECK_THROWS_WITH(from_pretrained<Gpt2LmHeadModel>(dir / "base"), Catch::Contains("1 missing: lm_head.weight"));
  auto again = from_pretrained<Gpt2LmHeadModel>(dir / "base", &report, {.new_head = true});
  CHECK(report.fresh == std::vector<std::string>{"lm_head.weight"});
  CHECK(torch::equal(again->transformer->h->ptr<Gpt2BlockImpl>(0)->mlp->c_fc->weight,
                     model->transformer->h->ptr<Gpt2BlockImpl>(0)->mlp->c_fc->weight));
}

TEST_CASE("a head of its own in a file whose config says tied is kept, as transformers does") {
  const TempDir dir;
  auto config = tiny();
  config.tie_word_embeddings = false;
  Gpt2LmHeadModel model(config);
  config.tie_word_embeddings = true;
  save_pretrained(*model, config, Gpt2LmHeadModelImpl::pretrained_traits(), dir.path());
  LoadReport report;
  auto loaded = from_pretrained<Gpt2LmHeadModel>(dir.path(), &report);
  CHECK(torch::equal(loaded->lm_head->weight, model->lm_head->weight));
  CHECK_FALSE(loaded->config().tie_word_embeddings);
  CHECK_THAT(report.summary(), Catch::Contains("1 not tied: lm_head.weight differs from transformer.wte.weight"));
  const auto ids = some_ids(2, 5);
  model->eval();
  CHECK(torch::equal(loaded->forward(ids).logits, model->forward(ids).logits));
}

TEST_CASE("config.json may have transformers' common names") {
  const auto config = config_from_json<Gpt2Config>(
      R"({"hidden_size": 24, "num_attention_heads": 3, "num_hidden_layers": 2, "max_position_embeddings": 9})", "c");
  CHECK(config.n_embd == 24);
  CHECK(config.n_head == 3);
  CHECK(config.n_layer == 2);
  CHECK(config.n_positions == 9);
  CHECK_THROWS_WITH(config_from_json<Gpt2Config>(R"({"n_head": 12, "num_attention_heads": 6})", "c"),
                    Catch::Contains("n_head") && Catch::Contains("num_attention_heads"));
}

TEST_CASE("config.json may have several end tokens, or none, or ids that are no token") {
  const auto read = [](const std::string& text) { return config_from_json<Gpt2Config>(text, "c"); };
  CHECK(read("{}").eos_token_id == std::vector<std::int64_t>{50256});
  CHECK(read(R"({"eos_token_id": 3})").eos_token_id == std::vector<std::int64_t>{3});
  CHECK(read(R"({"eos_token_id": null})").eos_token_id.empty());
  const auto several = read(R"({"eos_token_id": [0, 5], "pad_token_id": -1, "bos_token_id": -1})");
  CHECK(several.eos_token_id == std::vector<std::int64_t>{0, 5});
  CHECK(several.pad_token_id == -1);
  CHECK(read(write_fields(several)).eos_token_id == several.eos_token_id);
  auto config = tiny();
  config.eos_token_id = {4, 1000, -1};
  CHECK(Gpt2LmHeadModel(config)->end_tokens() == std::vector<std::int32_t>{4, 1000});
}

TEST_CASE("impossible configs and inputs are named") {
  const auto rejects = [](auto change, const char* field, const char* value) {
    auto config = tiny();
    change(config);
    CHECK_THROWS_WITH(Gpt2LmHeadModel(config), Catch::Contains(field) && Catch::Contains(value));
  };
  rejects([](Gpt2Config& c) { c.n_head = 5; }, "n_embd", "32");
  rejects([](Gpt2Config& c) { c.n_layer = 0; }, "n_layer", "0");
  rejects([](Gpt2Config& c) { c.vocab_size = -3; }, "vocab_size", "-3");
  rejects([](Gpt2Config& c) { c.n_inner = 0; }, "n_inner", "0");
  rejects([](Gpt2Config& c) { c.attn_pdrop = 1.5; }, "attn_pdrop", "1.5");
  rejects([](Gpt2Config& c) { c.layer_norm_epsilon = 0; }, "layer_norm_epsilon", "0");
  rejects([](Gpt2Config& c) { c.activation_function = "gelo"; }, "activation_function", "gelo");
  CHECK_THROWS_WITH(Gpt2Config::preset("gpt3"), Catch::Contains("gpt3"));
  CHECK_THROWS_WITH(config_from_json<Gpt2Config>(R"({"n_embd": "wide"})", "a/config.json"),
                    Catch::Contains("a/config.json") && Catch::Contains("n_embd"));
  CHECK_THROWS_WITH(config_from_json<Gpt2Config>(R"({"n_head": 7})", "a/config.json"),
                    Catch::Contains("a/config.json") && Catch::Contains("n_embd"));
  CHECK_THROWS_WITH(config_from_json<Gpt2Config>(R"({"add_cross_attention": true})", "x"), Catch::Contains("cross"));

  auto model = tiny_model();
  CHECK_THROWS_WITH(model->forward(some_ids(1, 33)), Catch::Contains("33") && Catch::Contains("n_positions = 32"));
  CHECK_THROWS_AS(model->forward(torch::zeros({4}, torch::kInt64)), std::invalid_argument);
  CHECK_THROWS_AS(model->forward(some_ids(2, 4), {.attention_mask = torch::ones({2, 3})}), std::invalid_argument);
  std::vector<KvCache> one(1, KvCache(8));
  CHECK_THROWS_AS(model->forward(some_ids(1, 4), {.caches = &one}), std::invalid_argument);
}

TEST_CASE("it learns one batch by heart") {
  torch::manual_seed(13);
  auto model = Gpt2LmHeadModel(tiny());
  const auto ids = some_ids(4, 17);
  torch::optim::AdamW optimizer(model->parameters(), torch::optim::AdamWOptions(1e-2).weight_decay(0.0));
  double loss = 0;
  for (int step = 0; step < 60; ++step) {
    optimizer.zero_grad();
    const auto mean = model->loss_sum(ids.slice(1, 0, 16), ids.slice(1, 1)) / 64;
    mean.backward();
    optimizer.step();
    loss = mean.item<double>();
  }
  CHECK(loss < 0.1);
}

}  // namespace langzoo::test
