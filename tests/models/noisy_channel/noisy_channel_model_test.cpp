#include "models/noisy_channel/noisy_channel_model.h"

#include <limits>

#include "data/files/files.h"
#include "data/random/random.h"
#include "models/io/safetensors.h"
#include "tests/support/test.h"

using namespace langzoo;
using Catch::Contains;

namespace {

using Words = std::vector<std::int32_t>;

std::vector<Words> sentences(std::uint64_t seed) {
  Random random(seed);
  std::vector<Words> all(60);
  for (auto& words : all) {
    for (auto n = 1 + random.below(5); n > 0; --n) words.push_back(static_cast<std::int32_t>(random.below(12)));
  }
  return all;
}

NoisyChannelModel small_model() {
  const auto e = sentences(1), f = sentences(2);
  std::vector<TranslatedSentence> pairs;
  for (std::size_t i = 0; i < e.size(); ++i) pairs.push_back({e[i], f[i]});
  const std::vector<std::span<const std::int32_t>> targets(e.begin(), e.end());
  return {15,
          train_ibm_model(pairs, {.model1_iterations = 3, .model2_iterations = 2}).model,
          estimate_ngrams(targets, 13, 12, {.order = 3, .discount_fallback = true}),
          {.beam = 7, .window = 2, .language_weight = 0.75, .word_bonus = -0.5, .jump_penalty = 0.25}};
}

}  // namespace

TEST_CASE("a noisy channel is after loading what it was before saving") {
  const test::TempDir dir;
  const auto saved = small_model();
  saved.save(dir / "model");
  const auto loaded = NoisyChannelModel::load(dir / "model");
  CHECK(loaded.source_vocab_size == 15);
  CHECK(loaded.options.beam == 7);
  CHECK(loaded.options.word_bonus == -0.5);
  CHECK(loaded.target_vocab_size() == 12);
  const auto e = sentences(1), f = sentences(2);
  const NoisyChannel before(saved.channel, saved.language, saved.options),
      after(loaded.channel, loaded.language, loaded.options);
  for (std::size_t i = 0; i < e.size(); ++i) {
    CHECK(loaded.channel.log_probability({e[i], f[i]}) == saved.channel.log_probability({e[i], f[i]}));
    CHECK(loaded.channel.viterbi({e[i], f[i]}) == saved.channel.viterbi({e[i], f[i]}));
    CHECK(loaded.language.log_probability(e[i]) == saved.language.log_probability(e[i]));
    CHECK(after.translate(f[i]).front().words == before.translate(f[i]).front().words);
    CHECK(after.translate(f[i]).front().score == before.translate(f[i]).front().score);
  }
  loaded.save(dir / "again");
  CHECK(read_file(dir / "again/model.safetensors") == read_file(dir / "model/model.safetensors"));
  CHECK(read_file(dir / "again/config.json") == read_file(dir / "model/config.json"));
}

