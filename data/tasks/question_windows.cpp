#include "data/tasks/question_windows.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

/// The beginning of `question` that has at most so many tokens.
std::string_view cut_question(std::string_view question, const Tokenizer& tokenizer, std::size_t most) {
  const EncodeOptions options{.add_special_tokens = false, .own_truncation = false, .own_padding = false};
  while (true) {
    const auto encoding = tokenizer.encode(question, options);
    if (encoding.size() <= most) return question;
    if (most == 0) return {};
    // Cut words may be more tokens than whole ones: then once more, of a shorter text.
    const auto end = std::min(encoding.offsets[most - 1].end, question.size() - 1);
    question = question.substr(0, end);
    question = question.substr(0, complete_utf8_length(question));
  }
}

QuestionWindow window_of(Encoding encoding, const Tokenizer& tokenizer) {
  QuestionWindow window;
  const auto size = encoding.size();
  const auto of_context = [&](std::size_t i) { return encoding.sequence_ids[i] == 1; };
  while (window.begin < size && !of_context(window.begin)) ++window.begin;
  window.end = window.begin;
  while (window.end < size && of_context(window.end)) ++window.end;
  for (std::size_t i = 0; i < size; ++i) {
    if (!of_context(i)) encoding.offsets[i] = {};
  }
  if (const auto cls = tokenizer.special_tokens().cls) {
    const auto found = std::find(encoding.ids.begin(), encoding.ids.end(), *cls);
    if (found != encoding.ids.end()) window.none = static_cast<std::size_t>(found - encoding.ids.begin());
  }
  window.ids = std::move(encoding.ids);
  window.type_ids = std::move(encoding.type_ids);
  window.offsets = std::move(encoding.offsets);
  return window;
}

/// The `count` tokens of the context with the greatest logits, the greatest first.
std::vector<std::size_t> best_tokens(const QuestionWindow& window, const std::vector<float>& logits,
                                     std::size_t count) {
  // All tokens compete, as in the scripts: what is none of the context takes a place, too.
  std::vector<std::size_t> order(logits.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  count = std::min(count, order.size());
  std::partial_sort(
      order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
      [&](std::size_t a, std::size_t b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; });
  order.resize(count);
  std::erase_if(order, [&](std::size_t i) { return i < window.begin || i >= window.end; });
  return order;
}

void set_probabilities(std::vector<AnswerCandidate>& candidates) {
  double sum = 0;
  for (auto& candidate : candidates) {
    candidate.probability = std::exp(candidate.score - candidates.front().score);
    sum += candidate.probability;
  }
  for (auto& candidate : candidates) candidate.probability /= sum;
}

}  // namespace

std::vector<QuestionWindow> question_windows(std::string_view question, std::string_view context,
                                             const Tokenizer& tokenizer, const WindowOptions& options) {
  const auto whole = question.size();
  question = cut_question(question, tokenizer, options.max_question);
  EncodeOptions encode{.truncation = Truncation{.max_length = options.max_length,
                                                .strategy = Truncation::Strategy::OnlySecond,
                                                .stride = options.overlap},
                       .own_padding = false};
  auto encoding = tokenizer.encode_pair(question, context, encode);
  auto overflowing = std::exchange(encoding.overflowing, {});
  std::vector<QuestionWindow> windows;
  windows.push_back(window_of(std::move(encoding), tokenizer));
  for (auto& window : overflowing) windows.push_back(window_of(std::move(window), tokenizer));
  for (auto& window : windows) window.question_cut = question.size() < whole;
  return windows;
}

TokenSpan answer_tokens(const QuestionWindow& window, Offset answer) {
  const TokenSpan none{window.none, window.none};
  const auto& offsets = window.offsets;
  if (answer.end <= answer.begin || window.begin == window.end) return none;
  if (offsets[window.begin].begin > answer.begin || offsets[window.end - 1].end < answer.end) return none;
  auto first = window.begin, last = window.end - 1;
  while (first + 1 < window.end && offsets[first + 1].begin <= answer.begin) ++first;
  while (last > window.begin && offsets[last - 1].end >= answer.end) --last;
  return first <= last ? TokenSpan{first, last} : none;
}

