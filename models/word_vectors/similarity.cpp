#include "models/word_vectors/similarity.h"

#include <optional>

#include <fmt/format.h>

#include "data/files/escaped.h"
#include "data/files/numbers.h"
#include "data/files/text_lines.h"

namespace langzoo {

std::vector<WordPair> read_word_pairs(const std::filesystem::path& path) {
  std::vector<WordPair> pairs;
  for_each_line(path, [&](std::string_view line) {
    const bool tabs = line.find('\t') != std::string_view::npos;
    const auto fields = words_of(line, tabs ? "\t" : kSpaces);
    if (fields.empty() || line.starts_with('#')) return;
    if (fields.size() != 3) {
      throw std::runtime_error(fmt::format("{} fields, expected two words and a score", fields.size()));
    }
    double score = 0;
    const auto fault = read_number(fields[2], score);
    if (fault != NumberFault::kNone) {
      throw std::runtime_error(fmt::format("the score {} is {}", escaped(fields[2].substr(0, 40)), name_of(fault)));
    }
    pairs.push_back({std::string(fields[0]), std::string(fields[1]), score});
  });
  if (pairs.empty()) throw FileError(path, "holds no pair");
  return pairs;
}

PairScores score_word_pairs(const WordVectors& vectors, std::span<const WordPair> pairs, const LookupOptions& options) {
  const WordLookup lookup(vectors, options);
  const auto vector_of = [&](const std::string& word) -> std::optional<torch::Tensor> {
    const auto row = lookup.find(word);
    if (row >= 0) return vectors.vectors()[row];
    if (vectors.find(word) >= 0) return std::nullopt;  // beyond restrict_vocab
    return vectors.vector(word);
  };
  PairScores scores;
  for (const auto& pair : pairs) {
    const auto a = vector_of(pair.a), b = vector_of(pair.b);
    if (!a || !b) continue;
    scores.gold.push_back(pair.score);
    scores.cosine.push_back(cosine(*a, *b));
  }
  return scores;
}

}  // namespace langzoo
