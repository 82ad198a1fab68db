/// Training speed of a recurrent tagger with a CRF, and of the CRF alone, for tagger_side_by_side.py.
///
///     tagger_bench crf|train --model DIR --data FILE.safetensors [--threads N] [--repeat N] [--checked N]
///
/// FILE holds ids, mask, labels (S,B,T), S batches, and emissions (S,B,T,N) for `crf`, which takes the loss and all its
/// gradients. train: AdamW without decay, learning rate 1e-3. Both print {"losses": the first ones, a sentence,
/// "tokens_per_second": the best of the repeats over all batches}.

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <string>

#include "apps/training/freed_memory.h"
#include "models/io/safetensors.h"
#include "models/optim/adamw.h"
#include "models/pretrained.h"
#include "models/tagger/tagger.h"
#include "third_party/torch.h"

namespace langzoo {
namespace {

/// `step` takes a batch and returns its loss, summed.
void measure(const StateDict& data, std::int64_t repeat, std::int64_t checked,
             const std::function<double(std::int64_t)>& step) {
  const auto mask = data["mask"];
  const auto batches = mask.size(0), rows = mask.size(1);
  std::vector<double> losses;
  for (std::int64_t i = 0; i < checked; ++i) losses.push_back(step(i % batches) / static_cast<double>(rows));
  double best = 1e300;
  for (std::int64_t r = 0; r < repeat; ++r) {
    const auto begin = std::chrono::steady_clock::now();
    for (std::int64_t i = 0; i < batches; ++i) step(i);
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  fmt::print("{{\"losses\": [{:.6f}], \"tokens_per_second\": {:.1f}}}\n", fmt::join(losses, ", "),
             mask.sum().item<double>() / best);
}

int run(int argc, char** argv) {
  keep_freed_memory();  // as the programs do
  std::map<std::string, std::string> options{
      {"--threads", "2"}, {"--repeat", "3"}, {"--checked", "5"}, {"--model", ""}, {"--data", ""}};
  const std::string verb = argc > 1 ? argv[1] : "";
  for (int i = 2; i + 1 < argc; i += 2) options[argv[i]] = argv[i + 1];
  if (verb != "train" && verb != "crf") {
    fmt::print(stderr, "usage: tagger_bench crf|train --model DIR --data FILE\n");
    return 2;
  }
  at::set_num_threads(std::stoi(options["--threads"]));
  at::globalContext().setFlushDenormal(true);
  auto model = from_pretrained<TaggerForTokenClassification>(options["--model"]);
  model->train();
  const auto data = load_safetensors(options["--data"]);
  const auto repeat = std::stol(options["--repeat"]), checked = std::stol(options["--checked"]);
  if (verb == "crf") {
    measure(data, repeat, checked, [&](std::int64_t i) {
      const auto emissions = data["emissions"][i].detach().requires_grad_();
      model->crf->zero_grad();
      const auto loss = model->crf->loss_sum(emissions, data["labels"][i]);
      loss.backward();
      return loss.item<double>();
    });
    return 0;
  }
  FlatParameters parameters(model->named_parameters());
  AdamW adam(parameters, {.weight_decay = 0.0});
  measure(data, repeat, checked, [&](std::int64_t i) {
    parameters.zero_grad();
    const auto logits = model->logits({.ids = data["ids"][i], .attention_mask = data["mask"][i]});
    const auto loss = model->loss_sum(logits, data["labels"][i], {});
    (loss / data["mask"][i].sum()).backward();
    adam.step(1e-3);
    return loss.item<double>();
  });
  return 0;
}

}  // namespace
}  // namespace langzoo

int main(int argc, char** argv) {
  return langzoo::run(argc, argv);
}
