#include "data/text/causal_lm.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "data/files/as_size.h"
#include "data/random/random.h"
#include "third_party/torch.h"

namespace langzoo {

CausalLmDataset::CausalLmDataset(TokenView tokens, std::int64_t context, std::uint64_t seed)
    : tokens_(tokens), context_(context), seed_(seed) {
  if (context < 1) throw std::invalid_argument(fmt::format("context must be positive, is {}", context));
  const auto size = static_cast<std::int64_t>(tokens.size());
  if (size - 1 < context) {
    throw std::runtime_error(
        fmt::format("the text has {} tokens, a context of {} needs at least {}: use more text or "
                    "a shorter context",
                    size, context, context + 1));
  }
  // As many windows as fit behind at least `context` offsets; one where that is none.
  num_windows_ = std::max<std::int64_t>(1, (size - context) / context);
  num_offsets_ = size - num_windows_ * context;
}

std::int64_t CausalLmDataset::offset(std::int64_t epoch) const {
  Random random(mix_bits(seed_), static_cast<std::uint64_t>(epoch));
  return static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(num_offsets_)));
}

CausalLmBatch CausalLmDataset::windows(std::int64_t epoch, std::span<const std::int64_t> indices) const {
  const auto rows = static_cast<std::int64_t>(indices.size());
  CausalLmBatch batch{torch::empty({rows, context_}, torch::kInt64), torch::empty({rows, context_}, torch::kInt64)};
  auto* ids = batch.ids.data_ptr<std::int64_t>();
  auto* targets = batch.targets.data_ptr<std::int64_t>();
  const std::int64_t start = offset(epoch);
  for (const std::int64_t index : indices) {
    if (index < 0 || index >= num_windows_) {
      throw std::out_of_range(fmt::format("window {} of {}", index, num_windows_));
    }
    const std::size_t begin = as_size(start + index * context_);
    tokens_.read(begin, {ids, as_size(context_)});
    std::copy_n(ids + 1, context_ - 1, targets);
    tokens_.read(begin + as_size(context_), {targets + context_ - 1, 1});
    ids += context_;
    targets += context_;
  }
  return batch;
}

std::unique_ptr<BatchIterator<CausalLmBatch>> causal_lm_batches(CausalLmDataset dataset, std::int64_t batch_size,
                                                                std::size_t prepare_ahead, Rank rank) {
  check_rank(rank);
  const EpochOrder order(dataset.num_windows(), batch_size * rank.world, dataset.seed());
  return std::make_unique<BatchIterator<CausalLmBatch>>(
      order.batches_per_epoch(),
      [dataset, order, rank](const DataPosition& at) {
        return dataset.windows(at.epoch, share_of(order.examples(at), rank));
      },
      prepare_ahead);
}

EvaluationWindows::EvaluationWindows(TokenView tokens, std::int64_t n_positions, std::int64_t stride)
    : tokens_(tokens), n_positions_(n_positions), stride_(stride) {
  if (n_positions < 1) throw std::invalid_argument(fmt::format("n_positions must be positive, is {}", n_positions));
  if (stride < 1 || stride > n_positions) {
    throw std::invalid_argument(
        fmt::format("stride must be from 1 to the model's n_positions {}, is {}", n_positions, stride));
  }
  if (tokens.size() < 2) {
    throw std::runtime_error(
        fmt::format("the text has {} tokens, evaluation needs at least 2: one to read, one to predict", tokens.size()));
  }
  // The least k with k * stride + n_positions >= num_targets() belongs to the last window.
  const std::int64_t beyond_first = std::max<std::int64_t>(0, num_targets() - n_positions);
  num_windows_ = 1 + (beyond_first + stride - 1) / stride;
}

CausalLmBatch EvaluationWindows::batch(std::int64_t first, std::int64_t count) const {
  if (first < 0 || first >= num_windows_ || count < 1) {
    throw std::out_of_range(fmt::format("{} windows from {} of {}", count, first, num_windows_));
  }
  const std::int64_t rows = std::min(count, num_windows_ - first);
  const std::int64_t width = std::min(n_positions_, num_targets() - first * stride_);  // of the first, the longest
  CausalLmBatch batch{torch::zeros({rows, width}, torch::kInt64),
                      torch::full({rows, width}, kIgnoredTarget, torch::kInt64)};
  auto* ids = batch.ids.data_ptr<std::int64_t>();
  auto* targets = batch.targets.data_ptr<std::int64_t>();
  for (std::int64_t k = first; k < first + rows; ++k, ids += width, targets += width) {
    const std::int64_t begin = k * stride_, length = std::min(n_positions_, num_targets() - begin);
    const std::int64_t seen = k == 0 ? 0 : n_positions_ - stride_;  // leading targets that the window before scored
    tokens_.read(as_size(begin), {ids, as_size(length)});
    tokens_.read(as_size(begin + 1 + seen), {targets + seen, as_size(length - seen)});
  }
  return batch;
}

}  // namespace langzoo
