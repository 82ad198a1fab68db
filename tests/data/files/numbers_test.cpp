#include "data/files/numbers.h"

#include <limits>
#include <optional>
#include <string>

#include "tests/support/plain_test.h"

using namespace langzoo;

namespace {

template <class Number>
std::optional<Number> number(std::string_view text, NumberFault expected = NumberFault::kNone) {
  Number value{};
  const auto fault = read_number(text, value);
  INFO(text);
  CHECK(fault == expected);
  return fault == NumberFault::kNone ? std::optional(value) : std::nullopt;
}

}  // namespace

TEST_CASE("a plus is a sign, once") {
  CHECK(number<double>("+6.7") == 6.7);
  CHECK(number<float>("+1e2") == 100);
  CHECK(number<int>("+12") == 12);
  CHECK(number<unsigned>("+12") == 12);
  for (const std::string_view text : {"", "+", "-", "++1", "+-1", "-+1", " 1", "1 ", "1x", "0x1", "one", "1,5"}) {
    number<double>(text, NumberFault::kNoNumber);
    number<int>(text, NumberFault::kNoNumber);
  }
  number<unsigned>("-1", NumberFault::kNoNumber);
}

TEST_CASE("what is too large is told from what is no number, and what is too small is 0") {
  number<double>("1e999", NumberFault::kOutOfRange);
  number<float>("-1e39", NumberFault::kOutOfRange);
  number<int>("99999999999", NumberFault::kOutOfRange);
  CHECK(number<double>("1e-999") == 0);
  CHECK(number<float>("1e-60") == 0);
  CHECK(number<float>("0." + std::string(400, '0') + "1") == 0);
  CHECK(std::signbit(*number<double>("-1e-999")));
  number<double>("1" + std::string(400, '0'), NumberFault::kOutOfRange);
  CHECK(name_of(NumberFault::kOutOfRange) == "out of range");
}

TEST_CASE("inf and nan are named") {
  for (const std::string_view text : {"inf", "-Infinity", "+inf", "nan", "-NaN"}) {
    number<double>(text, NumberFault::kNotFinite);
    number<float>(text, NumberFault::kNotFinite);
  }
  double value = 0;
  CHECK(read_number("-inf", value) == NumberFault::kNotFinite);
  CHECK(value == -std::numeric_limits<double>::infinity());
  CHECK(name_of(NumberFault::kNotFinite) == "not finite");
}

TEST_CASE("the number that a text begins with, and its end") {
  const std::string_view text = "+2.5 x";
  double value = 0;
  const char* stop = nullptr;
  CHECK(read_number(text.data(), text.data() + text.size(), value, stop) == NumberFault::kNone);
  CHECK(value == 2.5);
  CHECK(stop == text.data() + 4);
}
