#include "apps/training/tasks/examples.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <stdexcept>

#include <c10/core/InferenceMode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/training/added_special_tokens.h"
#include "apps/training/model_task.h"
#include "apps/training/run_tokenizer.h"
#include "apps/training/saved_run.h"
#include "apps/training/scratch_dir.h"
#include "apps/training/sentence_tokens.h"
#include "apps/training/text_corpus.h"
#include "apps/training/token_features.h"
#include "data/files/config_error.h"
#include "data/files/files.h"
#include "data/files/memory.h"
#include "data/tasks/task_tokens.h"
#include "data/text/fingerprint.h"
#include "models/auxiliary_lm.h"
#include "models/token_features.h"
#include "third_party/torch.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

constexpr std::pair<MicroworldTask, const char*> kMicroworldTasks[] = {
    {MicroworldTask::kClassification, "classification"},
    {MicroworldTask::kEntailment, "entailment"},
    {MicroworldTask::kSimilarity, "similarity"},
    {MicroworldTask::kTags, "tags"},
    {MicroworldTask::kQuestions, "questions"},
    {MicroworldTask::kChoices, "choices"},
    {MicroworldTask::kTypes, "types"},
    {MicroworldTask::kRelations, "relations"},
    {MicroworldTask::kGraphQuestions, "graph-questions"}};

std::vector<std::string_view> names_of(const std::vector<MicroworldTask>& tasks) {
  std::vector<std::string_view> names;
  for (const auto wanted : tasks) {
    for (const auto& [task, name] : kMicroworldTasks) {
      if (task == wanted) names.emplace_back(name);
    }
  }
  return names;
}

std::unique_ptr<Tokenizer> make_reading_tokenizer(const std::string& wanted, const TextSource& texts,
                                                  const Message& message) {
  const auto spec = parse_tokenizer_spec(wanted, "data.tokenizer");
  return make_tokenizer(spec, texts, {.special_tokens = reading_tokens(spec)}, message);
}

struct LearnedExamples {
  std::shared_ptr<const Tokenizer> tokenizer;
  EncodedExamples train, valid;
  std::unique_ptr<RawExamples> raw_valid;
};

/// What is learnt beside the kind's own loss, and how that is smoothed.
struct LossOptions {
  double r_drop = 0, lm_weight = 0;  ///< 0: none; not both
  LabelSmoothing smoothing;
};

class ExampleTask : public ModelTask<TokenModel, LearnedExamples, TokenBatch> {
 public:
  ExampleTask(const ExampleKind& kind, std::shared_ptr<TokenModel> model, LearnedExamples data,
              const LossOptions& losses, const TrainSetting& setting)
      : ModelTask(std::move(model), std::move(data), setting), kind_(kind), losses_(losses) {
    batches_ = token_batches(data_.train.examples, data_.train.pad, limits(), seed_, kPrepareAhead, rank_);
    fingerprint_ =
        fmt::format("{} {:016x} validation {:016x} tokenizer {:016x} batch {} {} seed {}", kind.format().task,
                    data_.train.examples.fingerprint(), data_.valid.examples.fingerprint(),
                    tokenizer_fingerprint(*data_.tokenizer), limits().sentences, limits().tokens, seed_);
  }

  std::string fingerprint() const override { return fingerprint_; }
  std::string loss_unit() const override { return kind_.format().loss_unit; }
  MicroBatch next() override {
    const auto batch = batches_->next();
    if (batch.examples.empty()) return MicroBatch::nothing(loss_terms().size());
    const auto targets = kind_.targets(batch), tokens = batch.mask.sum().item<std::int64_t>();
    if (losses_.lm_weight > 0) {
      const auto rows = batch.ids.numel() / batch.ids.size(-1);
      return {{targets, rows}, tokens, [this, batch = to_device(batch, device_)] {
                const auto both = dynamic_cast<AuxiliaryLm&>(*model_).logits_with_lm(inputs_of(batch));
                return std::vector{kind_.loss_sum(*model_, both.logits, batch, losses_.smoothing), both.lm_loss};
              }};
    }
    if (losses_.r_drop > 0) {
      return {{2 * targets, targets}, tokens, [this, batch = to_device(batch, device_)] {
                const auto sums = r_drop_sums(kind_, *model_, batch, losses_.smoothing);
                return std::vector{sums.cross_entropy, sums.divergence};
              }};
    }
    return {targets, tokens, [this, batch = to_device(batch, device_)] {
              return kind_.loss_sum(*model_, kind_.logits(*model_, batch), batch, losses_.smoothing);
            }};
  }
  std::vector<LossTerm> loss_terms() const override {
    if (losses_.lm_weight > 0) return {{"task", 1}, {"language_model", losses_.lm_weight}};
    return terms_with_r_drop(losses_.r_drop);
  }
  EvalMetrics evaluate() override {
    if (data_.valid.examples.size() == 0) return {};
    return langzoo::evaluate(kind_, *model_, *data_.raw_valid, data_.valid, device_, kExamplesAtOnce, ranks_);
  }
  void save_model(const fs::path& dir) override {
    model_->save_pretrained(dir);
    data_.tokenizer->save(dir);
  }

