#include <algorithm>

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include "apps/training/tasks/word_vectors/training.h"
#include "apps/training/training_state.h"
#include "models/word2vec/hogwild_trainer.h"
#include "models/word2vec/word2vec.h"

namespace langzoo {

namespace {

class Word2VecTask : public WordVectorsTask {
 public:
  Word2VecTask(Word2Vec model, WordText text, const WordVectorsSetting& setting)
      : model_(std::move(model)),
        text_(std::move(text)),
        trainer_(model_, text_.vocabulary.counts(), text_.vocabulary.words(), setting.train.trainer.seed),
        device_(setting.train.device),
        threads_(setting.options.deterministic ? 1 : at::get_num_threads()),
        blocks_a_step_(std::max<std::int64_t>(1, setting.step_words * text_.corpus.blocks() / text_.corpus.words())),
        batches_((text_.corpus.blocks() + blocks_a_step_ - 1) / blocks_a_step_),
        fingerprint_(fmt::format("word2vec corpus {:016x} blocks {} seed {}", text_.corpus.fingerprint(),
                                 blocks_a_step_, setting.train.trainer.seed)) {}

  torch::nn::Module& model() override { return *model_; }
  DataPosition position() const override { return position_; }
  void seek(const DataPosition& position) override {
    check_position(position, batches_);
    position_ = position;
  }
  std::int64_t batches_per_epoch() const override { return batches_; }
  std::string fingerprint() const override { return fingerprint_; }

  OwnStep own_step(double learning_rate) override {
    const auto [first, last] = blocks();
    const auto done = trainer_.train(position_.epoch, first, last, learning_rate, read_block_, threads_);
    advance(done.examples);
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
    advance(examples);
    const auto loss = [this, batches = std::move(batches)] {
      auto sum = torch::zeros({}, torch::device(device_));
      for (const auto& batch : batches) sum = sum + model_->loss_sum(batch);
      return sum;
    };
    return {examples, words, loss};
  }

  std::string loss_unit() const override { return "nats a pair"; }

  EvalMetrics evaluate() override { return {}; }

  void save_model(const std::filesystem::path& dir) override {
    model_->save_pretrained(dir);
    text_.vocabulary.save(dir / "vocab.tsv");
  }

  WordVectors vectors(std::int64_t words) override {
    return text_.frequent(words, [this](const auto& first) { return model_->word_vectors(first); });
  }

 private:
  /// Bounds the memory that the scores of one graph take.
  static constexpr std::int64_t kPairsAtOnce = 4096;

  std::pair<std::int64_t, std::int64_t> blocks() const {
    const auto first = position_.batch * blocks_a_step_;
    return {first, std::min(first + blocks_a_step_, text_.corpus.blocks())};
  }
  /// To the next step. Throws at the end of an epoch that taught nothing, as subsampling may have it.
  void advance(std::int64_t examples) {
    if (position_.batch == 0) examples_ = 0;
    examples_ += examples;
    position_ = following(position_, batches_);
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

  Word2Vec model_;
  WordText text_;
  HogwildTrainer trainer_;
  HogwildTrainer::ReadBlock read_block_ = [this](std::int64_t block, std::vector<std::int32_t>& ids) {
    text_.corpus.read_block(block, ids);
  };
  torch::Device device_;
  int threads_;
  std::int64_t blocks_a_step_, batches_;
  std::string fingerprint_;
  DataPosition position_;
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
  const auto require = [&](bool same, const char* key, const auto& wanted, const auto& there) {
    if (!same) throw ConfigError(fmt::format("model.{} = {}: the model in {} has {}", key, wanted, dir, there));
  };
  require(old.dim == now.dim, "dim", now.dim, old.dim);
  require(old.subwords == now.subwords, "subwords", now.subwords, old.subwords);
  if (now.subwords) {
    require(old.buckets == now.buckets, "buckets", now.buckets, old.buckets);
    require(old.min_n == now.min_n, "min_n", now.min_n, old.min_n);
    require(old.max_n == now.max_n, "max_n", now.max_n, old.max_n);
  }
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
