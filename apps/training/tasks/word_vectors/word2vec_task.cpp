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
        seed_(setting.train.trainer.seed),
        rank_(setting.train.rank),
        ranks_(setting.train.distributed),
        sync_every_(setting.train.distribution.sync_every) {
    const auto& corpus = text_.corpus;
    set_blocks(corpus.blocks(), std::max<std::int64_t>(1, setting.step_words * corpus.blocks() / corpus.words()));
    if (std::min(blocks_a_step(), corpus.blocks()) < rank_.world) {
      setting.train.message(
          fmt::format("a step (train.batch_tokens) has fewer blocks of text than there are ranks, {}: "
                      "some have nothing to do",
                      rank_.world));
    }
  }

  std::string fingerprint() const override {
    return fmt::format("word2vec corpus {:016x} blocks {} seed {}", text_.corpus.fingerprint(), blocks_a_step(), seed_);
  }

  Rank rank() const override { return rank_; }

  /// Each rank trains its tables on its blocks of the step; every so often they are brought together.
  OwnStep own_step(double learning_rate) override {
    if (ranks_ != nullptr && common_.empty()) remember();
    const auto [first, last] = blocks(rank_);
    const auto done = trainer_.train(position_.epoch, first, last, learning_rate, read_block_, threads_);
    ++steps_apart_;
    advance_after(done.examples);
    // Counted in steps of the run, so that a resumed one brings them together where another would have.
    const auto step = position_.epoch * batches_per_epoch() + position_.batch;
    if (ranks_ != nullptr && step % sync_every_ == 0) synchronize();
    return {done.loss_sum, done.examples, done.words};
  }

  /// Periodic averaging (McDonald et al. 2010, https://aclanthology.org/N10-1069): each row moves by the mean of the
  /// moves that it made on those ranks whose text has moved it. A mean over all ranks would slow down rare words, which
  /// most ranks have not seen.
  void synchronize() override {
    if (steps_apart_ == 0 || ranks_ == nullptr) return;
    const torch::NoGradGuard no_grad;
    constexpr std::int64_t kRowsAtOnce = 1 << 15;  // bounds the temporaries
    for (std::size_t i = 0; i < common_.size(); ++i) {
      auto table = tables()[i].view({-1, tables()[i].size(-1)});
      auto common = common_[i];
      for (std::int64_t begin = 0; begin < table.size(0); begin += kRowsAtOnce) {
        const auto rows = std::min(kRowsAtOnce, table.size(0) - begin);
        auto now = table.narrow(0, begin, rows), before = common.narrow(0, begin, rows);
        auto moves = now - before;
        auto moved = moves.ne(0).any(1).to(torch::kFloat32);
        ranks_->sum(moves);
        ranks_->sum(moved);
        before.add_(moves.div_(moved.clamp_min_(1).unsqueeze(1)));
        now.copy_(before);
      }
    }
    steps_apart_ = 0;
  }

  MicroBatch next() override {
    const auto [first, last] = blocks(rank_);
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
    if (position_.batch == 0 && examples_ == 0 && ranks_ == nullptr) {
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

  std::vector<torch::Tensor> tables() { return model_->parameters(); }
  /// The tables as all ranks have them.
  void remember() {
    for (const auto& table : tables()) common_.push_back(table.detach().clone().view({-1, table.size(-1)}));
  }

  HogwildTrainer trainer_;
  HogwildTrainer::ReadBlock read_block_ = [this](std::int64_t block, std::vector<std::int32_t>& ids) {
    text_.corpus.read_block(block, ids);
  };
  torch::Device device_;
  int threads_;
  std::uint64_t seed_;
  const Rank rank_;
  Distributed* const ranks_;
  const std::int64_t sync_every_;
  std::vector<torch::Tensor> common_;
  std::int64_t steps_apart_ = 0;
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
