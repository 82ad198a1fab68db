#include <iostream>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/cli/base/figures.h"
#include "apps/cli/base/json_output.h"
#include "apps/cli/metrics/verbs.h"
#include "data/files/escaped.h"
#include "data/files/file_kind.h"
#include "data/files/files.h"
#include "data/files/json_text.h"
#include "data/metrics/squad.h"

namespace langzoo {

namespace {

using Json = nlohmann::json;

std::string read_json_text(const std::string& path) {
  auto text = read_file(path);
  refuse_other_kind(path);
  if (nested_too_deeply(text)) throw FileError(path, "is nested too deeply");
  return text;
}

Json read_json(const std::string& path) {
  auto value = Json::parse(read_json_text(path), nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded()) throw FileError(path, "is not JSON");
  return value;
}

/// Question ids and what a file holds for them, in its order.
using ByQuestion = std::vector<std::pair<std::string, Json>>;

/// `path` must be an object of strings and numbers.
ByQuestion read_by_question(const std::string& path) {
  ByQuestion values;
  const auto in_order = [&](int depth, Json::parse_event_t event, const Json& parsed) {
    using Event = Json::parse_event_t;
    if (depth == 0) return true;
    if (event == Event::key) values.emplace_back(parsed.get<std::string>(), nullptr);
    if (event == Event::value && !values.empty()) values.back().second = parsed;
    if (event == Event::object_start || event == Event::array_start) {
      throw FileError(path, values.empty() ? "is no JSON object of question ids"
                                           : fmt::format("{}: is no string or number", values.back().first));
    }
    return true;
  };
  const auto whole = Json::parse(read_json_text(path), in_order, /*allow_exceptions=*/false);
  if (whole.is_discarded()) {
    throw FileError(path, values.empty() ? "is not JSON"
                                         : fmt::format("is not JSON at the question {}, whose value must be a string "
                                                       "or a finite number",
                                                       values.back().first));
  }
  if (!whole.is_object()) throw FileError(path, "is no JSON object of question ids");
  return values;
}

/// A member that must be there.
const Json& member(const Json& object, const char* key, const std::string& path) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  if (!object.is_object() || found == object.end()) throw FileError(path, fmt::format("lacks a \"{}\"", key));
  return *found;
}

const Json& list(const Json& object, const char* key, const std::string& path) {
  const auto& value = member(object, key, path);
  if (!value.is_array()) throw FileError(path, fmt::format("\"{}\" is no list", key));
  return value;
}

std::string text(const Json& object, const char* key, const std::string& path) {
  const auto& value = member(object, key, path);
  if (!value.is_string()) throw FileError(path, fmt::format("\"{}\" is no string", key));
  return value.get<std::string>();
}

struct Questions {
  std::vector<std::string> ids;
  std::vector<AnsweredQuestion> questions;
  std::unordered_map<std::string, std::size_t> place_of;
};

Questions read_questions(const std::string& path) {
  Questions all;
  const auto file = read_json(path);
  for (const auto& article : list(file, "data", path)) {
    for (const auto& paragraph : list(article, "paragraphs", path)) {
      for (const auto& qa : list(paragraph, "qas", path)) {
        auto id = text(qa, "id", path);
        if (!all.place_of.try_emplace(id, all.ids.size()).second) {
          throw FileError(path, fmt::format("has the question {} twice", id));
        }
        auto& question = all.questions.emplace_back();
        for (const auto& answer : list(qa, "answers", path)) question.answers.push_back(text(answer, "text", path));
        all.ids.push_back(std::move(id));
      }
    }
  }
  if (all.ids.empty()) throw FileError(path, "holds no question");
  return all;
}

/// Calls use(question, value) for every question, in the order of `values`; says how many the data lacks.
template <class Use>
void for_each_value(Questions& all, const ByQuestion& values, const std::string& path, const Use& use) {
  std::unordered_set<std::string_view> there;
  for (const auto& [id, value] : values) {
    if (!there.insert(id).second) throw FileError(path, fmt::format("has the question {} twice", id));
  }
  for (const auto& id : all.ids) {
    if (!there.contains(id)) throw FileError(path, fmt::format("has nothing for the question {}", id));
  }
  std::vector<std::string> unknown;
  for (const auto& [id, value] : values) {
    const auto place = all.place_of.find(id);
    if (place == all.place_of.end()) {
      unknown.push_back(id);
    } else {
      use(all.questions[place->second], value, id);
    }
  }
  if (!unknown.empty()) {
    std::cerr << fmt::format("left out: {} of {} that --data does not have: {}{}\n",
                             counted(std::ssize(unknown), "question", "questions"), path, escaped(unknown[0]),
                             unknown.size() > 1 ? ", ..." : "");
  }
}

class SquadVerb : public Verb {
 public:
  std::string name() const override { return "squad"; }
  std::string summary() const override { return "exact match and F1 on a SQuAD file, unanswerable questions included"; }
  std::string examples() const override {
    return "squad --data dev-v2.0.json --predictions predictions.json\n"
           "squad --data dev-v2.0.json --predictions predictions.json --no-answer-probabilities null_odds.json "
           "--json\n";
  }
  std::string notes() const override {
    return "As SQuAD 2.0's script, also of version 1.1's files. --predictions is a JSON object of question ids and\n"
           "answers, an empty one meaning that there is none. --no-answer-probabilities is likewise one of numbers:\n"
           "beyond --no-answer-threshold a question counts as unanswered, and the thresholds are found that give the\n"
           "best scores. Fields under --json are the script's: exact, f1 (in per cent) and total; with HasAns_ and\n"
           "NoAns_ in front of the questions that have an answer and have none; best_exact, best_exact_thresh, "
           "best_f1\n"
           "and best_f1_thresh with --no-answer-probabilities.\n";
  }
  void add_options(Options& options) override {
    options.add("--data", data_, "the questions: a file of SQuAD's format").required();
    options.add("--predictions", predictions_, "answers by question id").required();
    options.add("--no-answer-probabilities", probabilities_,
                "how probable it is that there is no answer, by question id");
    options.add("--no-answer-threshold", threshold_, "an answer counts up to this probability")
        .between(-1e9, 1e9)
        .needs("--no-answer-probabilities");
  }
  void run(const CommonOptions& common) override {
    auto all = read_questions(data_);
    for_each_value(all, read_by_question(predictions_), predictions_,
                   [&](AnsweredQuestion& question, const Json& value, const std::string& id) {
                     if (!value.is_string()) throw FileError(predictions_, fmt::format("{}: is no string", id));
                     question.prediction = value.get<std::string>();
                   });
    auto questions = all.questions;
    if (probabilities_) {
      const auto values = read_by_question(*probabilities_);
      questions.clear();  // of equal probabilities the script takes them in the order of this file
      for_each_value(all, values, *probabilities_,
                     [&](AnsweredQuestion& question, const Json& value, const std::string& id) {
                       if (!value.is_number()) throw FileError(*probabilities_, fmt::format("{}: is no number", id));
                       question.no_answer_probability = value.get<double>();
                       questions.push_back(question);
                     });
    }
    print(score_squad(questions, threshold_), common.json);
  }

