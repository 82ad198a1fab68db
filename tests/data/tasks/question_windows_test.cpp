#include "tests/support/test.h"

#include <cmath>
#include <map>

#include "data/random/random.h"
#include "data/tasks/question_windows.h"
#include "tests/data/tasks/word_piece.h"

using namespace langzoo;

namespace langzoo::question_windows_test {

using Floats = std::vector<float>;

std::string text_of(const QuestionWindow& window, std::string_view context, std::size_t first, std::size_t last) {
  return std::string(
      context.substr(window.offsets[first].begin, window.offsets[last].end - window.offsets[first].begin));
}

/// "w0 w1 ..." of so many words.
std::string numbered(std::size_t words) {
  std::string text;
  for (std::size_t i = 0; i < words; ++i) text += (i == 0 ? "w" : " w") + std::to_string(i % 10);
  return text;
}

TEST_CASE("a short context is one window: [CLS] question [SEP] context [SEP]") {
  const auto tokenizer = test::word_piece({"who", "had", "it", "ann", "##a", "."});
  const auto windows = question_windows("Who had it", "Anna had it.", *tokenizer);
  REQUIRE(windows.size() == 1);
  const auto& window = windows[0];
  CHECK(window.ids.size() == 11);
  CHECK(window.begin == 5);
  CHECK(window.end == 10);
  CHECK(window.none == 0);
  CHECK(window.type_ids == std::vector<std::int32_t>{0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1});
  CHECK(window.offsets[2] == Offset{0, 0});
  CHECK(text_of(window, "Anna had it.", 5, 6) == "Anna");
  CHECK(answer_tokens(window, {0, 4}) == TokenSpan{5, 6});
  CHECK(answer_tokens(window, {5, 11}) == TokenSpan{7, 8});
  CHECK(answer_tokens(window, {6, 7}) == TokenSpan{7, 7});  // inside a token
  CHECK(answer_tokens(window, {3, 3}) == TokenSpan{0, 0});
}

TEST_CASE("long contexts are windows that overlap, long questions are cut") {
  std::vector<std::string> words;
  for (int i = 0; i < 10; ++i) words.push_back("w" + std::to_string(i));
  const auto tokenizer = test::word_piece(words);
  const auto context = numbered(50), question = numbered(30);
  const WindowOptions options{.max_length = 20, .overlap = 4, .max_question = 5};
  const auto windows = question_windows(question, context, *tokenizer, options);
  // 12 tokens of context a window, 8 of them new.
  REQUIRE(windows.size() == 6);
  std::size_t covered = 0;
  for (std::size_t w = 0; w < windows.size(); ++w) {
    const auto& window = windows[w];
    CHECK(window.ids.size() <= 20);
    CHECK(window.begin == 7);
    CHECK(window.end == window.ids.size() - 1);
    CHECK(text_of(window, context, window.begin, window.end - 1) ==
          context.substr(w * 24, std::min<std::size_t>(12 * 3 - 1, context.size() - w * 24)));
    covered = window.offsets[window.end - 1].end;
  }
  CHECK(covered == context.size());
  // The words 8 to 11 are in two windows, 12 to 19 in the second only.
  CHECK(answer_tokens(windows[0], {24, 29}) == TokenSpan{15, 16});
  CHECK(answer_tokens(windows[1], {24, 29}) == TokenSpan{7, 8});
  CHECK(answer_tokens(windows[0], {33, 38}) == TokenSpan{0, 0});
  CHECK(answer_tokens(windows[2], {24, 29}) == TokenSpan{0, 0});
  CHECK_THROWS_AS(question_windows(question, context, *tokenizer, {.max_length = 12, .overlap = 4, .max_question = 5}),
                  std::invalid_argument);
}

TEST_CASE("the best span of all windows is the answer") {
  const std::string context = "가나 다라 마바";
  // Tokens: [CLS] q [SEP] 가나 다라 마바 [SEP].
  const QuestionWindow window{.ids = {1, 9, 2, 10, 11, 12, 2},
                              .type_ids = {},
                              .offsets = {{}, {}, {}, {0, 6}, {7, 13}, {14, 20}, {}},
                              .begin = 3,
                              .end = 6,
                              .none = 0};
  const std::vector<QuestionWindow> one = {window};
  const auto answer =
      best_answer(context, one, std::vector<Floats>{{9, 9, 9, 1, 3, 2, 9}}, std::vector<Floats>{{9, 9, 9, 5, 2, 4, 9}});
  CHECK(answer.answer == "다라 마바");
  CHECK(answer.score == 7);
  CHECK(answer.start == 3);
  CHECK(answer.end == 8);
  REQUIRE(answer.nbest.size() == 6);
  const double scores[] = {7, 6, 6, 5, 5, 3};
  double sum = 0;
  for (std::size_t i = 0; i < 6; ++i) {
    CHECK(answer.nbest[i].score == scores[i]);
    sum += answer.nbest[i].probability;
  }
  CHECK(sum == Approx(1));
  CHECK(answer.nbest[0].probability / answer.nbest[1].probability == Approx(std::exp(1)));

  SECTION("at most so many tokens, so many starts and ends") {
    const std::vector<Floats> starts = {{0, 0, 0, 5, 3, 2, 0}}, ends = {{0, 0, 0, 1, 2, 6, 0}};
    CHECK(best_answer(context, one, starts, ends).answer == "가나 다라 마바");
    CHECK(best_answer(context, one, starts, ends, {.max_answer = 2}).answer == "다라 마바");
    CHECK(best_answer(context, one, starts, ends, {.max_answer = 1}).answer == "마바");
    const auto single = best_answer(context, one, starts, ends, {.n_best = 1});
    CHECK(single.nbest.size() == 1);
    CHECK(best_answer(context, one, starts, ends, {.n_best = 2}).nbest.size() == 2);
  }
  SECTION("no answer where its score is higher by more than the threshold") {
    const std::vector<Floats> starts = {{4, 0, 0, 5, 3, 2, 0}}, ends = {{8, 0, 0, 1, 2, 6, 0}};
    CHECK(best_answer(context, one, starts, ends).answer == "가나 다라 마바");
    const auto none = best_answer(context, one, starts, ends, {.may_be_none = true});
    CHECK(none.answer.empty());
    CHECK(none.score == 12);
    CHECK(none.null_score == 12);
    CHECK(none.nbest[0].answer.empty());
    CHECK(none.nbest[1].score == 11);
    CHECK(best_answer(context, one, starts, ends, {.may_be_none = true, .null_threshold = 1}).answer ==
          "가나 다라 마바");
    // None stays among the candidates.
    const auto low = best_answer(context, one, std::vector<Floats>{{-50, 0, 0, 5, 3, 2, 0}}, ends,
                                 {.n_best = 3, .may_be_none = true});
    REQUIRE(low.nbest.size() == 3);
    CHECK(low.nbest.back().answer.empty());
    CHECK(low.answer == "가나 다라 마바");
  }
  SECTION("spans of two windows come once with the better score; none has the least") {
    const std::vector<QuestionWindow> two = {window, window};
    const auto best =
        best_answer(context, two, std::vector<Floats>{{3, 0, 0, 5, 0, 0, 0}, {1, 0, 0, 6, 0, 0, 0}},
                    std::vector<Floats>{{3, 0, 0, 5, 0, 0, 0}, {1, 0, 0, 6, 0, 0, 0}}, {.may_be_none = true});
    CHECK(best.answer == "가나");
    CHECK(best.score == 12);
    CHECK(best.null_score == 2);
    CHECK(best.nbest.size() == 7);
  }
  SECTION("nothing to answer with") {
    const QuestionWindow empty{
        .ids = {1, 9, 2, 2}, .type_ids = {}, .offsets = std::vector<Offset>(4), .begin = 3, .end = 3};
    CHECK(best_answer("", std::vector{empty}, std::vector<Floats>{Floats(4)}, std::vector<Floats>{Floats(4)})
              .answer.empty());
    CHECK(best_answer("", {}, {}, {}).nbest.empty());
    CHECK_THROWS_WITH(best_answer(context, one, std::vector<Floats>{{1}}, std::vector<Floats>{{1}}),
                      "window 1 of 7 tokens has 1 start and 1 end logits");
    CHECK_THROWS_AS(best_answer(context, one, {}, {}), std::invalid_argument);
  }
}

TEST_CASE("answers are those of trying all spans") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Random random(seed);
    // Tokens of one letter; windows of 6 that share 2.
    const std::string context = "abcdefghijklmnopqrst";
    std::vector<QuestionWindow> windows;
    std::vector<Floats> starts, ends;
    for (std::size_t begin = 0; begin + 2 < context.size(); begin += 4) {
      QuestionWindow window{.ids = {1, 9, 2}, .type_ids = {}, .offsets = std::vector<Offset>(3), .begin = 3, .end = 3};
      for (auto at = begin; at < std::min(begin + 6, context.size()); ++at) {
        window.ids.push_back(10);
        window.offsets.push_back({at, at + 1});
        ++window.end;
      }
      for (auto* logits : {&starts, &ends}) {
        logits->emplace_back();
        for (std::size_t i = 0; i < window.ids.size(); ++i)
          logits->back().push_back(static_cast<float>(random.uniform()));
      }
      windows.push_back(window);
    }
    std::map<std::pair<std::size_t, std::size_t>, double> spans;
    double none = 10;
    for (std::size_t w = 0; w < windows.size(); ++w) {
      none = std::min(none, static_cast<double>(starts[w][0]) + ends[w][0]);
      for (auto first = windows[w].begin; first < windows[w].end; ++first) {
        for (auto last = first; last < std::min(first + 4, windows[w].end); ++last) {
          auto& score = spans[{windows[w].offsets[first].begin, windows[w].offsets[last].end}];
          score = std::max(score, static_cast<double>(starts[w][first]) + ends[w][last]);
        }
      }
    }
    std::vector<double> scores = {none};
    for (const auto& [range, score] : spans) scores.push_back(score);
    std::sort(scores.rbegin(), scores.rend());
    const auto answer =
        best_answer(context, windows, starts, ends, {.n_best = 1000, .max_answer = 4, .may_be_none = true});
    REQUIRE(answer.nbest.size() == scores.size());
    for (std::size_t i = 0; i < scores.size(); ++i) {
      const auto& candidate = answer.nbest[i];
      CHECK(candidate.score == scores[i]);
      if (candidate.answer.empty()) continue;
      CHECK(spans.at({candidate.start, candidate.end}) == candidate.score);
    }
    CHECK(answer.null_score == none);
    const auto few = best_answer(context, windows, starts, ends, {.n_best = 9, .max_answer = 4});
    REQUIRE(few.nbest.size() == 9);
    CHECK(few.answer == context.substr(few.start, few.end - few.start));
    CHECK(few.score == (answer.nbest[0].answer.empty() ? answer.nbest[1] : answer.nbest[0]).score);
  }
}

}  // namespace langzoo::question_windows_test
