/// Several runs side by side: their validation curves over steps, tokens and training time on one page that needs
/// nothing else.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace langzoo {

/// How far a run was at an optimizer step.
struct RunPlace {
  double step = 0, tokens = 0;
  double seconds = 0;  ///< of training; evaluations and saving are left out
};

struct RunEvaluation {
  RunPlace place;
  std::map<std::string, double> values;  ///< by the metric's name; those that are numbers
  bool best = false;                     ///< the best checkpoint so far
};

struct RunLog {
  std::string name;
  std::map<std::string, std::string> settings;  ///< those of run.json, "train.learning_rate"; empty without one
  std::vector<RunPlace> places;                 ///< of each report, the last being the end
  std::vector<double> train_losses;             ///< one a place; NaN where there is none
  std::vector<RunEvaluation> evaluations;

  /// The last one that was the best; nullptr without evaluations.
  const RunEvaluation* best() const;
};

/// Of the texts of metrics.jsonl and run.json. Lines that are no reports are left out. Where an evaluation's step is
/// between two reports, its tokens and time are as well, in the same proportion.
RunLog run_log(const std::string& name, const std::string& metrics, const std::string& config);
/// Of a run's folder. Throws FileError where it has no metrics.jsonl, and where that has no reports.
RunLog read_run_log(const std::string& name, const std::filesystem::path& dir);

/// How many runs a page can show.
inline constexpr std::size_t kMostRuns = 8;

/// The page. Throws std::invalid_argument for more than kMostRuns.
std::string runs_page(const std::vector<RunLog>& runs);

}  // namespace langzoo
