#include "tests/support/test.h"

#include <nlohmann/json.hpp>

#include "models/word_vectors/principal_components.h"

using langzoo::principal_components;
using langzoo::test::max_difference;

namespace {

torch::Tensor matrix(const nlohmann::json& rows) {
  const auto values = rows.get<std::vector<std::vector<double>>>();
  const auto result = torch::empty({std::ssize(values), std::ssize(values[0])}, torch::kFloat64);
  for (std::int64_t i = 0; i < result.size(0); ++i) result[i].copy_(torch::tensor(values[i], torch::kFloat64));
  return result;
}

}  // namespace

TEST_CASE("principal components are those of numpy's singular value decomposition") {
  const auto path = langzoo::test::fixture("word_vectors/principal_components.json");
  const auto cases = nlohmann::json::parse(langzoo::test::read_file(path));
  REQUIRE(cases.size() == 5);
  for (const auto& golden : cases) {
    const auto vectors = matrix(golden["vectors"]);
    CAPTURE(vectors.sizes());
    CHECK(max_difference(principal_components(vectors, 3), matrix(golden["coordinates"]).to(torch::kFloat32)) < 2e-5);
    CHECK(max_difference(principal_components(vectors.to(torch::kFloat32), 2),
                         matrix(golden["coordinates"]).slice(1, 0, 2).to(torch::kFloat32)) < 2e-5);
  }
}

TEST_CASE("principal components of what has no directions are zero") {
  CHECK(principal_components(torch::zeros({0, 4})).sizes() == torch::IntArrayRef({0, 2}));
  for (const auto& vectors : {torch::ones({1, 4}), torch::full({5, 3}, 7.25), torch::zeros({3, 0})}) {
    const auto points = principal_components(vectors);
    CHECK(points.sizes() == torch::IntArrayRef({vectors.size(0), 2}));
    CHECK(points.abs().sum().item<float>() == 0);
  }
  const auto line = principal_components(torch::arange(5, torch::kFloat32).unsqueeze(1));
  CHECK(torch::equal(line, torch::tensor({{-2.f, 0.f}, {-1.f, 0.f}, {0.f, 0.f}, {1.f, 0.f}, {2.f, 0.f}})));
}

TEST_CASE("principal components refuse what is no matrix of finite numbers") {
  auto vectors = torch::ones({4, 2});
  vectors[2][1] = std::numeric_limits<float>::infinity();
  CHECK_THROWS_WITH(principal_components(vectors), Catch::Contains("row 2"));
  CHECK_THROWS_AS(principal_components(torch::ones({4})), std::invalid_argument);
  CHECK_THROWS_AS(principal_components(torch::ones({4, 2}), 0), std::invalid_argument);
}
