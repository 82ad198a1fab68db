#include "apps/training/tasks/tiny_bert.h"

#include <stdexcept>

#include <fmt/format.h>

#include "apps/training/model_task.h"
#include "apps/training/run_tokenizer.h"
#include "apps/training/tasks/classification.h"
#include "apps/training/tasks/distillation.h"
#include "data/files/config_error.h"
#include "data/text/fingerprint.h"
#include "models/encoder.h"
#include "models/layers/linear.h"
#include "models/losses/distillation.h"
#include "third_party/torch.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

/// A student with what makes its states as wide as the teacher's, which is trained with it and not saved.
class FittedStudent : public torch::nn::Module, public TokenModel, public EncoderModel {
 public:
  FittedStudent(std::shared_ptr<TokenModel> classifier, std::int64_t teacher_width)
      : student(std::move(classifier)), encoder_(dynamic_cast<EncoderModel&>(*student).encoder()) {
    register_module("student", student->module().shared_from_this());
    fit_dense = register_module("fit_dense", Linear(encoder_.width(), teacher_width));
  }

  torch::nn::Module& module() override { return *this; }
  Encoder& encoder() override { return encoder_; }
  std::int64_t vocab_size() const override { return student->vocab_size(); }
  std::int64_t n_positions() const override { return student->n_positions(); }
  void save_pretrained(const fs::path& dir) const override { student->save_pretrained(dir); }

  const std::shared_ptr<TokenModel> student;
  Linear fit_dense{nullptr};

 private:
  Encoder& encoder_;
};

struct StudentExamples {
  std::shared_ptr<const Tokenizer> tokenizer;
  EncodedExamples train, valid;
  std::unique_ptr<RawExamples> raw_valid;
};

Encoder& encoder_of(TokenModel& model) {
  return dynamic_cast<EncoderModel&>(model).encoder();
}

}  // namespace

class TinyBertSetup::Task : public ModelTask<FittedStudent, StudentExamples, TokenBatch> {
 public:
  Task(std::shared_ptr<FittedStudent> student, std::shared_ptr<TokenModel> teacher, StudentExamples data, Stage stage,
       double temperature, const TrainSetting& setting)
      : ModelTask(std::move(student), std::move(data), setting),
        teacher_(std::move(teacher)),
        stage_(stage),
        temperature_(temperature) {
    const BatchLimits limits{.tokens = batch_.batch_tokens, .sentences = batch_size_of_all()};
    batches_ = token_batches(data_.train.examples, data_.train.pad, limits, seed_, kPrepareAhead, rank_);
    fingerprint_ = fmt::format(
        "tiny_bert {:016x} validation {:016x} tokenizer {:016x} teacher {:016x} batch {} {} seed {}",
        data_.train.examples.fingerprint(), data_.valid.examples.fingerprint(), tokenizer_fingerprint(*data_.tokenizer),
        weights_fingerprint(teacher_->module()), limits.sentences, limits.tokens, seed_);
  }

  std::string fingerprint() const override { return fingerprint_; }
  std::string loss_unit() const override { return "a text"; }
  std::vector<LossTerm> loss_terms() const override {
    if (stage_ == Stage::kPrediction) return {{"prediction"}};
    return {{"attention"}, {"hidden"}};
  }
  MicroBatch next() override {
    const auto batch = batches_->next();
    const auto texts = batch.ids.size(0), tokens = batch.mask.sum().item<std::int64_t>();
    return {std::vector<std::int64_t>(loss_terms().size(), texts), tokens,
            [this, batch = to_device(batch, device_)] { return loss_sums(batch); }};
  }
  EvalMetrics evaluate() override {
    if (data_.valid.examples.size() == 0) return {};
    return langzoo::evaluate(classification(), *model_->student, *data_.raw_valid, data_.valid, device_,
                             kExamplesAtOnce, ranks_);
  }
  void save_model(const fs::path& dir) override {
    model_->save_pretrained(dir);
    data_.tokenizer->save(dir);
  }

 private:
  std::vector<torch::Tensor> loss_sums(const TokenBatch& batch) {
    if (stage_ == Stage::kPrediction) {
      const auto logits = classification().logits(*model_->student, batch);
      const auto wanted = [&] {
        const torch::NoGradGuard no_grad;
        return classification().logits(*teacher_, batch);
      }();
      return {soft_cross_entropy_sum(logits, wanted, temperature_)};
    }
    const EncoderWants wants{.hidden_states = true, .attention_scores = true};
    const auto inputs = inputs_of(batch);
    const auto own = model_->encoder().encode(inputs, wants);
    const auto theirs = [&] {
      const torch::NoGradGuard no_grad;
      return encoder_of(*teacher_).encode(inputs, wants);
    }();
    const auto texts = batch.ids.size(0);
    return {attention_distance(own.attention_scores, theirs.attention_scores, batch.mask) * texts,
            hidden_distance(own.hidden_states, theirs.hidden_states, model_->fit_dense->weight, model_->fit_dense->bias,
                            batch.mask) *
                texts};
  }

  const std::shared_ptr<TokenModel> teacher_;  ///< in evaluation mode
  const Stage stage_;
  const double temperature_;
  std::string fingerprint_;
};

TinyBertSetup::TinyBertSetup(const RegisteredModel& registered, std::unique_ptr<ModelConfig> config, Stage stage)
    : ExampleSetup(registered, std::move(config), classification()), stage_(stage) {}