Answer best_answer(std::string_view context, std::span<const QuestionWindow> windows,
                   std::span<const std::vector<float>> start_logits, std::span<const std::vector<float>> end_logits,
                   const AnswerOptions& options) {
  if (start_logits.size() != windows.size() || end_logits.size() != windows.size()) {
    throw std::invalid_argument(fmt::format("{} windows, {} lists of start logits, {} of end logits", windows.size(),
                                            start_logits.size(), end_logits.size()));
  }
  // By the bytes that they span: windows overlap.
  std::map<std::pair<std::size_t, std::size_t>, double> spans;
  std::optional<double> null_score;
  for (std::size_t w = 0; w < windows.size(); ++w) {
    const auto& window = windows[w];
    const auto &starts = start_logits[w], &ends = end_logits[w];
    if (starts.size() != window.ids.size() || ends.size() != window.ids.size()) {
      throw std::invalid_argument(fmt::format("window {} of {} tokens has {} start and {} end logits", w + 1,
                                              window.ids.size(), starts.size(), ends.size()));
    }
    if (window.ids.empty()) continue;
    const auto sum = [&](std::size_t first, std::size_t last) {
      return static_cast<double>(starts[first]) + static_cast<double>(ends[last]);
    };
    null_score = std::min(null_score.value_or(sum(window.none, window.none)), sum(window.none, window.none));
    const auto lasts = best_tokens(window, ends, options.n_best);
    for (const auto first : best_tokens(window, starts, options.n_best)) {
      for (const auto last : lasts) {
        if (last < first || last - first >= options.max_answer) continue;
        const auto begin = window.offsets[first].begin, end = window.offsets[last].end;
        if (begin >= end) continue;
        const auto [found, is_new] = spans.try_emplace({begin, end}, sum(first, last));
        if (!is_new) found->second = std::max(found->second, sum(first, last));
      }
    }
  }
  struct Span {
    double score;
    std::size_t begin, end;
  };
  std::vector<Span> best;
  for (const auto& [range, score] : spans) best.push_back({score, range.first, range.second});
  std::stable_sort(best.begin(), best.end(), [](const Span& a, const Span& b) { return a.score > b.score; });
  best.resize(std::min(best.size(), options.n_best));

  Answer answer;
  for (const auto& [score, begin, end] : best) {
    const auto text = context.substr(begin, end - begin);
    const auto start = count_characters(context.substr(0, begin));
    answer.nbest.push_back({std::string(text), score, start, start + count_characters(text), 0});
  }
  if (options.may_be_none) {
    answer.null_score = null_score.value_or(0);
    const auto at = std::find_if(answer.nbest.begin(), answer.nbest.end(),
                                 [&](const AnswerCandidate& other) { return other.score < answer.null_score; });
    answer.nbest.insert(at, AnswerCandidate{{}, answer.null_score, 0, 0, 0});
    if (answer.nbest.size() > options.n_best && answer.nbest.back().answer.empty()) {
      answer.nbest.erase(answer.nbest.end() - 2);  // none is always among them, as in the scripts
    } else if (answer.nbest.size() > options.n_best) {
      answer.nbest.pop_back();
    }
  }
  if (answer.nbest.empty()) return answer;
  set_probabilities(answer.nbest);
  const auto span = std::find_if(answer.nbest.begin(), answer.nbest.end(),
                                 [](const AnswerCandidate& candidate) { return !candidate.answer.empty(); });
  const auto none = std::find_if(answer.nbest.begin(), answer.nbest.end(),
                                 [](const AnswerCandidate& candidate) { return candidate.answer.empty(); });
  const bool is_none =
      span == answer.nbest.end() || (options.may_be_none && answer.null_score - span->score > options.null_threshold);
  static_cast<AnswerCandidate&>(answer) = is_none ? *none : *span;
  return answer;
}

}  // namespace langzoo