 private:
  BatchLimits limits() const { return {.tokens = batch_.batch_tokens, .sentences = batch_size_of_all()}; }

  const ExampleKind& kind_;
  const LossOptions losses_;
  std::string fingerprint_;
};

}  // namespace

EncodeOptions ExampleEncoding::options() const {
  EncodeOptions options;
  if (most() > 0) options.truncation = {.max_length = static_cast<std::size_t>(most())};
  options.own_padding = false;
  options.own_truncation = false;
  options.overflowing = false;
  return options;
}

TokenRow ExampleEncoding::row(std::string_view text, std::string_view pair) const {
  if (dynamic_cast<const AuxiliaryLm*>(&model) != nullptr) {
    const auto tokens = TaskTokens::of(tokenizer);
    if (tokens) return tokens->row(tokenizer, text, pair, static_cast<std::size_t>(most()));
  }
  const auto encoded = pair.empty() ? tokenizer.encode(text, options()) : tokenizer.encode_pair(text, pair, options());
  auto row = fitted({encoded.ids, encoded.type_ids, encoded.cut > 0});
  if (!reads_texts()) return row;
  std::vector<std::string_view> texts;
  for (std::size_t i = 0; i < encoded.size(); ++i) {
    const auto [begin, end] = encoded.offsets[i];
    const auto sequence = encoded.sequence_ids[i];
    texts.push_back(sequence < 0 ? "" : (sequence == 0 ? text : pair).substr(begin, end - begin));
  }
  read_texts(row, texts);
  return row;
}

bool ExampleEncoding::reads_texts() const {
  return dynamic_cast<const TokenTextReader*>(&model) != nullptr;
}

void ExampleEncoding::read_texts(TokenRow& row, std::span<const std::string_view> texts) const {
  const auto* const reader = dynamic_cast<const TokenTextReader*>(&model);
  if (reader == nullptr) return;
  const auto most_characters = static_cast<std::size_t>(reader->max_characters());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    auto text = texts[i];
    // Byte-level words have the space before them.
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    if (most_characters > 0) {
      auto& characters = row.characters.emplace_back();
      for (std::size_t at = 0; at < text.size() && characters.size() < most_characters;) {
        const auto length = decode_utf8(text, at).length;
        characters.push_back(reader->character_id(text.substr(at, length)));
        at += length;
      }
    }
    if (reader->feature_source().empty()) continue;
    row.texts.emplace_back(text.empty() ? tokenizer.id_to_token(row.ids[i]) : sanitize_utf8(text));
  }
}

std::vector<TokenRow> ExampleEncoding::rows(std::string_view text, std::string_view pair) const {
  const auto* const lm = dynamic_cast<const AuxiliaryLm*>(&model);
  if (lm == nullptr || !lm->reads_both_orders()) return {row(text, pair)};
  if (pair.empty()) throw std::runtime_error("has no second text, but the model reads pairs, in both orders");
  return {row(text, pair), row(pair, text)};
}

TokenRow ExampleEncoding::fitted(TokenRow row) const {
  const auto known = model.n_segments();
  if (known == 1) row.type_ids.clear();
  for (const auto type : row.type_ids) {
    if (known == 0 || type < known) continue;
    throw std::runtime_error(
        fmt::format("the tokenizer gives segment {}, the model knows {} (type_vocab_size)", type, known));
  }
  return row;
}

