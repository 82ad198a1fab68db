#include "tests/support/test.h"

#include <functional>

#include <torch/nn/functional/loss.h>
#include <torch/optim/adam.h>

#include "models/layers/init.h"
#include "models/optim/autocast.h"
#include "models/registry.h"
#include "models/seq2seq/scheduled_sampling.h"
#include "models/seq2seq/seq2seq.h"

namespace langzoo::test::seq2seq_test {
namespace {

using torch::Tensor;

const char* const kPresets[] = {"plain", "peeky", "dot", "bahdanau", "additive", "luong", "local-p", "gnmt"};

Seq2SeqConfig small(const std::string& preset) {
  auto config = Seq2SeqConfig::preset(preset);
  config.source_vocab_size = 13;
  config.target_vocab_size = 11;
  config.embedding_size = 6;
  config.hidden_size = 8;
  config.attention_size = config.maxout_size = 7;
  if (config.attention_window > 0) config.attention_window = 2;
  config.initializer_range = 0.5;
  return config;
}

/// DLFS2's models of chapters 7 and 8.
Seq2SeqConfig book(const std::string& preset, std::int64_t vocabulary, std::int64_t hidden) {
  auto config = Seq2SeqConfig::preset(preset);
  config.source_vocab_size = config.target_vocab_size = vocabulary;
  config.embedding_size = 16;
  config.hidden_size = hidden;
  config.recurrent_bias = false;
  config.bridge = "hidden";
  config.initializer = "fan_in";
  return config;
}

std::int64_t parameters_of(const Seq2SeqConfig& config) {
  const SkipInit skip;
  std::int64_t count = 0;
  for (const auto& parameter : Seq2Seq(config)->parameters()) count += parameter.numel();
  return count;
}

struct Batch {
  Tensor source = torch::tensor({{5, 3, 7, 9, 2}, {4, 4, 0, 0, 0}, {12, 1, 6, 0, 0}});
  Tensor lengths = torch::tensor({5, 2, 3});
  Tensor decoder_input = torch::tensor({{1, 5, 6, 7}, {1, 8, 0, 0}, {1, 3, 3, 0}});
  Tensor labels = torch::tensor({{5, 6, 7, 2}, {8, 2, -100, -100}, {3, 3, 2, -100}});
};

}  // namespace

TEST_CASE("parameter counts are the book's") {
  CHECK(parameters_of(book("plain", 13, 128)) == 150573);
  CHECK(parameters_of(book("peeky", 13, 128)) == 217773);
  CHECK(parameters_of(book("dot", 59, 256)) == 591259);
}

TEST_CASE("a row's result does not depend on padding, neighbours or later tokens") {
  torch::manual_seed(1);
  const Batch batch;
  for (const std::string preset : kPresets) {
    INFO(preset);
    Seq2Seq model(small(preset));
    model->eval();
    const auto together = model->forward(batch.source, batch.lengths, batch.decoder_input);
    CHECK(together.logits.sizes() == torch::IntArrayRef({3, 4, 11}));
    const auto junk = at::cat({batch.source.where(batch.source.ne(0), torch::full_like(batch.source, 11)),
                               torch::full({3, 2}, 12, torch::kInt64)},
                              1);
    const auto padded = model->forward(junk, batch.lengths, batch.decoder_input);
    CHECK(max_difference(padded.logits, together.logits) < 1e-6);
    for (std::int64_t b = 0; b < 3; ++b) {
      const auto n = batch.lengths[b].item<std::int64_t>(), t = 3 - b;
      const auto alone = model->forward(batch.source.narrow(0, b, 1).narrow(1, 0, n), batch.lengths.narrow(0, b, 1),
                                        batch.decoder_input.narrow(0, b, 1).narrow(1, 0, t));
      CHECK(max_difference(alone.logits[0], together.logits[b].narrow(0, 0, t)) < 1e-6);
      if (!together.attention.defined()) continue;
      CHECK(together.attention.sizes() == torch::IntArrayRef({3, 4, 5}));
      CHECK(max_difference(alone.attention[0], together.attention[b].narrow(0, 0, t).narrow(1, 0, n)) < 1e-6);
      CHECK(together.attention[b].narrow(1, n, 5 - n).eq(0).all().item<bool>());
      if (preset != "local-p") CHECK(max_difference(together.attention[b].sum(-1), torch::ones({4})) < 1e-6);
    }
  }
}

TEST_CASE("loss_sum is the cross-entropy of forward's logits") {
  torch::manual_seed(2);
  const Batch batch;
  for (const std::string preset : kPresets) {
    INFO(preset);
    Seq2Seq model(small(preset));
    const auto logits = model->forward(batch.source, batch.lengths, batch.decoder_input).logits;
    const auto expected = torch::nn::functional::cross_entropy(
        logits.reshape({-1, 11}), batch.labels.flatten(),
        torch::nn::functional::CrossEntropyFuncOptions().ignore_index(-100).reduction(torch::kSum));
    const auto loss = model->loss_sum(batch.source, batch.lengths, batch.decoder_input, batch.labels);
    CHECK(loss.item<double>() == Approx(expected.item<double>()).epsilon(1e-5));
  }
  Seq2Seq model(small("luong"));
  const auto none = torch::full_like(batch.labels, -100);
  CHECK(model->loss_sum(batch.source, batch.lengths, batch.decoder_input, none).item<double>() == 0.0);
}

TEST_CASE("gradients agree with finite differences") {
  torch::manual_seed(3);
  const Batch batch;
  for (const std::string preset : kPresets) {
    Seq2Seq model(small(preset));
    model->to(torch::kFloat64);
    const auto loss = [&] { return model->loss_sum(batch.source, batch.lengths, batch.decoder_input, batch.labels); };
    loss().backward();
    const torch::NoGradGuard no_grad;
    for (const auto& item : model->named_parameters()) {
      INFO(preset << " " << item.key());
      const auto flat = item.value().view({-1}), gradient = item.value().grad().view({-1});
      for (const auto place : {std::int64_t{0}, flat.numel() / 2, flat.numel() - 1}) {
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

TEST_CASE("scheduled sampling: all true tokens is teacher forcing, none is free running") {
  torch::manual_seed(4);
  const Batch batch;
  for (const std::string preset : {"plain", "luong", "additive"}) {
    INFO(preset);
    Seq2Seq model(small(preset));
    const auto loss = [&](double teacher_forcing, const Tensor& input) {
      torch::manual_seed(5);
      model->set_scheduled_sampling({.k = teacher_forcing});
      return model->loss_sum(batch.source, batch.lengths, input, batch.labels).item<double>();
    };
    const double forced = loss(1.0, batch.decoder_input);
    CHECK(loss(1.0 - 1e-9, batch.decoder_input) == Approx(forced).epsilon(1e-6));
    auto other = batch.decoder_input.clone();
    other.narrow(1, 1, 3).fill_(10);
    CHECK(loss(0.0, batch.decoder_input) == Approx(loss(0.0, other)).epsilon(1e-6));
    CHECK(loss(1.0, other) != Approx(forced).epsilon(1e-3));
    CHECK_THROWS_WITH(loss(1.5, other), Catch::Contains("k = 1.5"));
    CHECK(loss(0.0, batch.decoder_input) != Approx(forced).epsilon(1e-3));
    model->eval();
    CHECK(loss(0.0, batch.decoder_input) == Approx(forced).epsilon(1e-6));
  }
}

TEST_CASE("scheduled sampling follows the steps of training") {
  torch::manual_seed(4);
  const Batch batch;
  Seq2Seq model(small("luong"));
  const auto loss = [&](std::int64_t step) {
    torch::manual_seed(5);
    model->set_training_step(step);
    return model->loss_sum(batch.source, batch.lengths, batch.decoder_input, batch.labels).item<double>();
  };
  const double forced = loss(100);
  model->set_scheduled_sampling({.schedule = "linear", .k = 1.0, .c = 0.01});
  CHECK(loss(0) == forced);
  const double free_running = loss(100);
  CHECK(free_running != Approx(forced).epsilon(1e-3));
  CHECK(loss(1000) == free_running);
  model->set_scheduled_sampling({.k = 0.0});
  CHECK(loss(0) == free_running);
}

TEST_CASE("the three decays of scheduled sampling") {
  ScheduledSampling sampling{.schedule = "constant", .k = 0.7};
  CHECK(sampling.probability(1000) == 0.7);
  sampling = {.schedule = "linear", .k = 0.9, .c = 0.01, .least = 0.2};
  sampling.validate();
  CHECK(sampling.probability(0) == Approx(0.9));
  CHECK(sampling.probability(50) == Approx(0.4));
  CHECK(sampling.probability(100) == Approx(0.2));
  sampling = {.schedule = "inverse_sigmoid", .k = 10.0};
  sampling.validate();
  CHECK(sampling.probability(0) == Approx(10.0 / 11.0));
  CHECK(sampling.probability(20) == Approx(10.0 / (10.0 + std::exp(2.0))));
  CHECK(sampling.probability(1 << 20) == 0.0);
  CHECK_THROWS_WITH((ScheduledSampling{.schedule = "cosine"}.validate()), Catch::Contains("cosine"));
  CHECK_THROWS_WITH((ScheduledSampling{.k = 1.5}.validate()), Catch::Contains("k = 1.5"));
  CHECK_THROWS_WITH((ScheduledSampling{.schedule = "inverse_sigmoid", .k = 0.5}.validate()),
                    Catch::Contains("k = 0.5"));
}

TEST_CASE("what is saved is loaded, and the registry knows it") {
  torch::manual_seed(6);
  const Batch batch;
  for (const std::string preset : kPresets) {
    INFO(preset);
    const TempDir dir;
    Seq2Seq model(small(preset));
    model->eval();
    model->save_pretrained(dir.path());
    auto loaded = from_pretrained<Seq2Seq>(dir.path());
    CHECK(write_fields(loaded->config()) == write_fields(model->config()));
    CHECK(loaded->forward(batch.source, batch.lengths, batch.decoder_input)
              .logits.equal(model->forward(batch.source, batch.lengths, batch.decoder_input).logits));
    CHECK(registered_model(dir.path()).program == "langzoo-seq2seq");
  }
}

TEST_CASE("shared and tied embeddings are one parameter") {
  auto config = small("plain");
  config.source_vocab_size = config.target_vocab_size;
  config.embedding_size = config.hidden_size;
  config.shared_embeddings = config.tie_word_embeddings = true;
  Seq2Seq model(config);
  const auto names = model->named_parameters();
  CHECK(names.contains("encoder.embedding.weight"));
  CHECK_FALSE(names.contains("decoder.embedding.weight"));
  CHECK_FALSE(names.contains("output.weight"));
  CHECK(names.contains("output.bias"));
  const Batch batch;
  const auto source = batch.source.clamp_max(10);
  const auto before = model->forward(source, batch.lengths, batch.decoder_input).logits;
  const TempDir dir;
  model->save_pretrained(dir.path());
  auto loaded = from_pretrained<Seq2Seq>(dir.path());
  CHECK(loaded->forward(source, batch.lengths, batch.decoder_input).logits.equal(before));
}

TEST_CASE("dropouts act in training only, word dropout on whole tokens") {
  torch::manual_seed(7);
  auto config = small("luong");
  config.word_dropout = 0.5;
  Seq2Seq model(config);
  const auto ids = torch::randint(3, 11, {4, 500});
  const auto x = embed(model->encoder->embedding, ids, config, true);
  const auto zero = x.eq(0).all(-1), any = x.eq(0).any(-1);
  CHECK(zero.equal(any));
  CHECK(zero.sum().item<double>() / 2000 == Approx(0.5).margin(0.05));
  CHECK(max_difference(embed(model->encoder->embedding, ids, config, false),
                       model->encoder->embedding(ids).transpose(0, 1)) == 0);
  config.dropout = 0.3;
  Seq2Seq noisy(config);
  const Batch batch;
  const auto run = [&] { return noisy->forward(batch.source, batch.lengths, batch.decoder_input).logits; };
  CHECK_FALSE(run().equal(run()));
  noisy->eval();
  CHECK(run().equal(run()));
}

TEST_CASE("initialisers follow their papers") {
  torch::manual_seed(8);
  auto config = small("bahdanau");
  config.hidden_size = 64;
  Seq2Seq model(config);
  const auto names = model->named_parameters();
  for (const auto& gate : names["decoder.rnn.weight_hh_l0"].split(64)) {
    CHECK(max_difference(gate.mm(gate.t()), torch::eye(64)) < 1e-5);
  }
  CHECK(names["decoder.alignment.v"].eq(0).all().item<bool>());
  CHECK(names["decoder.rnn.bias_ih_l0"].eq(0).all().item<bool>());
  CHECK(names["decoder.alignment.query.weight"].std().item<double>() == Approx(0.001).epsilon(0.2));
  CHECK(names["decoder.rnn.weight_ih_l0"].std().item<double>() == Approx(0.01).epsilon(0.1));
  config = small("plain");
  config.initializer_range = 0.08;
  for (const auto& parameter : Seq2Seq(config)->parameters()) CHECK(parameter.abs().max().item<double>() <= 0.08);
  config = book("peeky", 13, 128);
  const auto peeky = Seq2Seq(config)->named_parameters();
  CHECK(peeky["encoder.embedding.weight"].std().item<double>() == Approx(0.01).epsilon(0.2));
  CHECK(peeky["decoder.rnn.weight_ih_l0"].std().item<double>() == Approx(1 / 12.0).epsilon(0.05));
}

TEST_CASE("impossible configurations are refused by field and value") {
  const auto check = [](const std::string& preset, const std::function<void(Seq2SeqConfig&)>& change,
                        const std::string& a, const std::string& b) {
    auto config = small(preset);
    change(config);
    CHECK_THROWS_WITH(config.validate(), Catch::Contains(a) && Catch::Contains(b));
  };
  check(
      "plain", [](auto& c) { c.source_vocab_size = 0; }, "source_vocab_size", "0");
  check(
      "plain", [](auto& c) { c.cell = "qrnn"; }, "cell", "qrnn");
  check(
      "plain", [](auto& c) { c.dropout = 1.0; }, "dropout", "1");
  check(
      "plain", [](auto& c) { c.eos_token_id = {11}; }, "eos_token_id", "11");
  check(
      "plain", [](auto& c) { c.decoder_layers = 2; }, "bridge = state", "decoder_layers = 2");
  check(
      "plain", [](auto& c) { c.encoder_hidden_size = 5; }, "encoder_hidden_size = 5", "hidden_size = 8");
  check(
      "plain", [](auto& c) { c.output = "tanh"; }, "output = tanh", "attention");
  check(
      "plain", [](auto& c) { c.attention = "luong"; }, "attention", "luong");
  check(
      "plain", [](auto& c) { c.tie_word_embeddings = true; }, "tie_word_embeddings", "6");
  check(
      "plain", [](auto& c) { c.shared_embeddings = true; }, "shared_embeddings", "13");
  check(
      "peeky", [](auto& c) { c.attention = "dot"; }, "peeky", "attention = dot");
  check(
      "dot", [](auto& c) { c.encoder = "bidirectional"; }, "attention = dot", "16");
  check(
      "dot", [](auto& c) { c.output = "hidden"; }, "output = hidden", "current");
  check(
      "luong", [](auto& c) { c.output = "concat"; }, "input_feeding", "tanh");
  check(
      "luong", [](auto& c) { c.attention_query = "previous"; }, "input_feeding", "current");
  check(
      "bahdanau", [](auto& c) { c.attention_query = "current"; }, "maxout", "previous");
  check(
      "bahdanau", [](auto& c) { c.decoder_layers = 2; }, "maxout", "2");
  check(
      "gnmt", [](auto& c) { c.encoder_layers = c.decoder_layers = 1; }, "gnmt", "encoder_layers = 1");
  check(
      "gnmt", [](auto& c) { c.residual_from = 2; }, "gnmt", "residual_from = 2");
  CHECK_THROWS_WITH(Seq2SeqConfig::preset("transformer"), Catch::Contains("transformer") && Catch::Contains("gnmt"));
  CHECK_THROWS_WITH(config_from_json<Seq2SeqConfig>(R"({"source_vocab_size": "x"})", "c.json"),
                    Catch::Contains("c.json") && Catch::Contains("source_vocab_size"));
}

TEST_CASE("the end token of a file is one or a list, and is written as it was") {
  const auto read = [](const std::string& eos) {
    return config_from_json<Seq2SeqConfig>(
        R"({"source_vocab_size": 9, "target_vocab_size": 9, "eos_token_id": )" + eos + "}", "config.json");
  };
  CHECK(read("3").eos_token_id == std::vector<std::int64_t>{3});
  CHECK(read("[3, 5]").eos_token_id == std::vector<std::int64_t>{3, 5});
  CHECK(read("null").eos_token_id.empty());
  CHECK_THAT(write_fields(read("[3]")), Catch::Contains("\"eos_token_id\": 3,"));
  CHECK(config_from_json<Seq2SeqConfig>(write_fields(read("[3, 5]")), "written").eos_token_id ==
        std::vector<std::int64_t>{3, 5});
  CHECK(read("[3, 900]").eos_token_id == std::vector<std::int64_t>{3, 900});  // never met
  CHECK_THROWS_WITH(read("[900, 901]"), Catch::Contains("eos_token_id = [900, 901] must be in [0, 9)"));
  CHECK_THROWS_WITH(read("[3, -1]"), Catch::Contains("eos_token_id") && Catch::Contains("one or a list"));
}

TEST_CASE("batches that do not fit are refused") {
  const Batch batch;
  Seq2Seq model(small("luong"));
  CHECK_THROWS_WITH(model->forward(batch.source[0], batch.lengths, batch.decoder_input), Catch::Contains("source"));
  CHECK_THROWS_WITH(model->forward(batch.source, batch.lengths + 1, batch.decoder_input), Catch::Contains("lengths"));
  CHECK_THROWS_WITH(model->forward(batch.source, batch.lengths, batch.decoder_input.narrow(0, 0, 2)),
                    Catch::Contains("decoder_input"));
  CHECK_THROWS_WITH(model->loss_sum(batch.source, batch.lengths, batch.decoder_input, batch.labels.narrow(1, 0, 2)),
                    Catch::Contains("labels"));
}

TEST_CASE("under autocast to bfloat16 the loss is nearly the same, and gradients are whole") {
  torch::manual_seed(10);
  const Batch batch;
  for (const std::string preset : kPresets) {
    INFO(preset);
    Seq2Seq model(small(preset));
    const auto loss = [&] { return model->loss_sum(batch.source, batch.lengths, batch.decoder_input, batch.labels); };
    const double expected = loss().item<double>();
    {
      const AutocastGuard autocast(torch::kCPU, torch::kBFloat16);
      const auto lossy = loss();
      CHECK(lossy.item<double>() == Approx(expected).epsilon(0.03));
      lossy.backward();
    }
    for (const auto& item : model->named_parameters()) {
      INFO(item.key());
      REQUIRE(item.value().grad().defined());
      CHECK(item.value().grad().isfinite().all().item<bool>());
    }
  }
}

TEST_CASE("each architecture learns to copy") {
  for (const std::string preset : kPresets) {
    INFO(preset);
    torch::manual_seed(9);
    auto config = small(preset);
    config.embedding_size = 16;
    config.hidden_size = 32;
    config.initializer = "fan_in";
    Seq2Seq model(config);
    torch::optim::Adam adam(model->parameters(), torch::optim::AdamOptions(1e-2));
    double loss = 0;
    for (int step = 0; step < 200; ++step) {
      const auto words = torch::randint(3, 7, {16, 3});
      const auto start = torch::ones({16, 1}, torch::kInt64), end = torch::full({16, 1}, 2, torch::kInt64);
      const auto sum = model->loss_sum(words, torch::full({16}, 3, torch::kInt64), torch::cat({start, words}, 1),
                                       torch::cat({words, end}, 1));
      adam.zero_grad();
      (sum / 64).backward();
      adam.step();
      loss = sum.item<double>() / 64;
    }
    CHECK(loss < 0.5);  // ln 4 = 1.39 by chance
  }
}

}  // namespace langzoo::test::seq2seq_test
