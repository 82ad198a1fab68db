// What predict prints, kind by kind.
#include <iostream>

#include <c10/core/InferenceMode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/cli/base/json_output.h"
#include "apps/cli/examples.h"
#include "apps/cli/predictions_page.h"
#include "apps/cli/text_lines.h"
#include "apps/training/tasks/classification.h"
#include "apps/training/tasks/multiple_choice.h"
#include "apps/training/tasks/question_answering.h"
#include "apps/training/tasks/regression.h"
#include "apps/training/tasks/tagging.h"
#include "models/masked_lm.h"
#include "models/next_sentence.h"
#include "models/replaced_token_detector.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

/// A tensor of one or two dimensions as lists.
JsonValue numbers(const torch::Tensor& tensor) {
  if (tensor.dim() == 2) {
    std::vector<JsonValue> rows;
    for (std::int64_t i = 0; i < tensor.size(0); ++i) rows.push_back(numbers(tensor[i]));
    return rows;
  }
  const auto flat = tensor.to(torch::kFloat32).contiguous();
  return std::vector<double>(flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel());
}

/// In the order of label ids, or by label.
JsonValue probability_list(const SequenceClassifier& /*model*/, const torch::Tensor& probabilities) {
  return numbers(probabilities);
}
JsonValue probability_object(const SequenceClassifier& model, const torch::Tensor& probabilities) {
  JsonMembers members;
  for (const auto& [id, name] : model.labels().id2label) members.emplace_back(name, probabilities[id].item<double>());
  return members;
}

template <auto kProbabilities>
void print_labels(const PredictedExamples& predicted) {
  const auto& model = dynamic_cast<const SequenceClassifier&>(predicted.model);
  const bool several = model.problem_type() == ProblemType::kMultiLabel;
  for (std::size_t i = 0; i < predicted.logits.size(); ++i) {
    const auto& logits = predicted.logits[i];
    const auto probabilities = class_probabilities(model, logits);
    const auto labels = chosen_labels(model, probabilities);
    if (predicted.json) {
      JsonMembers members = {{"label", several ? JsonValue(labels) : JsonValue(labels[0])},
                             {"probabilities", kProbabilities(model, probabilities)}};
      add_logits(members, predicted, static_cast<std::int64_t>(i), numbers(logits));
      print_json(members);
    } else if (several) {
      std::cout << fmt::format("{}\n", fmt::join(labels, ","));
    } else {
      std::cout << fmt::format("{}\t{:.4f}\n", labels[0], probabilities.max().item<double>());
    }
  }
}

void print_values(const PredictedExamples& predicted) {
  for (std::size_t i = 0; i < predicted.logits.size(); ++i) {
    const auto value = predicted.logits[i].item<double>();
    if (predicted.json) {
      JsonMembers members = {{"value", value}};
      add_logits(members, predicted, static_cast<std::int64_t>(i), numbers(predicted.logits[i]));
      print_json(members);
    } else {
      std::cout << fmt::format("{:.4f}\n", value);
    }
  }
}

void print_tags(const PredictedExamples& predicted) {
  const auto& model = dynamic_cast<const TokenClassifier&>(predicted.model);
  const auto& sentences = dynamic_cast<const RawExamplesOf<TaggedSentence>&>(predicted.raw).items;
  for (std::size_t i = 0; i < sentences.size(); ++i) {
    const auto tags = tags_of(model, predicted.encoded, static_cast<std::int64_t>(i), predicted.logits[i]);
    if (predicted.json) {
      JsonMembers members = {{"words", sentences[i].words}, {"tags", tags}};
      add_logits(members, predicted, static_cast<std::int64_t>(i), numbers(predicted.logits[i]));
      print_json(members);
    } else {
      for (std::size_t word = 0; word < tags.size(); ++word)
        std::cout << sentences[i].words[word] << '\t' << tags[word] << '\n';
      std::cout << '\n';
    }
  }
}

