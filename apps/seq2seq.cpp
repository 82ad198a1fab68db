// langzoo-seq2seq: trains, evaluates and uses recurrent encoder-decoders (models/seq2seq/seq2seq.h).
#include "apps/cli/translation/translation.h"
#include "data/files/files.h"
#include "models/pretrained.h"
#include "models/seq2seq/seq2seq_step.h"

namespace {

using namespace langzoo;
using Json = RunConfig::Json;

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

  Json default_model() const override {
    auto luong = Seq2SeqConfig::preset("luong");
    luong.embedding_size = luong.hidden_size = 256;
    luong.pad_token_id.reset();
    auto config = Json::parse(luong.to_json());
    for (const auto* key :
         {"source_vocab_size", "target_vocab_size", "decoder_start_token_id", "bos_token_id", "eos_token_id"}) {
      config[key] = nullptr;
    }
    return config;
  }

  std::string model_help() const override {
    return "model.cell: rnn_tanh, rnn_relu, lstm or gru. model.encoder: forward, bidirectional or gnmt (the lowest\n"
           "layer bidirectional). model.bridge, what the decoder starts from: state (the encoder's), hidden (without\n"
           "the cell) or tanh (of a linear layer). model.attention: none, dot, general or additive, asked by the\n"
           "current state (Luong) or the previous (Bahdanau: model.attention_query); model.attention_window: "
           "local-p's\n"
           "D, 0: the whole source. model.output, what the output layer reads: hidden, concat (with the context), "
           "tanh\n"
           "(Luong) or maxout (Bahdanau). model.residual_from: the first layer that adds its input, 0: none.\n"
           "model.initializer: uniform (in +- initializer_range), fan_in or orthogonal. Null sizes and token ids come\n"
           "from the tokenizers, a null encoder_hidden_size is hidden_size. The presets plain, bahdanau, luong, "
           "local-p\n"
           "and gnmt are the papers' wirings.\n";
  }

  std::unique_ptr<TranslationModel> create(const Json& config) const override {
    const auto parsed = Seq2SeqConfig::from_json(config.dump(), "model");
    Seq2Seq model{nullptr};
    construct_checked("model", [&] { model = Seq2Seq(parsed); });
    return std::make_unique<RecurrentTranslation>(model);
  }

  std::unique_ptr<TranslationModel> load(const std::filesystem::path& dir, torch::Dtype dtype) const override {
    PretrainedOptions options;
    options.dtype = dtype;
    auto model = from_pretrained<Seq2Seq>(dir, nullptr, options);
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
