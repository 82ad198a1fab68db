/// Greedy generation with a GPT-2, in new tokens a second: prompts of 16 tokens, 128 new ones.
///
///     generation_bench [--model DIR] [--threads N] [--repeat N] [--new N] [--dtype float32|bfloat16|both] [--ids]
///
/// Without --model a random model of 124M parameters. Before it times anything it checks that cached generation gives
/// the tokens of repeated full passes. One JSON object a line: {"dtype", "batch", "tokens_per_second"}, the best of N
/// runs, with --ids also the new ids of the first row.

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <string>

#include "models/generation/generate.h"
#include "models/gpt/gpt.h"
#include "models/gpt/gpt_step.h"
#include "models/pretrained.h"
#include "third_party/torch.h"

namespace langzoo {
namespace {

using Ids = std::vector<std::int32_t>;

constexpr std::int64_t kPrompt = 16;

/// Row b is a sequence of its own, the same in generation_side_by_side.py.
std::vector<Ids> prompts(std::int64_t batch, std::int64_t vocabulary) {
  std::vector<Ids> rows(batch, Ids(kPrompt));
  for (std::int64_t b = 0; b < batch; ++b) {
    for (std::int64_t t = 0; t < kPrompt; ++t)
      rows[b][t] = static_cast<std::int32_t>((7919 * (b + 1) + 104729 * t) % vocabulary);
  }
  return rows;
}

std::vector<Ids> run(Gpt2LmHeadModel model, std::int64_t batch, std::int64_t new_tokens) {
  const auto padded = pad_left(prompts(batch, model->config().vocab_size), 0);
  GptStepFunction step(model.ptr(), padded.mask, kPrompt + new_tokens);
  GenerateOptions options;
  options.max_new_tokens = new_tokens;
  options.sampling.greedy = true;
  return generate(step, padded, options);
}

/// Whether cached generation gives the tokens that full passes over the growing text give.
bool is_right(Gpt2LmHeadModel model) {
  const c10::InferenceMode guard;
  const auto cached = run(model, 2, 6);
  auto ids = pad_left(prompts(2, model->config().vocab_size), 0).ids;
  for (std::size_t t = 0; t < cached[0].size(); ++t) {
    const auto next = model->forward(ids).logits.select(1, -1).argmax(-1);
    if (next[0].item<std::int32_t>() != cached[0][t] || next[1].item<std::int32_t>() != cached[1][t]) return false;
    ids = at::cat({ids, next.unsqueeze(1)}, 1);
  }
  return true;
}

int main(int argc, char** argv) {
  std::map<std::string, std::string> options = {{"--model", ""},  {"--threads", "2"},  {"--repeat", "3"},
                                                {"--new", "128"}, {"--dtype", "both"}, {"--ids", "no"}};
  for (int i = 1; i < argc; ++i) {
    const auto found = options.find(argv[i]);
    if (found == options.end() || (found->first != "--ids" && i + 1 == argc)) {
      fmt::print(stderr, "generation_bench: unknown option or missing value: {}\n", argv[i]);
      return 2;
    }
    found->second = found->first == "--ids" ? "yes" : argv[++i];
  }
  at::set_num_threads(std::stoi(options["--threads"]));
#ifdef __GLIBC__  // as the programs do (apps/cli/program.cpp)
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  mallopt(M_TOP_PAD, 16 << 20);
#endif
  torch::manual_seed(1);
  auto model =
      options["--model"].empty() ? Gpt2LmHeadModel(Gpt2Config()) : from_pretrained<Gpt2LmHeadModel>(options["--model"]);
  model->eval();
  const auto new_tokens = std::stoll(options["--new"]);
  for (const std::string dtype : {"float32", "bfloat16"}) {
    if (options["--dtype"] != "both" && options["--dtype"] != dtype) continue;
    model->to(dtype == "float32" ? torch::kFloat32 : torch::kBFloat16);
    // In bfloat16 two tokens may tie within its rounding, which differs between the two ways.
    if (dtype == "float32" && !is_right(model)) {
      fmt::print(stderr, "generation_bench: cached and uncached generation differ\n");
      return 1;
    }
    for (const std::int64_t batch : {1, 8}) {
      run(model, batch, 4);
      double best = 0;
      std::vector<Ids> rows;
      for (int i = 0; i < std::stoi(options["--repeat"]); ++i) {
        const auto begin = std::chrono::steady_clock::now();
        rows = run(model, batch, new_tokens);
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
  return langzoo::main(argc, argv);
}
