#include "data/parallel/word_alignment.h"

#include <optional>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "data/files/escaped.h"
#include "data/files/numbers.h"
#include "data/files/text_lines.h"
#include "data/words/vocabulary.h"

namespace langzoo {

namespace {

struct Link {
  int source, target;
  bool sure;
};

std::optional<Link> parse_link(std::string_view text) {
  Link link{};
  const char* const end = text.data() + text.size();
  const char* stop = nullptr;
  if (read_number(text.data(), end, link.source, stop) != NumberFault::kNone || stop == end) return std::nullopt;
  const char mark = *stop;
  link.sure = mark == '-';
  if (!link.sure && mark != '?' && mark != 'p') return std::nullopt;
  const std::string_view target(stop + 1, static_cast<std::size_t>(end - stop - 1));
  if (read_number(target, link.target) != NumberFault::kNone || link.source < 0 || link.target < 0) return std::nullopt;
  return link;
}

void check_words(const AlignmentLinks& links, std::size_t sources, std::size_t targets) {
  for (const auto& [source, target] : links) {
    const bool beyond = static_cast<std::size_t>(source) >= sources;
    if (!beyond && static_cast<std::size_t>(target) < targets) continue;
    throw std::invalid_argument(fmt::format("link {}-{}: the {} has {} words, counted from 0", source, target,
                                            beyond ? "source" : "target", beyond ? sources : targets));
  }
}

}  // namespace

double alignment_error_rate(std::span<const AlignmentLinks> alignments,
                            std::span<const ReferenceAlignment> references) {
  if (alignments.size() != references.size()) {
    throw std::invalid_argument(fmt::format("{} alignments, {} references", alignments.size(), references.size()));
  }
  std::size_t right = 0, all = 0;
  for (std::size_t s = 0; s < alignments.size(); ++s) {
    const auto& [sure, possible] = references[s];
    for (const auto& link : alignments[s]) {
      const bool is_sure = sure.contains(link);
      right += is_sure ? 2 : possible.count(link);
    }
    all += alignments[s].size() + sure.size();
  }
  return all == 0 ? 0 : 1 - static_cast<double>(right) / static_cast<double>(all);
}

std::string pharaoh_line(const AlignmentLinks& links) {
  std::vector<std::string> words;
  for (const auto& [source, target] : links) words.push_back(fmt::format("{}-{}", source, target));
  return fmt::format("{}", fmt::join(words, " "));
}

ReferenceAlignment parse_pharaoh_line(std::string_view line) {
  ReferenceAlignment alignment;
  for (const auto& [begin, end] : word_ranges(line)) {
    const auto text = line.substr(begin, end - begin);
    const auto link = parse_link(text);
    if (!link) {
      throw std::invalid_argument(
          fmt::format("{} is no link: expected 2-3 (sure) or 2?3 (possible), words counted from 0", escaped(text)));
    }
    (link->sure ? alignment.sure : alignment.possible).emplace(link->source, link->target);
  }
  return alignment;
}

std::vector<ReferenceAlignment> read_alignments(const std::filesystem::path& path,
                                                std::span<const SentencePair> pairs) {
  FileLines lines(path);
  std::vector<ReferenceAlignment> alignments;
  for (std::string_view line; lines.next(line);) {
    if (lines.number() > pairs.size()) continue;
    const auto& pair = pairs[lines.number() - 1];
    try {
      alignments.push_back(parse_pharaoh_line(line));
      const auto sources = word_ranges(pair.source).size(), targets = word_ranges(pair.target).size();
      check_words(alignments.back().sure, sources, targets);
      check_words(alignments.back().possible, sources, targets);
    } catch (const std::invalid_argument& error) {
      throw lines.error(error.what());
    }
  }
  if (lines.number() != pairs.size()) {
    throw FileError(path, fmt::format("has {} lines for {} sentence pairs", lines.number(), pairs.size()));
  }
  return alignments;
}

std::vector<std::pair<std::size_t, std::size_t>> word_ranges(std::string_view text) {
  std::vector<std::pair<std::size_t, std::size_t>> ranges;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_word_space(text[i])) continue;
    const bool begins = i == 0 || is_word_space(text[i - 1]);
    if (begins) ranges.emplace_back(i, i);
    ranges.back().second = i + 1;
  }
  return ranges;
}

}  // namespace langzoo
