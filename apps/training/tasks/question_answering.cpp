#include "apps/training/tasks/question_answering.h"

#include <algorithm>

#include <fmt/format.h>

#include "data/metrics/squad.h"
#include "models/losses/span.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

/// What best_answer() asks of a window, as numbers: TokenExample::places.
std::vector<std::int64_t> places_of(const QuestionWindow& window) {
  std::vector<std::int64_t> places;
  for (const auto number : {window.begin, window.end, window.none}) places.push_back(static_cast<std::int64_t>(number));
  for (const auto& offset : window.offsets) {
    places.push_back(static_cast<std::int64_t>(offset.begin));
    places.push_back(static_cast<std::int64_t>(offset.end));
  }
  return places;
}
QuestionWindow window_of(const TokenExamples& examples, std::int64_t i) {
  const auto places = examples.places(i);
  const auto number = [&](std::size_t at) { return static_cast<std::size_t>(places[at]); };
  QuestionWindow window;
  window.ids.assign(examples.ids(i, 0).begin(), examples.ids(i, 0).end());
  window.begin = number(0), window.end = number(1), window.none = number(2);
  for (std::size_t at = 3; at + 1 < places.size(); at += 2) window.offsets.push_back({number(at), number(at + 1)});
  return window;
}

class QuestionAnswering : public ExampleKindFor<QuestionAnswerer, Question> {
 public:
  const ExampleFormat& format() const override { return format_; }
  std::int64_t tokens_dimension() const override { return 2; }

 protected:
  Raws read_raws(const std::filesystem::path& file, const ExampleReading& reading) const override {
    if (!reading.columns.empty()) throw std::invalid_argument("files of questions have no columns to choose");
    return read_questions(file, reading.targets);
  }
  std::optional<Raw> raw_of_texts(const std::vector<std::string>& texts) const override {
    if (texts.size() != 2) return {};
    return Question{"1", texts[0], std::make_shared<std::string>(texts[1]), {}};
  }
  std::vector<std::string> texts_of(const Raw& raw) const override { return {raw.question, *raw.context}; }
  std::string where_of(const Raw& raw) const override { return "question " + raw.id; }
  /// Two labels, the start's and the end's.
  std::string complete_config_of(ModelConfig& config, const Raws& /*raws*/) const override {
    set_labels(config, ClassLabels());
    return {};
  }
  std::vector<std::string> notes(const EncodedExamples& encoded, const ExampleEncoding& encoding) const override {
    const auto options = window_options(encoding);
    std::vector<std::string> notes;
    if (encoded.cut > 0) {
      notes.push_back(
          fmt::format("{} of {} questions were cut to {} tokens", encoded.cut, encoded.raw(), options.max_question));
    }
    if (encoded.in_windows > 0) {
      notes.push_back(fmt::format("the contexts of {} of {} questions are read in several windows of {} tokens",
                                  encoded.in_windows, encoded.raw(), options.max_length));
    }
    return notes;
  }

  /// A window each; one that does not hold the first answer learns that there is none in it.
  std::vector<TokenExample> encode_raw(const Raw& raw, const ExampleEncoding& encoding) const override {
    std::vector<TokenExample> examples;
    for (const auto& window :
         question_windows(raw.question, *raw.context, encoding.tokenizer, window_options(encoding))) {
      TokenExample example{.rows = {encoding.fitted({window.ids, window.type_ids, window.question_cut})}};
      example.places = places_of(window);
      if (encoding.targets) {
        TokenSpan span{window.none, window.none};
        if (!raw.answers.empty()) {
          const auto& answer = raw.answers[0];
          span = answer_tokens(window, byte_range(*raw.context, answer.start, code_points(answer.text)));
        }
        example.labels = {static_cast<std::int64_t>(span.first), static_cast<std::int64_t>(span.last)};
      }
      examples.push_back(std::move(example));
    }
    return examples;
  }

