#include "data/tasks/questions.h"

#include <set>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "data/files/file_kind.h"
#include "data/files/files.h"
#include "data/files/json_text.h"
#include "data/files/text_lines.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

using nlohmann::json;

const json& field(const json& object, const char* name) {
  if (!object.is_object()) throw std::runtime_error(fmt::format("is no object with a field \"{}\"", name));
  const auto found = object.find(name);
  if (found == object.end()) throw std::runtime_error(fmt::format("has no field \"{}\"", name));
  return *found;
}
const json& list(const json& object, const char* name) {
  const auto& value = field(object, name);
  if (!value.is_array()) throw std::runtime_error(fmt::format("field \"{}\" is no list", name));
  return value;
}
std::string text(const json& value, const char* name, bool may_be_empty = false) {
  if (!value.is_string()) throw std::runtime_error(fmt::format("field \"{}\" is not a text", name));
  auto result = value.get<std::string>();
  if (!may_be_empty && result.find_first_not_of(" \t\r\n") == std::string::npos)
    throw std::runtime_error(fmt::format("has an empty {}", name));
  return result;
}
std::size_t position(const json& value) {
  if (!value.is_number_unsigned()) throw std::runtime_error("field \"answers.answer_start\" is no number from 0");
  return value.get<std::size_t>();
}

/// Where the code points of a text begin, for many lookups.
class CodePoints {
 public:
  explicit CodePoints(std::string_view text) : text_(text) {
    for (std::size_t at = 0; at < text.size(); at += decode_utf8(text, at).length) begins_.push_back(at);
    begins_.push_back(text.size());
  }
  std::size_t size() const { return begins_.size() - 1; }
  std::string_view part(std::size_t start, std::size_t length) const {
    start = std::min(start, size());
    const auto end = start + std::min(length, size() - start);
    return text_.substr(begins_[start], begins_[end] - begins_[start]);
  }

 private:
  std::string_view text_;
  std::vector<std::size_t> begins_;
};

std::vector<ReferenceAnswer> answers_of(const json& question, const CodePoints& context) {
  std::vector<ReferenceAnswer> answers;
  const auto impossible = question.find("is_impossible");
  if (impossible != question.end() && impossible->is_boolean() && impossible->get<bool>()) return answers;
  const auto& given = field(question, "answers");
  const auto add = [&](const json& answer, const json& start) {
    answers.push_back({text(answer, "answers.text"), position(start)});
    const auto& [words, at] = answers.back();
    const auto there = context.part(at, count_characters(words));
    if (there == words) return;
    throw std::runtime_error(
        fmt::format("answer \"{}\" does not stand at character {} of its context of {}, \"{}\" does: mend answer_start",
                    words, at, context.size(), there));
  };
  if (given.is_object()) {
    const auto &texts = list(given, "text"), &starts = list(given, "answer_start");
    if (texts.size() != starts.size())
      throw std::runtime_error(fmt::format("has {} answers and {} positions", texts.size(), starts.size()));
    for (std::size_t i = 0; i < texts.size(); ++i) add(texts[i], starts[i]);
  } else {
    for (const auto& answer : list(question, "answers")) {
      if (!answer.is_object() || !answer.contains("text") || !answer.contains("answer_start"))
        throw std::runtime_error("field \"answers\" holds what is no object with \"text\" and \"answer_start\"");
      add(answer["text"], answer["answer_start"]);
    }
  }
  return answers;
}

/// What errors call a question, of those of its paragraph the one with that number.
std::string name_of(const json& question, std::size_t number) {
  const auto id = question.is_object() ? question.find("id") : question.end();
  if (!question.is_object() || id == question.end()) return fmt::format("question {} there", number);
  return "question " + (id->is_string() ? id->get<std::string>() : id->dump());
}

void check_ids(const std::filesystem::path& path, const std::vector<Question>& questions) {
  if (questions.empty()) throw FileError(path, "holds no questions");
  std::set<std::string_view> ids;
  for (const auto& question : questions) {
    if (!ids.insert(question.id).second) throw FileError(path, fmt::format("question {} comes twice", question.id));
  }
}

std::string id_of(const json& question, const std::string& otherwise) {
  const auto id = question.find("id");
  if (id == question.end()) return otherwise;
  if (id->is_structured()) throw std::runtime_error("\"id\" is no text");
  return id->is_string() ? id->get<std::string>() : id->dump();
}

