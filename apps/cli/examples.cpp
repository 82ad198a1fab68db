#include "apps/cli/examples.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <iostream>
#include <iterator>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/cli/base/figure_list.h"
#include "apps/cli/base/html.h"
#include "apps/cli/model_verb.h"
#include "apps/cli/predictions_page.h"
#include "apps/cli/report_verb.h"
#include "apps/cli/train_verb.h"
#include "apps/training/tasks/labelled_texts.h"
#include "apps/training/text_corpus.h"
#include "data/files/files.h"
#include "models/encoder.h"
#include "models/masked_lm.h"
#include "models/replaced_token_detector.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

void print_note(const std::string& text) {
  std::cerr << fmt::format("note: {}\n", text);
}

/// What eval and predict have in common: a model, and a file of examples for it.
class ExampleVerb : public ModelVerb {
 public:
  explicit ExampleVerb(std::vector<ExamplePredictions> kinds) : kinds_(std::move(kinds)) {}

 protected:
  /// What each kind says, those that say the same together: "texts, sentences or questions".
  std::string of_kinds(std::string ExampleFormat::*words, const char* last = " or ") const {
    std::vector<std::string> all;
    for (const auto& kind : kinds_) {
      const auto& own = kind.kind().format().*words;
      if (!own.empty() && std::find(all.begin(), all.end(), own) == all.end()) all.push_back(own);
    }
    if (all.size() < 2) return all.empty() ? "" : all[0];
    const auto end = all.back();
    all.pop_back();
    return fmt::format("{}{}{}", fmt::join(all, ", "), last, end);
  }
  Option& add_data_options(Options& options, bool targets, const char* besides = "") {
    auto& data = options.add("--data", data_,
                             fmt::format("{}{}: {}, or microworld", besides,
                                         of_kinds(targets ? &ExampleFormat::examples : &ExampleFormat::inputs),
                                         of_kinds(&ExampleFormat::files, ", or ")));
    options.add("--format", format_, kTableFormatHelp)
        .one_of({std::begin(kTableFormatNames), std::end(kTableFormatNames)})
        .needs("--data");
    options
        .add("--columns", columns_,
             fmt::format(
                 "what the columns of --data are called, in order{}: names or numbers; as in the run unless given",
                 targets ? "" : ", without that of the label"))
        .needs("--data");
    options.add("--max-length", max_length_,
                "tokens of an example, what is longer is cut; 0: all the model takes; as in the run unless given");
    options.add("--batch-size", batch_size_, "examples computed together").range(1, 4096);
    batch_size_given_ = [&options] { return options.given("--batch-size"); };
    return data;
  }

  struct Loaded {
    LoadedModel<TokenModel> model;
    const ExamplePredictions* kind;
    ExampleOptions run;  ///< columns and lengths of the run that made it
  };
  using Check = std::function<void(const TokenModel&)>;
  LoadedModel<TokenModel> open(const ComputeOptions& common, const Check& check = {}) const {
    return load_and_report(model_, common, [&](const DeviceOptions& options, LoadReport* report) {
      return load_example_model(model_, options, report, check);
    });
  }
  /// Throws std::invalid_argument for a model of none of the kinds.
  const ExamplePredictions& kind_of(const TokenModel& model) const {
    if (const auto* const kind = find_kind(model)) return *kind;
    const auto& name = registered_model(model_).architecture;
    if (dynamic_cast<const BareEncoder*>(&model) != nullptr)
      throw std::invalid_argument(fmt::format("{}: {} has no head; finetune gives it one", model_, name));
    throw std::invalid_argument(
        fmt::format("{}: {} {}{}", model_, name, of_kinds(&ExampleFormat::otherwise, " and "),
                    gives_text_logits(model) ? "; predict --logits --json shows what it gives" : ""));
  }
  Loaded with_kind(LoadedModel<TokenModel> model) const {
    const auto& kind = kind_of(*model.model);
    return {std::move(model), &kind, run_options(kind.kind(), model_)};
  }
  Loaded load(const ComputeOptions& common) const {
    return with_kind(open(common, [this](const TokenModel& model) { kind_of(model); }));
  }
  const ExamplePredictions* find_kind(const TokenModel& model) const {
    const auto found = std::find_if(kinds_.begin(), kinds_.end(),
                                    [&](const ExamplePredictions& kind) { return kind.kind().accepts(model); });
    return found == kinds_.end() ? nullptr : &*found;
  }
  /// As the user says, else as the run did.
  std::unique_ptr<RawExamples> read(const Loaded& loaded, bool targets) const {
    const auto& kind = loaded.kind->kind();
    std::vector<std::string> unread;
    auto reading = loaded.run.reading(&unread);
    reading.targets = targets;
    reading.format = table_format_of(format_);
    // The last one of a run is the label's.
    if (!targets) reading.columns.resize(std::min(reading.columns.rfind(','), reading.columns.size()));
    if (columns_) reading.columns = *columns_;
    if (!kind.format().tables && reading.format != TableFormat::kOfName)
      throw UsageError(fmt::format("--format {}: {} are no table", format_, kind.format().inputs));
    try {
      auto raw = read_examples(kind, loaded.run, *data_, reading);
      if (targets && !unread.empty())
        std::cerr << fmt::format("{}: columns that are not read: {}\n", *data_, fmt::join(unread, ", "));
      return raw;
    } catch (const std::invalid_argument& error) {
      throw UsageError(fmt::format("--columns {}: {}", reading.columns, error.what()));
    }
  }
  ExampleEncoding encoding(const Loaded& loaded, bool targets) const {
    return encoding(loaded.model, loaded.run.max_length, targets);
  }
  /// Of `usual` tokens at most unless the user says otherwise.
  ExampleEncoding encoding(const LoadedModel<TokenModel>& model, std::int64_t usual, bool targets) const {
    const auto most = model.model->n_positions();
    const auto length = max_length_ ? static_cast<std::int64_t>(*max_length_) : usual;
    if (most > 0 && length > most) {
      throw UsageError(fmt::format("--max-length {}: the model takes {} tokens", length, most));
    }
    return {*model.tokenizer, *model.model, length, targets};
  }

