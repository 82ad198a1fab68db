#include "tests/support/test.h"

#include <filesystem>

#include "apps/cli/word_vectors/close_words.h"
#include "apps/cli/word_vectors/model_dir.h"
#include "data/files/file_error.h"
#include "data/words/vocabulary.h"
#include "models/io/safetensors.h"
#include "tests/apps/word_vectors/word_vectors.h"

using namespace langzoo;
using Catch::Contains;

namespace {

void write_model(const std::filesystem::path& dir, const std::string& type, const std::string& name,
                 const torch::Tensor& vectors) {
  test::write_file(dir / "config.json", R"({"model_type": ")" + type + R"(", "vocab_size": )" +
                                            std::to_string(vectors.size(0)) + R"(, "dim": )" +
                                            std::to_string(vectors.size(1)) + "}");
  StateDict weights;
  weights.insert(name, vectors);
  save_safetensors(dir / "model.safetensors", weights);
  Vocabulary({"the", "river"}, {5, 3}).save(dir / "vocab.tsv");
}

}  // namespace

TEST_CASE("vectors of a model folder") {
  const test::TempDir dir;
  const auto vectors = torch::tensor({{1.f, 2.f}, {4.f, 5.f}});
  write_model(dir.path(), "ppmi-svd", "embeddings.weight", vectors);
  const auto loaded = load_vectors(dir.path());
  CHECK(loaded.words() == std::vector<std::string>{"the", "river"});
  CHECK(loaded.vectors().equal(vectors));
  CHECK(test::word2vec({"neighbors", "--model", dir.path().string(), "--word", "the", "--json"})
            .object()["neighbors"][0]["word"] == "river");
}

TEST_CASE("what is wrong with a model folder") {
  const test::TempDir dir;
  const auto refused = [&](const std::string& names) {
    CHECK_THROWS_AS(load_vectors(dir.path()), FileError);
    CHECK_THROWS_WITH(load_vectors(dir.path()), Contains(names));
  };
  const auto vectors = torch::ones({2, 2});
  refused("config.json");
  write_model(dir.path(), "gpt2", "embeddings.weight", vectors);
  refused("model_type gpt2 has no word vectors");
  write_model(dir.path(), "ppmi-svd", "weight", vectors);
  refused("embeddings.weight");
  write_model(dir.path(), "ppmi-svd", "embeddings.weight", torch::ones({3, 3}));
  refused("2 words");
  write_model(dir.path(), "ppmi-svd", "embeddings.weight", vectors);
  std::filesystem::remove(dir / "vocab.tsv");
  refused("vocab.tsv");
}

TEST_CASE("words close to a mistyped one") {
  using Words = std::vector<std::string>;
  const Words words{"river", "rivers", "River", "driver", "a", "of", "lake", std::string(200, 'x')};
  CHECK(close_words(words, "RIVER") == Words{"River", "river"});
  CHECK(close_words(words, "rivr") == Words{"river", "River", "rivers"});
  CHECK(close_words(words, "lakes", 9) == Words{"lake"});
  CHECK(close_words(words, "b").empty());
  CHECK(close_words(words, std::string(201, 'x')).empty());
  CHECK(close_words({}, "river").empty());
  CHECK(close_words(words, "").empty());
}
