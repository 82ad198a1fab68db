#include "tests/support/test.h"

#include <cmath>
#include <functional>

#include <torch/optim/adam.h>

#include "models/io/safetensors.h"
#include "models/layers/init.h"
#include "models/optim/autocast.h"
#include "models/t5/t5.h"
#include "models/t5/t5_heads.h"

namespace langzoo::test::t5_test {
namespace {

using torch::Tensor;

/// Gated and not, tied and not, scaled and not, unequal sides, heads wider than the model.
const char* const kWirings[] = {"t5", "v1_1", "tied", "unequal"};

T5Config small(const std::string& wiring) {
  T5Config config;
  config.vocab_size = 13;
  config.d_model = 8;
  config.d_kv = 3;
  config.d_ff = 12;
  config.num_layers = config.num_heads = 2;
  config.relative_attention_num_buckets = 4;
  config.relative_attention_max_distance = 5;
  config.dropout_rate = 0.0;
  if (wiring == "v1_1") config.feed_forward_proj = "gated-gelu", config.tie_word_embeddings = false;
  if (wiring == "tied") config.feed_forward_proj = "gated-silu", config.scale_decoder_outputs = false;
  if (wiring == "unequal") {
    config.num_layers = 1;
    config.num_decoder_layers = 3;
    config.d_kv = 7;
    config.feed_forward_proj = "gelu";
  }
  return config;
}

T5ForConditionalGeneration small_model(const std::string& wiring) {
  torch::manual_seed(1);
  T5ForConditionalGeneration model(small(wiring));
  const torch::NoGradGuard no_grad;
  for (auto& parameter : model->parameters()) parameter.add_(torch::randn_like(parameter), 0.1);
  return model;
}

template <class Config>
std::int64_t parameters_of(const Config& config) {
  const SkipInit skip;
  std::int64_t count = 0;
  for (const auto& parameter : T5ForConditionalGeneration(config)->parameters()) count += parameter.numel();
  return count;
}

struct Batch {
  Tensor source = torch::tensor({{5, 3, 7, 9, 2}, {4, 4, 0, 0, 0}, {12, 1, 6, 0, 0}});
  Tensor lengths = torch::tensor({5, 2, 3});
  Tensor decoder_input = torch::tensor({{0, 5, 6, 7}, {0, 8, 0, 0}, {0, 3, 3, 0}});
  Tensor labels = torch::tensor({{5, 6, 7, 1}, {8, 1, -100, -100}, {3, 3, 1, -100}});
};

}  // namespace

TEST_CASE("T5's parameter counts are the published ones") {
  CHECK(parameters_of(T5Config::preset("t5-small")) == 60'506'624);
  CHECK(parameters_of(T5Config::preset("t5-base")) == 222'903'552);
  CHECK(parameters_of(T5Config::preset("t5-large")) == 737'668'096);
  CHECK(parameters_of(T5Config::preset("t5-v1_1-small")) == 76'961'152);
  CHECK(parameters_of(T5Config::preset("t5-v1_1-base")) == 247'577'856);
  CHECK(parameters_of(Mt5Config::preset("mt5-small")) == 300'176'768);
  CHECK(parameters_of(T5Config::preset("byt5-small")) == 299'637'760);
}

TEST_CASE("a T5's row depends on neither padding nor neighbours") {
  const Batch batch;
  for (const std::string wiring : kWirings) {
    INFO(wiring);
    auto model = small_model(wiring);
    model->eval();
    const auto together = model->forward(batch.source, batch.lengths, batch.decoder_input);
    const auto attention = model->attention(batch.source, batch.lengths, batch.decoder_input);
    const auto encoded = model->encode(batch.source, batch.lengths);
    CHECK(together.sizes() == torch::IntArrayRef({3, 4, 13}));
    REQUIRE(attention.sizes() == torch::IntArrayRef({3, 4, 5}));
    const auto padding = torch::arange(5).unsqueeze(0) >= batch.lengths.unsqueeze(1);
    const auto junk = at::cat({batch.source.masked_fill(padding, 9), torch::full({3, 2}, 7, torch::kInt64)}, 1);
    CHECK(max_difference(model->forward(junk, batch.lengths, batch.decoder_input), together) < 1e-5);
    for (std::int64_t b = 0; b < 3; ++b) {
      const auto n = batch.lengths[b].item<std::int64_t>(), t = 3 - b;
      const auto own = batch.source.narrow(0, b, 1).narrow(1, 0, n), length = batch.lengths.narrow(0, b, 1),
                 input = batch.decoder_input.narrow(0, b, 1).narrow(1, 0, t);
      CHECK(max_difference(model->forward(own, length, input)[0], together[b].narrow(0, 0, t)) < 1e-5);
      CHECK(max_difference(model->encode(own, length)[0], encoded[b].narrow(0, 0, n)) < 1e-5);
      CHECK(encoded[b].narrow(0, n, 5 - n).eq(0).all().item<bool>());
      CHECK(attention[b].narrow(1, n, 5 - n).eq(0).all().item<bool>());
      CHECK(max_difference(attention[b].sum(-1), torch::ones({4})) < 1e-5);
    }
  }
}

TEST_CASE("a token of T5's decoder changes nothing before it, a source's token everything") {
  const Batch batch;
  for (const std::string wiring : kWirings) {
    INFO(wiring);
    auto model = small_model(wiring);
    const auto before = model->forward(batch.source, batch.lengths, batch.decoder_input);
    auto input = batch.decoder_input.clone();
    input.select(1, 2).fill_(9);
    const auto after = model->forward(batch.source, batch.lengths, input);
    CHECK(max_difference(before.narrow(1, 0, 2), after.narrow(1, 0, 2)) < 1e-6);
    CHECK(max_difference(before.narrow(1, 2, 1), after.narrow(1, 2, 1)) > 1e-3);
    auto other = batch.source.clone();
    other[0][4] = 8;
    const auto moved = model->forward(other, batch.lengths, batch.decoder_input);
    CHECK((before - moved)[0].abs().amax(-1).gt(1e-5).all().item<bool>());
    CHECK(max_difference(before.narrow(0, 1, 2), moved.narrow(0, 1, 2)) < 1e-6);
  }
}

TEST_CASE("one token on each side is enough for a T5") {
  for (const std::string wiring : kWirings) {
    auto model = small_model(wiring);
    const auto one = torch::tensor({{3}});
    const auto logits = model->forward(one, torch::tensor({1}), one);
    CHECK(logits.sizes() == torch::IntArrayRef({1, 1, 13}));
    CHECK(torch::isfinite(logits).all().item<bool>());
  }
}

TEST_CASE("a T5's loss_sum is the cross-entropy of forward's logits") {
  const Batch batch;
  for (const std::string wiring : kWirings) {
    INFO(wiring);
    auto model = small_model(wiring);
    const auto logits = model->forward(batch.source, batch.lengths, batch.decoder_input);
    const auto expected = at::cross_entropy_loss(logits.flatten(0, 1), batch.labels.flatten(), {}, at::Reduction::Sum);
    const auto loss = model->loss_sum(batch.source, batch.lengths, batch.decoder_input, batch.labels);
    CHECK(loss.item<double>() == Approx(expected.item<double>()).epsilon(1e-5));
    const auto none = torch::full_like(batch.labels, -100);
    CHECK(model->loss_sum(batch.source, batch.lengths, batch.decoder_input, none).item<double>() == 0.0);
    // The z-loss is training's alone.
    const auto squares = logits.logsumexp(-1).square().masked_fill(batch.labels == -100, 0).sum();
    model->set_z_loss(0.1);
    for (const bool training : {true, false}) {
      model->train(training);
      const auto with = model->loss_sum(batch.source, batch.lengths, batch.decoder_input, batch.labels);
      CHECK(with.item<double>() ==
            Approx(expected.item<double>() + (training ? 0.1 * squares.item<double>() : 0)).epsilon(1e-5));
    }
  }
}

TEST_CASE("a T5 trains on packed rows as on padded ones, columns of padding alone included") {
  Batch batch;
  batch.source = at::cat({batch.source, torch::zeros({3, 2}, torch::kInt64)}, 1);
  batch.decoder_input = at::cat({batch.decoder_input, torch::zeros({3, 1}, torch::kInt64)}, 1);
  batch.labels = at::cat({batch.labels, torch::full({3, 1}, -100, torch::kInt64)}, 1);
  for (const std::string wiring : kWirings) {
    INFO(wiring);
    const auto gradients = [&](torch::Dtype dtype) {  // float64 is padded
      auto model = small_model(wiring);
      model->to(dtype);
      const auto loss = model->loss_sum(batch.source, batch.lengths, batch.decoder_input, batch.labels);
      return torch::autograd::grad({loss}, model->parameters());
    };
    const auto packed = gradients(torch::kFloat32), padded = gradients(torch::kFloat64);
    for (std::size_t i = 0; i < packed.size(); ++i)
      CHECK(max_difference(packed[i], padded[i]) < 1e-4 * (1 + padded[i].abs().max().item<double>()));

    // On processors, too, where training does not choose them.
    auto model = small_model(wiring);
    const PackedRows rows(torch::tensor({4, 2, 3}), 5);
    const auto states = model->body.decode_packed(batch.source, batch.lengths, batch.decoder_input, rows),
               expected = rows.pack(model->body.decode(batch.source, batch.lengths, batch.decoder_input));
    CHECK(max_difference(states, expected) < 1e-5);
    std::vector<Tensor> parameters;
    for (const auto& item : model->named_parameters()) {
      if (item.key() != "lm_head.weight") parameters.push_back(item.value());
    }
    const auto weights = torch::randn_like(states);
    const auto of_packed = torch::autograd::grad({(states * weights).sum()}, parameters),
               of_padded = torch::autograd::grad({(expected * weights).sum()}, parameters);
    for (std::size_t i = 0; i < parameters.size(); ++i)
      CHECK(max_difference(of_packed[i], of_padded[i]) < 1e-4 * (1 + of_padded[i].abs().max().item<double>()));
  }
}

TEST_CASE("a T5's gradients agree with finite differences") {
  const Batch batch;
  for (const std::string wiring : {"v1_1", "unequal"}) {
    auto model = small_model(wiring);
    model->to(torch::kFloat64);
    const auto loss = [&] { return model->loss_sum(batch.source, batch.lengths, batch.decoder_input, batch.labels); };
    loss().backward();
    const torch::NoGradGuard no_grad;
    for (const auto& item : model->named_parameters()) {
      INFO(wiring << " " << item.key());
      const auto flat = item.value().view({-1}), gradient = item.value().grad().view({-1});
      for (const auto place : {flat.numel() / 2, flat.numel() - 1}) {
        const double kept = flat[place].item<double>(), step = 1e-6;
        flat[place] = kept + step;
        const double above = loss().item<double>();
        flat[place] = kept - step;
        const double below = loss().item<double>();
        flat[place] = kept;
        CHECK(gradient[place].item<double>() == Approx((above - below) / (2 * step)).margin(1e-6).epsilon(1e-5));
      }
    }
  }
}

TEST_CASE("a tied T5 has one parameter for both, whatever happens to it") {
  auto model = small_model("t5");
  CHECK_FALSE(model->named_parameters().contains("lm_head.weight"));
  model->to(torch::kFloat64);
  CHECK(model->lm_head->weight.is_same(model->body.shared->weight));
  CHECK(small_model("v1_1")->named_parameters().contains("lm_head.weight"));
}

TEST_CASE("which heads are tied and scaled, files decide as transformers 5 reads them") {
  struct Case {
    const char* keys;
    bool own_head, tied, scaled;
  };
  const Case cases[] = {{"", false, true, true},
                        {"", true, false, true},
                        {R"("tie_word_embeddings": false,)", true, false, false},
                        {R"("tie_word_embeddings": false,)", false, true, false},
                        {R"("tie_word_embeddings": true, "scale_decoder_outputs": false,)", true, false, false},
                        {R"("tie_word_embeddings": true, "scale_decoder_outputs": false,)", false, true, false},
                        {R"("tie_word_embeddings": false, "scale_decoder_outputs": true,)", true, false, true},
                        {R"("tie_word_embeddings": true, "scale_decoder_outputs": null,)", true, false, true}};
  for (const auto& c : cases) {
    INFO(c.keys << " own head: " << c.own_head);
    const TempDir dir;
    auto model = small_model("t5");
    model->save_pretrained(dir.path());
    auto tensors = load_safetensors(dir / "model.safetensors");
    if (c.own_head) tensors.insert("lm_head.weight", tensors["shared.weight"] + 1);
    save_safetensors(dir / "model.safetensors", tensors);
    const std::string rest = R"("vocab_size": 13, "d_model": 8, "d_kv": 3, "d_ff": 12, "num_layers": 2, "num_heads": 2,
        "relative_attention_num_buckets": 4, "relative_attention_max_distance": 5})";
    write_file(dir / "config.json", "{" + std::string(c.keys) + R"("model_type": "t5", )" + rest);
    LoadReport report;
    const auto loaded = from_pretrained<T5ForConditionalGeneration>(dir.path(), &report);
    const bool says_untied = std::string(c.keys).find(R"("tie_word_embeddings": false)") != std::string::npos;
    CHECK(report.tied.size() == (says_untied && !c.own_head ? 1 : 0));
    CHECK(loaded->config().tie_word_embeddings == c.tied);
    CHECK(loaded->config().scale_decoder_outputs == std::optional(c.scaled));
    CHECK(loaded->lm_head->weight.is_same(loaded->body.shared->weight) == c.tied);
    write_file(dir / "config.json", "{" + std::string(c.keys) + R"("model_type": "mt5", )" + rest);
    CHECK_THROWS_WITH(from_pretrained<Mt5ForConditionalGeneration>(dir.path()), Catch::Contains("wi_0"));
    write_file(dir / "config.json",
               "{" + std::string(c.keys) + R"("model_type": "mt5", "feed_forward_proj": "relu", )" + rest);
    const auto mt5 = from_pretrained<Mt5ForConditionalGeneration>(dir.path());
    CHECK(mt5->config().tie_word_embeddings == c.tied);
    CHECK(mt5->config().scale_decoder_outputs == std::optional(false));
  }
}

