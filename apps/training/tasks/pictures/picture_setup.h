/// What runs that learn from pictures with captions have in common.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "apps/training/model_task.h"
#include "apps/training/task_setup.h"
#include "apps/training/tasks/pictures/picture_corpus.h"
#include "data/parallel/parallel_corpus.h"

namespace langzoo {

/// Captions of at most `most` tokens each, in batches with their pictures.
template <class Model>
class PictureTask : public ModelTask<Model, PictureCorpus, ParallelBatch> {
 public:
  PictureTask(std::shared_ptr<Model> model, PictureCorpus corpus, const TrainSetting& setting, std::int64_t most,
              const ParallelSpecialTokens& special)
      : ModelTask<Model, PictureCorpus, ParallelBatch>(std::move(model), std::move(corpus), setting),
        examples_(caption_examples(this->data_.train, *this->data_.tokenizer, most)) {
    this->batches_ =
        caption_batches(this->data_.train, examples_, special, this->batch_.batch_size, this->seed_, this->rank_);
  }
  ~PictureTask() override { this->batches_.reset(); }  // they are made of the examples

  void save_model(const std::filesystem::path& dir) override {
    this->model_->save_pretrained(dir);
    this->data_.tokenizer->save(dir);
  }

 protected:
  const CaptionExamples examples_;
};

/// The sections `data` (picture_corpus.h) and `model`.
class PictureSetup : public ModelSetup {
 public:
  using ModelSetup::ModelSetup;

  void complete(RunConfig& config) override {
    options_.make_paths_absolute();
    ModelSetup::complete(config);
  }
  std::vector<UnreadKeys> unread_keys() const override {
    auto unread = options_.unread_keys();
    unread.push_back({true, "a run that learns from pictures", {"train.batch_tokens"}});
    return unread;
  }

 protected:
  /// `kind` is what --model says.
  void bind_pictures(RunConfig& config, std::string_view kind) {
    kind_ = kind;
    options_.train = "microworld";
    config.bind("task", [this, kind](FieldVisitor& visit) {
      visit("model", kind_, {.choices = {kind}, .help = "what --model says"});
    });
    config.hide("task.model");
    config.bind("data", options_);
    config.bind("model", *config_);
  }
  /// Of a model whose pictures have that size; the model's vocabulary is its tokenizer's.
  PictureCorpus open_corpus(const TrainSetting& setting, std::int64_t image_size) {
    auto corpus = open_picture_corpus(options_, image_size, setting.out, setting.message);
    complete_vocabulary(*config_, "vocab_size", *corpus.tokenizer);
    return corpus;
  }

  PictureCorpusOptions options_;

 private:
  std::string kind_;
};

}  // namespace langzoo
