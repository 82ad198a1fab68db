/// Microworld's knowledge: facts about people, companies, ships, books and towns with made-up names, sentences that
/// tell of them, and tasks that need them. A seed's are the same on every platform.
///
/// A third of the people, companies, ships and books are never told of: their names stand in facts, and in the examples
/// that validate; what is told of others does not name them. Names do not tell what they are of. So what a text does
/// not say of a name that was never read can only come from the facts, and each task has a score that no model without
/// them exceeds but by chance.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/knowledge/knowledge_graph.h"
#include "data/tasks/text_rows.h"

namespace langzoo {

struct MicroworldFacts {
  std::vector<NamedTriple> known;     ///< to learn from
  std::vector<NamedTriple> held_out;  ///< one of four of each that is never told of, and a tenth of the others'
};

/// About 3,000 facts of 17 relations. A person lives near where they were born, works for a company near, and so on:
/// facts that are held out can be guessed.
MicroworldFacts microworld_facts(std::uint64_t seed);

/// Sentences of known facts of those that are told of, a line each, a blank line behind what is told of one of them:
/// as SentenceTask's documents. At least that many bytes, `text_seed` says which.
std::string microworld_chronicle(std::uint64_t seed, std::uint64_t text_seed, std::uint64_t min_bytes);

/// A name in a text.
struct EntityMention {
  std::string entity;
  std::int64_t begin = 0, end = 0;  ///< characters
};

/// A text with names, and what is to be found out about the first of them, or the first two.
struct MentionedText {
  std::string text;
  std::vector<EntityMention> mentions;
  std::vector<std::string> labels;
};

/// Which examples of a task: to train on, of those that are told of, or to validate, of the others.
enum class KnowledgePart { kTold, kUntold };

/// Which of 16 relations holds between two names. The sentence fits four of them, one for each kind of thing that the
/// first name may be: without facts no more than a quarter can be known. Those that validate are held out.
std::vector<MentionedText> microworld_relations(std::uint64_t seed, std::int64_t count, KnowledgePart part);

/// What a name is of, coarse and fine: being and person, group and company, thing and ship or book. The sentence does
/// not say.
std::vector<MentionedText> microworld_types(std::uint64_t seed, std::int64_t count, KnowledgePart part);

/// Questions with five answers, each found by following two or three facts: "In which country was the ship Tavoren
/// built?" Wrong answers are those to which other relations lead, then those that are right of others, so that no name
/// tells that it is right: without facts no more than a fifth can be known.
std::vector<ChoiceExample> microworld_graph_questions(std::uint64_t seed, std::int64_t count, KnowledgePart part);

/// What microworld's stories call a thing with its quality, and where something is: "old key", "in the kitchen". A line
/// each, for knowledge masking.
std::string microworld_phrases();

/// The lines of a file that read_triples reads.
std::string triples_text(std::span<const NamedTriple> triples);

}  // namespace langzoo
