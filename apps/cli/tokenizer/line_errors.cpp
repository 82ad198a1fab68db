#include "apps/cli/tokenizer/line_errors.h"

#include <iostream>

#include <fmt/format.h>

namespace langzoo {

void LineErrors::add_options(Options& options) {
  options.add("--skip-errors", skip_,
              "leave out what cannot be worked on and say how much; otherwise the first such line ends the program");
}

bool LineErrors::take(const std::string& error) {
  if (error.empty()) return true;
  ++skipped_;
  if (first_.empty()) first_ = error;
  return false;
}

void LineErrors::report() const {
  if (skipped_ == 0) return;
  if (done_ == 0) throw std::runtime_error(fmt::format("nothing is left: {} left out; {}", skipped_, first_));
  std::cerr << fmt::format("left out: {} of {}; {}\n", skipped_, done_ + skipped_, first_);
}

}  // namespace langzoo