  std::vector<ExamplePredictions> kinds_;
  std::optional<std::string> data_;
  std::optional<std::string> columns_;
  std::string format_ = kTableFormatNames[0];
  std::optional<std::size_t> max_length_;
  std::size_t batch_size_ = static_cast<std::size_t>(kExamplesAtOnce);

  std::function<bool()> batch_size_given_;

  std::int64_t batch_size() const { return static_cast<std::int64_t>(batch_size_); }
};

class EvalVerb : public ExampleVerb {
 public:
  EvalVerb(std::vector<ExamplePredictions> kinds, OtherEvaluation other)
      : ExampleVerb(std::move(kinds)), other_(std::move(other)) {}
  std::string name() const override { return "eval"; }
  std::string summary() const override {
    return (other_.run ? "measure a model on a text, or on " : "measure a model on ") +
           of_kinds(&ExampleFormat::examples);
  }
  std::string examples() const override { return other_.examples + "eval --model run --data test.csv\n"; }
  bool heeds_seed() const override { return other_.run != nullptr; }
  std::string notes() const override {
    std::string notes = other_.notes + (other_.run ? "Of a fine-tuned model: " : "Fields under --json: ") +
                        (kinds_[0].counts == nullptr ? "examples" : "sentences, tokens (of tagging words)");
    for (const auto& kind : kinds_) {
      const auto& format = kind.kind().format();
      notes +=
          kinds_.size() == 1 ? ", " + format.metrics_help : fmt::format("\n  {}: {}", format.task, format.metrics_help);
    }
    if (other_.pretrained) {
      notes +=
          "\n  pretrained models, on documents as train reads them, without examples: loss (nats), perplexity and "
          "accuracy\n  of hidden tokens, sentence_loss, sentence_accuracy; of electra generator_loss and "
          "discriminator_loss";
    }
    return notes + ".\n";
  }
  void add_own_options(Options& options) override {
    ModelVerb::add_own_options(options);
    add_data_options(options, /*targets=*/true, other_.run ? "a text, or " : "").required();
    given_ = [&options](const std::string& flag) { return options.given(flag); };
    if (!other_.run) return;
    other_.add_options(options);
    options.idle_where("--seed", "no text of microworld is measured",
                       [this] { return !other_.heeds_seed(data_.value_or("")) || !is_for_other(); });
  }
  void compute(const ComputeOptions& common) override {
    if (other_.run && other_.takes(model_)) {
      refuse_example_flags("reads a text");
      return other_.run(model_, *data_, common);
    }
    for (const auto& flag : other_.flags) {
      if (given_(flag)) throw UsageError(fmt::format("{}: the model in {} is measured on examples", flag, model_));
    }
    auto opened = open(common);
    if (kinds_.size() > 1 && find_kind(*opened.model) == nullptr && is_pretrained(*opened.model)) {
      refuse_example_flags("is measured on documents, as its run read them");
      EvaluationOptions options;
      options.device = opened.device, options.dtype = common.torch_dtype();
      options.batch_size = batch_size();
      options.message = print_message;
      return print_figures(figures_of(evaluate(model_, *data_, options)), common.json);
    }
    const auto loaded = with_kind(std::move(opened));
    const auto& model = loaded.model;
    const auto& kind = loaded.kind->kind();
    const auto raw = read(loaded, /*targets=*/true);
    const auto encoded = encode_examples(kind, *data_, *raw, encoding(loaded, /*targets=*/true), print_note);
    std::vector<Figure> figures = {{"examples", "examples", raw->size()}};
    if (loaded.kind->counts != nullptr) figures = loaded.kind->counts(*raw, encoded);
    for (auto& figure : figures_of(evaluate(kind, *model.model, *raw, encoded, model.device, batch_size()))) {
      figures.push_back(std::move(figure));
    }
    print_figures(figures, common.json);
  }

