// The truncated SVD of counts of a million pairs of words, and the product it spends its time in beside torch's own.
#include <cmath>
#include <stdexcept>

#include <benchmark/benchmark.h>

#include "data/random/random.h"
#include "models/ppmi_svd/ppmi.h"
#include "models/ppmi_svd/truncated_svd.h"
#include "third_party/torch.h"

namespace {

using namespace langzoo;

constexpr std::int64_t kWords = 30000, kPairs = 1 << 20;

/// A word of rank r with a probability of about 1 / r, as in text (Zipf).
std::int32_t zipf(Random& random) {
  return static_cast<std::int32_t>(std::exp(random.uniform() * std::log(static_cast<double>(kWords)))) - 1;
}

const SparseMatrix& counts() {
  static const auto made = [] {
    Random random(1);
    std::vector<std::int32_t> rows, columns;
    for (std::int64_t i = 0; i < kPairs; ++i) {
      rows.push_back(zipf(random));
      columns.push_back(zipf(random));
    }
    return SparseMatrix::from_entries(kWords, kWords, rows, columns, std::vector<float>(kPairs, 1.0f));
  }();
  return made;
}

torch::Tensor torch_csr() {
  const auto& matrix = counts();
  return torch::sparse_csr_tensor(torch::tensor(matrix.offsets), torch::tensor(matrix.indices).to(torch::kInt64),
                                  torch::tensor(matrix.values), {matrix.rows, matrix.columns}, torch::kFloat32);
}

void sparse_product(benchmark::State& state) {
  const auto x = torch::randn({kWords, 112}), expected = torch_csr().matmul(x);
  if (!torch::allclose(matmul(counts(), x), expected, 1e-3, 1e-3 * expected.abs().max().item<double>())) {
    throw std::runtime_error("the product is not torch's");
  }
  for (auto _ : state) benchmark::DoNotOptimize(matmul(counts(), x));
}
BENCHMARK(sparse_product)->UseRealTime()->Unit(benchmark::kMillisecond);

void torch_sparse_product(benchmark::State& state) {
  const auto x = torch::randn({kWords, 112}), csr = torch_csr();
  for (auto _ : state) benchmark::DoNotOptimize(csr.matmul(x));
}
BENCHMARK(torch_sparse_product)->UseRealTime()->Unit(benchmark::kMillisecond);

void positive_information(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(ppmi(counts()));
}
BENCHMARK(positive_information)->UseRealTime()->Unit(benchmark::kMillisecond);

void svd(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(truncated_svd(counts(), state.range(0)));
}
BENCHMARK(svd)->Arg(100)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