std::vector<std::string> ExampleKind::notes(const EncodedExamples& encoded, const ExampleEncoding& encoding) const {
  if (encoded.cut == 0) return {};
  return {
      fmt::format("{} of {} {} were cut to {} tokens", encoded.cut, encoded.raw(), format().inputs, encoding.most())};
}

RDropSums r_drop_sums(const ExampleKind& kind, TokenModel& model, const TokenBatch& batch,
                      const LabelSmoothing& smoothing) {
  const auto first = kind.logits(model, batch), second = kind.logits(model, batch);
  return {kind.loss_sum(model, first, batch, smoothing) + kind.loss_sum(model, second, batch, smoothing),
          symmetric_kl(first, second)};
}

std::string unknown_label(const char* what, const std::string& label, const ClassLabels& known) {
  constexpr std::size_t kShown = 8;
  std::vector<std::string> names;
  for (const auto& [id, name] : known.id2label) {
    if (names.size() < kShown) names.push_back(name);
  }
  if (known.id2label.size() > kShown) names.push_back(fmt::format("{} more", known.id2label.size() - kShown));
  return fmt::format("the model has no {} \"{}\", which its training data lacks; it has {}", what, label,
                     fmt::join(names, ", "));
}

void set_labels(ModelConfig& config, const ClassLabels& labels, std::optional<ProblemType> problem) {
  read_fields(config, write_fields(labels), "labels");
  const auto type = find_field(fields_in(config), "problem_type");
  if (type) type->set(problem ? fmt::format("\"{}\"", kProblemTypeNames[static_cast<std::size_t>(*problem)]) : "null");
}

TableFormat table_format_of(std::string_view name) {
  const auto* const found = std::find(std::begin(kTableFormatNames), std::end(kTableFormatNames), name);
  if (found == std::end(kTableFormatNames)) throw std::invalid_argument(fmt::format("no table format {}", name));
  return static_cast<TableFormat>(found - kTableFormatNames);
}

namespace {

TagSpelling tag_spelling_of(std::string_view name) {
  const auto* const found = std::find(kTagSpellingNames.begin(), kTagSpellingNames.end(), name);
  return static_cast<TagSpelling>(found - kTagSpellingNames.begin());
}

}  // namespace

ExampleOptions::ExampleOptions(const ExampleFormat& of) : format(of), columns(of.columns) {
  if (!format.microworld.empty()) microworld_task = names_of(format.microworld).front();
}

bool ExampleOptions::made(const std::string& data) const {
  return data == kMicroworld && !format.microworld.empty();
}

std::string ExampleOptions::make_file(const fs::path& folder, bool valid) const {
  const auto names = names_of(format.microworld);
  const auto found = std::find(names.begin(), names.end(), microworld_task);
  if (found == names.end()) throw std::invalid_argument(fmt::format("no task of microworld: {}", microworld_task));
  const auto task = format.microworld[static_cast<std::size_t>(found - names.begin())];
  const auto language = microworld_language == "korean" ? MicroworldLanguage::kKorean : MicroworldLanguage::kEnglish;
  auto count = microworld_examples;
  if (valid) count = std::max<std::int64_t>(1, static_cast<std::int64_t>(static_cast<double>(count) * valid_fraction));
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw FileError(folder, "cannot be created: " + error.message());
  const auto file = folder / fmt::format("{}{}", valid ? "valid" : "train", suffix_of(task));
  write_file_atomically(file, microworld_task_file(task, 2 * microworld_seed + (valid ? 1 : 0), count, language));
  return file.string();
}

ExampleReading ExampleOptions::reading(std::vector<std::string>* unread) const {
  return {.columns = columns == format.columns ? "" : columns,
          .targets = true,
          .format = table_format_of(table_format),
          .unread = unread,
          .spelling = tag_spelling_of(tag_spelling)};
}