TEST_CASE("old T5 files, which hold the embedding under each name and a table without a use, load") {
  const TempDir dir;
  auto model = small_model("t5");
  model->save_pretrained(dir.path());
  auto tensors = load_safetensors(dir / "model.safetensors");
  for (const auto* name : {"encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight"})
    tensors.insert(name, tensors["shared.weight"].clone());
  tensors.insert("decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight", torch::zeros({4, 2}));
  save_safetensors(dir / "model.safetensors", tensors);
  LoadReport report;
  const auto loaded = from_pretrained<T5ForConditionalGeneration>(dir.path(), &report);
  CHECK(report.untied.empty());
  CHECK(report.ignored.size() == 4);
  CHECK(torch::equal(loaded->body.shared->weight, model->body.shared->weight));

  auto without = tensors;
  without.erase("shared.weight");
  save_safetensors(dir / "model.safetensors", without);
  CHECK(torch::equal(from_pretrained<T5ForConditionalGeneration>(dir.path())->body.shared->weight,
                     model->body.shared->weight));
  tensors["encoder.embed_tokens.weight"].add_(1);
  save_safetensors(dir / "model.safetensors", tensors);
  CHECK_THROWS_WITH(from_pretrained<T5ForConditionalGeneration>(dir.path()),
                    Catch::Contains(dir.path().string()) && Catch::Contains("one embedding"));
}

