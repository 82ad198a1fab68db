#include "tests/support/test.h"

#include <torch/nn/utils/clip_grad.h>
#include <torch/optim/adamw.h>

#include "models/optim/adamw.h"
#include "models/optim/clip.h"
#include "models/optim/optimizers.h"

namespace langzoo {
namespace {

using test::max_difference;

/// A matrix, a bias, an embedding used twice (tied), a norm.
struct ModelImpl : torch::nn::Module {
  explicit ModelImpl(std::uint64_t seed, torch::ScalarType dtype = torch::kFloat32) {
    torch::manual_seed(seed);
    embedding = register_parameter("embedding", torch::randn({11, 6}).to(dtype));
    weight = register_parameter("weight", torch::randn({6, 6}).to(dtype));
    bias = register_parameter("bias", torch::randn({6}).to(dtype));
    gain = register_parameter("gain", torch::ones({6}).to(dtype));
    unused = register_parameter("unused", torch::randn({3, 5}).to(dtype));
    register_parameter("head", embedding);
  }
  torch::Tensor loss(const torch::Tensor& ids) {
    const auto x = torch::embedding(embedding, ids);
    const auto h = at::tanh(at::linear(x, weight, bias)) * gain;
    return at::cross_entropy_loss(at::linear(h, embedding).view({-1, 11}), ids.roll(1).flatten());
  }
  torch::Tensor embedding, weight, bias, gain, unused;
};
TORCH_MODULE(Model);

torch::Tensor batch(std::int64_t step) {
  return (torch::arange(20).view({4, 5}) * 7 + step * 3) % 11;
}

constexpr double kWeightDecay = 0.3;

/// torch's own optimizer with the same groups; each tensor once.
torch::optim::AdamW torch_adamw(ModelImpl& model, double lr) {
  const auto options = [&](double decay) {
    return std::make_unique<torch::optim::AdamWOptions>(
        torch::optim::AdamWOptions(lr).betas({0.9, 0.95}).eps(1e-8).weight_decay(decay));
  };
  std::vector<torch::optim::OptimizerParamGroup> groups;
  groups.emplace_back(std::vector<torch::Tensor>{model.embedding, model.weight, model.unused}, options(kWeightDecay));
  groups.emplace_back(std::vector<torch::Tensor>{model.bias, model.gain}, options(0.0));
  return torch::optim::AdamW(groups, torch::optim::AdamWOptions(lr));
}

double max_difference(ModelImpl& a, ModelImpl& b) {
  double largest = 0;
  for (const auto& item : a.named_parameters())
    largest = std::max(largest, test::max_difference(item.value(), b.named_parameters()[item.key()]));
  return largest;
}

const AdamOptions kOptions{0.9, 0.95, 1e-8, kWeightDecay};

}  // namespace

TEST_CASE("AdamW follows torch::optim::AdamW over many steps") {
  Model ours(1), theirs(1);
  FlatParameters parameters(ours->named_parameters());
  AdamW optimizer(parameters, kOptions);
  auto oracle = torch_adamw(*theirs, 1e-2);
  const auto unused = ours->unused.clone();
  for (std::int64_t step = 0; step < 200; ++step) {
    parameters.zero_grad();
    oracle.zero_grad();
    // Twice: gradients accumulate in place.
    for (int i = 0; i < 2; ++i) {
      ours->loss(batch(step + i)).backward();
      theirs->loss(batch(step + i)).backward();
    }
    const auto norm = parameters.grad_norm();
    const double expected =
        torch::nn::utils::clip_grad_norm_({theirs->embedding, theirs->weight, theirs->bias, theirs->gain}, 0.5);
    REQUIRE(norm.item<double>() == Approx(expected).epsilon(1e-5));
    optimizer.step(1e-2, clip_divisor(norm, 0.5));
    oracle.step();
    REQUIRE(max_difference(*ours, *theirs) < 1e-5);
  }
  CHECK(max_difference(*ours, *theirs) < 1e-5);
  // No gradient ever reached it: neither decay nor momentum moves it.
  CHECK(max_difference(ours->unused, unused) == 0.0);
}

TEST_CASE("AdamW in float64 equals torch's to rounding") {
  Model ours(2, torch::kFloat64), theirs(2, torch::kFloat64);
  FlatParameters parameters(ours->named_parameters());
  AdamW optimizer(parameters, kOptions);
  auto oracle = torch_adamw(*theirs, 3e-3);
  for (std::int64_t step = 0; step < 300; ++step) {
    parameters.zero_grad();
    oracle.zero_grad();
    ours->loss(batch(step)).backward();
    theirs->loss(batch(step)).backward();
    optimizer.step(3e-3);
    oracle.step();
  }
  CHECK(max_difference(*ours, *theirs) < 1e-6);
}

TEST_CASE("Parameters become views: tied weights once, decay by dimensions") {
  Model model(3);
  const auto before = model->embedding.clone();
  FlatParameters parameters(model->named_parameters());
  REQUIRE(parameters.groups().size() == 2);
  CHECK_FALSE(parameters.groups()[0].weight_decay);
  REQUIRE(parameters.groups()[0].slots.size() == 3);
  CHECK(parameters.groups()[0].slots[0].name == "embedding");
  CHECK(parameters.groups()[0].slots[1].name == "weight");
  CHECK(parameters.groups()[1].weight_decay == 0.0);
  REQUIRE(parameters.groups()[1].slots.size() == 2);
  CHECK(parameters.numel() == 11 * 6 + 6 * 6 + 3 * 5 + 6 + 6);
  CHECK(model->embedding.data_ptr() == parameters.groups()[0].values.data_ptr());
  CHECK(model->named_parameters()["head"].data_ptr() == model->embedding.data_ptr());
  CHECK(max_difference(model->embedding, before) == 0.0);
  for (const auto& group : parameters.groups())
    for (const auto& slot : group.slots) CHECK(reinterpret_cast<std::uintptr_t>(slot.parameter.data_ptr()) % 64 == 0);
}

TEST_CASE("A step changes the version of each parameter") {
  Model model(3);
  FlatParameters parameters(model->named_parameters());
  AdamW optimizer(parameters, kOptions);
  parameters.zero_grad();
  model->loss(batch(0)).backward();
  const auto before = model->weight._version();
  optimizer.step(1e-3);
  CHECK(model->weight._version() > before);
}

TEST_CASE("Gradients and weights replaced from outside are taken in") {
  Model ours(4), theirs(4);
  FlatParameters parameters(ours->named_parameters());
  AdamW optimizer(parameters, kOptions);
  auto oracle = torch_adamw(*theirs, 1e-2);
  for (std::int64_t step = 0; step < 12; ++step) {
    // The module's own zero_grad makes gradients undefined; backward then allocates new ones.
    ours->zero_grad();
    theirs->zero_grad();
    ours->loss(batch(step)).backward();
    theirs->loss(batch(step)).backward();
    if (step == 5) {
      ours->bias.mutable_grad() = torch::Tensor();
      theirs->bias.mutable_grad() = torch::Tensor();
    }
    if (step == 7) {
      const torch::NoGradGuard no_grad;
      const auto loaded = torch::full({6, 6}, 0.25);
      ours->weight.set_data(loaded.clone());
      theirs->weight.copy_(loaded);
    }
    optimizer.step(1e-2);
    oracle.step();
    REQUIRE(max_difference(*ours, *theirs) < 1e-6);
    REQUIRE(ours->weight.grad().is_alias_of(parameters.groups()[0].grads));
    REQUIRE(ours->weight.is_alias_of(parameters.groups()[0].values));
  }
}

TEST_CASE("An undefined gradient counts as none in the norm") {
  Model model(5);
  FlatParameters parameters(model->named_parameters());
  parameters.zero_grad();
  model->loss(batch(0)).backward();
  for (auto& parameter : model->parameters()) parameter.mutable_grad() = torch::Tensor();
  CHECK(parameters.grad_norm().item<double>() == 0.0);
}

TEST_CASE("A parameter frozen later stays where it is") {
  Model model(5);
  FlatParameters parameters(model->named_parameters());
  AdamW optimizer(parameters, kOptions);
  parameters.zero_grad();
  model->loss(batch(0)).backward();
  model->weight.requires_grad_(false);
  const auto weight = model->weight.clone(), bias = model->bias.detach().clone();
  optimizer.step(1e-2);
  CHECK(max_difference(model->weight, weight) == 0.0);
  CHECK(max_difference(model->bias, bias) > 1e-3);
}

TEST_CASE("Optimizer state by name: saved and restored it goes on the same") {
  Model first(6), second(7);
  FlatParameters parameters(first->named_parameters());
  AdamW optimizer(parameters, kOptions);
  const auto train = [](Model& model, FlatParameters& p, AdamW& o, int from, int to) {
    for (int step = from; step < to; ++step) {
      p.zero_grad();
      model->loss(batch(step)).backward();
      o.step(1e-2);
    }
  };
  train(first, parameters, optimizer, 0, 5);
  NamedTensors state;
  for (const auto& item : optimizer.state_dict()) state.insert(item.key(), item.value().clone());
  CHECK(state["step.weight"].item<std::int64_t>() == 5);
  CHECK(state["step.unused"].item<std::int64_t>() == 0);
  CHECK(state["exp_avg.weight"].sizes() == first->weight.sizes());
  CHECK_FALSE(state.contains("exp_avg.head"));
  {
    const torch::NoGradGuard no_grad;
    for (auto& item : second->named_parameters()) item.value().copy_(first->named_parameters()[item.key()]);
  }
  FlatParameters other_parameters(second->named_parameters());
  AdamW other(other_parameters, kOptions);
  other.load_state_dict(state);
  train(first, parameters, optimizer, 5, 10);
  train(second, other_parameters, other, 5, 10);
  CHECK(max_difference(*first, *second) == 0.0);

  NamedTensors damaged;
  for (const auto& item : state)
    if (item.key() != "exp_avg_sq.bias") damaged.insert(item.key(), item.value());
  CHECK_THROWS_WITH(other.load_state_dict(damaged), Catch::Contains("exp_avg_sq.bias"));
  damaged.insert("exp_avg_sq.bias", torch::zeros({7}));
  CHECK_THROWS_WITH(other.load_state_dict(damaged), Catch::Contains("exp_avg_sq.bias") && Catch::Contains("shape 7"));
}

TEST_CASE("What cannot be optimized is named") {
  const auto named = [](const torch::Tensor& tensor) {
    NamedTensors parameters;
    parameters.insert("good", torch::ones({2}).requires_grad_());
    parameters.insert("bad", tensor);
    return parameters;
  };
  CHECK_THROWS_WITH(FlatParameters(named(torch::ones({2}, torch::kInt64))), Catch::Contains("bad"));
  CHECK_THROWS_WITH(FlatParameters(named(torch::ones({2}).requires_grad_() * 2)), Catch::Contains("bad"));
  CHECK_THROWS_WITH(FlatParameters(named(torch::Tensor())), Catch::Contains("bad"));
  const auto storage = torch::ones({4});
  NamedTensors overlapping;
  overlapping.insert("a", storage.slice(0, 0, 3).detach().requires_grad_());
  overlapping.insert("b", storage.slice(0, 2, 4).detach().requires_grad_());
  CHECK_THROWS_WITH(FlatParameters(overlapping), Catch::Contains("a and b overlap"));
  CHECK_THROWS_AS(FlatParameters(NamedTensors()), std::invalid_argument);

  Model model(1);
  FlatParameters parameters(model->named_parameters());
  CHECK_THROWS_WITH(AdamW(parameters, {1.5, 0.9, 1e-8, 0.0}), Catch::Contains("beta1 is 1.5"));
  model->weight.set_data(torch::ones({2, 2}));
  CHECK_THROWS_WITH(parameters.gather(), Catch::Contains("weight"));
}

TEST_CASE("Parameters of several dtypes, transposed and empty ones") {
  const auto wide = torch::arange(12, torch::kFloat64).view({3, 4});
  NamedTensors parameters;
  parameters.insert("transposed", wide.t().detach().requires_grad_());
  parameters.insert("half", torch::ones({5}, torch::kBFloat16).requires_grad_());
  parameters.insert("empty", torch::ones({0}).requires_grad_());
  FlatParameters flat(parameters);
  CHECK(flat.groups().size() == 3);
  CHECK(torch::equal(parameters["transposed"], wide.t()));
  AdamW optimizer(flat, {});
  flat.zero_grad();
  (parameters["transposed"].sum() + parameters["half"].sum().to(torch::kFloat64)).backward();
  CHECK(flat.grad_norm().item<double>() == Approx(std::sqrt(17.0)));
  optimizer.step(0.5);
  CHECK(max_difference(parameters["half"], torch::full({5}, 0.5)) < 1e-2);
  CHECK(max_difference(parameters["transposed"], wide.t() * (1 - 0.5 * 0.01) - 0.5) < 1e-6);
}

TEST_CASE("Of shards each keeps its part of the moments, and together they step as one, bit for bit") {
  constexpr std::int64_t kWorld = 3;
  Model whole(1);
  FlatParameters whole_parameters(whole->named_parameters());
  AdamW whole_adamw(whole_parameters, kOptions);

  std::vector<Model> models;
  std::vector<std::unique_ptr<FlatParameters>> parameters;
  std::vector<std::unique_ptr<AdamW>> optimizers;
  // gather() of one after the other: the last call has what all gave.
  std::vector<std::vector<torch::Tensor>> given(kWorld);
  std::size_t call = 0;
  for (std::int64_t r = 0; r < kWorld; ++r) {
    models.emplace_back(1);
    Shard shard{r, kWorld, [&given, &call, r](const torch::Tensor& own) {
                  given[static_cast<std::size_t>(r)].push_back(own.clone());
                  if (r != 0) return torch::Tensor();
                  std::vector<torch::Tensor> parts;
                  for (const auto& of_rank : given) parts.push_back(of_rank.at(call));
                  ++call;
                  return at::cat(parts);
                }};
    parameters.push_back(
        std::make_unique<FlatParameters>(models.back()->named_parameters(), std::vector<ParameterRule>{}, shard));
    optimizers.push_back(std::make_unique<AdamW>(*parameters.back(), kOptions));
    CHECK(optimizers.back()->state_bytes() * kWorld < whole_adamw.state_bytes() + kWorld * 2 * 2 * 64 * kWorld);
  }
  const auto step = [&](AdamW& adamw, FlatParameters& of, ModelImpl& model, std::int64_t number) {
    of.zero_grad();
    model.loss(batch(number)).backward();
    adamw.step(0.01, torch::full({}, 1.5));
  };
  const auto exchange = [&] {  // as an all-gather of the values
    for (std::size_t g = 0; g < parameters[0]->groups().size(); ++g) {
      const auto size = parameters[0]->groups()[g].values.numel();
      for (const auto& from : parameters) {
        const auto begin = from->shard().begin(size), end = from->shard().end(size);
        const auto part = from->groups()[g].values.slice(0, begin, end).clone();
        for (const auto& to : parameters) to->groups()[g].values.slice(0, begin, end).copy_(part);
      }
    }
  };
  for (std::int64_t number = 0; number < 4; ++number) {
    step(whole_adamw, whole_parameters, *whole, number);
    for (std::size_t r = 0; r < kWorld; ++r) step(*optimizers[r], *parameters[r], *models[r], number);
    exchange();
  }
  for (auto& model : models) CHECK(max_difference(*model, *whole) == 0);

  // What shards save together is what one has saved, and any number of shards goes on from it.
  const torch::NoGradGuard no_grad;
  for (std::size_t r = kWorld; r-- > 1;) CHECK(optimizers[r]->state_dict().is_empty());
  const auto together = optimizers[0]->state_dict(), alone = whole_adamw.state_dict();
  REQUIRE(together.size() == alone.size());
  for (const auto& item : alone) {
    CAPTURE(item.key());
    CHECK(torch::equal(together[item.key()], item.value()));
  }
  NamedTensors saved;
  for (const auto& item : alone) saved.insert(item.key(), item.value().clone());
  for (std::size_t r = 0; r < kWorld; ++r) optimizers[r]->load_state_dict(saved);
  {
    const torch::AutoGradMode gradients(true);
    step(whole_adamw, whole_parameters, *whole, 4);
    for (std::size_t r = 0; r < kWorld; ++r) step(*optimizers[r], *parameters[r], *models[r], 4);
  }
  exchange();
  for (auto& model : models) CHECK(max_difference(*model, *whole) == 0);

  CHECK(shards_state("adamw"));
  for (const auto* name : {"sgd", "adafactor", "asgd", "lamb"}) {
    CHECK_FALSE(shards_state(name));
    CHECK_THROWS_WITH(make_optimizer(name, *parameters[0], {}), Catch::Contains("does not divide its state"));
  }
}

}  // namespace langzoo