  torch::Tensor logits_of(QuestionAnswerer& model, const TokenBatch& batch) const override {
    const auto [start, end] = model.logits(inputs_of(batch));
    return torch::stack({start, end}, 1);
  }
  torch::Tensor loss_sum_of(const QuestionAnswerer& /*model*/, const torch::Tensor& logits, const TokenBatch& batch,
                            const LabelSmoothing& /*smoothing*/) const override {
    return span_loss(logits.select(1, 0), logits.select(1, 1), batch.labels.select(1, 0), batch.labels.select(1, 1),
                     batch.mask) *
           batch.ids.size(0);
  }

  EvalMetrics scores_of(const QuestionAnswerer& /*model*/, const Raws& raws, const EncodedExamples& encoded,
                        const std::vector<torch::Tensor>& logits) const override {
    AnswerOptions options;
    options.may_be_none = std::any_of(raws.begin(), raws.end(), [](const Raw& raw) { return raw.answers.empty(); });
    const auto found = best_answers(raws, encoded, logits, options);
    std::vector<AnsweredQuestion> answered;
    for (std::size_t i = 0; i < raws.size(); ++i) {
      AnsweredQuestion question{found[i].answer, {}, 0};
      for (const auto& answer : raws[i].answers) question.answers.push_back(answer.text);
      answered.push_back(std::move(question));
    }
    const auto scores = score_squad(answered).all;
    const auto higher = [](double value) { return Metric{.value = value, .direction = Direction::kHigherIsBetter}; };
    return {{"exact_match", higher(scores.exact)}, {"f1", higher(scores.f1)}};
  }

 private:
  static WindowOptions window_options(const ExampleEncoding& encoding) {
    WindowOptions options;
    const auto most = static_cast<std::size_t>(encoding.model.n_positions());
    if (encoding.max_length > 0) {
      options.max_length = static_cast<std::size_t>(encoding.max_length);
    } else if (most > 0) {
      options.max_length = std::min(options.max_length, most);
    }
    if (options.max_length < 8) {
      throw std::invalid_argument(
          fmt::format("a question and its context need at least 8 tokens at once, not {}", options.max_length));
    }
    // Of short windows the usual overlap and question would leave nothing.
    options.overlap = std::min(options.overlap, options.max_length / 3);
    options.max_question = std::min(options.max_question, options.max_length / 3);
    return options;
  }
  static std::size_t code_points(std::string_view text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
  }

  ExampleFormat format_ = {.task = "question-answering",
                           .examples = "questions with answers",
                           .inputs = "questions",
                           .files = "SQuAD's .json, or .jsonl",
                           .columns = {},
                           .columns_help = {},
                           .loss_unit = "nats a place",
                           .metrics = {"loss", "exact_match", "f1"},
                           .metrics_help = "loss (nats a place), exact_match and f1 (per cent)",
                           .otherwise = "does not answer questions",
                           .decided = {"id2label", "label2id", "problem_type"},
                           .tables = false,
                           .microworld = {MicroworldTask::kQuestions}};
};

}  // namespace

const ExampleKind& question_answering() {
  static const QuestionAnswering kind;
  return kind;
}

std::vector<Answer> best_answers(const std::vector<Question>& questions, const EncodedExamples& encoded,
                                 const std::vector<torch::Tensor>& logits, const AnswerOptions& options) {
  std::vector<Answer> answers;
  for (std::size_t q = 0; q < questions.size(); ++q) {
    std::vector<QuestionWindow> windows;
    std::vector<std::vector<float>> starts, ends;
    for (auto i = encoded.first.at(q); i < encoded.first.at(q + 1); ++i) {
      windows.push_back(window_of(encoded.examples, i));
      const auto both = logits.at(static_cast<std::size_t>(i)).contiguous();
      const auto* const values = both.data_ptr<float>();
      const auto tokens = both.size(1);
      starts.emplace_back(values, values + tokens);
      ends.emplace_back(values + tokens, values + 2 * tokens);
    }
    answers.push_back(best_answer(*questions[q].context, windows, starts, ends, options));
  }
  return answers;
}

}  // namespace langzoo
