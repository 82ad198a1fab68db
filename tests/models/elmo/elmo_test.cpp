#include "tests/support/test.h"

#include <fstream>

#include "data/files/files.h"
#include "models/elmo/elmo_features.h"
#include "models/io/hdf5.h"
#include "models/io/safetensors.h"
#include "models/layers/scalar_mixture.h"
#include "models/registry.h"

namespace langzoo::test::elmo_test {

namespace {

using Catch::Contains;
using torch::Tensor;
using Sentence = std::vector<std::string>;

ElmoConfig small() {
  ElmoConfig config;
  config.vocab_size = 11;
  config.character_size = 4;
  config.max_characters = 12;
  config.filters = {{1, 3}, {2, 4}, {4, 5}};
  config.highway_layers = 1;
  config.projection_size = 6;
  config.hidden_size = 9;
  config.dropout = 0;
  config.eos_token_id = {1};
  return config;
}

ElmoLm made(const ElmoConfig& config = small()) {
  torch::manual_seed(3);
  ElmoLm model(config);
  model->eval();
  return model;
}

ElmoFeatures features_of(ElmoLm& model) {
  return ElmoFeatures(model->elmo);
}

std::vector<Sentence> sentences_of(const std::string& variant) {
  return nlohmann::json::parse(read_file(fixture("elmo/" + variant + "/sentences.json"))).get<std::vector<Sentence>>();
}

/// A folder of the released form with `old` in options.json replaced.
void copy_released(const TempDir& dir, const std::string& old, const std::string& replacement) {
  auto options = read_file(fixture("elmo/projected/options.json"));
  const auto at = options.find(old);
  REQUIRE(at != std::string::npos);
  write_file(dir / "options.json", options.replace(at, old.size(), replacement));
  write_file(dir / "weights.hdf5", read_file(fixture("elmo/projected/weights.hdf5")));
}

}  // namespace

TEST_CASE("characters are bytes between a word's begin and end, the sentence's edges first") {
  const Sentence words = {"ab", "\xc3\xbc", "abcdefgh"};
  const auto table = elmo_characters(words, 6);
  REQUIRE(table.sizes() == at::IntArrayRef({5, 6}));
  const auto row = [&](std::int64_t i) {
    const auto own = table[i].to(torch::kInt64).contiguous();
    return std::vector<std::int64_t>(own.const_data_ptr<std::int64_t>(), own.const_data_ptr<std::int64_t>() + 6);
  };
  using Row = std::vector<std::int64_t>;
  CHECK(row(kElmoBeginRow) == Row{258, 256, 259, 260, 260, 260});
  CHECK(row(kElmoEndRow) == Row{258, 257, 259, 260, 260, 260});
  CHECK(row(kElmoFirstWordRow) == Row{258, 'a', 'b', 259, 260, 260});
  CHECK(row(3) == Row{258, 0xc3, 0xbc, 259, 260, 260});
  CHECK(row(4) == Row{258, 'a', 'b', 'c', 'd', 259});  // the first M - 2
  CHECK(elmo_characters({}, 6).size(0) == 2);
}

TEST_CASE("released weights give the layers of an independent program, and their mixture") {
  if (!reads_hdf5()) return;
  for (const std::string variant : {"projected", "plain"}) {
    INFO(variant);
    const auto dir = fixture("elmo/" + variant);
    REQUIRE(is_released_elmo(dir));
    LoadReport report;
    const auto elmo = ElmoFeatures::load(dir, torch::kCPU, torch::kFloat32, &report);
    CHECK(report.unmodelled == (variant == "plain" ? Sentence{"dropout"} : Sentence{}));
    const auto golden = load_safetensors(dir / "golden.safetensors");
    const auto sentences = sentences_of(variant);
    ScalarMixture mixture(elmo.num_layers());
    {
      const torch::NoGradGuard no_grad;
      mixture->weights.copy_(golden["w"]);
      mixture->gamma.copy_(golden["gamma"]);
    }
    const auto together = elmo.layers(sentences);
    for (std::size_t i = 0; i < sentences.size(); ++i) {
      const auto T = std::ssize(sentences[i]);
      const auto layers = elmo.layers(sentences[i]);
      const auto& expected = golden["layers." + std::to_string(i)];
      REQUIRE(layers.sizes() == expected.sizes());
      REQUIRE(layers.sizes() == at::IntArrayRef({elmo.num_layers(), T, elmo.width()}));
      if (T == 0) continue;
      CHECK(max_difference(layers, expected) < 1e-5);
      CHECK(max_difference(mixture(layers), golden["mixture." + std::to_string(i)]) < 1e-5);
      // In a batch with longer ones, and nothing behind its end.
      const auto own = together.select(1, static_cast<std::int64_t>(i));
      CHECK(max_difference(own.narrow(1, 0, T), expected) < 1e-5);
      CHECK(own.slice(1, T).abs().sum().item<double>() == 0);
      CHECK(torch::equal(layers[0].slice(1, 0, elmo.width() / 2), layers[0].slice(1, elmo.width() / 2)));
    }
  }
}

TEST_CASE("no direction sees what it has to predict") {
  auto model = made();
  const auto elmo = features_of(model);
  const Sentence words = {"one", "two", "three", "four", "five"};
  const auto P = elmo.width() / 2;
  const auto before = elmo.layers(words);
  for (std::size_t t = 0; t < words.size(); ++t) {
    auto changed = words;
    changed[t] = "other";
    const auto after = elmo.layers(changed);
    const auto place = static_cast<std::int64_t>(t), T = std::ssize(words);
    for (std::int64_t layer = 1; layer < elmo.num_layers(); ++layer) {
      const auto differs = [&](std::int64_t first, std::int64_t stop, std::int64_t side) {
        const auto part = [&](const Tensor& of) { return of[layer].slice(0, first, stop).slice(1, side, side + P); };
        return !torch::equal(part(before), part(after));
      };
      if (t > 0) {
        CHECK_FALSE(differs(0, place, 0));  // forward states before the change
        CHECK(differs(0, place, P));
      }
      if (place + 1 < T) {
        CHECK_FALSE(differs(place + 1, T, P));  // backward states behind it
        CHECK(differs(place + 1, T, 0));
      }
      CHECK(differs(place, place + 1, 0));
      CHECK(differs(place, place + 1, P));
    }
  }
}

TEST_CASE("streams read in pieces give the states of the whole, in both directions") {
  auto model = made();
  const Sentence words = {"a", "bc", "def"};
  const auto characters = elmo_characters(words, 12);
  const auto forward = torch::tensor({{0, 2, 3, 4, 0, 2}, {0, 4, 4, 3, 2, 0}}), backward = forward.flip(1);
  auto whole = model->memory(2), pieces = model->memory(2);
  const auto expected = model->read({characters, forward, backward}, whole);
  const auto piece = [&](std::int64_t begin, std::int64_t size) {
    return model->read({characters, forward.narrow(1, begin, size), backward.narrow(1, begin, size)}, pieces);
  };
  const auto first = piece(0, 2), rest = piece(2, 4);
  CHECK(max_difference(torch::cat({first.forward, rest.forward}), expected.forward) < 1e-5);
  CHECK(max_difference(torch::cat({first.backward, rest.backward}), expected.backward) < 1e-5);
  REQUIRE(whole.size() == 8);
  for (std::size_t i = 0; i < whole.size(); ++i) CHECK(max_difference(whole[i], pieces[i]) < 1e-5);

  // From zeros a stream is what a sentence is to the features.
  const Sentence sentence = {"a", "bc"};
  const auto layers = features_of(model).layers(sentence);
  auto fresh = model->memory(1);
  const auto states = model->read({characters, torch::tensor({{0, 2, 3}}), torch::tensor({{1, 3, 2}})}, fresh);
  CHECK(max_difference(states.forward.squeeze(1).slice(0, 1), layers[2].slice(1, 0, 6)) < 1e-5);
  CHECK(max_difference(states.backward.squeeze(1).slice(0, 1).flip(0), layers[2].slice(1, 6)) < 1e-5);
}

TEST_CASE("a word's vector does not depend on the words beside it, however long they are") {
  auto model = made();
  const Sentence alone = {"word"}, beside = {"word", "incomprehensibilities", "x"};
  const auto a = model->elmo->token_layer(elmo_characters(alone, 12));
  const auto b = model->elmo->token_layer(elmo_characters(beside, 12));
  CHECK(max_difference(a[2], b[2]) < 1e-6);
}

TEST_CASE("the highway and the convolutions are their equations, by loops") {
  auto model = made();
  auto& layer = *model->elmo->token_layer;
  const Sentence words = {"cat"};
  const auto characters = elmo_characters(words, 12)[2].to(torch::kInt64);
  const auto x = layer.char_embedding->weight.index_select(0, characters);  // (M,4)
  std::vector<Tensor> parts;
  for (const auto& module : *layer.convolutions) {
    const auto& own = *module->as<ElmoConvolutionImpl>();
    for (std::int64_t filter = 0; filter < own.weight.size(0); ++filter) {
      Tensor best;
      for (std::int64_t at = 0; at + own.weight.size(2) <= 12; ++at) {
        const auto sum = (x.narrow(0, at, own.weight.size(2)).t() * own.weight[filter]).sum() + own.bias[filter];
        best = best.defined() ? torch::maximum(best, sum) : sum;
      }
      parts.push_back(best.relu());
    }
  }
  auto y = torch::stack(parts);
  const auto& highway = *layer.highways[0]->as<ElmoHighwayImpl>();
  const auto carry = (highway.carry->weight.mv(y) + highway.carry->bias).sigmoid();
  y = carry * (highway.transform->weight.mv(y) + highway.transform->bias).relu() + (1 - carry) * y;
  y = layer.projection->weight.mv(y) + layer.projection->bias;
  CHECK(max_difference(layer.forward(elmo_characters(words, 12))[2], y) < 1e-5);
}

TEST_CASE("a saved language model opens again, and without its output layer") {
  const TempDir dir;
  auto model = made();
  model->save_pretrained(dir.path());
  CHECK(registered_model(dir.path()).architecture == "ElmoLM");
  auto loaded = from_pretrained<ElmoLm>(dir.path());
  for (const auto& item : model->named_parameters())
    CHECK(torch::equal(item.value(), loaded->named_parameters()[item.key()]));
  const Sentence words = {"one", "two"};
  LoadReport report;
  const auto elmo = ElmoFeatures::load(dir.path(), torch::kCPU, torch::kFloat32, &report);
  CHECK(report.summary().empty());
  CHECK(torch::equal(elmo.layers(words), features_of(model).layers(words)));
  CHECK_FALSE(elmo.layers(words).requires_grad());
  CHECK_FALSE(is_released_elmo(dir.path()));
}

TEST_CASE("published sizes") {
  const SkipInit sizes_only;
  std::int64_t parameters = 0;
  for (const auto& parameter : ElmoModel(ElmoConfig())->parameters()) parameters += parameter.numel();
  CHECK(parameters == 93600864 - 16);  // the released code also counts a character that is none
}

TEST_CASE("gradients reach every parameter, and a sampled softmax trains") {
  auto config = small();
  config.sampled_softmax = 5;
  auto model = made(config);
  model->train();
  const Sentence words = {"a", "bc", "def"};
  auto memory = model->memory(1);
  const auto ids = torch::tensor({{0, 2, 3, 4}});
  const auto states = model->read({elmo_characters(words, 12), ids, ids.flip(1)}, memory);
  const auto targets = torch::tensor({2, 3, 4, 5});
  (model->output_loss(states.forward.squeeze(1), targets) + model->output_loss(states.backward.squeeze(1), targets))
      .backward();
  for (const auto& item : model->named_parameters()) {
    INFO(item.key());
    REQUIRE(item.value().grad().defined());
    CHECK(item.value().grad().abs().sum().item<double>() > 0);
  }
  model->eval();
  const auto hidden = torch::randn({4, 6});
  const auto full = -model->output_logits(hidden).log_softmax(-1).gather(1, targets.unsqueeze(1)).sum();
  CHECK(model->output_loss(hidden, targets).item<double>() == Approx(full.item<double>()).epsilon(1e-5));
}

TEST_CASE("an ELMo that cannot be is refused by name") {
  const auto refused = [](const auto& change, const std::string& message) {
    auto config = small();
    change(config);
    CHECK_THROWS_WITH(ElmoLm(config), Contains(message));
  };
  refused([](auto& c) { c.filters = {}; }, "filters");
  refused([](auto& c) { c.filters = {{1, 3, 4}}; }, "one is (1, 3, 4)");
  refused([](auto& c) { c.filters = {{13, 3}}; }, "max_characters = 12");
  refused([](auto& c) { c.projection_size = 10; }, "projection_size = 10 must not be above hidden_size = 9");
  refused([](auto& c) { c.max_characters = 2; }, "max_characters");
  refused([](auto& c) { c.activation = "gelu"; }, "activation");
  refused([](auto& c) { c.cell_clip = -1; }, "cell_clip");
  auto model = made();
  auto memory = model->elmo->memory(2);
  CHECK_THROWS_AS(model->elmo->read(ElmoDirection::kForward, torch::zeros({2, 3, 6}), memory), std::invalid_argument);
}

TEST_CASE("a folder in the released form that is wrong is refused by file and name") {
  const auto refused = [](const std::string& old, const std::string& replacement, const std::string& message) {
    const TempDir dir;
    copy_released(dir, old, replacement);
    CHECK_THROWS_WITH(ElmoFeatures::load(dir.path()), Contains(message));
  };
  const TempDir dir;
  write_file(dir / "options.json", read_file(fixture("elmo/projected/options.json")));
  if (!reads_hdf5()) {
    CHECK_THROWS_WITH(ElmoFeatures::load(dir.path()), Contains("libhdf5-dev"));
    return;
  }
  CHECK_THROWS_WITH(ElmoFeatures::load(dir.path()), Contains("weights.hdf5: does not exist"));
  write_file(dir / "weights.hdf5", "no HDF5");
  CHECK_THROWS_WITH(ElmoFeatures::load(dir.path()), Contains("is no HDF5 file"));
  write_file(dir / "weights.hdf5", read_file(fixture("elmo/projected/weights.hdf5")).substr(0, 20000));
  CHECK_THROWS_WITH(ElmoFeatures::load(dir.path()), Contains("weights.hdf5"));
  refused("\"dim\": 8", "\"dim\": 9",
          "RNN_0/RNN/MultiRNNCell/Cell0/LSTMCell/W_0: has the shape (12, 32), expected (12, 36)");
  refused("\"n_layers\": 2", "\"n_layers\": 3", "has no dataset RNN_0/RNN/MultiRNNCell/Cell2/LSTMCell/W_0");
  refused("\"n_layers\": 2", "\"n_layers\": 1",
          "weights.hdf5: has RNN_0/RNN/MultiRNNCell/Cell1, of which lstm.n_layers says nothing");
  refused("\"n_highway\": 2, ", "", "weights.hdf5: has CNN_high_0, of which char_cnn.n_highway says nothing");
  refused(", [3, 5]]", "]", "weights.hdf5: has CNN/W_cnn_2, of which char_cnn.filters says nothing");
  refused("\"projection_dim\": 6, ", "", "options.json: lstm.projection_dim is missing");
  refused("\"relu\"", "\"selu\"", "activation");
  refused("262", "60", "n_characters");
  refused("{", "[", "options.json");
}

}  // namespace langzoo::test::elmo_test
