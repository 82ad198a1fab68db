#include "data/pretraining/denoising_dataset.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "data/files/as_size.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

/// As many tokens as the inputs have room for, or as a short text has.
std::int64_t window_of(TokenView tokens, const DenoisingOptions& options, std::int64_t max_source) {
  const auto size = static_cast<std::int64_t>(tokens.size());
  if (size < 3) throw std::runtime_error(fmt::format("the text has {} tokens, too few to hide some of them", size));
  return std::min(options.most_tokens(max_source), size - 1);
}

std::vector<TokenId> narrow(const std::vector<std::int64_t>& ids) {
  return {ids.begin(), ids.end()};
}

}  // namespace

DenoisingDataset::DenoisingDataset(TokenView tokens, DenoisingOptions options, std::int64_t max_source,
                                   std::optional<TokenId> end, std::uint64_t seed)
    : windows_(tokens, window_of(tokens, options, max_source), seed), options_(std::move(options)), end_(end) {}

ParallelCorpus DenoisingDataset::examples(std::int64_t epoch, std::span<const std::int64_t> numbers) const {
  const auto texts = windows_.windows(epoch, numbers).ids;
  ParallelCorpus corpus;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto* const begin = texts.data_ptr<std::int64_t>() + static_cast<std::int64_t>(i) * windows_.context();
    std::vector<std::int64_t> ids(begin, begin + windows_.context());
    if (end_) std::erase(ids, *end_);
    Random random(mix_bits(mix_bits(seed() + 1) + static_cast<std::uint64_t>(epoch)),
                  static_cast<std::uint64_t>(numbers[i]));
    const auto pair = denoising_pair(ids, options_, random);
    corpus.add(narrow(pair.inputs), narrow(pair.targets));
  }
  return corpus;
}

std::unique_ptr<BatchIterator<ParallelBatch>> denoising_batches(DenoisingDataset dataset,
                                                                const ParallelSpecialTokens& special,
                                                                std::int64_t batch_size, std::size_t prepare_ahead,
                                                                Rank rank) {
  check_rank(rank);
  const EpochOrder order(dataset.num_examples(), batch_size * rank.world, dataset.seed());
  return std::make_unique<BatchIterator<ParallelBatch>>(
      order.batches_per_epoch(),
      [dataset, order, special, rank](const DataPosition& at) {
        auto numbers = share_of(order.examples(at), rank);
        const auto corpus = dataset.examples(at.epoch, numbers);
        std::vector<std::int64_t> rows(numbers.size());
        std::iota(rows.begin(), rows.end(), 0);
        auto batch = parallel_batch(corpus, std::move(rows), special);
        batch.pairs = std::move(numbers);
        return batch;
      },
      prepare_ahead);
}

}  // namespace langzoo
