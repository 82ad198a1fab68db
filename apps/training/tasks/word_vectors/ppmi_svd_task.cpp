#include <fmt/format.h>

#include "apps/training/tasks/word_vectors/training.h"
#include "models/ppmi_svd/ppmi_svd.h"

namespace langzoo {

namespace {

/// One step, in which everything is computed.
class PpmiSvdTask : public WordVectorsModelTask<PpmiSvd> {
 public:
  PpmiSvdTask(PpmiSvd model, WordText text, CoOccurrenceFile counts, const WordVectorsSetting& setting)
      : WordVectorsModelTask(std::move(model), std::move(text)),
        counts_(std::move(counts)),
        seed_(setting.train.trainer.seed) {}

  std::string fingerprint() const override { return fmt::format("ppmi-svd {:016x}", counts_.fingerprint()); }
  MicroBatch next() override { throw std::logic_error("ppmi-svd has no batches"); }

  OwnStep own_step(double /*learning_rate*/) override {
    std::vector<std::int32_t> rows, columns;
    std::vector<float> values;
    std::vector<CoOccurrence> entries;
    for (std::int64_t block = 0; block < counts_.blocks(); ++block) {
      counts_.read_block(block, entries);
      for (const auto& entry : entries) {
        rows.push_back(entry.row);
        columns.push_back(entry.column);
        values.push_back(entry.count);
      }
    }
    const auto size = model_->config().vocab_size;
    model_->fit(SparseMatrix::from_entries(size, size, rows, columns, values), seed_);
    advance();
    return {0.0, 0, text_.corpus.words()};
  }

 protected:
  torch::Tensor vectors_of(const std::vector<std::string>& /*first*/) override { return model_->word_vectors().cpu(); }

 private:
  CoOccurrenceFile counts_;
  std::uint64_t seed_;
};

}  // namespace

std::unique_ptr<WordVectorsTask> make_ppmi_svd_task(WordText text, const WordVectorsSetting& setting) {
  const auto& options = setting.options;
  PpmiSvdConfig config = options.ppmi_svd;
  config.vocab_size = static_cast<std::int64_t>(text.vocabulary.size());
  config.dim = options.word2vec.dim;
  if (config.dim > config.vocab_size) {
    throw ConfigError(fmt::format("model.dim = {}: {} has {} words, and ppmi-svd no more dimensions than words",
                                  config.dim, options.data, config.vocab_size));
  }
  auto model = new_model<PpmiSvd>(config);
  auto counts = count_co_occurrences(text, setting, /*shuffle=*/false);
  return std::make_unique<PpmiSvdTask>(std::move(model), std::move(text), std::move(counts), setting);
}

}  // namespace langzoo
