/// Knowledge graphs: named entities, and which of them stand in which relation. No torch.
///
///     const auto file = langzoo::read_triples("facts.tsv");
///     const auto graph = langzoo::KnowledgeGraph::of(file.triples);
///     for (const auto& [relation, entity] : graph.neighbors(*graph.find_entity("Mary"))) ...
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "data/random/random.h"

namespace langzoo {

struct NamedTriple {
  std::string head, relation, tail;
  bool operator==(const NamedTriple&) const = default;
};

struct TripleFile {
  std::vector<NamedTriple> triples;
  std::vector<std::int64_t> lines;  ///< where each stands, from 1
  std::int64_t left_out = 0;        ///< of ConceptNet: assertions that do not lead from a concept to a concept
};

/// The triples of a file: lines of head TAB relation TAB tail, as those of FB15k and WN18, or ConceptNet's assertions
/// (URI TAB relation TAB start TAB end TAB JSON), which the first line tells: a relation is called "IsA" then, a
/// concept /c/en/wheat, without what ConceptNet puts behind to tell its senses apart. Blank lines are passed over.
/// Throws FileError naming file and line for what is no triple, for names that are empty, longer than 1000 bytes or no
/// UTF-8, and for a file without triples.
TripleFile read_triples(const std::filesystem::path& path);

/// Ids are indices into the graph's names.
struct Triple {
  std::int32_t head = 0, relation = 0, tail = 0;
  bool operator==(const Triple&) const = default;
};

/// What leads from one entity to another. Of R relations r + R is r read backwards.
struct GraphEdge {
  std::int32_t relation, entity;
  bool operator==(const GraphEdge&) const = default;
};

/// Any number of threads may read.
class KnowledgeGraph {
 public:
  KnowledgeGraph() = default;
  /// A triple that comes twice counts once. Throws std::invalid_argument for a name that comes twice, or an id that
  /// there is not.
  KnowledgeGraph(std::vector<std::string> entities, std::vector<std::string> relations,
                 std::span<const Triple> triples);
  /// Entities and relations in the order in which they come first.
  static KnowledgeGraph of(std::span<const NamedTriple> triples);

  const std::vector<std::string>& entities() const { return entities_; }
  const std::vector<std::string>& relations() const { return relations_; }
  const std::vector<Triple>& triples() const { return triples_; }
  std::optional<std::int32_t> find_entity(std::string_view name) const { return find(entity_ids_, name); }
  std::optional<std::int32_t> find_relation(std::string_view name) const { return find(relation_ids_, name); }
  /// Throws std::runtime_error saying what the graph does not know.
  Triple ids_of(const NamedTriple& triple) const;

  bool contains(const Triple& triple) const;
  /// Of relation and entity the tails, or, read backwards (relation + R), the heads, ascending.
  std::vector<std::int32_t> answers(std::int32_t entity, std::int32_t relation) const;
  /// In both directions, by relation, then by entity.
  std::span<const GraphEdge> neighbors(std::int32_t entity) const;
  /// The name of a relation, read backwards "~name".
  std::string name_of(std::int32_t relation) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  using Ids = std::unordered_map<std::string, std::int32_t, Hash, std::equal_to<>>;
  static std::optional<std::int32_t> find(const Ids& ids, std::string_view name);

  std::vector<std::string> entities_, relations_;
  Ids entity_ids_, relation_ids_;
  std::vector<Triple> triples_;
  std::vector<GraphEdge> edges_;     ///< entity by entity
  std::vector<std::size_t> begins_;  ///< of each entity's edges, and the end
};

/// A triple with another head or tail, drawn evenly, of which the graph does not know that it holds (unless 100 draws
/// find none). Of fewer than two entities the triple itself.
Triple corrupted(const Triple& triple, const KnowledgeGraph& graph, Random& random);

}  // namespace langzoo
