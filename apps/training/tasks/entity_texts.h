/// Classification of texts in which names of entities are known: what a name is of, how two names are related.
#pragma once

#include <vector>

#include "apps/training/tasks/examples.h"
#include "apps/training/tasks/labelled_texts.h"
#include "data/microworld/knowledge.h"

namespace langzoo {

/// Texts with the columns text, ents (a JSON list of [name, first character, end] each) and label; the first name, or
/// the first two, stand between marks (models/knowledge_reader.h). Typing may have several labels.
/// TokenExample::knowledge holds a place and an entity (-1: not known) for each name.
const ExampleKind& entity_typing();
const ExampleKind& relation_classification();

/// The names in such a text, in the order of their first characters.
std::vector<EntityMention> entity_mentions(const LabelledText& text);

/// A batch of theirs as a model reads it.
TokenInputs entity_inputs(const TokenBatch& batch);

}  // namespace langzoo
