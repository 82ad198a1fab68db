/// Greedy generation with any language model of the GPT line, in new tokens a second: prompts of 16 tokens, 128 new
/// ones.
///
///     generation_bench [--model DIR] [--threads N] [--repeat N] [--prompt N] [--new N]
///                      [--dtype float32|bfloat16|both] [--ids] [--at LENGTH,LENGTH,...]
///
/// Without --model a random GPT-2 of 124M parameters. Before it times anything it checks that cached generation gives
/// the tokens of repeated full passes. One JSON object a line: {"dtype", "batch", "tokens_per_second"}, the best of N
/// runs, with --ids also the new ids of the first row. With --at instead what one more token costs when that many are
/// held, ascending: {"dtype", "held", "milliseconds"}, the mean of 16 tokens, the best of N runs.

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "apps/training/freed_memory.h"
#include "models/causal_lm.h"
#include "models/generation/generate.h"
#include "models/gpt/gpt.h"
#include "models/registry.h"
#include "third_party/torch.h"

namespace langzoo {
namespace {

using Ids = std::vector<std::int32_t>;

constexpr std::int64_t kStepsAtOnce = 16;

/// Row b is a sequence of its own, the same in generation_side_by_side.py.
std::vector<Ids> prompts(std::int64_t batch, std::int64_t tokens, std::int64_t vocabulary) {
  std::vector<Ids> rows(batch, Ids(tokens));
  for (std::int64_t b = 0; b < batch; ++b) {
    for (std::int64_t t = 0; t < tokens; ++t)
      rows[b][t] = static_cast<std::int32_t>((7919 * (b + 1) + 104729 * t) % vocabulary);
  }
  return rows;
}

std::vector<Ids> run(CausalLm& model, std::int64_t batch, std::int64_t prompt, std::int64_t new_tokens) {
  const auto padded = pad_left(prompts(batch, prompt, model.vocab_size()), 0);
  const auto step = model.start(padded.mask, prompt + new_tokens);
  GenerateOptions options;
  options.max_new_tokens = new_tokens;
  options.sampling.greedy = true;
  return generate(*step, padded, options);
}

/// Whether cached generation gives the tokens that full passes over the growing text give.
bool is_right(CausalLm& model, std::int64_t prompt) {
  const c10::InferenceMode guard;
  const auto cached = run(model, 2, prompt, 6);
  auto ids = pad_left(prompts(2, prompt, model.vocab_size()), 0).ids;
  for (std::size_t t = 0; t < cached[0].size(); ++t) {
    const auto next = model.logits(ids).select(1, -1).argmax(-1);
    if (next[0].item<std::int32_t>() != cached[0][t] || next[1].item<std::int32_t>() != cached[1][t]) return false;
    ids = at::cat({ids, next.unsqueeze(1)}, 1);
  }
  return true;
}

/// Milliseconds of a token when `lengths` are held, the best of `repeat`; with `check` after a comparison of the logits
/// with those of a full pass.
std::vector<double> step_times(CausalLm& model, const std::vector<std::int64_t>& lengths, int repeat, bool check) {
  const c10::InferenceMode guard;
  const auto total = lengths.back() + kStepsAtOnce;
  const auto ids = pad_left(prompts(1, total, model.vocab_size()), 0).ids;  // (1,T)
  std::vector<double> best(lengths.size(), std::numeric_limits<double>::infinity());
  for (int i = 0; i < repeat; ++i) {
    const auto step = model.start(at::ones({1, 1}, torch::kBool), total);
    std::int64_t held = 0;
    for (std::size_t at = 0; at < lengths.size(); ++at) {
      if (lengths[at] <= held) throw std::runtime_error("--at: lengths must ascend by more than 16");
      const auto logits = step->step(ids.narrow(1, held, lengths[at] - held));
      held = lengths[at];
      if (check && i == 0) {
        const auto full = model.logits(ids.narrow(1, 0, held)).select(1, -1).to(torch::kFloat32);
        if (!at::allclose(logits, full, 1e-3, 1e-3)) throw std::runtime_error("cached and full logits differ");
      }
      const auto begin = std::chrono::steady_clock::now();
      for (std::int64_t t = 0; t < kStepsAtOnce; ++t) step->step(ids.narrow(1, held++, 1));
      const std::chrono::duration<double, std::milli> elapsed = std::chrono::steady_clock::now() - begin;
      best[at] = std::min(best[at], elapsed.count() / kStepsAtOnce);
    }
  }
  return best;
}

std::vector<std::int64_t> numbers(const std::string& list) {
  std::vector<std::int64_t> read;
  std::istringstream in(list);
  for (std::string number; std::getline(in, number, ',');) read.push_back(std::stoll(number));
  return read;
}

int main(int argc, char** argv) {
  std::map<std::string, std::string> options = {{"--model", ""},    {"--threads", "2"}, {"--repeat", "3"},
                                                {"--prompt", "16"}, {"--new", "128"},   {"--dtype", "both"},
                                                {"--ids", "no"},    {"--at", ""}};
  for (int i = 1; i < argc; ++i) {
    const auto found = options.find(argv[i]);
    if (found == options.end() || (found->first != "--ids" && i + 1 == argc)) {
      fmt::print(stderr, "generation_bench: unknown option or missing value: {}\n", argv[i]);
      return 2;
    }
    found->second = found->first == "--ids" ? "yes" : argv[++i];
  }
  at::set_num_threads(std::stoi(options["--threads"]));
  keep_freed_memory();  // as the programs do
  torch::manual_seed(1);
  const auto& dir = options["--model"];
  const std::shared_ptr<torch::nn::Module> module =
      dir.empty() ? std::make_shared<Gpt2LmHeadModelImpl>(Gpt2Config()) : registered_model(dir).load(dir, nullptr, {});
  auto* const model = dynamic_cast<CausalLm*>(module.get());
  if (!model) throw std::runtime_error(dir + " holds no language model");
  module->eval();
  const auto prompt = std::stoll(options["--prompt"]), new_tokens = std::stoll(options["--new"]);
  const auto repeat = std::stoi(options["--repeat"]);
  for (const std::string dtype : {"float32", "bfloat16"}) {
    if (options["--dtype"] != "both" && options["--dtype"] != dtype) continue;
    module->to(dtype == "float32" ? torch::kFloat32 : torch::kBFloat16);
    if (!options["--at"].empty()) {
      const auto lengths = numbers(options["--at"]);
      const auto times = step_times(*model, lengths, repeat, dtype == "float32");
      for (std::size_t i = 0; i < lengths.size(); ++i) {
        fmt::print(R"({{"dtype": "{}", "held": {}, "milliseconds": {:.3f}}})"
                   "\n",
                   dtype, lengths[i], times[i]);
      }
      continue;
    }
    // In bfloat16 two tokens may tie within its rounding, which differs between the two ways.
    if (dtype == "float32" && !is_right(*model, prompt)) {
      fmt::print(stderr, "generation_bench: cached and uncached generation differ\n");
      return 1;
    }
    for (const std::int64_t batch : {1, 8}) {
      run(*model, batch, prompt, 4);
      double best = 0;
      std::vector<Ids> rows;
      for (int i = 0; i < repeat; ++i) {
        const auto begin = std::chrono::steady_clock::now();
        rows = run(*model, batch, prompt, new_tokens);
        const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
        best = std::max(best, static_cast<double>(batch * new_tokens) / seconds.count());
      }
      fmt::print(R"({{"dtype": "{}", "batch": {}, "tokens_per_second": {:.1f})", dtype, batch, best);
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
  try {
    return langzoo::main(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "generation_bench: {}\n", error.what());
    return 1;
  }
}
