#include "tests/support/test.h"

#include <set>

#include "models/io/safetensors.h"
#include "models/layers/dropout.h"
#include "models/rnn_lm/ar_lm.h"
#include "models/rnn_lm/rnn_lm.h"

namespace langzoo::test::rnn_lm_test {

namespace {

using Catch::Contains;
using torch::Tensor;

RnnLmConfig small(const std::string& cell = "lstm", bool tied = false) {
  RnnLmConfig config;
  config.vocab_size = 13;
  config.cell = cell;
  config.embedding_size = 5;
  config.hidden_size = 7;
  config.layers = 2;
  config.tie_word_embeddings = tied;
  config.initializer_range = 0.5;
  config.eos_token_id = {1};
  return config;
}

RnnLm made(const RnnLmConfig& config) {
  torch::manual_seed(4);
  RnnLm model(config);
  model->eval();
  return model;
}

Tensor some_ids(std::int64_t rows, std::int64_t steps) {
  return torch::arange(rows * steps).view({rows, steps}) * 7 % 13;
}

/// One LSTM layer as its equations say it. Shapes: x (T,B,C), h and c (B,H) -> (T,B,H).
Tensor lstm_loop(const Tensor& x, const std::map<std::string, Tensor>& p, const Tensor& weight_hh, Tensor h, Tensor c) {
  std::vector<Tensor> outputs;
  for (const auto& step : x.unbind(0)) {
    const auto gates =
        (step.matmul(p.at("weight_ih").t()) + p.at("bias_ih") + h.matmul(weight_hh.t()) + p.at("bias_hh")).chunk(4, 1);
    c = gates[1].sigmoid() * c + gates[0].sigmoid() * gates[2].tanh();
    h = gates[3].sigmoid() * c.tanh();
    outputs.push_back(h);
  }
  return torch::stack(outputs);
}

std::map<std::string, Tensor> layer_parameters(const RnnLm& model, int layer) {
  std::map<std::string, Tensor> found;
  const auto end = "_l" + std::to_string(layer);
  for (const auto& item : model->rnn->named_parameters()) {
    if (item.key().ends_with(end)) found[item.key().substr(0, item.key().size() - end.size())] = item.value();
  }
  return found;
}

}  // namespace

TEST_CASE("recurrent language models are torch.nn's: names, logits, states, loss and gradients of a second half") {
  for (const std::string variant : {"rnn", "lstm", "gru", "lstm_tied"}) {
    INFO(variant);
    const auto golden = load_safetensors(fixture("rnn_lm/" + variant + "/golden.safetensors"));
    auto model = from_pretrained<RnnLm>(fixture("rnn_lm/" + variant));
    const auto &ids = golden["ids"], &targets = golden["targets"];
    const auto half = ids.size(1) / 2;
    auto memory = model->memory(ids.size(0));
    model->read(ids.narrow(1, 0, half), memory);
    for (auto& part : memory) part = part.detach();
    const auto states = model->read(ids.narrow(1, half, half), memory);
    CHECK(max_difference(model->output_logits(states.hidden).transpose(0, 1), golden["logits"]) < 1e-5);
    const auto L = model->config().layers;
    for (std::int64_t i = 0; i < L; ++i) {
      CHECK(max_difference(memory[static_cast<std::size_t>(i)][0], golden["h"][i]) < 1e-5);
      if (golden.contains("c"))
        CHECK(max_difference(memory[static_cast<std::size_t>(L + i)][0], golden["c"][i]) < 1e-5);
    }
    // The graph ends where the memory was detached: truncated backpropagation.
    const auto loss = model->output_loss(states.hidden.flatten(0, 1), targets.narrow(1, half, half).t().reshape({-1}));
    CHECK(loss.item<double>() == Approx(golden["loss"].item<double>()).epsilon(1e-5));
    loss.backward();
    std::set<std::string> names;
    for (const auto& item : model->named_parameters()) {
      INFO(item.key());
      names.insert(item.key());
      CHECK(max_difference(item.value().grad(), golden["grad." + item.key()]) < 1e-4);
    }
    CHECK(names.contains("rnn.weight_hh_l0"));
    CHECK(names.contains("output.bias"));
    CHECK(names.contains("output.weight") == (variant != "lstm_tied"));
  }
}

TEST_CASE("a text read in pieces gives the states of the text read at once, and its gradients where nothing is cut") {
  for (const std::string cell : {"rnn_tanh", "lstm", "gru"}) {
    auto model = made(small(cell));
    const auto ids = some_ids(3, 9);
    const auto whole = model->loss_sum(ids, ids);
    whole.backward();
    const auto expected = model->rnn->named_parameters()["weight_hh_l0"].grad().clone();
    model->zero_grad();
    auto memory = model->memory(3);
    Tensor loss;
    std::int64_t begin = 0;
    for (const std::int64_t size : {1, 4, 4}) {
      const auto part = ids.narrow(1, begin, size);
      const auto states = model->read(part, memory);
      const auto own = model->output_loss(states.hidden.flatten(0, 1), part.t().reshape({-1}));
      loss = loss.defined() ? loss + own : own;
      begin += size;
    }
    CHECK(loss.item<double>() == Approx(whole.item<double>()).epsilon(1e-5));
    loss.backward();
    CHECK(max_difference(model->rnn->named_parameters()["weight_hh_l0"].grad(), expected) < 1e-4);
  }
}

TEST_CASE("one row and one token at a time, by its own kernels, is the same as a batch") {
  for (const std::string cell : {"rnn_relu", "lstm", "gru"}) {
    auto model = made(small(cell));
    const auto ids = some_ids(1, 6);
    const auto expected = model->logits(ids);
    const torch::NoGradGuard no_grad;
    auto memory = model->memory(1), longer = model->memory(1);
    for (std::int64_t t = 0; t < 6; ++t) {
      const auto logits = model->output_logits(model->read(ids.narrow(1, t, 1), memory).hidden);
      CHECK(max_difference(logits[0], expected.select(1, t)) < 1e-5);
    }
    CHECK(max_difference(model->output_logits(model->read(ids, longer).hidden).transpose(0, 1), expected) < 1e-5);
  }
}

TEST_CASE("weight drop is one mask on weight_hh for all steps, in outputs and gradients") {
  auto config = small();
  config.weight_drop = 0.5;
  config.layers = 1;
  auto model = made(config);
  model->train();
  const auto ids = some_ids(3, 5);
  auto memory = model->memory(3);
  torch::manual_seed(11);
  const auto states = model->read(ids, memory).hidden;
  states.square().sum().backward();

  auto p = layer_parameters(model, 0);
  for (auto& [name, parameter] : p) parameter = parameter.detach().clone().requires_grad_();
  torch::manual_seed(11);
  const auto zero = torch::zeros({3, 7});
  const auto x = model->embedding->weight.detach().index_select(0, ids.t().reshape({-1})).view({5, 3, 5});
  const auto loop = lstm_loop(x, p, dropped(p.at("weight_hh"), 0.5, true), zero, zero);
  CHECK(max_difference(states, loop) < 1e-5);
  loop.square().sum().backward();
  for (const auto& [name, parameter] : layer_parameters(model, 0)) {
    INFO(name);
    CHECK(max_difference(parameter.grad(), p.at(name).grad()) < 1e-4);
  }

  // From states of zero the first step does not see the mask; later ones do.
  auto again = model->memory(3);
  const auto redrawn = model->read(ids, again).hidden;
  CHECK(max_difference(redrawn[0], states[0]) < 1e-6);
  CHECK(max_difference(redrawn[4], states[4]) > 1e-4);
  model->eval();
  auto a = model->memory(3), b = model->memory(3);
  CHECK(torch::equal(model->read(ids, a).hidden, model->read(ids, b).hidden));
}

TEST_CASE("variational dropout has one mask over time, plain dropout another in each step") {
  torch::manual_seed(3);
  const auto x = torch::ones({6, 4, 50});
  const auto locked = locked_dropped(x, 0.4, true);
  for (std::int64_t t = 1; t < 6; ++t) CHECK(torch::equal(locked[t], locked[0]));
  CHECK_FALSE(torch::equal(locked[0][0], locked[0][1]));
  CHECK(locked.max().item<double>() == Approx(1 / 0.6));
  CHECK(locked.eq(0).to(torch::kFloat64).mean().item<double>() == Approx(0.4).margin(0.12));
  CHECK(locked_dropped(x, 0.4, false).is_same(x));

  auto config = small();
  config.variational_dropout = true;
  config.dropout = 0.5;
  auto model = made(config);
  model->train();
  auto memory = model->memory(2);
  const auto states = model->read(some_ids(2, 6), memory);
  const auto kept = states.hidden.ne(0);
  for (std::int64_t t = 1; t < 6; ++t) CHECK(torch::equal(kept[t], kept[0]));
  CHECK(max_difference(states.hidden, states.undropped * 2 * kept) < 1e-6);
}

TEST_CASE("embedding dropout takes whole words for the batch, wherever they stand") {
  auto config = small();
  config.embedding_dropout = 0.5;
  auto model = made(config);
  model->train();
  auto memory = model->memory(4);
  const auto ids = some_ids(4, 26);
  std::vector<Tensor> each;
  model->read(ids, memory, &each);
  std::set<std::int64_t> gone, kept;
  for (std::int64_t b = 0; b < 4; ++b) {
    for (std::int64_t t = 0; t < 26; ++t) {
      const auto id = ids[b][t].item<std::int64_t>();
      const auto x = each[0][t][b];
      const bool zero = x.eq(0).all().item<bool>();
      (zero ? gone : kept).insert(id);
      if (!zero) CHECK(max_difference(x, model->embedding->weight[id] * 2) < 1e-6);
    }
  }
  CHECK_FALSE(gone.empty());
  CHECK_FALSE(kept.empty());
  for (const auto id : gone) CHECK_FALSE(kept.contains(id));
}

TEST_CASE("tied weights are one tensor, saved once, and the top layer has the embedding's width") {
  const TempDir dir;
  auto model = made(small("lstm", true));
  CHECK(model->output->weight.is_same(model->embedding->weight));
  CHECK(model->rnn->named_parameters()["weight_hh_l1"].size(1) == 5);
  CHECK(model->rnn->named_parameters()["weight_hh_l0"].size(1) == 7);
  model->save_pretrained(dir.path());
  const auto saved = load_safetensors(dir / "model.safetensors");
  CHECK(saved.contains("embedding.weight"));
  CHECK_FALSE(saved.contains("output.weight"));
  auto loaded = from_pretrained<RnnLm>(dir.path());
  const auto ids = some_ids(2, 4);
  CHECK(torch::equal(loaded->logits(ids), model->logits(ids)));
  CHECK(loaded->output->weight.is_same(loaded->embedding->weight));
}

TEST_CASE("published sizes: AWD-LSTM and the book's better model") {
  const auto count = [](const RnnLmConfig& config) {
    const SkipInit sizes_only;
    std::int64_t parameters = 0;
    for (const auto& parameter : RnnLm(config)->parameters()) parameters += parameter.numel();
    return parameters;
  };
  RnnLmConfig awd;
  awd.embedding_size = 400, awd.hidden_size = 1150, awd.layers = 3, awd.tie_word_embeddings = true;
  CHECK(count(awd) == 24221600);
  awd.vocab_size = 33278;
  CHECK(count(awd) == 33556078);
  RnnLmConfig better;
  better.embedding_size = better.hidden_size = 650, better.tie_word_embeddings = true;
  CHECK(count(better) == 13280400);  // with torch.nn's second biases
}

TEST_CASE("steps after a left-padded prompt give each row the logits it has alone, whatever the pieces") {
  auto ar_config = ArLmConfig();
  ar_config.vocab_size = 13, ar_config.order = 3, ar_config.embedding_size = 4, ar_config.hidden_size = 6;
  ar_config.eos_token_id = {1};
  torch::manual_seed(2);
  ArLm ar(ar_config);
  ar->eval();
  auto lstm = made(small());
  for (StreamLm* const model : {static_cast<StreamLm*>(&*lstm), static_cast<StreamLm*>(&*ar)}) {
    const auto ids = some_ids(3, 8);
    auto mask = torch::ones({3, 8}, torch::kBool);
    mask[0].narrow(0, 0, 6).fill_(false);
    mask[2].narrow(0, 0, 3).fill_(false);
    const auto next = torch::tensor({{5}, {6}, {7}});
    const auto alone = [&](std::int64_t row, bool with_next) {
      auto own = ids[row].index({mask[row]});
      if (with_next) own = torch::cat({own, next[row]});
      return model->logits(own.unsqueeze(0))[0][-1];
    };
    for (const auto& sizes : std::vector<std::vector<std::int64_t>>{{8}, {2, 6}, {7, 1}, {1, 3, 4}}) {
      const auto step = model->start(mask, 9);
      Tensor logits;
      std::int64_t begin = 0;
      for (const auto size : sizes) {
        logits = begin == 0 ? step->all_logits(ids.narrow(1, begin, size)).select(1, -1)
                            : step->step(ids.narrow(1, begin, size));
        begin += size;
      }
      for (std::int64_t row = 0; row < 3; ++row) CHECK(max_difference(logits[row], alone(row, false)) < 1e-5);
      step->reorder(torch::tensor({2, 0, 0}));
      logits = step->step(next.index_select(0, torch::tensor({2, 0, 0})));
      CHECK(max_difference(logits[0], alone(2, true)) < 1e-5);
      CHECK(max_difference(logits[2], alone(0, true)) < 1e-5);
      CHECK_THROWS_WITH(step->step(next), Contains("capacity of 9"));
    }
  }
}

TEST_CASE("log-probabilities are the logits' softmax at the targets") {
  auto model = made(small("gru"));
  const auto ids = some_ids(2, 7), targets = (ids + 3) % 13;
  auto memory = model->memory(2);
  const auto logs = model->log_probabilities(ids, targets, memory);
  const auto expected = model->logits(ids).log_softmax(-1).gather(2, targets.unsqueeze(2)).squeeze(2);
  CHECK(max_difference(logs, expected) < 1e-5);
  CHECK(model->prompt_start() == 1);
}

TEST_CASE("the feed-forward model is Bengio's equation over the last words, end tokens before the first") {
  for (const bool direct : {false, true}) {
    for (const std::int64_t n : {1, 3}) {
      ArLmConfig config;
      config.vocab_size = 13, config.order = n, config.embedding_size = 4, config.hidden_size = 6;
      config.direct = direct;
      config.eos_token_id = {1};
      torch::manual_seed(7);
      ArLm model(config);
      model->eval();
      const auto ids = some_ids(2, 5);
      const auto logits = model->logits(ids);
      for (std::int64_t b = 0; b < 2; ++b) {
        for (std::int64_t t = 0; t < 5; ++t) {
          std::vector<Tensor> words;
          for (std::int64_t k = t - n + 1; k <= t; ++k)
            words.push_back(model->embedding->weight[k < 0 ? 1 : ids[b][k].item<std::int64_t>()]);
          const auto x = torch::cat(words);
          auto h = (model->hidden->weight.mv(x) + model->hidden->bias).tanh();
          if (direct) h = torch::cat({h, x});
          CHECK(max_difference(logits[b][t], model->output->weight.mv(h) + model->output->bias) < 1e-5);
        }
      }
    }
  }
}

TEST_CASE("adaptive and sampled softmax train, and an adaptive one gives probabilities") {
  auto config = small();
  config.adaptive_cutoffs = {4, 8};
  config.hidden_size = 16;
  auto model = made(config);
  const auto ids = some_ids(2, 6);
  CHECK(max_difference(model->logits(ids).exp().sum(-1), torch::ones({2, 6})) < 1e-5);
  const auto logs = model->logits(ids).gather(2, ids.unsqueeze(2));
  CHECK(model->loss_sum(ids, ids).item<double>() == Approx(-logs.sum().item<double>()).epsilon(1e-5));
  CHECK(model->named_parameters().contains("output.tail.1.0.weight"));

  config = small();
  config.sampled_softmax = 20;
  model = made(config);
  const auto exact = model->loss_sum(ids, ids).item<double>();
  CHECK(exact == model->loss_sum(ids, ids).item<double>());
  model->train();
  CHECK(model->loss_sum(ids, ids).item<double>() != model->loss_sum(ids, ids).item<double>());
}

TEST_CASE("a recurrent language model learns a text by heart") {
  for (const std::string cell : {"rnn_tanh", "lstm", "gru"}) {
    auto config = small(cell);
    config.hidden_size = config.embedding_size = 24;
    config.tie_word_embeddings = true;
    auto model = made(config);
    model->train();
    const auto ids = some_ids(2, 20), targets = torch::roll(ids, -1, 1);
    double loss = 0;
    for (int step = 0; step < 120; ++step) {
      const auto sum = model->loss_sum(ids, targets) / 40;
      model->zero_grad();
      sum.backward();
      const torch::NoGradGuard no_grad;
      for (auto& parameter : model->parameters()) parameter.sub_(parameter.grad().clamp(-0.5, 0.5), 2.0);
      loss = sum.item<double>();
    }
    INFO(cell);
    CHECK(loss < 0.3);
  }
}

TEST_CASE("what a recurrent language model cannot be is refused by name") {
  const auto refused = [](const auto& change, const std::string& message) {
    auto config = small();
    change(config);
    CHECK_THROWS_WITH(RnnLm(config), Contains(message));
  };
  refused([](auto& c) { c.cell = "lru"; }, "cell");
  refused([](auto& c) { c.layers = 0; }, "layers");
  refused([](auto& c) { c.weight_drop = 1; }, "weight_drop");
  refused([](auto& c) { c.adaptive_cutoffs = {4, 13}; }, "below the vocabulary's 13");
  refused([](auto& c) { c.adaptive_cutoffs = {4}, c.tie_word_embeddings = true; }, "tie_word_embeddings");
  auto model = made(small());
  auto memory = model->memory(2);
  CHECK_THROWS_AS(model->read(some_ids(3, 2), memory), std::invalid_argument);
  StreamMemory none;
  CHECK_THROWS_AS(model->read(some_ids(2, 2), none), std::invalid_argument);
}

}  // namespace langzoo::test::rnn_lm_test
