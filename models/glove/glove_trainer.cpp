#include "models/glove/glove_trainer.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <mutex>
#include <stdexcept>

#include <c10/util/StringUtil.h>

#include "models/glove/kernel.h"
#include "models/layers/parallel_for.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

using torch::Tensor;

float* values_of(const Tensor& tensor, const char* name) {
  if (!tensor.is_cpu() || tensor.scalar_type() != torch::kFloat32 || !tensor.is_contiguous()) {
    throw std::invalid_argument(c10::str("GloveTrainer: ", name, " must be float32 on the CPU and contiguous"));
  }
  return tensor.data_ptr<float>();
}

/// Checks the entries and takes logarithms and weights.
void prepare(const std::vector<GloveEntry>& entries, const GloveConfig& config, std::vector<WeightedEntry>& prepared) {
  const auto alpha = static_cast<float>(config.alpha), log_x_max = static_cast<float>(std::log(config.x_max));
  prepared.resize(entries.size());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto [row, column, count] = entries[i];
    if (row < 0 || row >= config.vocab_size || column < 0 || column >= config.vocab_size || !(count > 0.0f) ||
        !std::isfinite(count)) {
      throw std::invalid_argument(
          c10::str("GloveTrainer: ", count, " at (", row, ", ", column, ") among ", config.vocab_size, " words"));
    }
    const float log_count = std::log(count);
    prepared[i] = {row, column, log_count, std::exp(std::min(0.0f, alpha * (log_count - log_x_max)))};
  }
}

}  // namespace

GloveProgress GloveTrainer::train(std::int64_t first, std::int64_t last, double learning_rate,
                                  const ReadBlock& read_block, int threads) {
  auto& model = *model_;
  const GloveTable words{values_of(model.embeddings->weight, "embeddings.weight"),
                         values_of(model.embedding_squares, "embedding_squares"), values_of(model.biases, "biases"),
                         values_of(model.bias_squares, "bias_squares")};
  const GloveTable contexts{values_of(model.context_embeddings->weight, "context_embeddings.weight"),
                            values_of(model.context_embedding_squares, "context_embedding_squares"),
                            values_of(model.context_biases, "context_biases"),
                            values_of(model.context_bias_squares, "context_bias_squares")};
  std::atomic<std::int64_t> next{first};
  std::mutex mutex;
  std::exception_ptr failure;
  GloveProgress total;
  parallel_for(std::max(1, threads), 1, [&](std::int64_t, std::int64_t) {
    std::vector<GloveEntry> entries;
    std::vector<WeightedEntry> prepared;
    GloveProgress mine;
    try {
      for (auto block = next++; block < last; block = next++) {
        read_block(block, entries);
        prepare(entries, model.config(), prepared);
        const auto loss =
            train_entries(words, contexts, model.config().dim, prepared, static_cast<float>(learning_rate));
        mine.loss_sum += loss.sum;
        mine.not_finite += loss.not_finite;
        mine.entries += static_cast<std::int64_t>(entries.size());
      }
    } catch (...) {
      next = last;
      const std::lock_guard lock(mutex);
      failure = std::current_exception();
    }
    const std::lock_guard lock(mutex);
    total.loss_sum += mine.loss_sum;
    total.entries += mine.entries;
    total.not_finite += mine.not_finite;
  });
  if (failure) std::rethrow_exception(failure);
  return total;
}

}  // namespace langzoo