TEST_CASE("a T5 folder opens as its encoder, and gives other heads their body") {
  const TempDir dir;
  auto model = small_model("v1_1");
  model->eval();
  model->save_pretrained(dir.path());
  const Batch batch;
  LoadReport report;
  auto encoder = from_pretrained<T5EncoderModel>(dir.path(), &report);
  CHECK_FALSE(report.other_heads.empty());
  const auto mask = torch::arange(5) < batch.lengths.unsqueeze(1);
  const auto hidden = encoder->encode({.ids = batch.source, .attention_mask = mask}).hidden;
  CHECK(max_difference(hidden, model->encode(batch.source, batch.lengths)) < 1e-5);
  const auto classifier = from_pretrained<T5ForSequenceClassification>(dir.path(), &report, {.new_head = true});
  CHECK(torch::equal(classifier->body.shared->weight, model->body.shared->weight));
  CHECK(report.fresh.size() == 4);
  const auto tagger = from_pretrained<T5ForTokenClassification>(dir.path(), &report, {.new_head = true});
  CHECK(torch::equal(tagger->transformer->body.shared->weight, model->body.shared->weight));
  CHECK(report.fresh.size() == 2);
}

TEST_CASE("T5's encoder gives its states and weights layer by layer, and trains as well from checkpoints") {
  torch::manual_seed(3);
  auto config = small("v1_1");
  config.num_layers = 3;
  T5EncoderModel model(config);
  const Batch batch;
  const auto mask = torch::arange(5) < batch.lengths.unsqueeze(1);
  const TokenInputs inputs{.ids = batch.source, .attention_mask = mask};
  const auto plain = model->encode(inputs).hidden;
  const auto all = model->encode(inputs, {.hidden_states = true, .attentions = true, .attention_scores = true});
  const auto kept = mask.unsqueeze(-1).to(torch::kFloat32);
  CHECK(max_difference(all.hidden * kept, plain * kept) < 1e-5);
  REQUIRE(all.hidden_states.size() == 4);
  CHECK(torch::equal(all.hidden_states.back(), all.hidden));
  CHECK(max_difference(all.hidden_states.front(), at::embedding(model->body.shared->weight, batch.source)) == 0.0);
  REQUIRE(all.attentions.size() == 3);
  REQUIRE(all.attention_scores.size() == 3);
  const auto bias = torch::zeros({3, 1, 1, 5}).masked_fill(mask.logical_not().view({3, 1, 1, 5}), -INFINITY);
  CHECK(max_difference((all.attention_scores[1] + bias).softmax(-1), all.attentions[1]) < 1e-5);

  const auto gradients = [&] {
    const auto loss = model->encode(inputs).hidden.square().sum();
    return torch::autograd::grad({loss}, model->parameters());
  };
  const auto expected = gradients();
  model->set_gradient_checkpointing(true);
  const auto found = gradients();
  for (std::size_t i = 0; i < found.size(); ++i) CHECK(max_difference(found[i], expected[i]) < 1e-5);
  CHECK(model->depth_patterns().size() == 4);

  // Padding between tokens leaves their distances as they are, as in transformers.
  const auto gap = torch::tensor({{1, 0, 1, 1}}), ids = torch::tensor({{5, 3, 7, 9}});
  const TokenInputs packed{.ids = ids, .attention_mask = gap}, padded{ids, {}, gap, /*compute_padding=*/true};
  CHECK(max_difference(model->encode(packed).hidden * gap.unsqueeze(-1),
                       model->encode(padded).hidden * gap.unsqueeze(-1)) < 1e-5);
}

