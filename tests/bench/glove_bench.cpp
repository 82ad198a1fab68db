// Entries a second of GloVe's trainer, beside the same steps by autograd and torch's AdaGrad, on entries whose words
// are distributed as in text (Zipf). The arguments of `trainer` are dimensions and threads.
#include <cmath>
#include <stdexcept>

#include <benchmark/benchmark.h>
#include <torch/optim/adagrad.h>

#include "data/random/random.h"
#include "models/glove/glove_trainer.h"
#include "third_party/torch.h"

namespace {

using namespace langzoo;

constexpr std::int64_t kWords = 30000, kBlockEntries = 1 << 16, kBlocks = 16;

/// A word of rank r with a probability of about 1 / r.
std::int32_t zipf(Random& random) {
  return static_cast<std::int32_t>(std::exp(random.uniform() * std::log(static_cast<double>(kWords)))) - 1;
}

const std::vector<std::vector<GloveEntry>>& blocks() {
  static const auto made = [] {
    Random random(1);
    std::vector<std::vector<GloveEntry>> all(kBlocks);
    for (auto& block : all) {
      for (std::int64_t i = 0; i < kBlockEntries; ++i) {
        const auto row = zipf(random), column = zipf(random);
        block.push_back({row, column, static_cast<float>(std::exp(10.0 * random.uniform() * random.uniform() - 2.0))});
      }
    }
    return all;
  }();
  return made;
}

Glove make(std::int64_t dim) {
  torch::manual_seed(1);
  return Glove(GloveConfig{.vocab_size = kWords, .dim = dim});
}

struct Batch {
  torch::Tensor rows, columns, counts;
};

Batch batch_of(const std::vector<GloveEntry>& entries) {
  const auto n = static_cast<std::int64_t>(entries.size());
  const Batch batch{torch::empty({n}, torch::kInt64), torch::empty({n}, torch::kInt64), torch::empty({n})};
  for (std::int64_t i = 0; i < n; ++i) {
    batch.rows.data_ptr<std::int64_t>()[i] = entries[i].row;
    batch.columns.data_ptr<std::int64_t>()[i] = entries[i].column;
    batch.counts.data_ptr<float>()[i] = entries[i].count;
  }
  return batch;
}

/// The first step from equal parameters: losses of both, and the trainer's must fall.
void check(std::int64_t dim) {
  const auto model = make(dim);
  const std::vector<GloveEntry> one = {blocks()[0][0]};
  const auto batch = batch_of(one);
  const double expected = model->loss_sum(batch.rows, batch.columns, batch.counts).item<double>();
  GloveTrainer trainer(model);
  const double loss = trainer
                          .train(
                              0, 1, 0.05, [&](auto, auto& entries) { entries = one; }, 1)
                          .loss_sum;
  if (std::abs(loss - expected) > 1e-4 * expected) throw std::runtime_error("the trainer's loss is not autograd's");
  const auto read = [](std::int64_t block, auto& entries) { entries = blocks()[static_cast<std::size_t>(block)]; };
  const double first = trainer.train(0, kBlocks, 0.05, read, 1).loss_sum;
  if (!(trainer.train(0, kBlocks, 0.05, read, 1).loss_sum < first)) throw std::runtime_error("the loss does not fall");
}

void trainer(benchmark::State& state) {
  const auto dim = state.range(0);
  check(dim);
  GloveTrainer trainer(make(dim));
  const auto read = [](std::int64_t block, auto& entries) { entries = blocks()[static_cast<std::size_t>(block)]; };
  for (auto _ : state) trainer.train(0, kBlocks, 0.05, read, static_cast<int>(state.range(1)));
  state.SetItemsProcessed(state.iterations() * kBlocks * kBlockEntries);
}
BENCHMARK(trainer)->ArgsProduct({{50, 100, 300}, {1, 2}})->UseRealTime()->Unit(benchmark::kMillisecond);

void autograd(benchmark::State& state) {
  const auto model = make(state.range(0));
  torch::optim::Adagrad optimizer(model->parameters(), torch::optim::AdagradOptions(0.05).initial_accumulator_value(1));
  const auto batch = batch_of(blocks()[0]);
  for (auto _ : state) {
    optimizer.zero_grad();
    model->loss_sum(batch.rows, batch.columns, batch.counts).backward();
    optimizer.step();
  }
  state.SetItemsProcessed(state.iterations() * kBlockEntries);
}
BENCHMARK(autograd)->Arg(100)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
