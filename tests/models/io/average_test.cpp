#include "tests/support/test.h"

#include "data/files/file_error.h"
#include "models/io/average.h"
#include "models/io/safetensors.h"

namespace langzoo::test::average_test {

namespace fs = std::filesystem;

namespace {

/// Model folders, one of each state dict.
std::vector<fs::path> folders(const TempDir& dir, const std::vector<StateDict>& states) {
  std::vector<fs::path> made;
  for (const auto& state : states) {
    made.push_back(dir / std::to_string(made.size()));
    fs::create_directories(made.back());
    save_safetensors(made.back() / "model.safetensors", state);
  }
  return made;
}

StateDict state_of(double value, torch::ScalarType dtype = torch::kFloat32) {
  StateDict state;
  state.insert("weight", torch::full({2, 3}, value, dtype));
  state.insert("steps", torch::tensor({7, 8}));
  return state;
}

}  // namespace

TEST_CASE("floating-point weights become their mean, in float64 and in the first one's dtype") {
  const TempDir dir;
  const auto mean = average_weights(folders(dir, {state_of(1), state_of(2), state_of(6, torch::kFloat64)}));
  CHECK(mean.size() == 2);
  CHECK(torch::equal(mean["weight"], torch::full({2, 3}, 3.0f)));
  CHECK(torch::equal(mean["steps"], torch::tensor({7, 8})));

  // In float32 the small ones would be lost one after another.
  constexpr int kSmall = 8;
  std::vector<StateDict> states = {state_of(1 << 24)};
  for (int i = 0; i < kSmall; ++i) states.push_back(state_of(1));
  const TempDir others;
  const double expected = ((1 << 24) + kSmall) / 9.0;
  CHECK(average_weights(folders(others, states))["weight"][0][0].item<float>() == static_cast<float>(expected));

  const TempDir halves;
  const auto half = average_weights(folders(halves, {state_of(1, torch::kBFloat16), state_of(2, torch::kBFloat16)}));
  CHECK(torch::equal(half["weight"], torch::full({2, 3}, 1.5, torch::kBFloat16)));
}

TEST_CASE("checkpoints that differ in a name, a shape or a whole number have no mean") {
  const auto refused = [](const StateDict& other, const std::string& names) {
    const TempDir dir;
    const auto dirs = folders(dir, {state_of(1), state_of(2), other});
    CHECK_THROWS_WITH(average_weights(dirs), Catch::Contains(dirs[2].string()) && Catch::Contains(names));
  };
  auto other = state_of(3);
  other.erase("weight");
  refused(other, "weight is missing");
  other.insert("weight", torch::ones({3, 2}));
  refused(other, "weight is (3, 2), not (2, 3)");
  other = state_of(3);
  other.insert("more", torch::ones({1}));
  refused(other, "more is there");
  other = state_of(3);
  other["steps"] = torch::tensor({7, 9});
  refused(other, "steps has other values");
  other["steps"] = torch::tensor({7.0, 8.0});
  refused(other, "steps has other values");
  CHECK_THROWS_AS(average_weights({}), std::invalid_argument);
  const TempDir dir;
  const std::vector<fs::path> empty = {dir.path()};
  CHECK_THROWS_AS(average_weights(empty), FileError);
}

}  // namespace langzoo::test::average_test
