/// Training and translation speed of a recurrent encoder-decoder, for seq2seq_side_by_side.py.
///
///     seq2seq_bench train --model DIR --data FILE.safetensors [--threads N] [--repeat N] [--checked N]
///     seq2seq_bench translate --model DIR --data FILE.safetensors [--threads N] [--repeat N] [--beams K] [--new N]
///
/// FILE holds source (N,B,S), source_lengths (N,B), decoder_input and labels (N,B,T): N batches, walked in a circle.
/// train: Adam, learning rate 1e-3, clipping at norm 5; prints {"losses": the first ones, mean a token,
/// "tokens_per_second": target tokens, the best of the repeats over all batches}. translate: the first batch, beam
/// search with length penalty 0 and no end token; prints {"ids", "tokens_per_second": new tokens of the best beam}.

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <string>

#include "apps/training/freed_memory.h"
#include "models/generation/beam_search.h"
#include "models/io/safetensors.h"
#include "models/optim/adamw.h"
#include "models/optim/clip.h"
#include "models/pretrained.h"
#include "models/seq2seq/seq2seq_step.h"
#include "third_party/torch.h"

namespace langzoo {
namespace {

template <class Work>
double seconds(const Work& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

void train(Seq2Seq model, const StateDict& data, std::int64_t repeat, std::int64_t checked) {
  model->train();
  FlatParameters parameters(model->named_parameters());
  AdamW adam(parameters, {.weight_decay = 0.0});
  const auto labels = data["labels"];
  const auto batches = labels.size(0);
  const auto step = [&](std::int64_t i) {
    parameters.zero_grad();
    const auto targets = labels[i].ne(-100).sum();
    const auto loss =
        model->loss_sum(data["source"][i], data["source_lengths"][i], data["decoder_input"][i], labels[i]) / targets;
    loss.backward();
    adam.step(1e-3, clip_divisor(parameters.grad_norm(), 5.0));
    return loss.item<double>();
  };
  std::vector<double> losses;
  for (std::int64_t i = 0; i < checked; ++i) losses.push_back(step(i % batches));
  double best = 1e300;
  for (std::int64_t r = 0; r < repeat; ++r) {
    best = std::min(best, seconds([&] {
                      for (std::int64_t i = 0; i < batches; ++i) step(i);
                    }));
  }
  const auto tokens = labels.ne(-100).sum().item<double>();
  fmt::print("{{\"losses\": [{:.6f}], \"tokens_per_second\": {:.1f}}}\n", fmt::join(losses, ", "), tokens / best);
}

void translate(Seq2Seq model, const StateDict& data, std::int64_t repeat, std::int64_t beams, std::int64_t length) {
  const auto source = data["source"][0], lengths = data["source_lengths"][0];
  const auto rows = source.size(0);
  const auto start = torch::full({rows, 1}, model->config().decoder_start_token_id, torch::kInt64);
  BeamSearchOptions options;
  options.num_beams = beams;
  options.max_new_tokens = length;
  options.length_penalty = 0.0;
  std::vector<std::vector<Hypothesis>> found;
  double best = 1e300;
  for (std::int64_t r = 0; r < repeat; ++r) {
    best = std::min(best, seconds([&] {
                      Seq2SeqStepFunction step(model, source, lengths, 1 + length);
                      found = beam_search(step, {start, torch::ones_like(start, torch::kBool)}, options);
                    }));
  }
  std::vector<std::string> ids;
  for (const auto& hypotheses : found) ids.push_back(fmt::format("[{}]", fmt::join(hypotheses.front().ids, ", ")));
  fmt::print("{{\"ids\": [{}], \"tokens_per_second\": {:.1f}}}\n", fmt::join(ids, ", "),
             static_cast<double>(rows * length) / best);
}

int run(int argc, char** argv) {
  keep_freed_memory();  // as the programs do
  std::map<std::string, std::string> options{{"--threads", "2"}, {"--repeat", "3"}, {"--checked", "5"},
                                             {"--beams", "5"},   {"--new", "25"},   {"--model", ""},
                                             {"--data", ""}};
  const std::string verb = argc > 1 ? argv[1] : "";
  for (int i = 2; i + 1 < argc; i += 2) options[argv[i]] = argv[i + 1];
  if (verb != "train" && verb != "translate") {
    fmt::print(stderr, "usage: seq2seq_bench train|translate --model DIR --data FILE\n");
    return 2;
  }
  at::set_num_threads(std::stoi(options["--threads"]));
  at::globalContext().setFlushDenormal(true);
  const auto model = from_pretrained<Seq2Seq>(options["--model"]);
  const auto data = load_safetensors(options["--data"]);
  const auto repeat = std::stol(options["--repeat"]);
  if (verb == "train") {
    const KeepLargeFreedMemory keep;
    train(model, data, repeat, std::stol(options["--checked"]));
  }
  if (verb == "translate") translate(model, data, repeat, std::stol(options["--beams"]), std::stol(options["--new"]));
  return 0;
}

}  // namespace
}  // namespace langzoo

int main(int argc, char** argv) {
  return langzoo::run(argc, argv);
}
