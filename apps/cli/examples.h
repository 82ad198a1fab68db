/// The verbs of programs whose kinds of task learn from examples (apps/training/tasks/examples.h): train, eval, predict
/// and report.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/cli/base/figure_list.h"
#include "apps/cli/base/json_output.h"
#include "apps/cli/base/program.h"
#include "apps/cli/compute_verb.h"
#include "apps/training/families.h"
#include "apps/training/tasks/examples.h"
#include "apps/training/tasks/labelled_texts.h"

namespace langzoo {

/// What a model says of examples, to be printed.
struct PredictedExamples {
  TokenModel& model;
  const RawExamples& raw;
  const EncodedExamples& encoded;
  const std::vector<torch::Tensor>& logits;  ///< of logits_of_all()
  bool json = false, with_logits = false;
  double null_threshold = 0;  ///< AnswerOptions::null_threshold
  bool may_be_none = false;
};

/// The most examples that a page shows.
inline constexpr std::size_t kMostShownExamples = 1000;

/// What the verb predict is for one kind.
struct ExamplePredictions {
  const ExampleKind& (*kind)();
  std::string summary;  ///< "the labels of texts"
  std::string example;  ///< flags that give one example: "--text \"a fine film\""
  std::string fields;   ///< those under --json: "label, probabilities (in the order of label ids)"
  /// Prints a line for each example.
  void (*print)(const PredictedExamples& predicted);
  /// HTML of the first examples, kMostShownExamples at most (apps/cli/predictions_page.h).
  std::string (*show)(const PredictedExamples& predicted);
  /// How much there is, what eval says first; nullptr: examples alone.
  std::vector<Figure> (*counts)(const RawExamples& raw, const EncodedExamples& encoded) = nullptr;
  bool pairs = true;  ///< whether predict takes a second text beside --text
};

/// Adds the members ids, token_type_ids and logits, where they are asked for: of one row, or a list of rows.
void add_logits(JsonMembers& members, const PredictedExamples& predicted, std::int64_t example, JsonValue logits);

/// Those of each kind.
ExamplePredictions classification_predictions();
ExamplePredictions regression_predictions();
ExamplePredictions tagging_predictions();
ExamplePredictions answer_predictions();
ExamplePredictions choice_predictions();
/// Of all of these.
std::vector<ExamplePredictions> all_predictions();
/// The first and the third for taggers: eval counts sentences and tokens, probabilities are an object by label.
ExamplePredictions tagger_classification_predictions();
ExamplePredictions tagger_tagging_predictions();

// What models say of texts whose task has no examples: the scores of masked LMs (tokens, vocabulary), of replaced token
// detectors (tokens), of next sentences (2), and {mlm, sentence} of both together.

bool gives_text_logits(const TokenModel& model);
/// A JSON line for each text: ids, token_type_ids, logits. `file` is what errors name.
void print_text_logits(const LoadedModel<TokenModel>& loaded, const ExampleEncoding& encoding, const std::string& file,
                       const std::vector<LabelledText>& texts);

// Verbs that take any model that one of the kinds accepts.

/// What `eval` does, and says, of a program that has models of no kind as well.
struct OtherEvaluation {
  std::string examples = {}, notes = {};
  bool pretrained = false;  ///< whether the help tells of pretrained models, which are measured on documents
  std::vector<std::string> flags = {};             ///< those that are of such models alone
  bool (*heeds_seed)(std::string_view) = nullptr;  ///< of --data, for such models; others never do
  std::function<void(Options&)> add_options = {};
  /// Whether it is for the model in the folder.
  std::function<bool(const std::filesystem::path& model)> takes = {};
  std::function<void(const std::string& model, const std::string& data, const ComputeOptions& common)> run = {};
};

std::unique_ptr<Verb> example_eval_verb(std::vector<ExamplePredictions> kinds, OtherEvaluation other = {});
std::unique_ptr<Verb> example_predict_verb(std::vector<ExamplePredictions> kinds);

/// These, `report`, and `train` for a model of `family`, which must outlive the verbs.
Verbs example_verbs(const Family& family, const ExamplePredictions& predictions);

}  // namespace langzoo
