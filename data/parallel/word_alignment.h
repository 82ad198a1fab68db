/// Which words of a sentence belong to which words of its translation, and how well a model says so.
#pragma once

#include <filesystem>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/parallel/parallel_text.h"

namespace langzoo {

/// Pairs (word of the source, word of the target), counted from 0. A word is what stands between white space.
using AlignmentLinks = std::set<std::pair<int, int>>;

/// What people who align by hand say of a pair of sentences.
struct ReferenceAlignment {
  AlignmentLinks sure, possible;  ///< what is sure counts as possible
};

/// Och and Ney, "A systematic comparison of various statistical alignment models" (2003), section 7: 1 - (|A and S| +
/// |A and P|) / (|A| + |S|), summed over all sentences; 0 where there is no link at all. Throws std::invalid_argument
/// for unequal numbers.
double alignment_error_rate(std::span<const AlignmentLinks> alignments, std::span<const ReferenceAlignment> references);

/// "0-0 2-1", as the Pharaoh decoder wrote alignments.
std::string pharaoh_line(const AlignmentLinks& links);

/// "0-0 2-1 3?1": i-j is sure, i?j or ipj possible. Throws std::invalid_argument naming the link that is none.
ReferenceAlignment parse_pharaoh_line(std::string_view line);

/// A line for each pair, in their order. Throws FileError naming the line for what is no link or names a word that its
/// sentence lacks, and for a file of more or fewer lines than there are pairs.
std::vector<ReferenceAlignment> read_alignments(const std::filesystem::path& path, std::span<const SentencePair> pairs);

/// Where the words of a text stand: half-open byte ranges, in order.
std::vector<std::pair<std::size_t, std::size_t>> word_ranges(std::string_view text);

}  // namespace langzoo