 private:
  /// Where the folder is none, that is said later.
  bool is_for_other() const {
    try {
      return other_.takes(model_);
    } catch (const std::exception&) {
      return true;
    }
  }
  /// Whether it has learnt from documents, and is measured on them.
  static bool is_pretrained(const TokenModel& model) {
    return dynamic_cast<const MaskedLm*>(&model) != nullptr ||
           dynamic_cast<const ReplacedTokenDetector*>(&model) != nullptr;
  }
  /// Documents are read and cut as the run did.
  void refuse_example_flags(const char* why) const {
    const auto refuse = [&](const char* flag) {
      throw UsageError(fmt::format("{}: the model in {} {}", flag, model_, why));
    };
    if (columns_) refuse("--columns");
    if (format_ != kTableFormatNames[0]) refuse("--format");
    if (max_length_) refuse("--max-length");
    if (other_.run && batch_size_given_()) refuse("--batch-size");
  }
  static std::vector<Figure> figures_of(const EvalMetrics& metrics) {
    std::vector<Figure> figures;
    for (const auto& [name, value] : values_of(metrics)) figures.push_back({name, name, value});
    return figures;
  }

  OtherEvaluation other_;
  std::function<bool(const std::string&)> given_;
};

class PredictVerb : public ExampleVerb {
 public:
  using ExampleVerb::ExampleVerb;
  std::string name() const override { return "predict"; }
  std::string summary() const override {
    return kinds_.size() == 1 ? kinds_[0].summary : "what a model says of " + of_kinds(&ExampleFormat::inputs);
  }
  std::string examples() const override {
    std::string examples;
    for (const auto& kind : kinds_) {
      if (!kind.example.empty()) examples += fmt::format("predict --model run {}\n", kind.example);
    }
    return examples + "predict --model run --data new.csv --json\npredict --model run --data new.csv --out page.html\n";
  }
  std::string notes() const override {
    std::string notes = "Fields under --json, a line an example";
    for (const auto& kind : kinds_) {
      notes +=
          kinds_.size() == 1 ? ": " + kind.fields : fmt::format("\n  {}: {}", kind.kind().format().task, kind.fields);
    }
    return notes + fmt::format(".\n--out becomes one page that needs nothing else and shows the first {} examples.\n",
                               kMostShownExamples);
  }
  void add_own_options(Options& options) override {
    ModelVerb::add_own_options(options);
    add_data_options(options, /*targets=*/false);
    options.add("--text", text_, "or one text");
    options.exactly_one_of({"--data", "--text"});
    if (std::any_of(kinds_.begin(), kinds_.end(), [](const ExamplePredictions& kind) { return kind.pairs; }))
      options.add("--pair", pair_, "with it: the second text, or the context of a question").needs("--text");
    options.add("--out", out_, "a page to write: answers and tags in their texts");
    options.add("--logits", with_logits_, "ids, token_type_ids and logits as well").needs("--json");
    if (std::any_of(kinds_.begin(), kinds_.end(), answers)) {
      options.add(
          "--null-threshold", null_threshold_,
          "a question may have no answer: it has none where that scores higher than an answer by more than this");
    }
  }
  void compute(const ComputeOptions& common) override {
    if (null_threshold_ && !std::isfinite(*null_threshold_))
      throw UsageError(fmt::format("--null-threshold {}: is no finite number", *null_threshold_));
    const bool any = with_logits_ && common.json;
    auto opened = open(common, [&](const TokenModel& model) {
      if (!any || !gives_text_logits(model)) kind_of(model);
      const auto* const kind = find_kind(model);
      if (null_threshold_ && (kind == nullptr || !answers(*kind)))
        throw UsageError(fmt::format("--null-threshold: the model in {} answers no questions", model_));
    });
    if (!out_.empty()) check_writable(out_);
    if (any && find_kind(*opened.model) == nullptr) {
      if (!out_.empty())
        throw UsageError(fmt::format("--out: shows examples of a task, which the model in {} has none of", model_));
      if (batch_size_given_()) print_note("--batch-size: the logits of all tokens are computed a text at a time");
      return print_text_logits(opened, encoding(opened, 0, /*targets=*/false), data_.value_or("--text"), texts());
    }
    const auto loaded = with_kind(std::move(opened));
    const auto& model = loaded.model;
    const auto& kind = loaded.kind->kind();
    std::unique_ptr<RawExamples> raw;
    if (data_) {
      raw = read(loaded, /*targets=*/false);
    } else {
      std::vector<std::string> texts = {*text_};
      if (pair_) texts.push_back(*pair_);
      raw = kind.of_texts(texts);
      if (!raw) {
        texts.resize(pair_ ? 1 : 2);
        const auto* const with = kind.of_texts(texts) == nullptr ? ""
                                 : pair_                         ? ", or need no --pair"
                                                                 : ", or need a --pair";
        throw UsageError(
            fmt::format("--text{}: {} are read from --data{}", pair_ ? " and --pair" : "", kind.format().inputs, with));
      }
    }
    const auto encoded =
        encode_examples(kind, data_.value_or("--text"), *raw, encoding(loaded, /*targets=*/false), print_note);
    const auto logits = logits_of_all(kind, *model.model, encoded, model.device, batch_size()).logits;
    const PredictedExamples predicted{*model.model,
                                      *raw,
                                      encoded,
                                      logits,
                                      common.json,
                                      with_logits_,
                                      null_threshold_.value_or(0),
                                      null_threshold_.has_value()};
    if (out_.empty() || common.json) loaded.kind->print(predicted);
    if (!out_.empty()) write_page(*loaded.kind, predicted);
  }

