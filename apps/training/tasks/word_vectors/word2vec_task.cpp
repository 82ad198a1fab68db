#include <algorithm>

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include "apps/training/tasks/word_vectors/training.h"
#include "models/word2vec/hogwild_trainer.h"
#include "models/word2vec/word2vec.h"

namespace langzoo {

namespace {

class Word2VecTask : public WordVectorsModelTask<Word2Vec> {
 public:
  Word2VecTask(Word2Vec model, WordText text, const WordVectorsSetting& setting)
      : WordVectorsModelTask(std::move(model), std::move(text)),
        trainer_(model_, text_.vocabulary.counts(), text_.vocabulary.words(), setting.train.trainer.seed),
        device_(setting.train.device),
        threads_(setting.options.deterministic ? 1 : at::get_num_threads()),
        seed_(setting.train.trainer.seed) {
    const auto& corpus = text_.corpus;
    set_blocks(corpus.blocks(), std::max<std::int64_t>(1, setting.step_words * corpus.blocks() / corpus.words()));
  }

  std::string fingerprint() const override {
    return fmt::format("word2vec corpus {:016x} blocks {} seed {}", text_.corpus.fingerprint(), blocks_a_step(), seed_);
  }

  OwnStep own_step(double learning_rate) override {
    const auto [first, last] = blocks();
    const auto done = trainer_.train(position_.epoch, first, last, learning_rate, read_block_, threads_);
    advance_after(done.examples);
    return {done.loss_sum, done.examples, done.words};
  }

  MicroBatch next() override {
    const auto [first, last] = blocks();
    std::vector<Word2VecBatch> batches;
    std::int64_t examples = 0, words = 0;
    for (auto block = first; block < last; ++block) {
      for (auto& batch : trainer_.examples(position_.epoch, block, read_block_, kPairsAtOnce)) {
        examples += batch.inputs.size(0);
        batches.push_back({batch.inputs.to(device_), batch.targets.to(device_), batch.labels.to(device_)});
      }
      words += words_of(block);
    }
    advance_after(examples);
    const auto loss = [this, batches = std::move(batches)] {
      auto sum = torch::zeros({}, torch::device(device_));
      for (const auto& batch : batches) sum = sum + model_->loss_sum(batch);
      return sum;
    };
    return {examples, words, loss};
  }

  std::string loss_unit() const override { return "nats a pair"; }

 protected:
  torch::Tensor vectors_of(const std::vector<std::string>& first) override { return model_->word_vectors(first); }

 private:
  /// Bounds the memory that the scores of one graph take.
  static constexpr std::int64_t kPairsAtOnce = 4096;

  /// To the next step. Throws at the end of an epoch that taught nothing, as subsampling may have it.
  void advance_after(std::int64_t examples) {
    if (position_.batch == 0) examples_ = 0;
    examples_ += examples;
    advance();
    if (position_.batch == 0 && examples_ == 0) {
      throw std::runtime_error(
          "there is nothing to learn from: no two words of a sentence are left (model.sample, data.min_count, "
          "data.lines)");
    }
  }
  std::int64_t words_of(std::int64_t block) const {
    std::vector<std::int32_t> ids;
    text_.corpus.read_block(block, ids);
    return std::count_if(ids.begin(), ids.end(), [](std::int32_t id) { return id != kSentenceEnd; });
  }

  HogwildTrainer trainer_;
  HogwildTrainer::ReadBlock read_block_ = [this](std::int64_t block, std::vector<std::int32_t>& ids) {
    text_.corpus.read_block(block, ids);
  };
  torch::Device device_;
  int threads_;
  std::uint64_t seed_;
  std::int64_t examples_ = 1;  ///< of the epoch so far; what a resumed run saw of it before counts as one
};

Word2VecConfig config_for(const WordVectorsOptions& options, std::int64_t vocab_size) {
  Word2VecConfig config = options.word2vec;
  config.vocab_size = vocab_size;
  config.architecture = options.kind;
  if (config.objective != "ns") config.negative = 0;
  return config;
}

/// Rows that `from` has too: its words come first in the new vocabulary. Inner nodes of a Huffman tree mean something
/// else once counts have changed: they begin anew.
void copy_rows(const Word2Vec& from, const std::string& dir, Word2Vec& to) {
  const auto& old = from->config();
  const auto& now = to->config();
  require_settings_of(old, now, dir);
  const torch::NoGradGuard no_grad;
  to->embeddings().narrow(0, 0, old.vocab_size).copy_(from->embeddings().narrow(0, 0, old.vocab_size));
  if (now.subwords) {
    to->embeddings()
        .narrow(0, now.vocab_size, now.buckets)
        .copy_(from->embeddings().narrow(0, old.vocab_size, now.buckets));
  }
  if (now.objective != "hs" && old.objective != "hs") {
    to->output().narrow(0, 0, old.vocab_size).copy_(from->output());
  }
}

}  // namespace

std::unique_ptr<WordVectorsTask> make_word2vec_task(WordText text, const WordVectorsSetting& setting) {
  const auto& options = setting.options;
  const auto size = static_cast<std::int64_t>(text.vocabulary.size());
  if (size < 2) throw std::runtime_error(options.data + ": one word alone has no neighbours to learn from");
  auto model = new_model<Word2Vec>(config_for(options, size));
  const auto& train = setting.train;
  if (train.begins_with_init() && !extends_model(options, train)) {
    begin_with_vectors(text, train, {model->embeddings()});
  } else if (train.begins_with_init()) {
    LoadReport report;
    copy_rows(from_pretrained<Word2Vec>(train.init, &report), train.init, model);
    tell_report(train, report);
    if (options.word2vec.objective == "hs") {
      train.message("the tree of hs begins anew, the word vectors go on");
    }
  }
  model->to(setting.train.device);
  return std::make_unique<Word2VecTask>(std::move(model), std::move(text), setting);
}

}  // namespace langzoo
