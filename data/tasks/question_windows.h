/// What a model reads of a question: the question and windows of its context that overlap; and answers out of what it
/// says of them. As transformers' run_qa example and SQuAD's scripts of BERT have it. No torch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/tasks/questions.h"
#include "tokenizers/tokenizer.h"

namespace langzoo {

struct WindowOptions {
  std::size_t max_length = 384;   ///< tokens of a window, the question and special ones included
  std::size_t overlap = 128;      ///< tokens of the context that neighbouring windows share ("stride")
  std::size_t max_question = 64;  ///< tokens of a question; the rest of it is not read
};

struct QuestionWindow {
  std::vector<TokenId> ids;
  std::vector<std::int32_t> type_ids;
  std::vector<Offset> offsets;     ///< bytes of the context; {0,0} of what is none of it
  std::size_t begin = 0, end = 0;  ///< the tokens of the context
  bool question_cut = false;       ///< the question is longer than max_question
  std::size_t none = 0;            ///< the token that stands for "no answer": [CLS], else the first one
};

/// In the order of the context, together all of it. Throws std::invalid_argument where max_length leaves no room for
/// more of the context than the overlap.
std::vector<QuestionWindow> question_windows(std::string_view question, std::string_view context,
                                             const Tokenizer& tokenizer, const WindowOptions& options = {});

/// First and last token.
struct TokenSpan {
  std::size_t first = 0, last = 0;
  bool operator==(const TokenSpan&) const = default;
};
/// The tokens of an answer, bytes of the context, that lies within the window: the last one that begins no later than
/// it and the first that ends no earlier. Of one that does not, or is empty, `none` twice: what is to be learned there.
TokenSpan answer_tokens(const QuestionWindow& window, Offset answer);

struct AnswerOptions {
  std::size_t n_best = 20;      ///< candidates that are kept, and starts and ends that are tried in a window
  std::size_t max_answer = 30;  ///< tokens
  bool may_be_none = false;     ///< SQuAD 2.0
  double null_threshold = 0;    ///< none is the answer where it scores higher than the best span by more than this
};

struct AnswerCandidate {
  std::string answer;              ///< empty: there is none
  double score = 0;                ///< start logit + end logit
  std::size_t start = 0, end = 0;  ///< code points of the context
  double probability = 0;          ///< softmax over the candidates
};

struct Answer : AnswerCandidate {
  double null_score = 0;               ///< of no answer: the least of the windows; 0 unless it may be none
  std::vector<AnswerCandidate> nbest;  ///< the best first; spans that windows share once
};

/// The best answer by the logits of each window's tokens. Every span of the context that has at most max_answer tokens
/// and one of a window's n_best starts and ends is tried. Without any, and of no window, the answer is empty. Throws
/// std::invalid_argument where the numbers of logits do not fit the windows.
Answer best_answer(std::string_view context, std::span<const QuestionWindow> windows,
                   std::span<const std::vector<float>> start_logits, std::span<const std::vector<float>> end_logits,
                   const AnswerOptions& options = {});

}  // namespace langzoo
