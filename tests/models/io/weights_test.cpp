#include "tests/support/test.h"

#include "data/files/files.h"
#include "models/io/weights.h"

namespace langzoo::test {

namespace {

using Catch::Matchers::Contains;

namespace fs = std::filesystem;

/// A copy of the sharded fixture whose index has `from` replaced by `to`.
void change_index(const TempDir& dir, const std::string& from, const std::string& to) {
  fs::copy(fixture("io/sharded"), dir.path(), fs::copy_options::overwrite_existing | fs::copy_options::recursive);
  const fs::path index = dir / "model.safetensors.index.json";
  std::string text = read_file(index);
  REQUIRE(text.find(from) != std::string::npos);
  text.replace(text.find(from), from.size(), to);
  write_file(index, text);
}

}  // namespace

TEST_CASE("a sharded directory is one state dict") {
  const StateDict tensors = load_weights(fixture("io/sharded"));
  CHECK(tensors.size() == 3);
  CHECK(torch::equal(tensors["a.weight"], torch::arange(6, torch::kFloat32).reshape({2, 3})));
  CHECK(torch::equal(tensors["a.bias"], torch::tensor({10.0f, 11.0f})));
  CHECK(torch::equal(tensors["b.weight"], torch::arange(20, 26, torch::kFloat32).reshape({3, 2})));
}

TEST_CASE("an index that disagrees with its shards is refused") {
  const TempDir dir;
  change_index(dir, "\"b.weight\"", "\"c.weight\"");
  CHECK_THROWS_WITH(load_weights(dir.path()), Contains("tensor b.weight: ") && Contains("does not place it here"));
  change_index(dir, "\"b.weight\":", "\"c.weight\": \"model-00002-of-00002.safetensors\", \"b.weight\":");
  CHECK_THROWS_WITH(load_weights(dir.path()), Contains("has no tensor c.weight"));
  change_index(dir, "model-00002-of-00002.safetensors", "model-00003-of-00003.safetensors");
  CHECK_THROWS_WITH(load_weights(dir.path()), Contains("model-00003-of-00003.safetensors: No such file"));
  change_index(dir, "\"b.weight\": \"", "\"b.weight\": 3, \"x\": \"");
  CHECK_THROWS_WITH(load_weights(dir.path()), Contains("weight_map: b.weight names no file"));
  change_index(dir, "weight_map", "weight_mop");
  CHECK_THROWS_WITH(load_weights(dir.path()), Contains("has no weight_map"));
  change_index(dir, "{", "[");
  CHECK_THROWS_WITH(load_weights(dir.path()), Contains("not valid JSON"));
}

TEST_CASE("a shard outside the directory is not opened") {
  for (const std::string name : {"../x.safetensors", "/x.safetensors", "a/b.safetensors", "..", ""}) {
    const TempDir dir;
    change_index(dir, "model-00002-of-00002.safetensors", name);
    CHECK_THROWS_WITH(load_weights(dir.path()), Contains("is not a file name in this directory"));
  }
}

TEST_CASE("a directory without weights names what was looked for") {
  const TempDir dir;
  CHECK_THROWS_WITH(load_weights(dir.path()), Contains("model.safetensors") && Contains("pytorch_model.bin"));
}

}  // namespace langzoo::test