 private:
  /// Of a model whose task has no examples.
  std::vector<LabelledText> texts() const {
    if (!data_) return {{*text_, pair_.value_or(""), {}, 0}};
    if (*data_ == kMicroworld) {
      throw UsageError(fmt::format(
          "--data {}: makes examples of tasks, which the model in {} has none of; a file of texts is needed", *data_,
          model_));
    }
    try {
      return read_labelled_texts(
          *data_, {.columns = columns_.value_or(""), .targets = false, .format = table_format_of(format_)});
    } catch (const std::invalid_argument& error) {
      throw UsageError(fmt::format("--columns {}: {}", columns_.value_or(""), error.what()));
    }
  }
  void write_page(const ExamplePredictions& kind, const PredictedExamples& predicted) const {
    const auto all = static_cast<std::size_t>(predicted.raw.size()), shown = std::min(all, kMostShownExamples);
    const auto& inputs = kind.kind().format().inputs;
    HtmlPage page;
    page.title = std::filesystem::path(model_).lexically_normal().filename().string();
    page.subtitle = fmt::format("{}{}", kind.summary, data_ ? ": " + *data_ : "");
    page.headline = {{inputs, fmt::format("{}", all)}};
    if (shown < all) page.headline.push_back({"of these shown", fmt::format("{}", shown)});
    page.style = std::string(kTextColors) + std::string(kPredictionsStyle);
    page.body = kind.show(predicted);
    page.footer = "Written by langzoo.";
    write_file_atomically(out_, html_page(page));
    std::cerr << (shown < all ? fmt::format("{} of {} {} written to {}\n", shown, all, inputs, out_)
                              : fmt::format("{} {} written to {}\n", all, inputs, out_));
  }
  static bool answers(const ExamplePredictions& kind) { return kind.kind().format().task == "question-answering"; }

  std::optional<std::string> text_, pair_;
  std::string out_;
  bool with_logits_ = false;
  std::optional<double> null_threshold_;
};

}  // namespace

std::unique_ptr<Verb> example_eval_verb(std::vector<ExamplePredictions> kinds, OtherEvaluation other) {
  return std::make_unique<EvalVerb>(std::move(kinds), std::move(other));
}

std::unique_ptr<Verb> example_predict_verb(std::vector<ExamplePredictions> kinds) {
  return std::make_unique<PredictVerb>(std::move(kinds));
}

Verbs example_verbs(const Family& family, const ExamplePredictions& predictions) {
  Verbs verbs;
  verbs.push_back(std::make_unique<TrainVerb>(
      std::string(family.program), "train --data train.csv --valid valid.csv --out run\ntrain --out run --resume\n",
      family.setup));
  verbs.push_back(example_eval_verb({predictions}));
  verbs.push_back(example_predict_verb({predictions}));
  verbs.push_back(report_verb());
  return verbs;
}

}  // namespace langzoo