void ExampleOptions::for_each_field(FieldVisitor& visit) {
  visit("train", train,
        {.help = format.examples + ": " + format.files + (format.microworld.empty() ? "" : ", or microworld")});
  visit("valid", valid, {.help = "as data.train; empty: a part of it"});
  if (format.tables) {
    visit("format", table_format,
          {.choices = {std::begin(kTableFormatNames), std::end(kTableFormatNames)}, .help = kTableFormatHelp});
  }
  visit("tokenizer", tokenizer, {.help = tokenizer_spec_help()});
  if (!format.columns_help.empty()) visit("columns", columns, {.help = format.columns_help});
  visit("valid_fraction", valid_fraction,
        {.least = 0, .most = 0.9, .help = "of data.train, where data.valid is empty"});
  visit("max_length", max_length,
        {.least = 0, .help = "tokens of an example; what is longer is cut; 0: all the model takes"});
  if (format.spells_tags) {
    visit("tag_spelling", tag_spelling,
          {.choices = {kTagSpellingNames.begin(), kTagSpellingNames.end()},
           .help = "what tags of entities become: bio, iobes, or as_written"});
  }
  if (format.microworld.empty()) return;
  if (format.microworld.size() > 1) {
    visit("microworld_task", microworld_task,
          {.choices = names_of(format.microworld), .help = "which task microworld makes examples of"});
  }
  visit("microworld_examples", microworld_examples,
        {.least = 1, .most = 1e8, .help = "that microworld makes to train on, where data.train = microworld"});
  visit("microworld_seed", microworld_seed, {.help = "which ones"});
  // Knowledge is told in English.
  if (format.microworld.front() >= MicroworldTask::kTypes) return;
  visit("microworld_language", microworld_language, {.choices = {"english", "korean"}, .help = "in which language"});
}

ExampleData open_examples(const ExampleKind& kind, const ExampleOptions& options, ModelConfig& config,
                          const fs::path& dir, const Message& message, const MakeTokenizer& make) {
  const auto& format = kind.format();
  if (options.train.empty()) throw ConfigError("data.train is missing: a file of " + format.examples);
  std::vector<std::string> unread;
  const auto read = [&](const std::string& file, bool tell) {
    try {
      return kind.read(file, options.reading(tell ? &unread : nullptr));
    } catch (const std::invalid_argument& error) {
      throw ConfigError(fmt::format("data.columns = {}: {}", options.columns, error.what()));
    }
  };
  ExampleData data;
  const auto file_of = [&](const std::string& name, bool valid) {
    return options.made(name) ? options.make_file(dir / "data", valid) : name;
  };
  auto valid = options.valid;
  if (valid.empty() && options.made(options.train) && options.valid_fraction > 0) valid = options.train;
  data.train_file = file_of(options.train, false);
  data.valid_file = valid.empty() ? data.train_file : file_of(valid, true);
  data.train = read(data.train_file, true);
  const auto decided = kind.complete_config(config, *data.train);
  const auto share = [&](std::int64_t count) {
    return static_cast<std::int64_t>(static_cast<double>(count) * options.valid_fraction);
  };
  std::vector<bool> aside;
  for (std::int64_t i = 0; i < data.train->size(); ++i) {
    aside.push_back(valid.empty() && share(i + 1) > share(i));
  }
  data.valid = valid.empty() ? data.train->take(aside) : read(data.valid_file, false);
  data.tokenizer = find_tokenizer(dir);
  if (!data.tokenizer) {
    std::vector<std::string> texts;  // of the example under way
    std::int64_t example = 0;
    const auto next = [&, i = std::size_t{0}](std::string& text) mutable {
      while (i == texts.size()) {
        if (example == data.train->size()) return false;
        texts = kind.texts(*data.train, example++);
        i = 0;
      }
      text = std::move(texts[i++]);
      return true;
    };
    data.tokenizer = make ? make(next) : make_reading_tokenizer(options.tokenizer, next, message);
    data.tokenizer->save(dir);
  }
  data.tokenizer = with_special_tokens(std::move(data.tokenizer), options.added_tokens, dir,
                                       "data.tokenizer = " + options.tokenizer);
  if (!unread.empty())
    message(fmt::format("{}: columns that are not read: {}", options.train, fmt::join(unread, ", ")));
  message(fmt::format("{} {}, {} to validate{}", data.train->size(), format.inputs, data.valid->size(),
                      decided.empty() ? "" : ", " + decided));
  return data;
}