TEST_CASE("what is wrong with the tables of a noisy channel is named") {
  const test::TempDir dir;
  small_model().save(dir.path());
  const auto whole = load_safetensors(dir / "model.safetensors");
  const auto refused = [&](const std::string& name, const std::string& names, const auto& change) {
    StateDict tensors;
    for (const auto& item : whole) tensors.insert(item.key(), item.value().clone());
    if (change(tensors[name])) tensors.erase(name);
    save_safetensors(dir / "model.safetensors", tensors);
    INFO(name << " " << names);
    CHECK_THROWS_AS(NoisyChannelModel::load(dir.path()), FileError);
    CHECK_THROWS_WITH(NoisyChannelModel::load(dir.path()), Contains("model.safetensors") && Contains(names));
  };
  using torch::Tensor;
  const auto set = [](std::int64_t at, double value) {
    return [at, value](Tensor& tensor) {
      tensor[at] = value;
      return false;
    };
  };
  const auto shorten = [](Tensor& tensor) {
    tensor = tensor.slice(0, 0, tensor.size(0) - 1).clone();
    return false;
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const auto& item : whole) {
    refused(item.key(), item.key() + " is missing", [](Tensor&) { return true; });
    refused(item.key(), item.key() + ": expected one dimension", [](Tensor& tensor) {
      tensor = tensor.unsqueeze(0);
      return false;
    });
    refused(item.key(), item.key() + ": expected one dimension", [](Tensor& tensor) {
      tensor = tensor.to(torch::kFloat64);
      return false;
    });
    refused(item.key(), "", shorten);
  }
  refused("channel.translation.rows", "rows", set(0, 1));
  refused("channel.translation.rows", "rows", set(3, -1));
  refused("channel.translation.rows", "rows", set(3, 1 << 30));
  refused("channel.translation.words", "vocabulary", set(0, 15));
  refused("channel.translation.words", "entry 0", set(0, -1));
  refused("channel.translation.words", "entry", set(1, 0));
  refused("channel.translation.probabilities", "probability", set(0, 1.5));
  refused("channel.translation.probabilities", "probability", set(0, nan));
  refused("channel.alignment.lengths", "words", set(0, -1));
  refused("channel.alignment.lengths", "words", set(0, 1 << 30));
  refused("channel.alignment.lengths", "", set(0, 9));
  refused("channel.alignment.probabilities", "no probability", set(0, -0.5));
  refused("channel.alignment.probabilities", "no probability", set(0, nan));
  refused("language", "n-grams", set(0, 0));
  refused("language", "n-grams", set(16, 2));
  refused("language", "n-grams", set(-1, 1));
}

TEST_CASE("a config.json that is no noisy channel's is refused, and any damage is an error or a model") {
  const test::TempDir dir;
  small_model().save(dir.path());
  const auto config = read_file(dir / "config.json"), tables = read_file(dir / "model.safetensors");
  const auto refused = [&](const std::string& from, const std::string& to, const std::string& names) {
    auto changed = config;
    const auto at = changed.find(from);
    REQUIRE(at != std::string::npos);
    test::write_file(dir / "config.json", changed.replace(at, from.size(), to));
    CHECK_THROWS_WITH(NoisyChannelModel::load(dir.path()), Contains(names));
  };
  refused("noisy-channel", "gpt2", "model_type");
  refused("\"order\": 3", "\"order\": 2", "order");
  refused("\"order\": 3", "\"order\": 99", "order");
  refused("\"beam\": 7", "\"beam\": 0", "beam");
  refused("\"window\": 2", "\"window\": 32", "window");
  refused("\"language_weight\": 0.75", "\"language_weight\": \"x\"", "language_weight");
  refused("\"target_vocab_size\": 12", "\"target_vocab_size\": 3", "target");
  refused("\"source_vocab_size\": 15", "\"source_vocab_size\": 99999999999", "source_vocab_size");

  Random random(5);
  const auto f = sentences(2);
  int loaded = 0;
  for (int i = 0; i < 400; ++i) {
    for (const auto& [name, whole] : {std::pair{"config.json", config}, std::pair{"model.safetensors", tables}}) {
      auto bytes = whole;
      for (auto n = 1 + random.below(3); n > 0; --n) {
        bytes[random.below(bytes.size())] = static_cast<char>(random.below(256));
      }
      if (random.below(8) == 0) bytes.resize(random.below(bytes.size()));
      test::write_file(dir / name, bytes);
    }
    if (i % 2 == 0) test::write_file(dir / "config.json", config);
    try {
      const auto model = NoisyChannelModel::load(dir.path());
      auto options = model.options;
      options.beam = std::min<std::int64_t>(options.beam, 20);
      options.candidates = std::min<std::int64_t>(options.candidates, 20);
      CHECK(NoisyChannel(model.channel, model.language, options).translate(f[0]).size() == 1);
      ++loaded;
    } catch (const std::runtime_error&) {
    }
  }
  CHECK(loaded > 20);
}