TEST_CASE("T5's classifier reads the last end token") {
  torch::manual_seed(4);
  T5ForSequenceClassification model(small("t5"));
  model->eval();
  const auto ids = torch::tensor({{5, 1, 7, 1, 0}, {4, 4, 4, 4, 1}});
  const auto mask = ids != 0;
  const auto logits = model->logits({.ids = ids, .attention_mask = mask});
  CHECK(logits.sizes() == torch::IntArrayRef({2, 2}));
  CHECK(max_difference(model->logits({.ids = ids.narrow(0, 0, 1).narrow(1, 0, 4)})[0], logits[0]) < 1e-5);
  CHECK_THROWS_WITH(model->logits({.ids = torch::tensor({{5, 3}})}), Catch::Contains("no end token"));
  auto config = small("t5");
  config.labels = ClassLabels::of({"a", "b", "c"});
  CHECK_THROWS_WITH(T5ForQuestionAnswering(config), Catch::Contains("3 labels"));
}

TEST_CASE("T5's activation is feed_forward_proj's, unless dense_act_fn names another") {
  const auto name = [](const std::string& proj, std::optional<std::string> dense = {}) {
    T5Config config;
    config.feed_forward_proj = proj;
    config.dense_act_fn = std::move(dense);
    return config.activation_name();
  };
  CHECK(name("relu") == "relu");
  CHECK(name("gelu") == "gelu");
  CHECK(name("gated-gelu") == "gelu_new");
  CHECK(name("gated-silu") == "silu");
  CHECK(name("gated-gelu", "gelu") == "gelu");
}