namespace {

/// Those that the model reads, of the texts of each example's tokens.
void add_features(TokenExamples& examples, const std::vector<std::vector<std::string>>& texts, const TokenModel& model,
                  const std::string& file) {
  const auto* const reader = dynamic_cast<const TokenTextReader*>(&model);
  if (reader == nullptr || reader->feature_source().empty() || examples.size() == 0) return;
  const auto* const features = reader->features();
  if (features == nullptr) throw std::logic_error("a model without the features that it reads");
  std::size_t tokens = 0;
  for (const auto& text : texts) tokens += text.size();
  const auto bytes =
      static_cast<double>(tokens) * static_cast<double>(features->layers() * features->width()) * sizeof(float);
  if (bytes > 0.8 * static_cast<double>(total_memory())) {
    throw FileError(
        file, fmt::format("the features of its {} tokens ({}) need {:.1f} GiB of memory, there are {:.1f}", tokens,
                          reader->feature_source(), bytes / 0x1p30, static_cast<double>(total_memory()) / 0x1p30));
  }
  const c10::InferenceMode inference;
  for (const auto& chosen : batches_by_length(token_lengths(examples), {.sentences = kExamplesAtOnce})) {
    std::vector<std::vector<std::string>> sentences;
    for (const auto example : chosen) sentences.push_back(texts[static_cast<std::size_t>(example)]);
    const auto found = features->of(sentences);  // (J,B,T,C)
    for (std::size_t b = 0; b < chosen.size(); ++b) {
      examples.set_features(
          chosen[b], found.select(1, static_cast<std::int64_t>(b)).narrow(1, 0, std::ssize(sentences[b])).clone());
    }
  }
}

}  // namespace

EncodedExamples encode_examples(const ExampleKind& kind, const std::string& file, const RawExamples& raw,
                                const ExampleEncoding& encoding, const Message& message) {
  EncodedExamples encoded;
  encoded.pad = encoding.tokenizer.special_tokens().pad.value_or(0);
  std::vector<std::vector<std::string>> texts;  // of an example's tokens
  for (std::int64_t i = 0; i < raw.size(); ++i) {
    encoded.first.push_back(encoded.examples.size());
    try {
      const auto examples = kind.encode(raw, i, encoding);
      bool cut = false;
      for (const auto& example : examples) {
        encoded.examples.add(example);
        if (!example.rows[0].texts.empty()) texts.resize(static_cast<std::size_t>(encoded.examples.size()));
        if (!example.rows[0].texts.empty()) texts.back() = example.rows[0].texts;
        for (const auto& row : example.rows) cut = cut || row.cut;
      }
      encoded.cut += cut ? 1 : 0;
      encoded.in_windows += examples.size() > 1 ? 1 : 0;
    } catch (const std::runtime_error& error) {
      throw FileError(file, fmt::format("{}: {}", kind.where(raw, i), error.what()));
    } catch (const std::invalid_argument& error) {
      throw FileError(file, fmt::format("{}: {}", kind.where(raw, i), error.what()));
    }
  }
  encoded.first.push_back(encoded.examples.size());
  texts.resize(static_cast<std::size_t>(encoded.examples.size()));
  add_features(encoded.examples, texts, encoding.model, file);
  if (message) {
    for (const auto& note : kind.notes(encoded, encoding)) message(fmt::format("{}: {}", file, note));
  }
  return encoded;
}

std::unique_ptr<RawExamples> read_examples(const ExampleKind& kind, const ExampleOptions& options,
                                           const std::string& data, const ExampleReading& reading) {
  if (!options.made(data)) return kind.read(data, reading);
  const ScratchDir scratch;
  return kind.read(options.make_file(scratch.path(), /*valid=*/true), reading);
}

TokenInputs inputs_of(const TokenBatch& batch) {
  return {.ids = batch.ids,
          .token_type_ids = batch.type_ids,
          .attention_mask = batch.mask,
          .characters = batch.characters,
          .features = batch.features};
}

