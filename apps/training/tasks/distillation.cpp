#include "apps/training/tasks/distillation.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/training/model_task.h"
#include "apps/training/run_tokenizer.h"
#include "apps/training/tasks/encoders.h"
#include "data/files/config_error.h"
#include "data/files/files.h"
#include "data/text/causal_lm.h"
#include "data/text/fingerprint.h"
#include "models/distillation.h"
#include "models/encoder_heads.h"
#include "models/encoder_stack.h"
#include "models/losses/cross_entropy.h"
#include "models/pretrained.h"
#include "third_party/torch.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

/// What a masked LM says of hidden tokens, and its last states.
struct Reading {
  torch::Tensor logits;  ///< (N,V)
  torch::Tensor hidden;  ///< (M,C) of all tokens
};

/// Shapes: places (N) and tokens (M) among B T.
Reading read(MaskedLm& model, const TokenInputs& inputs, const torch::Tensor& places, const torch::Tensor& tokens) {
  auto& encoder = dynamic_cast<EncoderStack&>(dynamic_cast<EncoderModel&>(model).encoder());
  const auto hidden = encoder.encode(inputs).hidden;
  auto& head = dynamic_cast<VocabularyModel&>(model).vocabulary_head();
  return {head.logits(hidden_at(hidden, places), encoder.word_embeddings()), hidden_at(hidden, tokens)};
}

std::int64_t width_of(MaskedLm& model) {
  return dynamic_cast<EncoderModel&>(model).encoder().width();
}
std::int64_t layers_of(MaskedLm& model) {
  return dynamic_cast<EncoderModel&>(model).encoder().num_layers();
}

bool can_be_read(const MaskedLm& model) {
  return dynamic_cast<const EncoderModel*>(&model) != nullptr &&
         dynamic_cast<const VocabularyModel*>(&model) != nullptr;
}

}  // namespace

void DistillationKeys::for_each_field(FieldVisitor& visit) {
  visit("teacher", teacher, {.help = "the folder of the masked language model to learn from"});
  visit("begin_as_teacher", begin_as_teacher,
        {.help = "the student begins with the teacher's embeddings, head and evenly spread layers"});
  visit("temperature", loss.temperature, {.above = 0, .help = "by which both models' logits are divided"});
  visit("soft_weight", loss.soft, {.least = 0, .help = "of the divergence from the teacher's distributions"});
  visit("mlm_weight", loss.masked_lm, {.least = 0, .help = "of the cross-entropy of the hidden tokens"});
  visit("cosine_weight", loss.cosine, {.least = 0, .help = "of 1 - cos of the last states; 0 where widths differ"});
}

class DistillationSetup::Task : public ModelTask<MaskedLm, PretrainingSetup::Data, PretrainingBatch> {
 public:
  Task(std::shared_ptr<MaskedLm> student, std::shared_ptr<MaskedLm> teacher, PretrainingSetup::Data data,
       const DistilBertLoss& loss, const TrainSetting& setting)
      : ModelTask(std::move(student), std::move(data), setting), teacher_(std::move(teacher)), loss_(loss) {
    batches_ = pretraining_batches(data_.train, batch_.batch_size, kPrepareAhead, rank_);
  }

  std::string fingerprint() const override {
    return fmt::format("distillation {} {} teacher {:016x} batch {} seed {}", data_.corpus.fingerprint,
                       fingerprint_of(data_.train.options()), teacher_print_, batch_size_of_all(), seed_);
  }
  std::vector<LossTerm> loss_terms() const override {
    std::vector<LossTerm> terms = {{"soft", loss_.soft}, {"mlm", loss_.masked_lm}};
    if (loss_.cosine > 0) terms.push_back({"cosine", loss_.cosine});
    return terms;
  }
  MicroBatch next() override {
    const auto batch = batches_->next();
    const auto tokens = batch.lengths.sum().item<std::int64_t>();
    const auto hidden = batch.labels.ne(kIgnoredTarget).sum().item<std::int64_t>();
    std::vector<std::int64_t> counts = {hidden, hidden};
    if (loss_.cosine > 0) counts.push_back(tokens);
    return {counts, tokens, [this, batch = to_device(batch, device_)] { return loss_sums(batch); }};
  }
  EvalMetrics evaluate() override {
    return data_.valid ? evaluate_pretraining(*model_, *data_.valid, device_, {.ranks = ranks_}) : EvalMetrics{};
  }
  void save_model(const fs::path& dir) override {
    model_->save_pretrained(dir);
    data_.corpus.tokenizer->save(dir);
  }

 private:
  std::vector<torch::Tensor> loss_sums(const PretrainingBatch& batch) {
    const auto inputs = inputs_of(batch);
    const auto labels = batch.labels.flatten();
    const auto places = labels.ne(kIgnoredTarget).nonzero().flatten();
    const auto tokens = inputs.attention_mask.flatten().nonzero().flatten();
    const auto [logits, hidden] = read(*model_, inputs, places, tokens);
    const auto [soft, states] = [&] {
      const torch::NoGradGuard no_grad;
      return read(*teacher_, inputs, places, tokens);
    }();
    std::vector<torch::Tensor> sums = {soft_divergence_sum(logits, soft, loss_.temperature),
                                       cross_entropy(logits, labels.index_select(0, places))};
    if (loss_.cosine > 0) sums.push_back(cosine_distance_sum(hidden, states));
    return sums;
  }

  const std::shared_ptr<MaskedLm> teacher_;  ///< in evaluation mode
  const std::uint64_t teacher_print_ = weights_fingerprint(teacher_->module());
  const DistilBertLoss loss_;
};

