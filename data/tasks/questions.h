/// Questions whose answers are spans of a context: SQuAD 1.1 and 2.0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizers/encoding.h"

namespace langzoo {

struct ReferenceAnswer {
  std::string text;
  std::size_t start = 0;  ///< where it begins in the context, in code points
  bool operator==(const ReferenceAnswer&) const = default;
};

struct Question {
  std::string id, question;
  std::shared_ptr<const std::string> context;  ///< of all questions of a paragraph the same one
  std::vector<ReferenceAnswer> answers;        ///< none: the context does not answer it (2.0), or answers are unknown
};

/// The questions of a file in their order.
///  - .json: SQuAD's: data -> paragraphs -> context, qas -> id, question, answers -> text, answer_start (code points);
///    of 2.0 is_impossible too, whose answers count as none whatever stands there.
///  - .jsonl: an object a line with question and context; id (else the line's number), and answers as in SQuAD, or as
///    lists: {"text": [...], "answer_start": [...]}.
/// With `answers` every question has them, or is marked as impossible or has an empty list; else what there is of them
/// is left out. Throws FileError naming file and question for what is missing or no text, an empty question or context,
/// two questions of one id, and an answer that does not stand where it is said to.
std::vector<Question> read_questions(const std::filesystem::path& path, bool answers = true);

/// SQuAD 2.0's JSON, which read_questions reads: paragraphs are questions in a row with equal contexts.
std::string squad_json(const std::vector<Question>& questions, const std::string& title);

/// The bytes of `length` code points of `text` from code point `start` on; throws std::out_of_range beyond its end.
Offset byte_range(std::string_view text, std::size_t start, std::size_t length);

}  // namespace langzoo
