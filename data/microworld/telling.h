/// Microworld events in English.
///
/// Every event can be told in several ways; the choices are the Chooser's. Pronouns follow one rule. A person already
/// mentioned in this sentence is "he" or "she" if no other of that gender has been; one not yet mentioned may be, if of
/// those in the sentence before and so far in this one they are the only one of that gender. Likewise "it" and "they"
/// for things and number. So a pronoun always means exactly one person or thing.
#pragma once

#include <cstdint>

#include "data/microworld/chooser.h"
#include "data/microworld/world.h"

namespace langzoo::microworld {

/// What the reader has in mind: bits of the people and things that the last sentence mentioned, and its place.
struct Discourse {
  std::uint16_t people = 0, things = 0;
  std::int8_t place = kNone;
  std::int8_t adverb = 0;  ///< which one opened it; none does so twice running
};

/// Tells the event, which is about to happen in `world`, as one or two sentences with a space before all but the first;
/// kEnd is told as the blank line "\n\n". Updates the discourse.
void tell(const Event& event, const World& world, Discourse& discourse, Chooser& chooser);

}  // namespace langzoo::microworld
