#include "data/knowledge/path_finding.h"

#include <algorithm>
#include <limits>

namespace langzoo {

namespace {

constexpr auto kFar = std::numeric_limits<std::size_t>::max();

/// How far entities are from `to`, as far as `most`.
std::unordered_map<std::int32_t, std::size_t> distances_to(const KnowledgeGraph& graph, std::int32_t to,
                                                           const PathLimits& limits, std::size_t& left) {
  std::unordered_map<std::int32_t, std::size_t> distances = {{to, 0}};
  std::vector<std::int32_t> reached = {to};
  // A path's first step is looked at from its other end.
  for (std::size_t distance = 1; distance < limits.most_hops && !reached.empty(); ++distance) {
    std::vector<std::int32_t> next;
    for (const auto entity : reached) {
      for (const auto& edge : graph.neighbors(entity)) {
        if (left == 0) return distances;
        --left;
        if (distances.try_emplace(edge.entity, distance).second) next.push_back(edge.entity);
      }
    }
    reached = std::move(next);
  }
  return distances;
}

class PathSearch {
 public:
  PathSearch(const KnowledgeGraph& graph, std::int32_t to, const PathLimits& limits)
      : graph_(graph), to_(to), limits_(limits), left_(limits.most_edges) {
    distances_ = distances_to(graph, to, limits, left_);
    left_ = limits.most_edges;
  }

  std::vector<GraphPath> from(std::int32_t entity) {
    for (std::size_t hops = 1; hops <= limits_.most_hops && !full(); ++hops) {
      path_ = {{entity}, {}};
      extend(hops);
    }
    return std::move(found_);
  }

 private:
  bool full() const { return found_.size() >= limits_.most_paths || left_ == 0; }

  /// All ways of `hops` more edges that end at to_.
  void extend(std::size_t hops) {
    for (const auto& [relation, entity] : graph_.neighbors(path_.entities.back())) {
      if (full()) return;
      --left_;
      const auto known = distances_.find(entity);
      const auto distance = known == distances_.end() ? kFar : known->second;
      if (distance > hops - 1 || (hops > 1 && entity == to_)) continue;
      if (std::find(path_.entities.begin(), path_.entities.end(), entity) != path_.entities.end()) continue;
      path_.entities.push_back(entity), path_.relations.push_back(relation);
      if (hops == 1)
        found_.push_back(path_);
      else
        extend(hops - 1);
      path_.entities.pop_back(), path_.relations.pop_back();
    }
  }

  const KnowledgeGraph& graph_;
  const std::int32_t to_;
  const PathLimits limits_;
  std::size_t left_;
  std::unordered_map<std::int32_t, std::size_t> distances_;
  GraphPath path_;
  std::vector<GraphPath> found_;
};

/// Whether a character stands for a word by itself.
bool is_ideograph(char32_t c) {
  return (c >= 0x2E80 && c <= 0x2FDF) || (c >= 0x3040 && c <= 0x30FF) || (c >= 0x3400 && c <= 0x9FFF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x20000 && c <= 0x3FFFF);
}
bool separates(char32_t c) {
  const bool ascii = c < 0x80 && !((c >= '0' && c <= '9') || ((c | 0x20u) >= 'a' && (c | 0x20u) <= 'z'));
  return ascii || c == 0xA0 || (c >= 0x2000 && c <= 0x206F) || (c >= 0x3000 && c <= 0x303F) || c == 0xAB || c == 0xBB ||
         c == 0xBF || c == 0xA1 || (c >= 0xFF00 && c <= 0xFF0F) || (c >= 0xFF1A && c <= 0xFF20);
}

/// The character at `at`, and where the next begins; of bytes that are no UTF-8 one.
char32_t next_character(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto lead = byte(at);
  const std::size_t length = lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  char32_t character = length == 1 ? lead : lead & (0xFFu >> (length + 1));
  std::size_t i = at + 1;
  for (; i < std::min(text.size(), at + length) && (byte(i) & 0xC0) == 0x80; ++i)
    character = character << 6 | (byte(i) & 0x3Fu);
  if (i != at + length) character = lead;
  at = i;
  return character;
}

}  // namespace

std::vector<GraphPath> find_paths(const KnowledgeGraph& graph, std::int32_t from, std::int32_t to,
                                  const PathLimits& limits) {
  if (from == to) return {};
  return PathSearch(graph, to, limits).from(from);
}

std::vector<std::string> concept_words(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  const auto end = [&] {
    if (!word.empty()) words.push_back(std::move(word));
    word.clear();
  };
  for (std::size_t at = 0; at < text.size();) {
    const auto begin = at;
    const auto character = next_character(text, at);
    if (separates(character)) {
      end();
    } else if (is_ideograph(character)) {
      end();
      words.emplace_back(text.substr(begin, at - begin));
    } else {
      const bool capital = character >= 'A' && character <= 'Z';
      word += capital ? std::string(1, static_cast<char>(character + ('a' - 'A'))) : text.substr(begin, at - begin);
    }
  }
  end();
  return words;
}

std::string concept_text(std::string_view name) {
  const auto slash = name.rfind('/');
  std::string text(slash == std::string_view::npos || slash + 1 == name.size() ? name : name.substr(slash + 1));
  std::replace(text.begin(), text.end(), '_', ' ');
  return text;
}

ConceptFinder::ConceptFinder(const KnowledgeGraph& graph) {
  for (std::size_t i = 0; i < graph.entities().size(); ++i) {
    std::vector<std::int64_t> ids;
    for (const auto& word : concept_words(concept_text(graph.entities()[i]))) {
      ids.push_back(words_.try_emplace(word, static_cast<std::int64_t>(words_.size())).first->second);
    }
    if (!ids.empty()) names_.add(ids, static_cast<std::int64_t>(i));
  }
}

std::vector<std::int32_t> ConceptFinder::find(std::string_view text) const {
  std::vector<std::int64_t> ids;
  for (const auto& word : concept_words(text)) {
    const auto known = words_.find(word);
    ids.push_back(known == words_.end() ? -1 : known->second);
  }
  std::vector<std::int32_t> found;
  for (const auto& match : names_.longest_matches(ids)) {
    const auto entity = static_cast<std::int32_t>(match.phrase);
    if (std::find(found.begin(), found.end(), entity) == found.end()) found.push_back(entity);
  }
  return found;
}

}  // namespace langzoo
