#include "apps/cli/pictures/draw_options.h"

#include <fmt/format.h>

#include "apps/cli/model_verb.h"

namespace langzoo {

void DrawFlags::add_to(Options& options, const std::string& idle_with, const Option::Condition& idle) {
  const auto rule = [&](Option& option) -> Option& { return idle ? option.idle_with(idle_with, idle) : option; };
  rule(options.add("--candidates", candidates_,
                   "pictures drawn of each caption, of which the one stays that --captioner finds likeliest"))
      .range(1, 1000);
  rule(options.add("--captioner", captioner_dir_, "the folder of a captioner that looks at what is drawn"));
  rule(options.add("--temperature", sampling_.temperature, "below 1 likelier tokens; 0: the likeliest"))
      .between(0, 100);
  rule(options.add("--top-k", sampling_.top_k, "only so many of the likeliest tokens; 0: all")).range(0, 1 << 24);
  rule(options.add("--top-p", sampling_.top_p, "only the likeliest tokens of so much probability together"))
      .between(0, 1);
}

void DrawFlags::open(const ComputeOptions& common) {
  if (captioner_dir_.empty()) {
    if (candidates_ > 1) throw UsageError("--candidates: which of them is best a --captioner has to say");
    return;
  }
  captioner_ = load_and_report(captioner_dir_, common, [&](const DeviceOptions& options, LoadReport* report) {
    return load_captioner(captioner_dir_, options, report);
  });
}

DrawOptions DrawFlags::options(std::uint64_t seed) const {
  try {
    sampling_.validate();
  } catch (const std::invalid_argument& error) {
    throw UsageError(error.what());
  }
  return {sampling_, seed, candidates_, captioner()};
}

}  // namespace langzoo
