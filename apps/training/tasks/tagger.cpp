#include "apps/training/tasks/tagger.h"

#include <algorithm>
#include <array>
#include <optional>
#include <stdexcept>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "apps/training/model_task.h"
#include "apps/training/run_tokenizer.h"
#include "apps/training/saved_run.h"
#include "apps/training/stream_text.h"
#include "apps/training/tasks/classification.h"
#include "apps/training/tasks/examples.h"
#include "apps/training/tasks/tagging.h"
#include "apps/training/tasks/word_vectors.h"
#include "apps/training/token_features.h"
#include "apps/training/training_state.h"
#include "data/files/config_error.h"
#include "data/files/cpus.h"
#include "data/files/files.h"
#include "models/registry.h"
#include "models/tagger/tagger.h"
#include "third_party/torch.h"
#include "tokenizers/normalizers/replace_normalizer.h"
#include "tokenizers/normalizers/simple_normalizers.h"
#include "tokenizers/pre_tokenizers/whitespace_pre_tokenizer.h"
#include "tokenizers/trainers/word_counts.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

namespace fs = std::filesystem;

struct TaggerTaskKind {
  std::string_view name, architecture, tokenizer;
  const ExampleKind& (*kind)();
  std::unique_ptr<ModelConfig> (*config)();
};

template <class Config>
std::unique_ptr<ModelConfig> open_config() {
  return ModelConfig::of(Config());
}

/// A field that is a text.
struct TextField {
  std::string value;
  void for_each_field(FieldVisitor& visit) { visit("value", value); }
};

constexpr TaggerTaskKind kTaggerTasks[] = {
    {"tagging", "TaggerForTokenClassification", "words", tagging, open_config<TaggerConfig>},
    {"classification", "TaggerForSequenceClassification", "train:word:50000", classification,
     open_config<TaggerClassifierConfig>}};

const TaggerTaskKind& kind_of_task(std::string_view task) {
  const auto* const found = std::find_if(std::begin(kTaggerTasks), std::end(kTaggerTasks),
                                         [&](const TaggerTaskKind& kind) { return kind.name == task; });
  if (found == std::end(kTaggerTasks))
    throw ConfigError(fmt::format("task {}: expected tagging or classification", task));
  return *found;
}

/// Keys beside those that all kinds of examples have.
struct TaggerOptions {
  bool lowercase = false, zero_digits = false;
  std::int64_t vector_words = 50'000;
  std::string vectors;
  bool freeze_embeddings = false;
  std::string name;  ///< the task's

  void for_each_data_field(FieldVisitor& visit) {
    visit("lowercase", lowercase, {.help = "words have one vector whatever their case, which characters still have"});
    visit("zero_digits", zero_digits, {.help = "likewise for their digits, all read as 0"});
    visit("vector_words", vector_words,
          {.least = 0, .most = 1e7, .help = "of train.vectors, the first so many that the vocabulary has besides"});
  }
  void for_each_train_field(FieldVisitor& visit) {
    visit("vectors", vectors,
          {.help = "word vectors that the embedding begins with: a file (word2vec's text or binary, .vec, GloVe's) or "
                   "a model folder"});
    visit("freeze_embeddings", freeze_embeddings, {.help = "the words' embedding does not learn"});
  }
};

/// Whether a saved state has the weights.
bool goes_on(const TrainSetting& setting) {
  return setting.resume && fs::exists(training_state_path(setting.out));
}

std::shared_ptr<const Normalizer> word_normalizer(bool lowercase, bool zero_digits) {
  std::vector<std::shared_ptr<const Normalizer>> steps;
  if (lowercase) steps.push_back(std::make_shared<LowercaseNormalizer>());
  if (zero_digits) steps.push_back(std::make_shared<ReplaceNormalizer>(Regex("[0-9]"), "0"));
  if (steps.size() < 2) return steps.empty() ? nullptr : steps[0];
  return std::make_shared<SequenceNormalizer>(std::move(steps));
}