void print_answers(const PredictedExamples& predicted) {
  const auto& questions = dynamic_cast<const RawExamplesOf<Question>&>(predicted.raw).items;
  AnswerOptions options;
  options.may_be_none = predicted.may_be_none;
  options.null_threshold = predicted.null_threshold;
  const auto answers = best_answers(questions, predicted.encoded, predicted.logits, options);
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const auto& best = answers[i];
    if (!predicted.json) {
      std::cout << fmt::format("{}\t{}\n", questions[i].id, best.answer);
      continue;
    }
    const auto members_of = [](const AnswerCandidate& candidate) {
      return JsonMembers{
          {"answer", candidate.answer}, {"score", candidate.score}, {"start", candidate.start}, {"end", candidate.end}};
    };
    std::vector<JsonValue> nbest;
    for (const auto& candidate : best.nbest) nbest.emplace_back(members_of(candidate));
    JsonMembers members = {{"id", questions[i].id}};
    for (auto& member : members_of(best)) members.push_back(std::move(member));
    members.emplace_back("nbest", nbest);
    const auto first = predicted.encoded.first[i];
    if (first < predicted.encoded.first[i + 1]) {
      const auto& logits = predicted.logits[static_cast<std::size_t>(first)];
      add_logits(members, predicted, first, {{"start", numbers(logits[0])}, {"end", numbers(logits[1])}});
    }
    print_json(members);
  }
}

void print_choices(const PredictedExamples& predicted) {
  for (std::size_t i = 0; i < predicted.logits.size(); ++i) {
    const auto& logits = predicted.logits[i];
    const auto choice = logits.argmax().item<std::int64_t>();
    const auto probabilities = logits.softmax(-1);
    if (predicted.json) {
      JsonMembers members = {{"choice", choice}, {"probabilities", numbers(probabilities)}};
      add_logits(members, predicted, static_cast<std::int64_t>(i), numbers(logits));
      print_json(members);
    } else {
      std::cout << fmt::format("{}\t{:.4f}\n", choice, probabilities.max().item<double>());
    }
  }
}

/// Shapes: inputs (1,T).
JsonValue text_logits(TokenModel& model, const TokenInputs& inputs) {
  const auto row = [](const torch::Tensor& logits) { return numbers(logits[0].to(torch::kCPU)); };
  if (auto* const both = dynamic_cast<PretrainingModel*>(&model)) {
    const auto logits = both->pretraining_logits(inputs);
    return {{"mlm", row(logits.masked_lm)}, {"sentence", row(logits.sentence)}};
  }
  if (auto* const lm = dynamic_cast<MaskedLm*>(&model)) return row(lm->logits(inputs));
  if (auto* const detector = dynamic_cast<ReplacedTokenDetector*>(&model)) return row(detector->logits(inputs));
  return row(dynamic_cast<NextSentencePredictor&>(model).logits(inputs));
}

}  // namespace

void add_logits(JsonMembers& members, const PredictedExamples& predicted, std::int64_t example, JsonValue logits) {
  if (!predicted.with_logits) return;
  const auto& examples = predicted.encoded.examples;
  std::vector<JsonValue> ids, types;
  for (std::int64_t row = 0; row < examples.rows(); ++row) {
    const auto row_ids = examples.ids(example, row);
    const auto row_types = examples.type_ids(example, row);
    ids.emplace_back(std::vector<TokenId>(row_ids.begin(), row_ids.end()));
    types.emplace_back(row_types.empty() ? std::vector<std::int32_t>(row_ids.size())
                                         : std::vector<std::int32_t>(row_types.begin(), row_types.end()));
  }
  members.emplace_back("ids", examples.rows() == 1 ? ids[0] : JsonValue(ids));
  members.emplace_back("token_type_ids", examples.rows() == 1 ? types[0] : JsonValue(types));
  members.emplace_back("logits", std::move(logits));
}