void DistillationSetup::bind(RunConfig& config, TrainSetting& setting) {
  PretrainingSetup::bind(config, setting);
  config.bind("train", keys_);
  config.set_default("data.prefer_rare", "0.7");  // section 3 of the paper's code
}

std::vector<TrainFlag> DistillationSetup::flags() const {
  auto flags = PretrainingSetup::flags();
  flags.push_back({"--teacher", "train.teacher"});
  return flags;
}

std::vector<std::string> DistillationSetup::data_keys() const {
  auto keys = PretrainingSetup::data_keys();
  keys.push_back("train.teacher");
  return keys;
}

void DistillationSetup::complete(RunConfig& config) {
  begin_with_teacher(config, keys_.teacher);
  PretrainingSetup::complete(config);
}

std::uint64_t weights_fingerprint(const torch::nn::Module& model) {
  Fingerprint print(1);
  for (const auto& item : model.named_parameters()) {
    const auto values = item.value().detach().to(torch::kCPU).contiguous();
    print.add(item.key());
    print.add(std::string_view(static_cast<const char*>(values.const_data_ptr()), values.nbytes()));
  }
  return print.value();
}

void begin_with_teacher(RunConfig& config, std::string& teacher) {
  if (teacher.empty()) throw ConfigError("train.teacher (--teacher) is missing: a model's folder");
  teacher = absolute_if_there(teacher);
  config.set_default("data.tokenizer", teacher);
  if (!config.value("train.init").empty()) return;
  const auto type = model_type_of(teacher);
  const auto& types = encoder_types();
  if (std::find(types.begin(), types.end(), type) == types.end()) {
    throw ConfigError(fmt::format("train.teacher = {}: is a model of type {}, expected one of {}", teacher, type,
                                  fmt::join(types, ", ")));
  }
  const auto their_config = encoder_config(type)->parsed(read_config(teacher, type), teacher + "/config.json");
  const auto fields = fields_in(*their_config);
  // What families call the same.
  constexpr std::array<std::array<const char*, 2>, 12> kNames = {
      {{"hidden_size", "dim"},
       {"num_hidden_layers", "n_layers"},
       {"num_attention_heads", "n_heads"},
       {"intermediate_size", "hidden_dim"},
       {"hidden_act", "activation"},
       {"embedding_size", "embedding_size"},
       {"max_position_embeddings", "max_position_embeddings"},
       {"vocab_size", "vocab_size"},
       {"pad_token_id", "pad_token_id"},
       {"type_vocab_size", "type_vocab_size"},
       {"layer_norm_eps", "layer_norm_eps"},
       {"position_embedding_type", "position_embedding_type"}}};
  for (const auto& names : kNames) {
    for (const auto* const theirs : names) {
      const auto field = find_field(fields, theirs);
      if (!field) continue;
      auto value = field->json();
      if (names[1] == std::string_view("n_layers")) value = std::to_string(std::max(1LL, std::stoll(value) / 2));
      if (value.starts_with('"')) value = value.substr(1, value.size() - 2);
      for (const auto* const own : names) {
        const auto key = fmt::format("model.{}", own);
        if (config.has(key)) config.set_default(key, value);
      }
      break;
    }
  }
}

std::unique_ptr<TrainingTask> DistillationSetup::make_task(TrainSetting& setting) {
  const fs::path dir = keys_.teacher;
  const auto refuse = [&](const std::string& why) {
    throw ConfigError(fmt::format("train.teacher = {}: {}", dir.string(), why));
  };
  auto data = open_data(setting);
  const auto& registered = registered_model(dir);
  const auto module = registered.load(dir, nullptr, {});
  const auto teacher = std::dynamic_pointer_cast<MaskedLm>(module);
  if (teacher == nullptr || !can_be_read(*teacher))
    refuse(fmt::format("{} predicts no hidden tokens", registered.architecture));
  module->to(setting.device);
  const auto own = load_model_tokenizer(dir, teacher->vocab_size());
  if (tokenizer_fingerprint(*own) != tokenizer_fingerprint(*data.corpus.tokenizer))
    refuse("has another tokenizer than the run (data.tokenizer)");
  auto student = make<MaskedLm>(setting);
  if (student->vocab_size() != teacher->vocab_size()) {
    refuse(fmt::format("knows {} tokens, the student (model.vocab_size) {}", teacher->vocab_size(),
                       student->vocab_size()));
  }
  if (keys_.loss.cosine > 0 && width_of(*student) != width_of(*teacher)) {
    refuse(fmt::format("has states of width {}, the student of {}; train.cosine_weight=0 does without",
                       width_of(*teacher), width_of(*student)));
  }
  require_fitting(*student);
  require_fitting(*teacher);
  if (keys_.begin_as_teacher && setting.init.empty()) {
    try {
      const torch::NoGradGuard no_grad;
      const auto layers = spread_layers(layers_of(*teacher), layers_of(*student));
      init_from_teacher(dynamic_cast<EncoderModel&>(*student), dynamic_cast<EncoderModel&>(*teacher), layers);
      setting.message(fmt::format("begins with layers {} of {}", fmt::join(layers, ", "), dir.string()));
    } catch (const std::invalid_argument& error) {
      refuse(fmt::format("{}; train.begin_as_teacher=false begins with random weights", error.what()));
    }
  }
  return std::make_unique<Task>(std::move(student), teacher, std::move(data), keys_.loss, setting);
}

}  // namespace langzoo
