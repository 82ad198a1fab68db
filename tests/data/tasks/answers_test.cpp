#include "tests/support/test.h"

#include "data/tasks/answers.h"

namespace langzoo::test {

TEST_CASE("a number is the first after the last trigger, else the last of the text") {
  const auto number = [](std::string_view text) { return extract_answer(text, AnswerKind::kNumber); };
  CHECK(number("So 3 + 4 = 7. The answer is 7.") == "7");
  CHECK(number("The answer is 5. No: the answer is $1,234.50, not 9") == "1234.50");
  CHECK(number("3 apples and 4 pears make 7 fruits") == "7");
  CHECK(number("it falls to -12.") == "-12");
  CHECK(number("1,000,000 people") == "1000000");
  CHECK(number("2, 3") == "3");
  CHECK(number("The answer is unknown").empty());
  CHECK(number("").empty());
  CHECK(number("6.5.") == "6.5");
  CHECK(number("it took 3-4 days") == "4");
  CHECK(number("7 - -2") == "-2");
}

TEST_CASE("numbers are compared as numbers") {
  CHECK(same_answer("7.0", "7", AnswerKind::kNumber));
  CHECK(same_answer("1234", "The total is 1,234", AnswerKind::kNumber));
  CHECK(same_answer("72", "48/2 = <<48/2=24>>24\n#### 72", AnswerKind::kNumber));
  CHECK_FALSE(same_answer("7", "8", AnswerKind::kNumber));
  CHECK_FALSE(same_answer("", "8", AnswerKind::kNumber));
}

TEST_CASE("letters stand alone; yes and no in any case") {
  const auto letter = [](std::string_view text) { return extract_answer(text, AnswerKind::kLetter); };
  CHECK(letter("The answer is (B).") == "B");
  CHECK(letter("Apples are A or C") == "C");
  CHECK(letter("a b c").empty());
  CHECK(same_answer("B", "(B)", AnswerKind::kLetter));
  const auto yes_no = [](std::string_view text) { return extract_answer(text, AnswerKind::kYesNo); };
  CHECK(yes_no("Yes. The answer is NO, surely") == "no");
  CHECK(yes_no("nothing is known; yes?") == "yes");
  CHECK(yes_no("nowhere").empty());
  CHECK(same_answer("yes", "Yes", AnswerKind::kYesNo));
}

TEST_CASE("a text is what follows the trigger, or all of it") {
  const auto text = [](std::string_view given) { return extract_answer(given, AnswerKind::kText); };
  CHECK(text("  Paris.\n") == "Paris");
  CHECK(text("It lies there. The answer is: Paris.\nQ: next") == "Paris");
  CHECK(same_answer("Paris", " Paris. ", AnswerKind::kText));
  CHECK_FALSE(same_answer("paris", "Paris", AnswerKind::kText));
}

TEST_CASE("most of the chains decide, the earliest of several") {
  CHECK(majority_answer({"3", "4", "4.0", ""}, AnswerKind::kNumber) == "4");
  CHECK(majority_answer({"3", "4"}, AnswerKind::kNumber) == "3");
  CHECK(majority_answer({"", ""}, AnswerKind::kNumber).empty());
  CHECK(majority_answer({}, AnswerKind::kNumber).empty());
}

}  // namespace langzoo::test
