/// What becomes of a line that cannot be worked on: it ends the program, or with --skip-errors it is left out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "apps/cli/base/parallel_for_each.h"
#include "apps/cli/base/program.h"

namespace langzoo {

class LineErrors {
 public:
  void add_options(Options& options);
  bool skip() const { return skip_; }

  /// Runs a first step of a line's work. False where it threw and the line is left out; otherwise that is thrown on
  /// with `where` in front.
  template <class Work>
  bool attempt(const std::string& where, const Work& work) {
    return take(error_of(where, work));
  }

  /// Calls work(i), the last step of a line's work, for i in [0, n) on up to `threads` threads, and returns which lines
  /// were not left out. Of several that throw the least i is told.
  template <class Where, class Work>
  std::vector<bool> for_each(std::size_t n, std::size_t threads, const Where& where, const Work& work) {
    std::vector<std::string> errors(n);
    parallel_for_each(n, threads, [&](std::size_t i) { errors[i] = error_of(where(i), [&] { work(i); }); });
    std::vector<bool> done;
    for (const auto& error : errors) {
      done.push_back(take(error));
      done_ += done.back() ? 1 : 0;
    }
    return done;
  }

  std::uint64_t skipped() const { return skipped_; }
  /// At the end: how many lines were left out, and what was wrong with one, on stderr. Throws the latter where no line
  /// is left.
  void report() const;

 private:
  /// What `work` throws, if that is to be left out.
  template <class Work>
  std::string error_of(const std::string& where, const Work& work) const {
    try {
      work();
      return {};
    } catch (const std::bad_alloc&) {
      throw;
    } catch (const std::exception& error) {
      auto told = where + ": " + one_line(error);
      if (!skip_) throw std::runtime_error(told);
      return told;
    }
  }
  bool take(const std::string& error);

  bool skip_ = false;
  std::uint64_t done_ = 0, skipped_ = 0;
  std::string first_;
};

}  // namespace langzoo
