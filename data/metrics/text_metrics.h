/// How good texts are that were written for a task, by the metric's name: what a table of tasks names (data/tasks).
///
///     for (const auto& [name, value] : langzoo::score_texts("rouge", written, wanted)) ...
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace langzoo {

struct TextScore {
  std::string name;  ///< "rouge1"
  double value = 0;  ///< in per cent; the larger the better
};

/// | metric | scores |
/// |---|---|
/// | accuracy, exact_match | texts that are one of their references, white space at the ends aside |
/// | bleu, chrf | of the corpus, as sacreBLEU's defaults |
/// | rouge | rouge1, rouge2 and rougeL, F-measures, stemmed; each may be asked for by itself |
/// | squad | squad_exact_match and squad_f1; likewise |
/// | macro_f1, matthews_correlation | texts as labels |
/// | pearson, spearman | texts as numbers, one that is none being -1, as T5 has it; 0 where all are equal |
std::span<const std::string_view> text_metric_names();

/// Throws std::invalid_argument that names the metrics there are.
void check_text_metric(std::string_view metric);
/// The names of its scores. Throws likewise.
std::vector<std::string> text_score_names(std::string_view metric);

/// Throws std::invalid_argument for a reference that should be a number and is none.
void check_text_reference(std::string_view metric, std::string_view reference);

/// Of texts and the references of each, one at least; labels and numbers are the first one. Measured on `threads`
/// threads. Throws std::invalid_argument for an unknown metric, no texts, other numbers of them than of references, and
/// a reference that should be a number and is none.
std::vector<TextScore> score_texts(std::string_view metric, std::span<const std::string> texts,
                                   std::span<const std::vector<std::string>> references, std::size_t threads = 1);

}  // namespace langzoo