/// Those that the texts have twice or more, the most frequent first: what is there once stands for the unknown.
std::vector<std::string> alphabet_of(const ExampleKind& kind, const RawExamples& examples) {
  constexpr std::size_t kMost = 20'000;
  std::unordered_map<std::string, std::int64_t> counts;
  for (std::int64_t i = 0; i < examples.size(); ++i) {
    for (const auto& text : kind.texts(examples, i)) {
      for (std::size_t at = 0; at < text.size();) {
        const auto length = decode_utf8(text, at).length;
        const auto character = text.substr(at, length);
        at += length;
        if (is_valid_utf8(character) && character != " ") ++counts[character];
      }
    }
  }
  std::vector<std::pair<std::int64_t, std::string>> sorted;
  for (const auto& [character, count] : counts) {
    if (count > 1) sorted.emplace_back(-count, character);
  }
  std::sort(sorted.begin(), sorted.end());
  std::vector<std::string> alphabet;
  for (auto& [count, character] : sorted) {
    if (alphabet.size() < kMost) alphabet.push_back(std::move(character));
  }
  return alphabet;
}

class TaggerSetup : public ExampleSetup {
 public:
  explicit TaggerSetup(const TaggerTaskKind& task)
      : ExampleSetup(*find_registered_model("tagger", task.architecture), task.config(), task.kind()), task_(task) {
    own_.name = std::string(task.name);
  }

  void bind(RunConfig& config, TrainSetting& setting) override {
    setting.trainer.learning_rate = 2e-3;
    setting.trainer.weight_decay = 0;
    setting.trainer.clip_norm = 5;
    setting.trainer.max_steps = 2000;
    setting.trainer.schedule = "linear";
    data_.tokenizer = std::string(task_.tokenizer);
    ExampleSetup::bind(config, setting);
    config.bind("data", [this](FieldVisitor& visit) { own_.for_each_data_field(visit); });
    config.bind("train", [this](FieldVisitor& visit) { own_.for_each_train_field(visit); });
    config.bind("task", [this](FieldVisitor& visit) {
      visit("name", own_.name, {.choices = {task_.name}, .help = "what is learnt"});
    });
    config.describe(
        "data.tokenizer",
        "words (what stands between blanks, all of the text), words:N (the N most frequent), " + tokenizer_spec_help());
    setting_ = &setting;
  }

  std::vector<TrainFlag> flags() const override {
    auto flags = ExampleSetup::flags();
    flags.push_back({"--batch-size", "train.batch_size"});
    flags.push_back({"--vectors", "train.vectors"});
    flags.push_back({"--features", "model.features"});
    return flags;
  }

  void complete(RunConfig& config) override {
    const auto tokenizer = data_.tokenizer;
    ExampleSetup::complete(config);
    if (has_words()) data_.tokenizer = tokenizer;
    if (const auto features = config.value("model.features"); !features.empty())
      set_config_text("features", absolute_features(features, "model.features"));
    if (own_.vectors.empty()) return;
    own_.vectors = absolute_if_there(own_.vectors);
    if (goes_on(*setting_)) return;
    if (!setting_->init.empty())
      throw ConfigError(
          fmt::format("train.vectors = {}: the embedding begins with train.init = {}", own_.vectors, setting_->init));
    vectors_.emplace(load_word_vectors(own_.vectors, nullptr, &left_out_));
    const auto width = std::to_string(vectors_->dim());
    config.set_default("model.embedding_size", width);
    if (config.value("model.embedding_size") != width)
      throw ConfigError(fmt::format("model.embedding_size = {}: the vectors in {} have {}",
                                    config.value("model.embedding_size"), own_.vectors, width));
  }

  std::vector<UnreadKeys> unread_keys() const override {
    auto unread = ExampleSetup::unread_keys();
    const auto fields = fields_in(*config_);
    const auto value = [&](const char* name) {
      const auto field = find_field(fields, name);
      return field ? field->json() : "";
    };
    const auto characters = value("characters");
    unread.push_back({!has_words(), "data.tokenizer = " + data_.tokenizer, {"data.lowercase", "data.zero_digits"}});
    unread.push_back(
        {own_.vectors.empty() || !has_words(), "a run without train.vectors and whole words", {"data.vector_words"}});
    unread.push_back({characters == "\"none\"",
                      "model.characters = none",
                      {"model.character_embedding_size", "model.character_hidden_size", "model.max_characters"}});
    unread.push_back({characters != "\"cnn\"", "model.characters other than cnn", {"model.character_width"}});
    unread.push_back({value("embedding_size") == "0",
                      "model.embedding_size = 0",
                      {"train.freeze_embeddings", "model.singleton_dropout"}});
    unread.push_back({own_.vectors.empty() && setting_->init.empty(),
                      "a run without train.vectors, whose words would keep random vectors,",
                      {"train.freeze_embeddings"}});
    unread.push_back({value("crf") == "false", "model.crf = false", {"model.crf_constraints"}});
    return unread;
  }