namespace {

/// Gives every rank the logits of all examples, of which each has made some.
void share_logits(std::vector<torch::Tensor>& logits, Distributed& ranks) {
  std::string own;
  const auto put = [&](std::int64_t number) { own.append(reinterpret_cast<const char*>(&number), sizeof(number)); };
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (!logits[i].defined()) continue;
    put(static_cast<std::int64_t>(i));
    put(logits[i].dim());
    for (const auto size : logits[i].sizes()) put(size);
    const auto values = logits[i].contiguous();
    own.append(static_cast<const char*>(values.const_data_ptr()), values.nbytes());
  }
  for (const auto& theirs : ranks.gather(own)) {
    const char* at = theirs.data();
    const auto take = [&] {
      std::int64_t number = 0;
      std::memcpy(&number, at, sizeof(number));
      at += sizeof(number);
      return number;
    };
    while (at != theirs.data() + theirs.size()) {
      auto& to = logits.at(static_cast<std::size_t>(take()));
      std::vector<std::int64_t> shape(static_cast<std::size_t>(take()));
      for (auto& size : shape) size = take();
      auto values = torch::empty(shape, torch::kFloat32);
      std::memcpy(values.data_ptr(), at, values.nbytes());
      at += values.nbytes();
      if (!to.defined()) to = values;
    }
  }
}

}  // namespace

ExampleLogits logits_of_all(const ExampleKind& kind, TokenModel& model, const EncodedExamples& encoded,
                            torch::Device device, std::int64_t batch_size, Distributed* ranks) {
  const auto& examples = encoded.examples;
  ExampleLogits all;
  all.logits.resize(static_cast<std::size_t>(examples.size()));
  if (examples.size() == 0) return all;
  const c10::InferenceMode inference;
  double loss = 0;
  std::int64_t targets = 0, part = 0;
  for (const auto& chosen : batches_by_length(token_lengths(examples), {.sentences = batch_size})) {
    if (!is_own_part(ranks, part++)) continue;
    const auto batch = to_device(token_batch(examples, chosen, encoded.pad), device);
    const auto logits = kind.logits(model, batch);
    if (batch.labels.defined() || batch.values.defined()) {
      loss += kind.loss_sum(model, logits, batch).item<double>();
      targets += kind.targets(batch);
    }
    const auto found = logits.to(torch::kCPU, torch::kFloat32);
    for (std::size_t i = 0; i < chosen.size(); ++i) {
      auto own = found[static_cast<std::int64_t>(i)];
      if (const auto dimension = kind.tokens_dimension(); dimension > 0) {
        own = own.narrow(dimension - 1, 0, examples.length(chosen[i]));
      }
      all.logits[static_cast<std::size_t>(chosen[i])] = own.clone();
    }
  }
  if (ranks != nullptr) {
    double of_all[] = {loss, static_cast<double>(targets)};
    ranks->sum(of_all);
    loss = of_all[0], targets = static_cast<std::int64_t>(of_all[1]);
    share_logits(all.logits, *ranks);
  }
  all.loss = targets == 0 ? 0 : loss / static_cast<double>(targets);
  return all;
}

EvalMetrics evaluate(const ExampleKind& kind, TokenModel& model, const RawExamples& raw, const EncodedExamples& encoded,
                     torch::Device device, std::int64_t batch_size, Distributed* ranks) {
  const auto [logits, loss] = logits_of_all(kind, model, encoded, device, batch_size, ranks);
  auto metrics = kind.scores(model, raw, encoded, logits);
  metrics["loss"] = {.value = loss, .chart = MetricChart::kLoss};
  return metrics;
}

LoadedModel<TokenModel> load_example_model(const fs::path& dir, const DeviceOptions& options, LoadReport* report,
                                           const std::function<void(const TokenModel&)>& check) {
  auto loaded = load_model<TokenModel>(registered_model(dir), dir, options, report);
  if (check) check(*loaded.model);
  if (auto* const reader = dynamic_cast<TokenTextReader*>(loaded.model.get());
      reader != nullptr && !reader->feature_source().empty()) {
    reader->set_features(load_token_features(reader->feature_source(), dir.string() + ": features"));
  }
  loaded.tokenizer = load_model_tokenizer(dir, loaded.model->vocab_size());
  return loaded;
}

void require_accepted(const ExampleKind& kind, const TokenModel& model, const std::string& where) {
  if (!kind.accepts(model)) throw std::invalid_argument(fmt::format("{}: {}", where, kind.format().otherwise));
}

