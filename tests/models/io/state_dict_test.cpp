#include "tests/support/test.h"

#include "models/io/state_dict.h"

namespace langzoo::test {

namespace {

using Catch::Matchers::Contains;

/// Two matrices, the second tied to the first unless told otherwise, a bias and a buffer.
struct TiedImpl : torch::nn::Module {
  explicit TiedImpl(bool tied = true) {
    first = register_parameter("first", torch::zeros({2, 3}));
    second = register_parameter("second", tied ? first : torch::zeros({2, 3}));
    bias = register_parameter("bias", torch::zeros(2));
    steps = register_buffer("steps", torch::zeros(1, torch::kInt64));
  }
  torch::Tensor first, second, bias, steps;
};

StateDict dict(std::initializer_list<std::pair<std::string, torch::Tensor>> items) {
  StateDict result;
  for (const auto& [name, tensor] : items) result.insert(name, tensor);
  return result;
}

torch::Tensor matrix() {
  return torch::arange(6, torch::kFloat32).reshape({2, 3});
}

}  // namespace

TEST_CASE("a tied tensor is in the state dict once") {
  CHECK(state_dict(TiedImpl()).keys() == std::vector<std::string>{"first", "bias", "steps"});
  CHECK(state_dict(TiedImpl(false)).keys() == std::vector<std::string>{"first", "second", "bias", "steps"});
}

TEST_CASE("loading fills every name of a tied tensor and keeps it tied") {
  for (const bool share : {false, true}) {
    for (const std::string name : {"first", "second"}) {
      TiedImpl module;
      const LoadReport report = load_state_dict(
          module, dict({{name, matrix()}, {"bias", torch::ones(2)}, {"steps", torch::full(1, 5, torch::kInt64)}}),
          {.share_memory = share});
      CHECK(report.ok());
      CHECK(report.ignored.empty());
      CHECK(torch::equal(module.first, matrix()));
      CHECK(module.first.is_alias_of(module.second));
      CHECK(module.named_parameters()["second"].is_same(module.first));
      CHECK(module.first.requires_grad());
      CHECK(module.steps.item<int>() == 5);
    }
  }
}

TEST_CASE("both names of a tied tensor in the file: the first wins, the second is ignored") {
  TiedImpl module;
  const LoadReport report = load_state_dict(module, dict({{"second", torch::ones({2, 3})},
                                                          {"first", matrix()},
                                                          {"bias", torch::ones(2)},
                                                          {"steps", torch::zeros(1, torch::kInt64)}}));
  CHECK(report.ignored == std::vector<std::string>{"second"});
  CHECK(torch::equal(module.second, matrix()));
}

TEST_CASE("memory is shared when asked for and only then") {
  const StateDict tensors = state_dict(TiedImpl(false));
  TiedImpl copied(false), shared(false);
  load_state_dict(copied, tensors);
  load_state_dict(shared, tensors, {.share_memory = true});
  tensors["first"].fill_(3.0);
  CHECK(copied.first.abs().max().item<float>() == 0.0f);
  CHECK(shared.first.min().item<float>() == 3.0f);
}

TEST_CASE("parameters that are not tied never share memory, whatever the file's tensors do") {
  const torch::Tensor both = matrix();
  TiedImpl module(false);
  load_state_dict(module, dict({{"first", both}, {"second", both}, {"bias", torch::ones(2)}, {"steps", module.steps}}),
                  {.share_memory = true});
  CHECK_FALSE(module.first.is_alias_of(module.second));
  CHECK(torch::equal(module.first, module.second));
}

TEST_CASE("views become contiguous, and dtypes the module's or the one asked for") {
  TiedImpl module(false);
  const StateDict tensors = dict({{"first", matrix().reshape({3, 2}).t()},
                                  {"second", matrix().to(torch::kBFloat16)},
                                  {"bias", torch::ones(2, torch::kFloat16)},
                                  {"steps", torch::zeros(1, torch::kInt32)}});
  load_state_dict(module, tensors, {.share_memory = true});
  CHECK(module.first.is_contiguous());
  CHECK(torch::equal(module.first, matrix().reshape({3, 2}).t()));
  CHECK(module.second.scalar_type() == torch::kFloat32);
  CHECK(torch::equal(module.second, matrix()));
  CHECK(module.steps.scalar_type() == torch::kInt64);

  load_state_dict(module, tensors, {.dtype = torch::kBFloat16});
  CHECK(module.first.scalar_type() == torch::kBFloat16);
  CHECK(module.named_parameters()["bias"].scalar_type() == torch::kBFloat16);
  CHECK(module.steps.scalar_type() == torch::kInt64);
  CHECK_FALSE(module.second.is_alias_of(tensors["second"]));
}

TEST_CASE("what does not fit is listed, and strict loading changes nothing") {
  TiedImpl module;
  const StateDict tensors = dict({{"first", torch::ones({2, 4})}, {"bias", torch::ones(2)}, {"extra", torch::ones(1)}});
  const LoadReport report = load_state_dict(module, tensors, {.strict = false});
  CHECK(report.missing == std::vector<std::string>{"steps"});
  CHECK(report.unexpected == std::vector<std::string>{"extra"});
  CHECK(report.wrong_shape == std::vector<std::string>{"first: file (2, 4), model (2, 3)"});
  CHECK(report.summary() ==
        "1 missing: steps; 1 unexpected: extra; 1 of another shape: first: file (2, 4), model (2, 3)");
  CHECK(module.bias.min().item<float>() == 1.0f);

  TiedImpl untouched;
  CHECK_THROWS_WITH(load_state_dict(untouched, tensors), Contains("1 missing: steps"));
  CHECK(untouched.bias.max().item<float>() == 0.0f);
}

TEST_CASE("what may be fresh keeps its values, the rest must be there") {
  TiedImpl module;
  const auto head = [](const std::string& name) { return name == "bias"; };
  const auto load = [&](const StateDict& tensors) { return load_state_dict(module, tensors, {.may_be_fresh = head}); };
  const StateDict base = dict({{"first", matrix()}, {"steps", torch::full(1, 5, torch::kInt64)}});
  const LoadReport lacking = load(base);
  CHECK(lacking.ok());
  CHECK(lacking.fresh == std::vector<std::string>{"bias"});
  CHECK(torch::equal(module.first, matrix()));
  CHECK(module.bias.max().item<float>() == 0.0f);

  const LoadReport other = load(dict({{"first", matrix()}, {"steps", base["steps"]}, {"bias", torch::ones(3)}}));
  CHECK(other.replaced == std::vector<std::string>{"bias: file (3), model (2)"});
  CHECK(other.faults().empty());
  CHECK(other.summary() == "1 new in place of another shape: bias: file (3), model (2)");
  CHECK(module.bias.max().item<float>() == 0.0f);

  CHECK_THROWS_WITH(load(dict({{"steps", base["steps"]}})), Contains("1 missing: first"));
  CHECK_THROWS_WITH(load(dict({{"first", torch::ones({2, 4})}, {"steps", base["steps"]}})),
                    Contains("1 of another shape: first"));
}

TEST_CASE("a tensor of integers does not fit a floating-point parameter") {
  TiedImpl module;
  const LoadReport report = load_state_dict(
      module, dict({{"first", matrix().to(torch::kInt64)}, {"bias", torch::ones(2)}, {"steps", module.steps}}),
      {.strict = false});
  CHECK(report.wrong_shape == std::vector<std::string>{"first: file Long, model Float"});
}

}  // namespace langzoo::test