TEST_CASE("T5's dropout acts in training only") {
  const Batch batch;
  auto config = small("t5");
  config.dropout_rate = 0.3;
  torch::manual_seed(1);
  T5ForConditionalGeneration model(config);
  const auto run = [&] { return model->forward(batch.source, batch.lengths, batch.decoder_input); };
  CHECK_FALSE(run().equal(run()));
  model->eval();
  torch::manual_seed(1);
  T5ForConditionalGeneration plain(small("t5"));
  plain->eval();
  CHECK(run().equal(plain->forward(batch.source, batch.lengths, batch.decoder_input)));
}

TEST_CASE("T5's initialisation follows the paper's rule") {
  auto config = T5Config::preset("t5-small");
  config.vocab_size = 300;
  config.num_layers = 2;
  config.feed_forward_proj = "gated-gelu";
  config.tie_word_embeddings = false;
  torch::manual_seed(2);
  const auto names = T5ForConditionalGeneration(config)->named_parameters();
  const auto deviation = [&](const char* name) { return names[name].std().item<double>(); };
  CHECK(deviation("shared.weight") == Approx(1.0).epsilon(0.05));
  CHECK(deviation("lm_head.weight") == Approx(std::pow(512, -0.5)).epsilon(0.05));
  CHECK(deviation("encoder.block.0.layer.0.SelfAttention.q.weight") == Approx(std::pow(512 * 64, -0.5)).epsilon(0.05));
  CHECK(deviation("decoder.block.1.layer.1.EncDecAttention.k.weight") == Approx(std::pow(512, -0.5)).epsilon(0.05));
  CHECK(deviation("decoder.block.1.layer.0.SelfAttention.o.weight") == Approx(std::pow(512, -0.5)).epsilon(0.05));
  CHECK(deviation("decoder.block.0.layer.2.DenseReluDense.wi_1.weight") == Approx(std::pow(512, -0.5)).epsilon(0.05));
  CHECK(deviation("encoder.block.1.layer.1.DenseReluDense.wo.weight") == Approx(std::pow(2048, -0.5)).epsilon(0.05));
  CHECK(names["encoder.final_layer_norm.weight"].eq(1).all().item<bool>());
}