std::vector<Question> read_json_lines(const std::filesystem::path& path, bool answers) {
  std::vector<Question> questions;
  std::int64_t number = 0;
  for_each_line(path, [&](std::string_view line) {
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) return;
    const auto object = json::parse(line, nullptr, false);
    if (!object.is_object()) throw std::runtime_error("is not a JSON object");
    auto context = text(field(object, "context"), "context");
    Question question{id_of(object, std::to_string(number)),
                      text(field(object, "question"), "question"),
                      std::make_shared<const std::string>(std::move(context)),
                      {}};
    const bool same = !questions.empty() && *questions.back().context == *question.context;
    if (same) question.context = questions.back().context;
    if (answers) question.answers = answers_of(object, CodePoints(*question.context));
    questions.push_back(std::move(question));
  });
  return questions;
}

std::vector<Question> read_squad(const std::filesystem::path& path, bool answers) {
  const auto bytes = read_file(path);
  if (nested_too_deeply(bytes)) throw FileError(path, "is nested too deeply for SQuAD's JSON");
  json document;
  try {
    document = json::parse(without_byte_order_mark(bytes));
  } catch (const json::exception& error) {
    const std::string reason = error.what();  // "[json.exception...] parse error at line 1, column 3: ..."
    throw FileError(path, "is no JSON: " + reason.substr(std::min(reason.find("] ") + 2, reason.size())));
  }
  std::vector<Question> questions;
  std::string where = "the file";
  try {
    std::size_t articles = 0;
    for (const auto& article : list(document, "data")) {
      where = fmt::format("article {}", ++articles);
      std::size_t paragraphs = 0;
      for (const auto& paragraph : list(article, "paragraphs")) {
        const auto here = fmt::format("article {}, paragraph {}", articles, ++paragraphs);
        where = here;
        const auto context = std::make_shared<const std::string>(text(field(paragraph, "context"), "context"));
        const CodePoints points(*context);
        std::size_t number = 0;
        for (const auto& entry : list(paragraph, "qas")) {
          where = fmt::format("{}, {}", here, name_of(entry, ++number));
          auto words = text(field(entry, "question"), "question");
          (void)field(entry, "id");
          questions.push_back({id_of(entry, {}), std::move(words), context, {}});
          if (answers) questions.back().answers = answers_of(entry, points);
        }
      }
    }
  } catch (const std::runtime_error& error) {
    throw FileError(path, where + ": " + error.what());
  }
  return questions;
}

}  // namespace

std::vector<Question> read_questions(const std::filesystem::path& path, bool answers) {
  refuse_other_kind(path);
  const auto suffix = path.extension();
  if (suffix != ".json" && suffix != ".jsonl") {
    throw FileError(path, "is no file of questions: expected SQuAD's .json, or .jsonl with question and context");
  }
  auto questions = suffix == ".json" ? read_squad(path, answers) : read_json_lines(path, answers);
  check_ids(path, questions);
  return questions;
}

std::string squad_json(const std::vector<Question>& questions, const std::string& title) {
  auto paragraphs = json::array();
  for (const auto& question : questions) {
    if (paragraphs.empty() || paragraphs.back()["context"] != *question.context) {
      paragraphs.push_back({{"context", *question.context}, {"qas", json::array()}});
    }
    auto answers = json::array();
    for (const auto& [words, start] : question.answers) answers.push_back({{"text", words}, {"answer_start", start}});
    paragraphs.back()["qas"].push_back({{"id", question.id},
                                        {"question", question.question},
                                        {"answers", std::move(answers)},
                                        {"is_impossible", question.answers.empty()}});
  }
  const json article = {{"title", title}, {"paragraphs", std::move(paragraphs)}};
  return json{{"version", "v2.0"}, {"data", json::array({article})}}.dump(1) + "\n";
}

Offset byte_range(std::string_view text, std::size_t start, std::size_t length) {
  const auto skip = [&](std::size_t at, std::size_t characters) {
    for (; characters > 0; --characters) {
      if (at >= text.size()) throw std::out_of_range("a text has fewer characters");
      at += decode_utf8(text, at).length;
    }
    return at;
  };
  const auto begin = skip(0, start);
  return {begin, skip(begin, length)};
}

}  // namespace langzoo