  std::unique_ptr<TrainingTask> make_task(TrainSetting& setting) override {
    auto task = ExampleSetup::make_task(setting);
    if (own_.freeze_embeddings) {
      ParameterRule rule;
      rule.pattern = "embedding.weight";
      rule.frozen = true;
      dynamic_cast<RuledTask&>(*task).set_parameter_rules({rule});
    }
    return task;
  }

 protected:
  std::vector<std::string> decided_fields() const override {
    auto fields = ExampleSetup::decided_fields();
    fields.insert(fields.end(), {"alphabet", "feature_layers", "feature_width"});
    return fields;
  }

  std::unique_ptr<Tokenizer> make_run_tokenizer(const TextSource& texts, const Message& message) override {
    if (!has_words()) return ExampleSetup::make_run_tokenizer(texts, message);
    std::size_t next_word = 0;
    const auto all = [&](std::string& text) {
      if (texts(text)) return true;
      if (!vectors_ || next_word == std::min(vectors_->size(), static_cast<std::size_t>(own_.vector_words)))
        return false;
      text = vectors_->words()[next_word++];
      return true;
    };
    const auto normalizer = word_normalizer(own_.lowercase, own_.zero_digits);
    const WhitespaceSplitPreTokenizer between_blanks;
    std::vector<std::pair<std::string, std::uint64_t>> counts;
    for (auto& [word, count] : count_words(all, normalizer.get(), &between_blanks, {.threads = available_cpus()}))
      counts.emplace_back(std::move(word), count);
    try {
      return word_tokenizer(std::move(counts), *most_words_of(data_.tokenizer), normalizer);
    } catch (const std::invalid_argument& error) {
      throw ConfigError(fmt::format("data.tokenizer = {}: {}", data_.tokenizer, error.what()));
    }
  }

  void complete_config(const ExampleData& data, const TrainSetting& setting) override {
    const auto fields = fields_in(*config_);
    if (const auto& unknown = data.tokenizer->special_tokens().unk) fill_field(fields, "unk_token_id", *unknown);
    if (config_text("characters") != "none") complete_alphabet(data, setting);
    if (const auto name = config_text("features"); !name.empty()) {
      features_ = load_token_features(name, "model.features");
      find_field(fields, "feature_layers")->set(std::to_string(features_->layers()));
      find_field(fields, "feature_width")->set(std::to_string(features_->width()));
    }
    if (own_.name == "tagging" && !goes_on(setting)) {
      check_tags(data.train_file, *data.train);
      check_tags(data.valid_file, *data.valid);
    }
  }

  void set_up_model(TokenModel& model, const Tokenizer& tokenizer, const TrainSetting& setting) override {
    auto& tagger = dynamic_cast<TaggerModel&>(model);
    if (features_) tagger.set_features(features_);
    if (vectors_) begin_with(*vectors_, tagger, tokenizer, setting.message);
    vectors_.reset();
  }

  void prepare_training(TokenModel& model, const TokenExamples& train) override {
    std::vector<std::int64_t> counts(static_cast<std::size_t>(model.vocab_size()));
    for (std::int64_t i = 0; i < train.size(); ++i) {
      for (const auto id : train.ids(i, 0)) ++counts.at(static_cast<std::size_t>(id));
    }
    dynamic_cast<TaggerModel&>(model).encoder().set_singletons(torch::tensor(counts, torch::kInt64).eq(1));
  }

 private:
  /// What the CRF forbids would cost thousands of nats a tag. Looks at whole sentences, though data.max_length may cut
  /// them. Throws FileError.
  void check_tags(const std::string& file, const RawExamples& examples) const {
    const auto& config = config_->as<TaggerConfig>();
    const auto constraints = config.constraints();
    if (constraints.empty()) return;
    std::unordered_map<std::string_view, std::size_t> ids;
    for (const auto& [id, tag] : config.labels.id2label) ids.emplace(tag, static_cast<std::size_t>(id));
    const auto labels = ids.size();
    for (const auto& sentence : dynamic_cast<const RawExamplesOf<TaggedSentence>&>(examples).items) {
      const auto refuse = [&](const std::string& what) {
        throw FileError(file, fmt::format("line {}: the sentence has {}, which model.crf_constraints = auto forbids: "
                                          "data.tag_spelling = bio spells tags anew, model.crf_constraints = none "
                                          "allows all",
                                          sentence.line, what));
      };
      std::optional<std::size_t> before;
      for (std::size_t i = 0; i < sentence.tags.size(); ++i) {
        const auto found = ids.find(sentence.tags[i]);
        if (found == ids.end()) break;  // refused where it is encoded
        const auto tag = found->second;
        if (!before && !constraints.start[tag]) refuse(fmt::format("{} at its beginning", sentence.tags[i]));
        if (before && !constraints.allowed[*before * labels + tag])
          refuse(fmt::format("{} behind {}", sentence.tags[i], sentence.tags[i - 1]));
        if (i + 1 == sentence.tags.size() && !constraints.end[tag])
          refuse(fmt::format("{} at its end", sentence.tags[i]));
        before = tag;
      }
    }
  }

