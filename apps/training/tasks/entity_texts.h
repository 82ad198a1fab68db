/// Classification of texts in which names of entities are known: what a name is of, how two names are related.
#pragma once

#include "apps/training/tasks/examples.h"

namespace langzoo {

/// Texts with the columns text, ents (a JSON list of [name, first character, end] each) and label; the first name, or
/// the first two, stand between marks (models/knowledge_reader.h). Typing may have several labels.
/// TokenExample::knowledge holds a place and an entity (-1: not known) for each name.
const ExampleKind& entity_typing();
const ExampleKind& relation_classification();

/// A batch of theirs as a model reads it.
TokenInputs entity_inputs(const TokenBatch& batch);

}  // namespace langzoo