 private:
  void print(const SquadScores& scores, bool json) const {
    JsonMembers members;
    const auto add = [&](const std::string& prefix, const AnswerScores& part) {
      if (part.total == 0) return;
      members.emplace_back(prefix + "exact", part.exact);
      members.emplace_back(prefix + "f1", part.f1);
      members.emplace_back(prefix + "total", part.total);
      if (!json) {
        std::cout << fmt::format("{:<14} exact match {:.2f}, F1 {:.2f} ({} questions)\n",
                                 prefix.empty()       ? "all"
                                 : prefix == "NoAns_" ? "without answer"
                                                      : "with answer",
                                 part.exact, part.f1, part.total);
      }
    };
    add("", scores.all);
    add("HasAns_", scores.has_answer);
    add("NoAns_", scores.no_answer);
    const auto add_best = [&](const std::string& name, const std::string& label, const BestAnswerScore& best) {
      members.emplace_back("best_" + name, best.score);
      members.emplace_back("best_" + name + "_thresh", best.threshold);
      if (!json) std::cout << fmt::format("best {} {:.2f} at threshold {}\n", label, best.score, best.threshold);
    };
    if (probabilities_) {
      add_best("exact", "exact match", scores.best_exact);
      add_best("f1", "F1", scores.best_f1);
    }
    if (json) print_json(members);
  }

  std::string data_, predictions_;
  std::optional<std::string> probabilities_;
  double threshold_ = 1;
};

}  // namespace

std::unique_ptr<Verb> squad_verb() {
  return std::make_unique<SquadVerb>();
}

}  // namespace langzoo
