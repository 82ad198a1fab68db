#include "tests/support/test.h"

#include "apps/training/distributed/gradient_sync.h"
#include "tests/apps/training/distributed/ranks.h"

namespace langzoo::test::gradient_sync_test {

namespace {

/// Two layers, of which one is used by odd ranks only, and one by nobody.
struct NetImpl : torch::nn::Module {
  NetImpl() {
    const auto values = [](std::int64_t rows, std::int64_t columns, double scale) {
      return torch::arange(rows * columns).view({rows, columns}).sin().mul(scale).to(torch::kFloat32);
    };
    first = register_parameter("first", values(6, 5, 0.4));
    bias = register_parameter("bias", values(1, 6, 0.2).squeeze(0));
    odd = register_parameter("odd", values(6, 6, 0.3));
    unused = register_parameter("unused", values(7, 3, 1));
    second = register_parameter("second", values(4, 6, 0.5));
  }
  torch::Tensor loss(const torch::Tensor& x, bool with_odd) const {
    auto h = at::tanh(at::linear(x, first, bias));
    if (with_odd) h = h + at::linear(h, odd);
    return at::linear(h, second).square().sum();
  }
  torch::Tensor first, bias, odd, unused, second;
};
TORCH_MODULE(Net);

torch::Tensor inputs(std::int64_t row) {
  return (torch::arange(5) * (row + 1)).to(torch::kFloat32).cos().unsqueeze(0);
}

using Gradients = std::map<std::string, torch::Tensor>;

Gradients gradients_of(const NetImpl& net) {
  Gradients gradients;
  for (const auto& item : net.named_parameters()) gradients[item.key()] = item.value().grad().clone();
  return gradients;
}

/// `steps` steps of two micro-batches on each of `world` ranks; the last gradients of each.
std::vector<Gradients> train(std::int64_t world, std::int64_t steps, std::int64_t bucket_bytes, bool half,
                             std::vector<std::string>* unused = nullptr, std::int64_t* bytes = nullptr) {
  std::vector<Gradients> all(static_cast<std::size_t>(world));
  on_ranks(world, [&](Distributed& ranks) {
    Net net;
    FlatParameters parameters(net->named_parameters());
    GradientSync sync(parameters, ranks, bucket_bytes, half);
    const auto r = ranks.rank().index;
    for (std::int64_t step = 0; step < steps; ++step) {
      parameters.zero_grad();
      for (std::int64_t micro = 0; micro < 2; ++micro) {
        if (micro == 1) sync.expect_last_backward();
        net->loss(inputs(4 * step + 2 * r + micro), r % 2 == 1).backward();
      }
      std::vector<double> numbers = {1, static_cast<double>(r)};
      sync.finish(numbers);
      if (numbers != std::vector<double>{static_cast<double>(world), static_cast<double>(world * (world - 1) / 2)})
        throw std::runtime_error("numbers are not summed");
    }
    parameters.gather();
    for (const auto& group : parameters.groups()) {
      for (const auto& slot : group.slots) {
        if (slot.has_grad != (slot.name != "unused")) throw std::runtime_error(slot.name + " has a gradient or none");
      }
    }
    all[static_cast<std::size_t>(r)] = gradients_of(*net);
    if (r == 0 && unused != nullptr) *unused = sync.unused();
    if (r == 0 && bytes != nullptr) *bytes = ranks.summed_bytes();
  });
  return all;
}

}  // namespace

TEST_CASE("gradients of two ranks are those of one with all their examples, whatever the buckets") {
  Net alone;
  FlatParameters parameters(alone->named_parameters());
  parameters.zero_grad();
  for (std::int64_t micro = 0; micro < 4; ++micro)
    alone->loss(inputs(4 * 2 + micro), micro >= 2).backward();  // of the third step
  for (const std::int64_t bucket : {1, 200, 1 << 20}) {
    std::vector<std::string> unused;
    const auto two = train(2, 3, bucket, false, &unused);
    CHECK(unused == std::vector<std::string>{"unused"});
    for (const auto& [name, gradient] : gradients_of(*alone)) {
      CAPTURE(bucket, name);
      CHECK(max_difference(two[0].at(name), gradient) < 1e-5);
      CHECK(torch::equal(two[0].at(name), two[1].at(name)));
    }
  }
}

TEST_CASE("gradients may travel as bfloat16, in half the bytes; accumulation costs no communication") {
  std::int64_t whole = 0, half = 0, more = 0;
  const auto exact = train(2, 2, 200, false, nullptr, &whole);
  const auto rounded = train(2, 2, 200, true, nullptr, &half);
  train(2, 3, 200, false, nullptr, &more);
  for (const auto& [name, gradient] : exact[0]) {
    CAPTURE(name);
    CHECK(max_difference(rounded[0].at(name), gradient) <= 0.02 * gradient.abs().max().item<double>());
  }
  // 33 and 6 and ... elements with their gaps, sent once a step though there are two backward passes in it.
  const auto numbers = static_cast<std::int64_t>(sizeof(double)) * (2 + 5);
  const auto gradients = more - whole - numbers;
  CHECK(gradients == 4 * (32 + 48 + 32 + 32 + 16));
  CHECK(whole - half == 2 * gradients / 2);
}

TEST_CASE("a layer that is recomputed in pieces adds to a gradient several times, and is sent once") {
  on_ranks(2, [](Distributed& ranks) {
    auto weight = torch::full({3, 3}, 0.5).requires_grad_();
    auto other = torch::full({3, 3}, 0.25).requires_grad_();
    NamedTensors named;
    named.insert("weight", weight);
    named.insert("other", other);
    FlatParameters parameters(named);
    GradientSync sync(parameters, ranks, 1, false);
    for (int step = 0; step < 3; ++step) {
      parameters.zero_grad();
      sync.expect_last_backward();
      auto x = torch::ones({2, 3});
      // Each backward call of its own, as that of an activation checkpoint is.
      at::linear(x, weight).sum().backward();
      (at::linear(x, weight) + at::linear(x, other)).sum().backward();
      std::vector<double> numbers;
      sync.finish(numbers);
      if (!torch::equal(weight.grad(), torch::full({3, 3}, 8.0)) ||
          !torch::equal(other.grad(), torch::full({3, 3}, 4.0)))
        throw std::runtime_error("wrong gradient");
    }
  });
}

}  // namespace langzoo::test::gradient_sync_test