TEST_CASE("T5 trains in bfloat16, and float16 does not overflow") {
  const Batch batch;
  auto model = small_model("v1_1");
  {
    const auto loss = [&] { return model->loss_sum(batch.source, batch.lengths, batch.decoder_input, batch.labels); };
    const double exact = loss().item<double>();
    const AutocastGuard autocast(torch::kCPU, torch::kBFloat16);
    CHECK(loss().item<double>() == Approx(exact).epsilon(0.05));
    loss().backward();
    CHECK(model->body.shared->weight.grad().scalar_type() == torch::kFloat32);
  }
  const torch::NoGradGuard no_grad;
  model->eval();
  model->to(torch::kHalf);
  auto ids = torch::tensor({{3, 4}});
  CHECK(torch::isfinite(model->encode(ids, torch::tensor({2}))).all().item<bool>());
  for (const auto& item : model->named_parameters()) {
    if (item.key().ends_with("wo.weight")) item.value().mul_(30000);
  }
  CHECK(torch::isfinite(model->encode(ids, torch::tensor({2}))).all().item<bool>());
}

TEST_CASE("impossible T5 configurations and inputs are refused by field and value") {
  const auto check = [](const std::function<void(T5Config&)>& change, const std::string& a, const std::string& b) {
    auto config = small("t5");
    change(config);
    CHECK_THROWS_WITH(T5ForConditionalGeneration(config), Catch::Contains(a) && Catch::Contains(b));
  };
  check([](auto& c) { c.vocab_size = 0; }, "vocab_size", "0");
  check([](auto& c) { c.d_kv = 0; }, "d_kv", "0");
  check([](auto& c) { c.num_decoder_layers = 0; }, "num_decoder_layers", "0");
  check([](auto& c) { c.dropout_rate = 1.0; }, "dropout_rate", "1");
  check([](auto& c) { c.feed_forward_proj = "gated-gelo"; }, "feed_forward_proj", "gelo");
  check([](auto& c) { c.feed_forward_proj = "gated"; }, "feed_forward_proj", "gated");
  check([](auto& c) { c.feed_forward_proj = "other-relu"; }, "feed_forward_proj", "other-relu");
  check([](auto& c) { c.dense_act_fn = "gelo"; }, "dense_act_fn", "gelo");
  check([](auto& c) { c.relative_attention_num_buckets = 3; }, "relative_attention_num_buckets", "3");
  check([](auto& c) { c.relative_attention_max_distance = 2; }, "relative_attention_max_distance = 2", "= 4");
  check([](auto& c) { c.pad_token_id = 13; }, "pad_token_id", "13");
  check([](auto& c) { c.decoder_start_token_id = 14; }, "decoder_start_token_id", "14");
  CHECK_THROWS_WITH(T5Config::preset("huge"), Catch::Contains("huge") && Catch::Contains("t5-small"));
  CHECK_THROWS_WITH(Mt5Config::preset("t5-small"), Catch::Contains("mt5-base"));
  CHECK_THROWS_WITH(config_from_json<T5Config>(R"({"is_decoder": true})", "c.json"),
                    Catch::Contains("c.json") && Catch::Contains("is_decoder"));

  auto model = small_model("t5");
  const Batch batch;
  CHECK_THROWS_WITH(model->forward(batch.source[0], batch.lengths, batch.decoder_input.narrow(0, 0, 1).expand({5, -1})),
                    Catch::Contains("source must be (B,S)"));
  CHECK_THROWS_WITH(model->forward(batch.source, batch.lengths.narrow(0, 0, 2), batch.decoder_input),
                    Catch::Contains("source_lengths"));
  CHECK_THROWS_WITH(model->forward(batch.source, batch.lengths, batch.decoder_input.narrow(0, 0, 2)),
                    Catch::Contains("decoder_input"));
  CHECK_THROWS_WITH(model->loss_sum(batch.source, batch.lengths, batch.decoder_input, batch.labels.narrow(1, 0, 3)),
                    Catch::Contains("labels"));
  T5EncoderModel encoder(small("t5"));
  CHECK_THROWS_WITH(encoder->encode({.ids = batch.source, .attention_mask = batch.lengths}),
                    Catch::Contains("attention_mask"));
}

