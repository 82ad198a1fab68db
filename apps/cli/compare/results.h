/// Results of a comparison to look at: results.json as a table for a terminal, and as a page.
#pragma once

#include <filesystem>
#include <string>

namespace langzoo {

/// One line a model, its figures and scores in columns; below it what failed. In the order of the score `metric`, the
/// best first; empty: as they are.
std::string comparison_table(const std::string& results, const std::string& metric = {});

/// One page that needs nothing else: learning curves by steps, tokens, time and FLOPs, the table, the same prompts as
/// each model goes on, what attends to what, and loss over size where sizes differ.
std::string comparison_page(const std::string& results);

/// Writes `out`/report.html from `out`/results.json. Throws FileError.
void write_comparison_page(const std::filesystem::path& out);

}  // namespace langzoo
