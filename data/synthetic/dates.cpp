#include "data/synthetic/dates.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <stdexcept>
#include <string_view>

#include <fmt/format.h>

#include "data/random/random.h"

namespace langzoo {

namespace {

using namespace std::chrono;

constexpr std::array<std::string_view, 12> kMonths = {"January",   "February", "March",    "April",
                                                      "May",       "June",     "July",     "August",
                                                      "September", "October",  "November", "December"};
constexpr std::array<std::string_view, 7> kWeekdays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                       "Thursday", "Friday", "Saturday"};
constexpr sys_days kFirstDay = year{1970} / January / 1, kEnd = year{2020} / January / 1;
constexpr std::uint64_t kForms = 8;
constexpr int kSourceWidth = 29;

std::string written(sys_days day, std::uint64_t form) {
  const year_month_day date(day);
  const int y = static_cast<int>(date.year());
  const unsigned m = static_cast<unsigned>(date.month()), d = static_cast<unsigned>(date.day());
  const std::string_view month = kMonths[m - 1], weekday_name = kWeekdays[weekday(day).c_encoding()];
  switch (form) {
    case 0:
      return fmt::format("{}/{}/{:02}", m, d, y % 100);
    case 1:
      return fmt::format("{} {}, {}", month.substr(0, 3), d, y);
    case 2:
      return fmt::format("{} {}, {}", month, d, y);
    case 3:
      return fmt::format("{}, {} {}, {}", weekday_name, month, d, y);
    case 4:
      return fmt::format("{}.{}.{}", d, m, y);
    case 5:
      return fmt::format("{} {} {}", d, month.substr(0, 3), y);
    case 6:
      return fmt::format("{} {} {}", d, month, y);
    default:
      return fmt::format("{} {} {} {}", weekday_name.substr(0, 3), d, month.substr(0, 3), y);
  }
}

class DatePairs : public SentencePairs {
 public:
  DatePairs(std::uint64_t seed, std::int64_t count, bool keep_padding)
      : random_(seed), count_(count), keep_padding_(keep_padding) {}

  bool next(SentencePair& pair) override {
    if (made_ == count_) return false;
    constexpr auto kDays = static_cast<std::uint64_t>((kEnd - kFirstDay).count());
    const sys_days day = kFirstDay + days(static_cast<int>(random_.below(kDays)));
    pair.source = written(day, random_.below(kForms));
    switch (random_.below(4)) {
      case 0:
        change_letters(pair.source, 'a', 'A');
        break;
      case 1:
        change_letters(pair.source, 'A', 'a');
        break;
      default:
        break;
    }
    if (keep_padding_) pair.source.resize(kSourceWidth, ' ');
    const year_month_day date(day);
    pair.target = fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                              static_cast<unsigned>(date.day()));
    pair.line = ++made_;
    return true;
  }
  std::string name() const override { return "dates"; }

 private:
  /// The 26 letters from `from` on become those from `to` on.
  static void change_letters(std::string& text, char from, char to) {
    for (char& c : text) {
      if (c >= from && c < from + 26) c = static_cast<char>(c - from + to);
    }
  }

  Random random_;
  std::int64_t count_, made_ = 0;
  bool keep_padding_;
};

}  // namespace

std::unique_ptr<SentencePairs> date_pairs(std::uint64_t seed, std::int64_t count, bool keep_padding) {
  if (count < 0) throw std::invalid_argument(fmt::format("{} dates: expected at least 0", count));
  return std::make_unique<DatePairs>(seed, count, keep_padding);
}

}  // namespace langzoo
