#include "data/synthetic/dates.h"

#include <algorithm>
#include <ctime>
#include <map>
#include <set>

#include "tests/support/test.h"

using namespace langzoo;

namespace {

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

}  // namespace

TEST_CASE("dates: seed 1 begins with these") {
  const auto pairs = read_all(*date_pairs(1, 8, false));
  std::string text;
  for (const auto& pair : pairs) text += pair.source + " -> " + pair.target + "\n";
  CHECK(text ==
        "Sun 23 Aug 1987 -> 1987-08-23\n"
        "FEB 1, 1999 -> 1999-02-01\n"
        "7 FEB 2007 -> 2007-02-07\n"
        "Aug 14, 1998 -> 1998-08-14\n"
        "JANUARY 9, 1996 -> 1996-01-09\n"
        "monday, february 23, 1970 -> 1970-02-23\n"
        "5/18/17 -> 2017-05-18\n"
        "31 OCT 1971 -> 1971-10-31\n");
  CHECK(pairs[7].line == 8);
}

// The C library reads back what was written, in each of its forms.
TEST_CASE("dates: every form is read back as its day by strptime") {
  const std::map<std::string, const char*> forms = {{"9/9/9", "%m/%d/%y"},          {"w 9, 9", "%B %d, %Y"},
                                                    {"w, w 9, 9", "%A, %B %d, %Y"}, {"9.9.9", "%d.%m.%Y"},
                                                    {"9 w 9", "%d %B %Y"},          {"w 9 w 9", "%a %d %B %Y"}};
  std::map<std::string, int> counts;
  std::set<std::string> days;
  int upper = 0, lower_case = 0;
  const auto pairs = read_all(*date_pairs(5, 20'000, true));
  for (const auto& pair : pairs) {
    REQUIRE(pair.source.size() == 29);
    const std::string source = pair.source.substr(0, pair.source.find_last_not_of(' ') + 1);
    std::string form;
    for (const char c : lower(source)) {
      const char kind = std::isdigit(static_cast<unsigned char>(c))   ? '9'
                        : std::isalpha(static_cast<unsigned char>(c)) ? 'w'
                                                                      : c;
      if (form.empty() || kind != form.back() || (kind != '9' && kind != 'w')) form += kind;
    }
    INFO(source);
    REQUIRE(forms.count(form) == 1);
    ++counts[form];
    std::tm read{};
    const char* const end = strptime(source.c_str(), forms.at(form), &read);
    REQUIRE((end != nullptr && *end == '\0'));
    char iso[16];
    std::strftime(iso, sizeof iso, "%Y-%m-%d", &read);
    REQUIRE(pair.target == iso);
    if (form.find(',') != std::string::npos && form[1] == ',') {  // glibc computes the weekday
      const int told = read.tm_wday;
      std::mktime(&read);
      REQUIRE(read.tm_wday == told);
    }
    days.insert(pair.target);
    if (form != "9/9/9" && form != "9.9.9") {
      upper += std::none_of(source.begin(), source.end(), [](unsigned char c) { return std::islower(c); });
      lower_case += std::none_of(source.begin(), source.end(), [](unsigned char c) { return std::isupper(c); });
    }
  }
  CHECK(*days.begin() >= "1970-01-01");
  CHECK(days.begin()->starts_with("1970"));
  CHECK(days.rbegin()->starts_with("2019"));
  CHECK(days.size() > 11'000);  // of 18,262
  CHECK(counts["9/9/9"] == Approx(2500).epsilon(0.08));
  CHECK(counts["w 9, 9"] == Approx(5000).epsilon(0.08));
  CHECK(counts["w, w 9, 9"] == Approx(2500).epsilon(0.08));
  CHECK(counts["9 w 9"] == Approx(5000).epsilon(0.08));
  CHECK(upper == Approx(3750).epsilon(0.08));
  CHECK(lower_case == Approx(3750).epsilon(0.08));
}

TEST_CASE("dates: a negative count is refused") {
  CHECK(read_all(*date_pairs(1, 0, false)).empty());
  CHECK_THROWS_AS(date_pairs(1, -1, false), std::invalid_argument);
}