  bool has_words() const { return most_words_of(data_.tokenizer).has_value(); }
  std::string config_text(const char* name) const {
    TextField text;
    find_field(fields_in(text), "value")->set(find_field(fields_in(*config_), name)->json());
    return text.value;
  }
  void set_config_text(const char* name, const std::string& value) {
    TextField text{value};
    find_field(fields_in(*config_), name)->set(find_field(fields_in(text), "value")->json());
  }
  /// A model that the run begins with has one.
  void complete_alphabet(const ExampleData& data, const TrainSetting& setting) {
    struct Alphabet {
      std::vector<std::string> alphabet;
      void for_each_field(FieldVisitor& visit) { visit("alphabet", alphabet); }
    } found;
    if (goes_on(setting)) {
      read_fields(found, read_config(setting.out, "tagger"), (setting.out / "config.json").string());
    } else if (!setting.init.empty()) {
      const fs::path init = setting.init;
      read_fields(found, read_config(init, "tagger"), (init / "config.json").string());
    } else {
      found.alphabet = alphabet_of(kind_, *data.train);
    }
    read_fields(*config_, write_fields(found), "alphabet");
  }
  /// A word has its own vector, or that of its lower-cased form.
  void begin_with(const WordVectors& vectors, TaggerModel& model, const Tokenizer& tokenizer, const Message& message) {
    for (const auto& what : left_out_.in_words()) message(fmt::format("{}: left out: {}", own_.vectors, what));
    const auto table = model.encoder().embedding();
    if (table.is_empty()) throw ConfigError("train.vectors: model.embedding_size = 0 is a model without an embedding");
    const LowercaseNormalizer lower;
    std::vector<std::int64_t> rows, known;
    const auto size = static_cast<TokenId>(tokenizer.vocab_size());
    for (TokenId id = 0; id < size; ++id) {
      if (!tokenizer.has_token(id)) continue;
      const auto word = tokenizer.id_to_token(id);
      auto found = vectors.find(word);
      if (found < 0) found = vectors.find(lower.normalize(word));
      if (found < 0) continue;
      rows.push_back(id);
      known.push_back(found);
    }
    if (rows.empty())
      throw ConfigError(fmt::format("train.vectors = {}: has none of the {} words", own_.vectors, size));
    const torch::NoGradGuard no_grad;
    const auto device = table->weight.device();
    table->weight.index_copy_(0, torch::tensor(rows).to(device),
                              vectors.vectors().index_select(0, torch::tensor(known)).to(device));
    message(fmt::format("{} of {} words begin with the vectors in {}, the others as usual", rows.size(), size,
                        own_.vectors));
  }

  const TaggerTaskKind& task_;
  TaggerOptions own_;
  const TrainSetting* setting_ = nullptr;
  std::optional<WordVectors> vectors_;  ///< until the model has begun with them
  LeftOutRows left_out_;
  std::shared_ptr<const TokenFeatures> features_;
};

}  // namespace

std::span<const std::string_view> tagger_tasks() {
  static constexpr std::array<std::string_view, 2> names = {kTaggerTasks[0].name, kTaggerTasks[1].name};
  return names;
}

std::unique_ptr<ModelConfig> tagger_config(std::string_view task) {
  return kind_of_task(task).config();
}

std::unique_ptr<TaskSetup> tagger_setup(const std::string& task) {
  return std::make_unique<TaggerSetup>(kind_of_task(task));
}

std::string tagger_task_of_run(const fs::path& dir) {
  std::string name;
  read_run_section(dir, "task", [&](FieldVisitor& visit) { visit("name", name); });
  return name;
}

}  // namespace langzoo
