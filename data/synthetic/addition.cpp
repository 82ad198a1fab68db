#include "data/synthetic/addition.h"

#include <algorithm>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>

#include "data/random/random.h"

namespace langzoo {

namespace {

constexpr std::uint64_t kNumbers = 1000;

class AdditionPairs : public SentencePairs {
 public:
  AdditionPairs(std::uint64_t seed, std::int64_t count, bool keep_padding)
      : random_(seed), count_(count), keep_padding_(keep_padding) {}

  bool next(SentencePair& pair) override {
    if (made_ == count_) return false;
    std::uint64_t a = 0, b = 0;
    do {
      a = number();
      b = number();
    } while (seen(a, b));
    seen(a, b) = true;
    const int source_width = keep_padding_ ? 7 : 0, target_width = keep_padding_ ? 4 : 0;
    pair = {fmt::format("{:<{}}", fmt::format("{}+{}", a, b), source_width), fmt::format("{:<{}}", a + b, target_width),
            ++made_};
    return true;
  }
  std::string name() const override { return "addition"; }

 private:
  std::uint64_t number() {
    constexpr std::uint64_t kFirst[] = {0, 10, 100, kNumbers};  // of each length
    const std::uint64_t digits = random_.below(3);
    return kFirst[digits] + random_.below(kFirst[digits + 1] - kFirst[digits]);
  }
  std::vector<bool>::reference seen(std::uint64_t a, std::uint64_t b) {
    return seen_[std::min(a, b) * kNumbers + std::max(a, b)];
  }

  Random random_;
  std::int64_t count_, made_ = 0;
  bool keep_padding_;
  std::vector<bool> seen_ = std::vector<bool>(kNumbers * kNumbers);
};

}  // namespace

std::unique_ptr<SentencePairs> addition_pairs(std::uint64_t seed, std::int64_t count, bool keep_padding) {
  if (count < 0 || count > kMostAdditionPairs) {
    throw std::invalid_argument(fmt::format("{} additions: expected from 0 to {}", count, kMostAdditionPairs));
  }
  return std::make_unique<AdditionPairs>(seed, count, keep_padding);
}

}  // namespace langzoo
