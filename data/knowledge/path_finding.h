/// Paths between two entities of a knowledge graph, and the words by which texts name entities (KagNet's grounding: Lin
/// et al. 2019, https://arxiv.org/abs/1909.02151, sections 3.1 and 3.2). No torch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/knowledge/knowledge_graph.h"
#include "data/knowledge/phrase_matcher.h"

namespace langzoo {

/// entities[0] -relations[0]-> entities[1] ...; a relation may be read backwards (GraphEdge).
struct GraphPath {
  std::vector<std::int32_t> entities, relations;
  bool operator==(const GraphPath&) const = default;
};

struct PathLimits {
  std::size_t most_hops = 4, most_paths = 100;
  /// Edges looked at: a hub with more ends the search, with the paths that there are by then.
  std::size_t most_edges = 200'000;
};

/// Paths from one entity to another that visit none twice, short ones first; of equal length in the order of their
/// edges. None from an entity to itself.
std::vector<GraphPath> find_paths(const KnowledgeGraph& graph, std::int32_t from, std::int32_t to,
                                  const PathLimits& limits = {});

/// The words of a text: runs of ASCII letters, digits and other characters but for punctuation and white space; each
/// Chinese character and Japanese sign by itself. ASCII letters become small.
std::vector<std::string> concept_words(std::string_view text);

/// Finds entities in texts by their names: the longest that begins at each word, from left to right. Of a name like
/// /c/en/hard_questions the part behind the last slash counts, and "_" is a space.
class ConceptFinder {
 public:
  explicit ConceptFinder(const KnowledgeGraph& graph);
  /// Each once, in the order in which they come.
  std::vector<std::int32_t> find(std::string_view text) const;

 private:
  std::unordered_map<std::string, std::int64_t> words_;
  PhraseMatcher names_;
};

/// The part of an entity's name that people read: "hard questions".
std::string concept_text(std::string_view name);

}  // namespace langzoo
