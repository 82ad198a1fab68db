/// Precision, recall and F1 of named entities, which are spans of tags: an entity is right where its type, its
/// beginning and its end are. As the package seqeval.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/metrics/classification.h"

namespace langzoo {

/// How tags spell entities: Ramshaw and Marcus, "Text chunking using transformation-based learning" (1995), and their
/// successors. A tag is O, or a letter alone or before "-TYPE": B begins, I is inside, E (L) ends, S (U) is alone.
enum class TagScheme { kIob1, kIob2, kIoe1, kIoe2, kIobes, kBilou };

struct Entity {
  std::size_t begin, end;  ///< its tags
  std::string_view type;
  auto operator<=>(const Entity&) const = default;
};

/// The entities of a sentence. Without a scheme those of O, B, I, E and S in whatever order, as conlleval finds them;
/// with one those only that are spelled as it demands. Throws std::invalid_argument for what is no tag of these.
std::vector<Entity> find_entities(std::span<const std::string_view> tags, std::optional<TagScheme> scheme = {});

struct EntityScores : LabelAverages {
  double accuracy = 0;  ///< of tags
};

using TagSequence = std::vector<std::string_view>;

/// Labels are the types of entities. Throws std::invalid_argument, naming the sentence by its number from 1, where
/// there are not equally many sentences, or tags in them, or find_entities() throws.
EntityScores score_entities(std::span<const TagSequence> predicted, std::span<const TagSequence> truth,
                            std::optional<TagScheme> scheme = {});

}  // namespace langzoo
