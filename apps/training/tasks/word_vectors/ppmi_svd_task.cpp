#include <fmt/format.h>

#include "apps/training/tasks/word_vectors/training.h"
#include "models/ppmi_svd/ppmi_svd.h"

namespace langzoo {

namespace {

/// One step, in which everything is computed.
class PpmiSvdTask : public WordVectorsTask {
 public:
  PpmiSvdTask(PpmiSvd model, WordText text, CoOccurrenceFile counts, const WordVectorsSetting& setting)
      : model_(std::move(model)),
        text_(std::move(text)),
        counts_(std::move(counts)),
        seed_(setting.train.trainer.seed) {}

  torch::nn::Module& model() override { return *model_; }
  DataPosition position() const override { return position_; }
  void seek(const DataPosition& position) override { position_ = position; }
  std::int64_t batches_per_epoch() const override { return 1; }
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
    position_ = following(position_, 1);
    return {0.0, 0, text_.corpus.words()};
  }

  EvalMetrics evaluate() override { return {}; }

  void save_model(const std::filesystem::path& dir) override {
    model_->save_pretrained(dir);
    text_.vocabulary.save(dir / "vocab.tsv");
  }

  WordVectors vectors(std::int64_t words) override {
    return text_.frequent(words, [this](const auto&) { return model_->word_vectors().cpu(); });
  }

 private:
  PpmiSvd model_;
  WordText text_;
  CoOccurrenceFile counts_;
  std::uint64_t seed_;
  DataPosition position_;
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
