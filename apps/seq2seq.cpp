// langzoo-seq2seq: trains, evaluates and uses recurrent encoder-decoders (models/seq2seq/seq2seq.h).
#include "apps/cli/translation/translation.h"
#include "data/files/files.h"
#include "models/pretrained.h"
#include "models/seq2seq/seq2seq_step.h"

namespace {

using namespace langzoo;

class RecurrentTranslation : public TranslationModel {
 public:
  explicit RecurrentTranslation(Seq2Seq model) : model_(std::move(model)) {}

  torch::nn::Module& module() override { return *model_; }
  std::int64_t source_vocab_size() const override { return model_->config().source_vocab_size; }
  std::int64_t target_vocab_size() const override { return model_->config().target_vocab_size; }
  TokenId start_token() const override { return static_cast<TokenId>(model_->config().decoder_start_token_id); }
  TokenId end_token() const override { return static_cast<TokenId>(model_->config().eos_token_id.value()); }
  torch::Tensor loss_sum(const ParallelBatch& batch, double teacher_forcing) override {
    return model_->loss_sum(batch.source, batch.source_lengths, batch.decoder_input, batch.labels, teacher_forcing);
  }
  std::unique_ptr<StepFunction> start(const SourceBatch& sources, std::int64_t capacity) override {
    return std::make_unique<Seq2SeqStepFunction>(model_, sources.source, sources.source_lengths, capacity);
  }
  torch::Tensor attention(const ParallelBatch& batch) override {
    return model_->forward(batch.source, batch.source_lengths, batch.decoder_input).attention;
  }
  void save(const std::filesystem::path& dir) override { model_->save_pretrained(dir); }

 private:
  Seq2Seq model_;
};

class RecurrentFamily : public TranslationFamily {
 public:
  std::string program() const override { return "seq2seq"; }

  std::unique_ptr<ModelConfig> default_config() const override {
    auto luong = Seq2SeqConfig::preset("luong");
    luong.embedding_size = luong.hidden_size = 256;
    luong.source_vocab_size = luong.target_vocab_size = luong.decoder_start_token_id = kFromTokenizer;
    luong.bos_token_id.reset();
    luong.eos_token_id.reset();
    luong.pad_token_id.reset();
    return ModelConfig::of(luong);
  }

  std::string model_help() const override {
    return "Sizes and token ids that are null come from the tokenizers. The presets plain, bahdanau, luong, local-p "
           "and\n"
           "gnmt are the papers' wirings.\n";
  }

  std::unique_ptr<TranslationModel> create(const ModelConfig& config) const override {
    Seq2Seq model{nullptr};
    construct_checked("model", [&] { model = Seq2Seq(config.as<Seq2SeqConfig>()); });
    return std::make_unique<RecurrentTranslation>(model);
  }

  std::unique_ptr<TranslationModel> load(const std::filesystem::path& dir, const PretrainedOptions& options,
                                         LoadReport& report) const override {
    auto model = from_pretrained<Seq2Seq>(dir, &report, options);
    if (!model->config().eos_token_id)
      throw FileError(dir / "config.json", "eos_token_id is null: a translation has no end");
    return std::make_unique<RecurrentTranslation>(model);
  }
};

}  // namespace

int main(int argc, char** argv) {
  const RecurrentFamily family;
  return run_program(argc, argv, "langzoo-seq2seq",
                     "Recurrent encoder-decoders: from sentence pairs to a trained model, and to translations.",
                     translation_verbs(family));
}
