/// attend() beside at::scaled_dot_product_attention, forward and both passes, in turn in one process.
///
///     attention_bench [--threads N] [--repeat N] [--tokens N] [--lengths 64,256] [--widths 64] [--dtypes float32]
///                     [--forms plain,causal,padding,band,bias,dropout,packed]
///
/// Batches of 8 heads with that many tokens (places, where there is padding) whatever the length. padding: lengths
/// between T/4 and T, as a bias (B,1,1,S); packed: the same rows packed by us, padded for ATen; band: the last T/4
/// keys; bias: (1,H,T,S) that wants a gradient. Outputs and gradients of both are compared before they are timed, those
/// of dropout without it.
/// Prints a Markdown table of milliseconds, the best of N runs.

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>

#include "apps/training/freed_memory.h"
#include "models/layers/attention.h"
#include "models/layers/masks.h"
#include "models/layers/packed.h"
#include "third_party/torch.h"

namespace langzoo {
namespace {

using torch::Tensor;

constexpr std::int64_t kHeads = 8;

struct Case {
  std::string form;
  torch::Dtype dtype;
  std::int64_t width, length, batch;
};

/// Both sides of a case: a function of its leaves, whose outputs and gradients can be compared by `comparable`.
struct Side {
  std::vector<Tensor> leaves;
  std::function<Tensor()> forward;
  std::function<Tensor(const Tensor&)> comparable = [](const Tensor& x) { return x; };
};

/// Rows of lengths between T/4 and T, the first of T.
Tensor some_lengths(const Case& of) {
  torch::manual_seed(5);
  auto lengths = torch::randint(of.length / 4, of.length + 1, {of.batch}, torch::kInt64);
  lengths[0] = of.length;
  return lengths;
}

std::pair<Side, Side> sides(const Case& of, double dropout) {
  torch::manual_seed(1);
  const auto options = torch::TensorOptions(of.dtype);
  const auto width = kHeads * of.width;
  std::vector<Tensor> projected;
  for (int i = 0; i < 3; ++i) projected.push_back(torch::randn({of.batch, of.length, width}).to(of.dtype));
  const auto split = [](const Tensor& x) { return x.unflatten(-1, {kHeads, -1}).transpose(1, 2); };
  const bool causal = of.form == "causal";
  const std::int64_t window = of.form == "band" ? of.length / 4 : 0;
  const PackedRows rows(some_lengths(of), of.length);

  const auto leaf = [](const Tensor& x) { return x.detach().clone().requires_grad_(); };
  Side ours, theirs;
  for (const auto& x : projected) {
    ours.leaves.push_back(leaf(of.form == "packed" ? rows.pack(x) : x));
    theirs.leaves.push_back(leaf(x));
  }
  Tensor bias;  // ATen's
  if (of.form == "padding" || of.form == "packed") {
    bias = row_bias(some_lengths(of), some_lengths(of), false, 0, options);
    bias = bias.narrow(2, 0, 1).contiguous();  // the rows of padding see what the others see
  }
  if (of.form == "band") bias = place_bias(of.length, of.length, true, window, options);
  auto own = of.form == "padding" ? bias : Tensor();
  if (of.form == "bias") {
    const auto values = torch::randn({1, kHeads, of.length, of.length}).to(of.dtype);
    ours.leaves.push_back(own = leaf(values));
    theirs.leaves.push_back(bias = leaf(values));
  }
  const auto q = ours.leaves[0], k = ours.leaves[1], v = ours.leaves[2];
  ours.forward = [=, cu_seqlens = of.form == "packed" ? rows.cu_seqlens : Tensor()] {
    return attend(split(q), split(k), split(v),
                  {.bias = own,
                   .dropout = dropout,
                   .causal = causal || window > 0,
                   .window = window,
                   .cu_seqlens = cu_seqlens})
        .output;
  };
  const auto q2 = theirs.leaves[0], k2 = theirs.leaves[1], v2 = theirs.leaves[2];
  theirs.forward = [=] {
    return at::scaled_dot_product_attention(split(q2), split(k2), split(v2),
                                            bias.defined() ? std::optional(bias) : std::nullopt, dropout, causal);
  };
  if (of.form == "packed") {
    ours.comparable = [=](const Tensor& x) { return x.dim() == 4 ? x.transpose(1, 2) : x; };
    theirs.comparable = [=](const Tensor& x) { return rows.pack(x.dim() == 4 ? x.transpose(1, 2) : x); };
  }
  return {ours, theirs};
}

/// Padding's outputs get no gradient, as in training.
Tensor output_gradient(const Tensor& output, const Case& of) {
  const auto full =
      torch::arange(of.batch * of.length * kHeads * of.width, torch::kFloat32).remainder(7).sub(3).to(of.dtype);
  auto places = full.view({of.batch, of.length, kHeads, of.width});
  if (of.form != "packed" && of.form != "padding") return places.transpose(1, 2);
  const PackedRows rows(some_lengths(of), of.length);
  const auto packed = rows.pack(places);
  return (output.size(0) == 1 && output.size(2) == rows.tokens() ? packed : rows.unpack(packed)).transpose(1, 2);
}

void check(const Case& of, const std::pair<Side, Side>& both) {
  const auto results = [&](const Side& side) {
    const auto output = side.forward();
    std::vector<Tensor> tensors{side.comparable(output.detach())};
    const auto gradients = torch::autograd::grad({output}, side.leaves, {output_gradient(output, of)});
    for (const auto& gradient : gradients) tensors.push_back(side.comparable(gradient));
    return tensors;
  };
  const auto ours = results(both.first), theirs = results(both.second);
  for (std::size_t i = 0; i < ours.size(); ++i) {
    const auto a = ours[i].to(torch::kFloat32), b = theirs[i].to(torch::kFloat32);
    const double difference = ((a - b).abs().max() / b.abs().max()).item<double>();
    const double most = of.dtype == torch::kFloat32 ? 1e-4 : 4e-2;
    if (!(difference < most))
      throw std::runtime_error(
          fmt::format("{} {} x {}: result {} differs by {}", of.form, of.length, of.width, i, difference));
  }
}

template <class Work>
double milliseconds(const Work& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
}

void measure(const Case& of, std::int64_t repeat) {
  check(of, sides(of, 0.0));
  const auto both = sides(of, of.form == "dropout" ? 0.1 : 0.0);
  double forward[2] = {1e300, 1e300}, training[2] = {1e300, 1e300};
  for (std::int64_t r = 0; r < repeat; ++r) {
    for (int which = 0; which < 2; ++which) {
      const auto& side = which == 0 ? both.first : both.second;
      {
        const torch::NoGradGuard no_grad;
        forward[which] = std::min(forward[which], milliseconds([&] { side.forward(); }));
      }
      Tensor gradient;
      {
        const torch::NoGradGuard no_grad;
        gradient = output_gradient(side.forward(), of);
      }
      training[which] = std::min(
          training[which], milliseconds([&] { torch::autograd::grad({side.forward()}, side.leaves, {gradient}); }));
    }
  }
  fmt::print("| {} | {} | {} | {} x {} | {:.3f} | {:.3f} | {:.2f} | {:.3f} | {:.3f} | {:.2f} |\n", of.form,
             of.dtype == torch::kFloat32 ? "float32" : "bfloat16", of.width, of.batch, of.length, forward[0],
             forward[1], forward[1] / forward[0], training[0], training[1], training[1] / training[0]);
  std::fflush(stdout);
}

std::vector<std::string> parts(const std::string& list) {
  std::vector<std::string> result;
  std::istringstream stream(list);
  for (std::string part; std::getline(stream, part, ',');) result.push_back(part);
  return result;
}

int run(int argc, char** argv) {
  keep_freed_memory();  // as the programs do
  std::map<std::string, std::string> options{{"--threads", "2"},
                                             {"--repeat", "5"},
                                             {"--tokens", "2048"},
                                             {"--lengths", "64,128,256,512,1024,2048"},
                                             {"--widths", "32,64,128"},
                                             {"--dtypes", "float32,bfloat16"},
                                             {"--forms", "plain,causal,padding,band,bias,dropout,packed"}};
  for (int i = 1; i + 1 < argc; i += 2) {
    if (!options.contains(argv[i])) throw std::runtime_error(fmt::format("unknown option {}", argv[i]));
    options[argv[i]] = argv[i + 1];
  }
  at::set_num_threads(std::stoi(options["--threads"]));
  fmt::print(
      "| form | dtype | head width | rows x length | forward ours | ATen | ratio | both passes ours | ATen | ratio |\n"
      "|---|---|---|---|---|---|---|---|---|---|\n");
  for (const auto& dtype : parts(options["--dtypes"]))
    for (const auto& form : parts(options["--forms"]))
      for (const auto& width : parts(options["--widths"]))
        for (const auto& length : parts(options["--lengths"])) {
          const auto places = std::stoll(length);
          measure({form, dtype == "float32" ? torch::kFloat32 : torch::kBFloat16, std::stoll(width), places,
                   std::max<std::int64_t>(1, std::stoll(options["--tokens"]) / places)},
                  std::stoll(options["--repeat"]));
        }
  return 0;
}

}  // namespace
}  // namespace langzoo

int main(int argc, char** argv) {
  try {
    return langzoo::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "attention_bench: {}\n", error.what());
    return 1;
  }
}
