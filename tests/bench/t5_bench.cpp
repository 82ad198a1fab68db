/// Greedy text to text with a T5, in new tokens a second: sources of 64 tokens, 32 new ones; its encoder alone; its
/// training.
///
///     t5_bench [--model DIR] [--threads N] [--repeat N] [--source N] [--new N] [--dtype float32|bfloat16|both] [--ids]
///     t5_bench --train STEPS [--model DIR] [--threads N] [--repeat N] [--source N] [--new N]
///
/// Without --model a random model of T5-small's size. Before it times anything it checks that cached generation gives
/// the tokens of repeated full passes. One JSON object a line: {"dtype", "batch", "tokens_per_second",
/// "encoder_tokens_per_second"}, the best of N runs, with --ids also the new ids of the first row.
/// --train: {"losses": of the first steps, without dropout; "tokens_per_second": target tokens, with dropout}. A step
/// is 8 rows, the targets being --new tokens; AdamW, gradients clipped at 1.

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <string>

#include "apps/training/freed_memory.h"
#include "models/generation/generate.h"
#include "models/optim/adamw.h"
#include "models/optim/clip.h"
#include "models/pretrained.h"
#include "models/t5/t5.h"
#include "third_party/torch.h"

namespace langzoo {
namespace {

using Ids = std::vector<std::int32_t>;

/// Row b is a sequence of its own, the same in t5_side_by_side.py; 0 is the padding, 1 the end.
torch::Tensor sources(std::int64_t batch, std::int64_t tokens, std::int64_t vocabulary) {
  const auto ids = torch::empty({batch, tokens}, torch::kInt64);
  auto* const data = ids.data_ptr<std::int64_t>();
  for (std::int64_t b = 0; b < batch; ++b) {
    for (std::int64_t t = 0; t < tokens; ++t)
      data[b * tokens + t] = 2 + (7919 * (b + 1) + 104729 * t) % (vocabulary - 2);
  }
  return ids;
}

torch::Tensor lengths(const torch::Tensor& source) {
  return torch::full({source.size(0)}, source.size(1), torch::kInt64);
}

std::vector<Ids> run(T5ForConditionalGeneration model, const torch::Tensor& source, std::int64_t new_tokens) {
  const auto start = pad_left(std::vector<Ids>(source.size(0), Ids{model->start_token()}), 0);
  const auto step = model->start(source, lengths(source), new_tokens);
  GenerateOptions options;
  options.max_new_tokens = new_tokens;
  options.sampling.greedy = true;
  return generate(*step, start, options);
}

/// Whether cached generation gives the tokens that full passes over the growing target give.
bool is_right(T5ForConditionalGeneration model) {
  const c10::InferenceMode guard;
  const auto source = sources(2, 9, model->config().vocab_size);
  const auto cached = run(model, source, 6);
  auto target = torch::zeros({2, 1}, torch::kInt64);
  for (std::size_t t = 0; t < cached[0].size(); ++t) {
    const auto next = model->forward(source, lengths(source), target).select(1, -1).argmax(-1);
    if (next[0].item<std::int32_t>() != cached[0][t] || next[1].item<std::int32_t>() != cached[1][t]) return false;
    target = at::cat({target, next.unsqueeze(1)}, 1);
  }
  return true;
}

/// The best of `repeat` runs after one more.
template <class Run>
double best_seconds(int repeat, const Run& run) {
  double best = 1e9;
  for (int i = 0; i <= repeat; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    run();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    if (i > 0) best = std::min(best, seconds.count());
  }
  return best;
}

void train(T5ForConditionalGeneration model, std::int64_t steps, int repeat, std::int64_t source_tokens,
           std::int64_t new_tokens) {
  constexpr std::int64_t kRows = 8;
  const auto vocabulary = model->config().vocab_size;
  const auto source = sources(kRows, source_tokens, vocabulary);
  const auto labels = sources(2 * kRows, new_tokens, vocabulary).slice(0, kRows).contiguous();
  const auto start = torch::full({kRows, 1}, model->start_token(), torch::kInt64);
  const auto input = at::cat({start, labels.slice(1, 0, -1)}, 1);
  FlatParameters parameters(model->named_parameters());
  AdamW adam(parameters, {.weight_decay = 0.01});
  const auto step = [&] {
    parameters.zero_grad();
    const auto loss = model->loss_sum(source, lengths(source), input, labels) / labels.numel();
    loss.backward();
    adam.step(1e-4, clip_divisor(parameters.grad_norm(), 1.0));
    return loss.item<double>();
  };
  model->eval();
  std::vector<double> losses;
  for (int i = 0; i < 3; ++i) losses.push_back(step());
  model->train();
  const auto seconds = best_seconds(repeat, [&] {
    for (std::int64_t i = 0; i < steps; ++i) step();
  });
  fmt::print("{{\"losses\": [{:.5f}], \"tokens_per_second\": {:.1f}}}\n", fmt::join(losses, ", "),
             static_cast<double>(steps * kRows * new_tokens) / seconds);
}

int main(int argc, char** argv) {
  std::map<std::string, std::string> options = {{"--model", ""},    {"--threads", "2"}, {"--repeat", "5"},
                                                {"--source", "64"}, {"--new", "32"},    {"--dtype", "both"},
                                                {"--ids", "no"},    {"--train", "0"}};
  for (int i = 1; i < argc; ++i) {
    const auto found = options.find(argv[i]);
    if (found == options.end() || (found->first != "--ids" && i + 1 == argc)) {
      fmt::print(stderr, "t5_bench: unknown option or missing value: {}\n", argv[i]);
      return 2;
    }
    found->second = found->first == "--ids" ? "yes" : argv[++i];
  }
  at::set_num_threads(std::stoi(options["--threads"]));
  at::globalContext().setFlushDenormal(true);
  keep_freed_memory();  // as the programs do
  torch::manual_seed(1);
  auto model = options["--model"].empty() ? T5ForConditionalGeneration(T5Config::preset("t5-small"))
                                          : from_pretrained<T5ForConditionalGeneration>(options["--model"]);
  model->eval();
  const auto new_tokens = std::stoll(options["--new"]), source_tokens = std::stoll(options["--source"]);
  const auto repeat = std::stoi(options["--repeat"]);
  if (const auto steps = std::stoll(options["--train"]); steps > 0) {
    const KeepLargeFreedMemory keep;
    train(model, steps, repeat, source_tokens, new_tokens);
    return 0;
  }
  for (const std::string dtype : {"float32", "bfloat16"}) {
    if (options["--dtype"] != "both" && options["--dtype"] != dtype) continue;
    model->to(dtype == "float32" ? torch::kFloat32 : torch::kBFloat16);
    // In bfloat16 two tokens may tie within its rounding, which differs between the two ways.
    if (dtype == "float32" && !is_right(model)) {
      fmt::print(stderr, "t5_bench: cached and uncached generation differ\n");
      return 1;
    }
    for (const std::int64_t batch : {1, 8}) {
      const auto source = sources(batch, source_tokens, model->config().vocab_size);
      std::vector<Ids> rows;
      const auto decoding = best_seconds(repeat, [&] { rows = run(model, source, new_tokens); });
      const auto encoding = best_seconds(repeat, [&] {
        const c10::InferenceMode guard;
        model->encode(source, lengths(source));
      });
      fmt::print(R"({{"dtype": "{}", "batch": {}, "tokens_per_second": {:.1f}, "encoder_tokens_per_second": {:.1f})",
                 dtype, batch, static_cast<double>(batch * new_tokens) / decoding,
                 static_cast<double>(batch * source_tokens) / encoding);
      if (options["--ids"] == "yes") fmt::print(R"(, "ids": [{}])", fmt::join(rows[0], ", "));
      fmt::print("}}\n");
      std::fflush(stdout);
    }
  }
  return 0;
}

}  // namespace
}  // namespace langzoo

int main(int argc, char** argv) {
  return langzoo::main(argc, argv);
}