bool gives_text_logits(const TokenModel& model) {
  return dynamic_cast<const MaskedLm*>(&model) != nullptr ||
         dynamic_cast<const ReplacedTokenDetector*>(&model) != nullptr ||
         dynamic_cast<const NextSentencePredictor*>(&model) != nullptr;
}

void print_text_logits(const LoadedModel<TokenModel>& loaded, const ExampleEncoding& encoding, const std::string& file,
                       const std::vector<LabelledText>& texts) {
  const c10::InferenceMode inference;
  std::int64_t cut = 0;
  for (const auto& [text, pair, label, line] : texts) {
    TokenRow row;
    encode_from(line > 0 ? fmt::format("{}: line {}", file, line) : file,
                [&, &text = text, &pair = pair] { row = encoding.row(text, pair); });
    cut += row.cut ? 1 : 0;
    row.type_ids.resize(row.ids.size());
    TokenExamples examples;
    examples.add({.rows = {row}});
    const auto batch = to_device(token_batch(examples, {0}, 0), loaded.device);
    print_json(
        {{"ids", row.ids}, {"token_type_ids", row.type_ids}, {"logits", text_logits(*loaded.model, inputs_of(batch))}});
  }
  if (cut > 0)
    std::cerr << fmt::format("note: {}: {} of {} texts were cut to {} tokens\n", file, cut, texts.size(),
                             encoding.most());
}

ExamplePredictions classification_predictions() {
  return {classification,
          "the labels of texts",
          "--text \"a fine film\"",
          "label (of several labels a list), probabilities (in the order of label ids)",
          print_labels<probability_list>,
          show_labels};
}

ExamplePredictions regression_predictions() {
  return {regression, "numbers for texts", "--text \"a fine film\" --pair \"a good film\"",
          "value",    print_values,        show_values};
}

ExamplePredictions tagging_predictions() {
  return {tagging,    "the tags of words",
          "",         "words, tags (--data may also be plain text, a sentence a line: an empty line gives empty lists)",
          print_tags, show_tags};
}

ExamplePredictions answer_predictions() {
  return {question_answering,
          "the answers to questions",
          "--text \"Where is Mary?\" --pair \"Mary is in the garden.\"",
          "id, answer, score (start and end logit), start and end (code points of the context, from 0, end exclusive), "
          "nbest (of up to 20: answer, score, start, end)",
          print_answers,
          show_answers};
}

ExamplePredictions choice_predictions() {
  return {multiple_choice, "the choices that go on from premises", "", "choice (from 0), probabilities", print_choices,
          show_choices};
}

std::vector<ExamplePredictions> all_predictions() {
  return {classification_predictions(), regression_predictions(), tagging_predictions(), answer_predictions(),
          choice_predictions()};
}

ExamplePredictions tagger_classification_predictions() {
  auto predictions = classification_predictions();
  predictions.fields = "label (of several labels a list), probabilities (an object by label)";
  predictions.print = print_labels<probability_object>;
  predictions.counts = [](const RawExamples& raw, const EncodedExamples& encoded) {
    std::int64_t tokens = 0;
    for (std::int64_t i = 0; i < encoded.examples.size(); ++i) tokens += encoded.examples.length(i);
    return std::vector<Figure>{{"sentences", "sentences", raw.size()}, {"tokens", "tokens", tokens}};
  };
  predictions.pairs = false;
  return predictions;
}

ExamplePredictions tagger_tagging_predictions() {
  auto predictions = tagging_predictions();
  predictions.example = "--text \"Anna lives in Paris\"";
  predictions.counts = [](const RawExamples& raw, const EncodedExamples& /*encoded*/) {
    std::int64_t words = 0;
    for (const auto& sentence : dynamic_cast<const RawExamplesOf<TaggedSentence>&>(raw).items)
      words += std::ssize(sentence.words);
    return std::vector<Figure>{{"sentences", "sentences", raw.size()}, {"tokens", "tokens", words}};
  };
  predictions.pairs = false;
  return predictions;
}

}  // namespace langzoo