TEST_CASE("a T5 learns to copy") {
  constexpr int kSteps = 260, kWarmup = 40;
  constexpr double kPeak = 1e-2;
  torch::manual_seed(4);
  T5Config config;
  config.vocab_size = 9;
  config.d_model = 24;
  config.d_kv = 6;
  config.d_ff = 48;
  config.num_layers = 2;
  config.num_heads = 4;
  config.dropout_rate = 0.0;
  T5ForConditionalGeneration model(config);
  torch::optim::Adam optimizer(model->parameters(), torch::optim::AdamOptions(kPeak).betas({0.9, 0.98}));
  const auto lengths = torch::full({32}, 3, torch::kInt64);
  double loss = 0;
  for (int step = 0; step < kSteps; ++step) {
    const double rate = kPeak * std::min(1.0, (step + 1.0) / kWarmup) * (1.0 - static_cast<double>(step) / kSteps);
    dynamic_cast<torch::optim::AdamOptions&>(optimizer.param_groups()[0].options()).lr(rate);
    const auto copied = torch::randint(1, 9, {32, 3});
    const auto input = at::cat({torch::zeros({32, 1}, torch::kInt64), copied.narrow(1, 0, 2)}, 1);
    optimizer.zero_grad();
    const auto mean = model->loss_sum(copied, lengths, input, copied) / copied.numel();
    mean.backward();
    optimizer.step();
    loss = mean.item<double>();
  }
  CHECK(loss < 0.15);
  model->eval();
  const auto source = torch::randint(1, 9, {32, 3});
  const auto decoder = model->start(source, lengths, 3);
  auto next = torch::zeros({32, 1}, torch::kInt64);
  std::vector<Tensor> written;
  for (int t = 0; t < 3; ++t) written.push_back(next = decoder->step(next).argmax(-1, true));
  CHECK(at::cat(written, 1).eq(source).to(torch::kFloat64).mean().item<double>() > 0.95);
}

}  // namespace langzoo::test::t5_test