void TinyBertSetup::bind(RunConfig& config, TrainSetting& setting) {
  ExampleSetup::bind(config, setting);
  config.bind("data", augmentation_);
  config.bind("train", [this](FieldVisitor& visit) {
    visit("teacher", teacher_, {.help = "the folder of the classifier to learn from"});
    if (stage_ == Stage::kPrediction)
      visit("temperature", temperature_, {.above = 0, .help = "by which both models' logits are divided"});
  });
}

std::vector<TrainFlag> TinyBertSetup::flags() const {
  auto flags = ExampleSetup::flags();
  flags.push_back({"--teacher", "train.teacher"});
  return flags;
}

std::vector<std::string> TinyBertSetup::data_keys() const {
  auto keys = ExampleSetup::data_keys();
  keys.push_back("train.teacher");
  return keys;
}

void TinyBertSetup::complete(RunConfig& config) {
  begin_with_teacher(config, teacher_);
  augmentation_.complete();
  freeze_layers_ = std::stoll(config.value("train.freeze_layers"));
  ExampleSetup::complete(config);
}

std::vector<UnreadKeys> TinyBertSetup::unread_keys() const {
  auto unread = ExampleSetup::unread_keys();
  unread.push_back({stage_ == Stage::kIntermediate,
                    "stage intermediate, which learns from the attention of all layers at once,",
                    {"train.gradient_checkpointing"}});
  unread.push_back(
      {true, "a student, which learns from its teacher alone,", {"train.r_drop", "train.label_smoothing"}});
  for (auto& rule : augmentation_.unread_keys()) unread.push_back(std::move(rule));
  return unread;
}

void TinyBertSetup::augment(ExampleData& data, const TrainSetting& setting) const {
  const auto texts = data.train->size();
  const auto file = setting.out / "data" / "augmented.jsonl";
  // What a model says differs in the last digits from machine to machine: a run that goes on reads what it has.
  if (!setting.resume || !fs::exists(file)) {
    setting.message(fmt::format("putting other words into {} texts", texts));
    const auto& raw = dynamic_cast<const RawExamplesOf<LabelledText>&>(*data.train).items;
    try {
      write_augmented(file, raw, augmentation_, setting.device, setting.trainer.seed);
    } catch (const std::invalid_argument& error) {
      throw ConfigError(fmt::format("data.augment: {}", error.what()));
    }
  }
  data.train_file = file.string();
  data.train = kind_.read(file);
  setting.message(fmt::format("{}: {} texts made of {}", data.train_file, data.train->size(), texts));
}

std::unique_ptr<TrainingTask> TinyBertSetup::make_task(TrainSetting& setting) {
  const auto refuse = [&](const std::string& why) {
    throw ConfigError(fmt::format("train.teacher = {}: {}", teacher_, why));
  };
  auto data = open_examples(kind_, data_, *config_, setting.out, setting.message);
  if (augmentation_.copies > 0) augment(data, setting);
  complete_vocabulary(*config_, "vocab_size", *data.tokenizer);
  complete_special_tokens(*config_, *data.tokenizer);
  DeviceOptions device;
  device.device = setting.device;
  const auto loaded = load_example_model(teacher_, device);
  const auto* const teacher = dynamic_cast<const SequenceClassifier*>(loaded.model.get());
  if (teacher == nullptr || !kind_.accepts(*loaded.model)) refuse(kind_.format().otherwise);
  if (tokenizer_fingerprint(*loaded.tokenizer) != tokenizer_fingerprint(*data.tokenizer))
    refuse("has another tokenizer than the run (data.tokenizer)");
  const auto student = make<TokenModel>(setting);
  if (dynamic_cast<const SequenceClassifier&>(*student).labels().id2label != teacher->labels().id2label)
    refuse("has other labels than the training data");
  if (dynamic_cast<EncoderModel*>(loaded.model.get()) == nullptr) refuse("has no encoder");
  auto &theirs = encoder_of(*loaded.model), &own = encoder_of(*student);
  if (stage_ == Stage::kIntermediate && theirs.num_layers() % own.num_layers() != 0)
    refuse(fmt::format("has {} layers, no multiple of the student's {}", theirs.num_layers(), own.num_layers()));
  if (stage_ == Stage::kIntermediate && freeze_layers_ + 1 >= std::ssize(own.depth_patterns())) {
    throw ConfigError(fmt::format(
        "train.freeze_layers = {}: are all layers of the student, and stage intermediate teaches it nothing else",
        freeze_layers_));
  }
  auto most = std::min(student->n_positions(), loaded.model->n_positions());
  if (data_.max_length > most)
    throw ConfigError(fmt::format("data.max_length = {}: the models take {} tokens", data_.max_length, most));
  if (data_.max_length > 0) most = data_.max_length;
  const ExampleEncoding encoding{*data.tokenizer, *student, most};
  auto train = encode_examples(kind_, data.train_file, *data.train, encoding, setting.message);
  auto valid = encode_examples(kind_, data.valid_file, *data.valid, encoding, setting.message);
  auto fitted = std::make_shared<FittedStudent>(student, theirs.width());
  fitted->to(setting.device);
  return std::make_unique<Task>(
      std::move(fitted), loaded.model,
      StudentExamples{data.tokenizer, std::move(train), std::move(valid), std::move(data.valid)}, stage_, temperature_,
      setting);
}

}  // namespace langzoo
