#include <algorithm>
#include <iostream>
#include <optional>

#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "apps/cli/base/figures.h"
#include "apps/cli/base/json_output.h"
#include "apps/cli/bit_sequences/drawn_task.h"
#include "apps/cli/bit_sequences/given_sequences.h"
#include "apps/cli/bit_sequences/memory_page.h"
#include "apps/cli/bit_sequences/verbs.h"
#include "apps/cli/model_verb.h"
#include "data/files/files.h"
#include "models/ntm/ntm.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

using torch::Tensor;

/// Shapes: (T,...) -> (rows,T).
MemoryPicture picture(const std::string& title, const std::string& about, bool right, const Tensor& values) {
  const auto rows = values.flatten(1).t().contiguous();
  const auto [least, most] = rows.aminmax();
  const auto reach = std::max({1.0, std::abs(least.item<double>()), std::abs(most.item<double>())});
  const bool negative = least.item<double>() < 0;
  return {title, about, right, rows, negative ? -reach : 0.0, reach};
}

std::string numbered(const std::string& what, std::int64_t i, std::int64_t count) {
  return count == 1 ? what : fmt::format("{} {}", what, i + 1);
}

std::vector<MemoryPicture> pictures_of(const Tensor& inputs, const Tensor& targets, const NtmTrace& trace,
                                       std::int64_t readers) {
  const auto writers = trace.adds.size(1);
  std::vector<MemoryPicture> all = {
      picture("Input", "What the controller is given.", false, inputs),
      picture("Output", "Of each bit, the probability of a 1. Behind the dashed line it is the answer.", true,
              trace.logits.sigmoid())};
  if (targets.defined()) all.push_back(picture("Target", "What the answer is to be.", true, targets));
  for (std::int64_t h = 0; h < writers; ++h)
    all.push_back(picture(numbered("Adds", h, writers), "The vector that is added where the writing head stands.",
                          false, trace.adds.select(1, h)));
  for (std::int64_t h = 0; h < readers; ++h)
    all.push_back(picture(numbered("Reads", h, readers), "The vector that is read where the reading head stands.", true,
                          trace.reads.select(1, h)));
  for (std::int64_t h = 0; h < writers; ++h)
    all.push_back(picture(numbered("Write weightings", h, writers),
                          "Where in the memory the head writes: a row a place.", false,
                          trace.weights.select(1, readers + h)));
  for (std::int64_t h = 0; h < readers; ++h)
    all.push_back(picture(numbered("Read weightings", h, readers), "Where in the memory the head reads: a row a place.",
                          true, trace.weights.select(1, h)));
  return all;
}

class MemoryVerb : public ModelVerb {
 public:
  std::string name() const override { return "memory"; }
  std::string summary() const override { return "look at memory and heads as a model reads a sequence"; }
  std::string examples() const override {
    return "memory --model run --out memory.html\n"
           "memory --model run --task copy --length 60 --seed 3 --out memory.html\n"
           "memory --model run --data sequences.jsonl --out memory.html\n";
  }
  std::string notes() const override {
    return kGivenSequencesHelp +
           fmt::format(
               "Without --data sequences are drawn. A page of more than {} values is refused.\n"
               "Fields under --json, a line a sequence: weights (step, head, place; heads that read come first), "
               "reads and adds\n(step, head, number), memory (place, number) behind the last step.\n",
               MemoryPage::kMostValues);
  }
  bool heeds_seed() const override { return true; }
  void add_own_options(Options& options) override {
    ModelVerb::add_own_options(options);
    drawn_.add_to(options);
    options.add("--sequences", sequences_, "how many are drawn").range(1, 1000).idle_with("--data");
    options.add("--data", data_, "a file of JSON lines, in place of drawn sequences").excludes("--task");
    options.add("--out", out_, "the page to write");
    options.idle_where("--seed", "--data is given", [this] { return data_.has_value(); });
    for (const auto* const flag : {"--length", "--repeats"})
      options.idle_where(flag, "--data is given", [this] { return data_.has_value(); });
  }
  void compute(const ComputeOptions& common) override {
    if (out_.empty() && !common.json) throw UsageError("give --out a name for the page, or ask for --json");
    const auto loaded = load_and_report(model_, common, [&](const DeviceOptions& options, LoadReport* report) {
      return load_bit_sequence_model(model_, options, report);
    });
    auto* const model = dynamic_cast<NtmImpl*>(loaded.model.get());
    if (model == nullptr) throw std::runtime_error(fmt::format("{}: the model has no memory to show", model_));
    if (!out_.empty()) check_writable(out_);
    const c10::InferenceMode inference;
    MemoryPage page;
    const auto show = [&](const Tensor& inputs, std::int64_t answer_begin, const Tensor& targets) {
      const auto sizes = model->config().memory();
      page.require_room(static_cast<std::size_t>(inputs.size(0) * sizes.heads() * sizes.rows));
      NtmTrace trace;
      model->stepwise_logits(inputs.to(loaded.device), &trace);
      if (common.json) print(trace);
      if (out_.empty()) return;
      page.add({.title = fmt::format("sequence {}: {} steps", page.size() + 1, inputs.size(0)),
                .answer_begin = answer_begin,
                .pictures = pictures_of(inputs, targets, trace, model->config().read_heads)});
    };
    std::string subtitle = "memory and heads over time";
    if (data_) {
      for_each_given_sequence(*data_, bit_sequence_task_of_run(model_).format(), *model,
                              [&](const GivenSequence& given) { show(given.inputs, given.answer_begin, {}); });
    } else {
      const auto task = drawn_.task(model_);
      check_bit_sizes(task.format(), *model);
      subtitle += fmt::format(" · {} of length {}", task.name, task.greatest_length());
      for (std::int64_t i = 0; i < sequences_; ++i) {
        const auto batch = evaluation_batch(task.format(), task.exact_lengths(), 1, common.seed_or(1), i);
        const auto before = at::zeros({batch.inputs.size(0) - batch.targets.size(0), 1, batch.targets.size(2)});
        show(batch.inputs, batch.answer_begin, at::cat({before, batch.targets}));
      }
    }
    if (out_.empty()) return;
    write_file_atomically(out_,
                          page.html(std::filesystem::path(model_).lexically_normal().filename().string(), subtitle));
    std::cerr << fmt::format("{} written to {}\n",
                             counted(static_cast<std::int64_t>(page.size()), "sequence", "sequences"), out_);
  }

 private:
  /// The elements of a tensor as lists in lists.
  static JsonValue json_of(const Tensor& values) {
    if (values.dim() == 0) return JsonValue(values.item<double>());
    std::vector<JsonValue> list;
    for (std::int64_t i = 0; i < values.size(0); ++i) list.push_back(json_of(values[i]));
    return list;
  }
  static void print(const NtmTrace& trace) {
    print_json({{"weights", json_of(trace.weights.cpu())},
                {"reads", json_of(trace.reads.cpu())},
                {"adds", json_of(trace.adds.cpu())},
                {"memory", json_of(trace.memory.cpu())}});
  }

  DrawnTask drawn_;
  std::int64_t sequences_ = 1;
  std::optional<std::string> data_;
  std::string out_;
};

}  // namespace

std::unique_ptr<Verb> memory_verb() {
  return std::make_unique<MemoryVerb>();
}

}  // namespace langzoo
