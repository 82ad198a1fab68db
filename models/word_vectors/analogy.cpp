#include "models/word_vectors/analogy.h"

#include <algorithm>
#include <limits>
#include <unordered_map>
#include <utility>

#include <ATen/ops/matmul.h>
#include <fmt/format.h>

#include "data/files/text_lines.h"
#include "models/layers/parallel_for.h"
#include "models/layers/vector_math.h"

namespace langzoo {

namespace {

/// Rows of the table that are looked at together: a question's three rows of cosines stay in the fastest cache.
constexpr std::int64_t kBlockRows = 2048;
/// Words that are asked about at a time: their cosines with kBlockRows rows take 64 MB. questions-words.txt has 905.
constexpr std::size_t kMostAsked = 8192;
constexpr float kMulEpsilon = 1e-3f;

/// The highest score so far and its row.
struct Best {
  float score = -std::numeric_limits<float>::infinity();
  std::int64_t row = -1;

  void update(const float* scores, std::int64_t n, std::int64_t first_row) {
    const auto* const highest = std::max_element(scores, scores + n);
    if (*highest > score) score = *highest, row = first_row + (highest - scores);
  }
};

struct Question {
  std::array<std::int64_t, 3> rows;  ///< of a, b and c
  std::int64_t answer;               ///< row
  std::size_t section;
  std::array<std::int64_t, 3> places;  ///< of a, b and c among the words asked about
  Best add, mul;
};

/// Both objectives from the cosines with a, b and c.
LANGZOO_VECTOR_CLONES void score_block(const float* a, const float* b, const float* c, std::int64_t n, float* add,
                                       float* mul) {
  for (std::int64_t i = 0; i < n; ++i) {
    add[i] = b[i] + c[i] - a[i];
    mul[i] = (1 + b[i]) * (1 + c[i]) / (1 + a[i] + 2 * kMulEpsilon);  // twice Levy & Goldberg's eq. 5
  }
}

/// Answers the first of the questions, those about kMostAsked words; returns how many.
std::size_t answer_some(const WordVectors& vectors, const WordLookup& lookup, std::span<Question> questions) {
  std::vector<std::int64_t> asked;  // rows of the words in a, b and c
  std::unordered_map<std::int64_t, std::int64_t> place_of;
  std::size_t count = 0;
  for (; count < questions.size() && asked.size() + 3 <= kMostAsked; ++count) {
    auto& question = questions[count];
    for (std::size_t i = 0; i < 3; ++i) {
      const auto [place, added] = place_of.try_emplace(question.rows[i], static_cast<std::int64_t>(asked.size()));
      if (added) asked.push_back(question.rows[i]);
      question.places[i] = place->second;
    }
  }

  // Spellings of each word asked about: no answers to a question that contains it.
  std::vector<std::vector<std::int64_t>> spellings(asked.size());
  for (std::int64_t row = 0; row < lookup.size(); ++row) {
    const auto place = place_of.find(lookup.first_spelling(row));
    if (place != place_of.end()) spellings[static_cast<std::size_t>(place->second)].push_back(row);
  }

  const auto units = vectors.normalized();
  const auto queries = units.index_select(0, torch::tensor(asked));
  for (std::int64_t begin = 0; begin < lookup.size(); begin += kBlockRows) {
    const auto n = std::min(kBlockRows, lookup.size() - begin);
    const auto cosines = at::matmul(queries, units.narrow(0, begin, n).t()).contiguous();
    const float* const cosine = cosines.const_data_ptr<float>();
    parallel_for(static_cast<std::int64_t>(count), 16, [&](std::int64_t first, std::int64_t last) {
      std::array<float, kBlockRows> add, mul;
      for (auto q = first; q < last; ++q) {
        auto& question = questions[static_cast<std::size_t>(q)];
        const auto [a, b, c] = question.places;
        score_block(cosine + a * n, cosine + b * n, cosine + c * n, n, add.data(), mul.data());
        for (const auto place : question.places) {
          const auto& rows = spellings[static_cast<std::size_t>(place)];
          for (auto row = std::lower_bound(rows.begin(), rows.end(), begin); row != rows.end() && *row < begin + n;
               ++row) {
            const auto at = static_cast<std::size_t>(*row - begin);
            add[at] = mul[at] = -std::numeric_limits<float>::infinity();
          }
        }
        question.add.update(add.data(), n, begin);
        question.mul.update(mul.data(), n, begin);
      }
    });
  }
  return count;
}

}  // namespace

std::vector<AnalogySection> read_analogies(const std::filesystem::path& path) {
  std::vector<AnalogySection> sections;
  for_each_line(path, [&](std::string_view line) {
    const auto words = words_of(line);
    if (words.empty()) return;
    if (words[0] == ":") {
      const auto name = line.substr(static_cast<std::size_t>(words[0].data() - line.data()) + 1);
      const auto begin = name.find_first_not_of(kSpaces);
      if (begin == std::string_view::npos) throw std::runtime_error("a section without a name");
      sections.push_back({std::string(name.substr(begin, name.find_last_not_of(kSpaces) + 1 - begin)), {}});
      return;
    }
    if (sections.empty()) throw std::runtime_error("no section begins before it: expected \": name\"");
    if (words.size() != 4) throw std::runtime_error(fmt::format("{} words, expected 4", words.size()));
    sections.back().questions.push_back(
        {std::string(words[0]), std::string(words[1]), std::string(words[2]), std::string(words[3])});
  });
  if (sections.empty()) throw FileError(path, "holds no analogy");
  return sections;
}

AnalogyScore& AnalogyScore::operator+=(const AnalogyScore& other) {
  questions += other.questions;
  covered += other.covered;
  correct_add += other.correct_add;
  correct_mul += other.correct_mul;
  return *this;
}

std::vector<AnalogyScore> evaluate_analogies(const WordVectors& vectors, std::span<const AnalogySection> sections,
                                             const LookupOptions& options) {
  const WordLookup lookup(vectors, options);
  std::vector<AnalogyScore> scores(sections.size());
  std::vector<Question> questions;
  for (std::size_t s = 0; s < sections.size(); ++s) {
    for (const auto& words : sections[s].questions) {
      ++scores[s].questions;
      std::array<std::int64_t, 4> rows;
      std::transform(words.begin(), words.end(), rows.begin(), [&](const auto& word) { return lookup.find(word); });
      if (*std::min_element(rows.begin(), rows.end()) < 0) continue;
      ++scores[s].covered;
      questions.push_back({{rows[0], rows[1], rows[2]}, rows[3], s, {}, {}, {}});
    }
  }
  for (auto rest = std::span(questions); !rest.empty();) rest = rest.subspan(answer_some(vectors, lookup, rest));
  for (const auto& question : questions) {
    const auto right = [&](const Best& best) {
      return best.row >= 0 && lookup.first_spelling(best.row) == question.answer;
    };
    scores[question.section].correct_add += right(question.add);
    scores[question.section].correct_mul += right(question.mul);
  }
  return scores;
}

}  // namespace langzoo
