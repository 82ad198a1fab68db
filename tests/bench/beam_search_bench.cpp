/// Beam search with a GPT-2, in steps a second: prompts of 16 tokens, five beams.
///
///     beam_search_bench [--model DIR] [--threads N] [--repeat N] [--new N] [--beams N] [--ids]
///
/// Without --model a random model of 124M parameters. Before it times anything it checks that the search over the cache
/// gives the hypotheses of one that reads every beam anew in each step. One JSON object a line: {"batch",
/// "milliseconds_per_step", "search_milliseconds_per_step"}, the best of N runs, the latter with the same logits in
/// every step instead of a model: what the search itself costs; with --ids also the best ids of each prompt.

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <string>

#include "apps/training/freed_memory.h"
#include "models/generation/beam_search.h"
#include "models/gpt/gpt.h"
#include "models/gpt/gpt_step.h"
#include "models/pretrained.h"
#include "third_party/torch.h"

namespace langzoo {
namespace {

using Ids = std::vector<std::int32_t>;

constexpr std::int64_t kPrompt = 16;

/// Row b is a sequence of its own, the same in beam_search_side_by_side.py.
PaddedPrompts prompts(std::int64_t batch, std::int64_t vocabulary) {
  std::vector<Ids> rows(batch, Ids(kPrompt));
  for (std::int64_t b = 0; b < batch; ++b) {
    for (std::int64_t t = 0; t < kPrompt; ++t)
      rows[b][t] = static_cast<std::int32_t>((7919 * (b + 1) + 104729 * t) % vocabulary);
  }
  return pad_left(rows, 0);
}

/// Reads every row from its beginning in each step.
class Uncached : public StepFunction {
 public:
  explicit Uncached(Gpt2LmHeadModel model) : model_(std::move(model)) {}
  torch::Tensor step(const torch::Tensor& ids) override {
    ids_ = ids_.defined() ? at::cat({ids_, ids}, 1) : ids;
    return model_->forward(ids_).logits.select(1, -1);
  }
  void reorder(const torch::Tensor& rows) override { ids_ = ids_.index_select(0, rows); }
  std::int64_t capacity() const override { return model_->config().n_positions; }

 private:
  Gpt2LmHeadModel model_;
  torch::Tensor ids_;
};

class SameLogits : public StepFunction {
 public:
  explicit SameLogits(std::int64_t vocabulary) : logits_(torch::randn({vocabulary})) {}
  torch::Tensor step(const torch::Tensor& ids) override { return logits_.expand({ids.size(0), -1}); }
  void reorder(const torch::Tensor&) override {}
  std::int64_t capacity() const override { return 1 << 20; }

 private:
  torch::Tensor logits_;
};

struct Run {
  double milliseconds_per_step = 0;
  std::vector<Ids> ids;
};

Run timed(StepFunction& step, const PaddedPrompts& padded, const BeamSearchOptions& options) {
  const auto begin = std::chrono::steady_clock::now();
  const auto result = beam_search(step, padded, options);
  const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - begin;
  Run run{time.count() / static_cast<double>(options.max_new_tokens), {}};
  for (const auto& hypotheses : result) run.ids.push_back(hypotheses[0].ids);
  return run;
}

int main(int argc, char** argv) {
  std::map<std::string, std::string> flags = {{"--model", ""}, {"--threads", "2"}, {"--repeat", "3"},
                                              {"--new", "64"}, {"--beams", "5"},   {"--ids", "no"}};
  for (int i = 1; i < argc; ++i) {
    const auto found = flags.find(argv[i]);
    if (found == flags.end() || (found->first != "--ids" && i + 1 == argc)) {
      fmt::print(stderr, "beam_search_bench: unknown option or missing value: {}\n", argv[i]);
      return 2;
    }
    found->second = found->first == "--ids" ? "yes" : argv[++i];
  }
  at::set_num_threads(std::stoi(flags["--threads"]));
  keep_freed_memory();  // as the programs do
  torch::manual_seed(1);
  auto model =
      flags["--model"].empty() ? Gpt2LmHeadModel(Gpt2Config()) : from_pretrained<Gpt2LmHeadModel>(flags["--model"]);
  model->eval();
  const c10::InferenceMode guard;
  const auto vocabulary = model->config().vocab_size;
  BeamSearchOptions options;
  options.num_beams = std::stoll(flags["--beams"]);
  options.max_new_tokens = 6;
  {
    const auto padded = prompts(2, vocabulary);
    GptStepFunction cached(model.ptr(), padded.mask, kPrompt + options.max_new_tokens);
    Uncached uncached(model);
    if (timed(cached, padded, options).ids != timed(uncached, padded, options).ids) {
      fmt::print(stderr, "beam_search_bench: cached and uncached searches differ\n");
      return 1;
    }
  }
  options.max_new_tokens = std::stoll(flags["--new"]);
  for (const std::int64_t batch : {1, 8}) {
    const auto padded = prompts(batch, vocabulary);
    Run best, search;
    for (int i = 0; i < std::stoi(flags["--repeat"]); ++i) {
      GptStepFunction step(model.ptr(), padded.mask, kPrompt + options.max_new_tokens);
      SameLogits same(vocabulary);
      const auto run = timed(step, padded, options), alone = timed(same, padded, options);
      if (i == 0 || run.milliseconds_per_step < best.milliseconds_per_step) best = run;
      if (i == 0 || alone.milliseconds_per_step < search.milliseconds_per_step) search = alone;
    }
    fmt::print(R"({{"batch": {}, "milliseconds_per_step": {:.2f}, "search_milliseconds_per_step": {:.3f})", batch,
               best.milliseconds_per_step, search.milliseconds_per_step);
    if (flags["--ids"] == "yes") fmt::print(R"(, "ids": {})", best.ids);
    fmt::print("}}\n");
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace
}  // namespace langzoo

int main(int argc, char** argv) {
  return langzoo::main(argc, argv);
}