EvalMetrics evaluate_examples(const ExampleKind& kind, const LoadedModel<TokenModel>& loaded, const fs::path& dir,
                              const std::string& data, std::int64_t batch_size) {
  require_accepted(kind, *loaded.model, dir.string());
  const auto run = run_options(kind, dir);
  auto reading = run.reading();
  reading.model = loaded.model.get();
  const auto raw = read_examples(kind, run, data, reading);
  const ExampleEncoding encoding{*loaded.tokenizer, *loaded.model, run.max_length};
  return evaluate(kind, *loaded.model, *raw, encode_examples(kind, data, *raw, encoding), loaded.device, batch_size);
}

ExampleOptions run_options(const ExampleKind& kind, const fs::path& dir) {
  ExampleOptions options(kind.format());
  read_run_section(dir, "data", options);
  return options;
}

void ExampleSetup::bind(RunConfig& config, TrainSetting& setting) {
  setting.batch.batch_size = 32;
  config.bind("data", data_);
  config.bind("model", *config_, decided_fields());
  if (kind_.format().r_drop) bind_r_drop(config, r_drop_);
  if (kind_.format().label_smoothing) {
    config.bind("train", [this](FieldVisitor& visit) {
      visit(
          "label_smoothing", smoothing_.epsilon,
          {.least = 0, .below = 1, .help = "what of each target's probability goes evenly to all; of training alone"});
    });
  }
  config.describe("train.batch_tokens", "of a micro-batch at most, padding included; 0: no such bound");
}

std::vector<TrainFlag> ExampleSetup::flags() const {
  auto flags = ModelSetup::flags();
  if (!kind_.format().columns_help.empty()) flags.push_back({"--columns", "data.columns"});
  return flags;
}

void ExampleSetup::complete(RunConfig& config) {
  for (auto* file : {&data_.train, &data_.valid}) {
    if (!data_.made(*file)) *file = absolute_if_there(*file);
  }
  data_.tokenizer = absolute_tokenizer(data_.tokenizer);
  ModelSetup::complete(config);
}

std::vector<UnreadKeys> ExampleSetup::unread_keys() const {
  const bool made = data_.made(data_.train) || data_.made(data_.valid);
  return {{!made && !data_.valid.empty(), "a run with data.valid", {"data.valid_fraction"}},
          {!made,
           "a run whose examples come from files",
           {"data.microworld_task", "data.microworld_examples", "data.microworld_seed", "data.microworld_language"}}};
}

std::unique_ptr<Tokenizer> ExampleSetup::make_run_tokenizer(const TextSource& texts, const Message& message) {
  return make_reading_tokenizer(data_.tokenizer, texts, message);
}

std::unique_ptr<TrainingTask> ExampleSetup::make_task(TrainSetting& setting) {
  auto data = open_examples(kind_, data_, *config_, setting.out, setting.message,
                            [&](const TextSource& texts) { return make_run_tokenizer(texts, setting.message); });
  complete_model(*data.tokenizer);
  complete_config(data, setting);
  auto model = make<TokenModel>(setting);
  set_up_model(*model, *data.tokenizer, setting);
  require_accepted(kind_, *model, fmt::format("model: {}", registered_.architecture));
  if (model->n_positions() > 0 && data_.max_length > model->n_positions()) {
    throw ConfigError(
        fmt::format("data.max_length = {}: the model takes {} tokens", data_.max_length, model->n_positions()));
  }
  if (!kind_.has_classes(*model) && (r_drop_ > 0 || smoothing_.epsilon > 0)) {
    throw ConfigError(
        fmt::format("train.{}: {}", r_drop_ > 0 ? "r_drop" : "label_smoothing", kind_.format().no_classes));
  }
  const ExampleEncoding encoding{*data.tokenizer, *model, data_.max_length};
  auto train = encode_examples(kind_, data.train_file, *data.train, encoding, setting.message);
  auto valid = encode_examples(kind_, data.valid_file, *data.valid, encoding, setting.message);
  prepare_training(*model, train.examples);
  return std::make_unique<ExampleTask>(
      kind_, std::move(model),
      LearnedExamples{data.tokenizer, std::move(train), std::move(valid), std::move(data.valid)},
      LossOptions{r_drop_, lm_weight_, smoothing_}, setting);
}

void ExampleSetup::complete_model(const Tokenizer& tokenizer) {
  complete_vocabulary(*config_, "vocab_size", tokenizer);
  complete_special_tokens(*config_, tokenizer);
}

}  // namespace langzoo
