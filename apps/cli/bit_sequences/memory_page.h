/// The page that shows a memory at work: what goes in and comes out, what is written and read, and where the heads
/// stand, one picture each over the same steps (figures 6, 9 and 12 of Graves, Wayne and Danihelka 2014).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <torch/types.h>

namespace langzoo {

/// One picture: a row for each thing that has a value in every step.
struct MemoryPicture {
  std::string title, about;
  bool right = false;        ///< the column it stands in
  torch::Tensor values;      ///< (rows, T)
  double low = 0, high = 1;  ///< what is palest and darkest; where low is negative, 0 is palest
};

struct MemoryStory {
  std::string title;
  std::int64_t answer_begin = 0;  ///< the first step whose output counts
  std::vector<MemoryPicture> pictures;
};

class MemoryPage {
 public:
  /// Values that a page holds, at 2 bytes each.
  static constexpr std::size_t kMostValues = std::size_t{1} << 22;

  /// Throws std::length_error where the page would hold more than kMostValues: to be asked before they are computed.
  void require_room(std::size_t values) const;
  /// Throws as require_room().
  void add(const MemoryStory& story);
  /// Sequences so far.
  std::size_t size() const { return stories_; }
  std::string html(const std::string& title, const std::string& subtitle) const;

 private:
  std::string json_;  ///< the stories, behind each other
  std::size_t stories_ = 0, values_ = 0;
};

}  // namespace langzoo
