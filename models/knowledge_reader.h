/// Models that read what a knowledge graph says beside tokens; names no family.
#pragma once

#include <cstdint>
#include <string>

namespace langzoo {

/// One for which only kinds of task are that give it that: another kind would leave it out in silence.
class KnowledgeReader {
 public:
  virtual ~KnowledgeReader() = default;
};

/// A classifier of texts in which entities are named.
class EntityReader : public KnowledgeReader {
 public:
  /// -1: there is none of that name.
  virtual std::int64_t entity_id(const std::string& name) const = 0;
  /// How many names of a text it is asked about.
  virtual std::int64_t marked_names() const = 0;
  /// The token that stands before and behind the name of that number.
  virtual std::int64_t marker(std::int64_t name) const = 0;
};

}  // namespace langzoo
