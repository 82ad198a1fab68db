#include "data/text/text_stream.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <numbers>
#include <stdexcept>

#include <fmt/format.h>

#include "data/random/philox.h"
#include "data/random/random.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

constexpr double kShare = 0.95, kDeviation = 5, kLeast = 5;

double mean_steps(const TextStreamOptions& options) {
  const auto steps = static_cast<double>(options.steps);
  return options.random_steps ? std::max(kLeast, kShare * steps + (1 - kShare) * steps / 2) : steps;
}

double normal(Random& random) {
  const double radius = std::sqrt(-2 * std::log(1 - random.uniform()));
  return radius * std::cos(2 * std::numbers::pi * random.uniform());
}

}  // namespace

/// Making them takes time in proportion to an epoch's batches: no batch makes them anew.
struct TextStream::LastCuts {
  using Places = std::shared_ptr<const std::vector<std::int64_t>>;

  Places of(const TextStream& stream, std::int64_t wanted) {
    const std::lock_guard lock(mutex);
    if (places == nullptr || epoch != wanted) {
      places = std::make_shared<const std::vector<std::int64_t>>(stream.cuts(wanted));
      epoch = wanted;
    }
    return places;
  }

  std::mutex mutex;
  std::int64_t epoch = 0;
  Places places;
};

TextStream::TextStream(TokenView tokens, const TextStreamOptions& options)
    : tokens_(tokens), options_(options), last_(std::make_shared<LastCuts>()) {
  check_rank(options.rank);
  if (options.batch_size < 1)
    throw std::invalid_argument(fmt::format("text stream: batch_size = {} must be positive", options.batch_size));
  if (options.steps < 1)
    throw std::invalid_argument(fmt::format("text stream: steps = {} must be positive", options.steps));
  if (!(options.reset_probability >= 0 && options.reset_probability < 1)) {
    throw std::invalid_argument(
        fmt::format("text stream: reset_probability = {} must be in [0, 1)", options.reset_probability));
  }
  const auto columns = options.batch_size * options.rank.world;
  length_ = (static_cast<std::int64_t>(tokens.size()) - 1) / columns;
  if (length_ < 1) {
    throw std::runtime_error(
        fmt::format("{} tokens are too few for {} columns, which need {}", tokens.size(), columns, columns + 1));
  }
  const auto windows = std::ceil(static_cast<double>(length_) / mean_steps(options));
  batches_ = std::clamp<std::int64_t>(static_cast<std::int64_t>(windows), 1, length_);
}

std::vector<std::int64_t> TextStream::cuts(std::int64_t epoch) const {
  const auto windows = batches_;
  std::vector<std::int64_t> cuts = {0};
  if (!options_.random_steps) {
    for (std::int64_t i = 1; i <= windows; ++i) cuts.push_back(std::min(length_, i * options_.steps));
    return cuts;
  }
  Random random(options_.seed, static_cast<std::uint64_t>(epoch));
  std::vector<double> ends;
  double end = 0;
  for (std::int64_t i = 0; i < windows; ++i) {
    const double base = static_cast<double>(options_.steps) / (random.uniform() < kShare ? 1 : 2);
    ends.push_back(end += std::max(kLeast, std::round(base + kDeviation * normal(random))));
  }
  for (std::int64_t i = 1; i <= windows; ++i) {
    const auto at = ends[static_cast<std::size_t>(i - 1)] / end * static_cast<double>(length_);
    // None is empty, however short a column is.
    cuts.push_back(std::clamp<std::int64_t>(std::llround(at), cuts.back() + 1, length_ - (windows - i)));
  }
  return cuts;
}

TextStreamBatch TextStream::batch(const DataPosition& at) const {
  const auto window = static_cast<std::size_t>(at.batch);
  const auto places = last_->of(*this, at.epoch);
  const auto begin = places->at(window), steps = places->at(window + 1) - begin;
  const auto B = options_.batch_size;
  TextStreamBatch batch;
  batch.begins = window == 0;
  batch.ids = torch::empty({B, steps}, torch::kInt64);
  batch.targets = torch::empty({B, steps}, torch::kInt64);
  std::vector<std::int64_t> row(static_cast<std::size_t>(steps + 1));
  auto resets = torch::zeros({B}, torch::kBool);
  for (std::int64_t b = 0; b < B; ++b) {
    const auto column = options_.rank.index * B + b;
    resets.data_ptr<bool>()[b] =
        philox_uniform(options_.seed, static_cast<std::uint64_t>(at.epoch), static_cast<std::uint32_t>(column),
                       static_cast<std::uint32_t>(at.batch)) < options_.reset_probability;
    tokens_.read(static_cast<std::size_t>(column * length_ + begin), row);
    std::copy_n(row.begin(), steps, batch.ids.data_ptr<std::int64_t>() + b * steps);
    std::copy_n(row.begin() + 1, steps, batch.targets.data_ptr<std::int64_t>() + b * steps);
  }
  if (resets.any().item<bool>()) batch.resets = resets;
  return batch;
}

std::unique_ptr<BatchIterator<TextStreamBatch>> text_stream_batches(TextStream stream, std::size_t prepare_ahead) {
  const auto batches = stream.batches_per_epoch();
  return std::make_unique<BatchIterator<TextStreamBatch>>(
      batches, [stream](const DataPosition& at) { return stream.batch(at); }, prepare_ahead);
}

}  // namespace langzoo
