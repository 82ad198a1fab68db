#include <bit>
#include <limits>

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <torch/types.h>

#include "apps/training/tasks/word_vectors/training.h"
#include "models/glove/glove_trainer.h"

namespace langzoo {

namespace {

class GloveTask : public WordVectorsModelTask<Glove> {
 public:
  GloveTask(Glove model, WordText text, CoOccurrenceFile counts, const WordVectorsSetting& setting)
      : WordVectorsModelTask(std::move(model), std::move(text)),
        counts_(std::move(counts)),
        trainer_(model_),
        device_(setting.train.device),
        threads_(setting.options.deterministic ? 1 : at::get_num_threads()) {
    set_blocks(counts_.blocks(), setting.train.trainer.optimizer == "own" ? kBlocksAStep : 1);
  }

  std::string fingerprint() const override {
    return fmt::format("glove co-occurrences {:016x} blocks {}", counts_.fingerprint(), blocks_a_step());
  }

  OwnStep own_step(double learning_rate) override {
    const auto [first, last] = blocks();
    const auto done = trainer_.train(first, last, learning_rate, read_block_, threads_);
    const auto words = words_of_batch();
    advance();
    const bool finite = done.not_finite == 0;
    return {finite ? done.loss_sum : std::numeric_limits<double>::quiet_NaN(), done.entries, words};
  }

  MicroBatch next() override {
    std::vector<CoOccurrence> entries;
    counts_.read_block(position_.batch, entries);
    const auto size = static_cast<std::int64_t>(entries.size());
    const auto rows = torch::empty({size}, torch::kInt64), columns = torch::empty({size}, torch::kInt64);
    const auto counts = torch::empty({size});
    for (std::int64_t i = 0; i < size; ++i) {
      const auto& entry = entries[static_cast<std::size_t>(i)];
      rows.data_ptr<std::int64_t>()[i] = entry.row;
      columns.data_ptr<std::int64_t>()[i] = entry.column;
      counts.data_ptr<float>()[i] = entry.count;
    }
    const auto words = words_of_batch();
    advance();
    const auto loss = [this, rows = rows.to(device_), columns = columns.to(device_), counts = counts.to(device_)] {
      return model_->loss_sum(rows, columns, counts);
    };
    return {size, words, loss};
  }

  std::string loss_unit() const override { return "weighted squared error a pair"; }

 protected:
  torch::Tensor vectors_of(const std::vector<std::string>& /*first*/) override { return model_->word_vectors().cpu(); }

 private:
  /// About a million entries between two reports.
  static constexpr std::int64_t kBlocksAStep = 16;

  /// The text's words in equal shares.
  std::int64_t words_of_batch() const {
    const auto words = text_.corpus.words(), batch = position_.batch, batches = batches_per_epoch();
    return words * (batch + 1) / batches - words * batch / batches;
  }

  CoOccurrenceFile counts_;
  GloveTrainer trainer_;
  GloveTrainer::ReadBlock read_block_ = [this](std::int64_t block, std::vector<GloveEntry>& entries) {
    thread_local std::vector<CoOccurrence> read;
    counts_.read_block(block, read);
    entries.clear();
    for (const auto& entry : read) entries.push_back(std::bit_cast<GloveEntry>(entry));
  };
  torch::Device device_;
  int threads_;
};

}  // namespace

std::unique_ptr<WordVectorsTask> make_glove_task(WordText text, const WordVectorsSetting& setting) {
  GloveConfig config = setting.options.glove;
  config.vocab_size = static_cast<std::int64_t>(text.vocabulary.size());
  config.dim = setting.options.word2vec.dim;
  auto model = new_model<Glove>(config);
  if (setting.train.begins_with_init()) {
    begin_with_vectors(text, setting.train, {model->embeddings->weight, model->context_embeddings->weight});
  }
  auto counts = count_co_occurrences(text, setting, /*shuffle=*/true);
  model->to(setting.train.device);
  return std::make_unique<GloveTask>(std::move(model), std::move(text), std::move(counts), setting);
}

}  // namespace langzoo
