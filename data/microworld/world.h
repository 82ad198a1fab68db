/// The simulated world under every microworld story: who and what there is, what may happen next, and what each event
/// changes. It knows no English; telling.h puts its events into words.
///
/// A story has three parts: the setting (who is where, what lies where, who holds what), the action (people want
/// things, go, look, ask, tell, take, put and give), and one to three closing remarks or questions which the state of
/// the world answers. Everybody knows where the people are and, if the story's first thing lies somewhere, where that
/// is. Of the rest a person knows what they see where they are and what they are told, and they go on believing all of
/// it until they see otherwise.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "data/microworld/lexicon.h"

namespace langzoo::microworld {

enum class EventKind : std::uint8_t {
  // The setting.
  kDay,        ///< what kind of day it is; changes nothing
  kPersonAt,   ///< actor is at place
  kPeopleAt,   ///< actor and other are at place
  kThingAt,    ///< thing, with quality or none, lies at place
  kPersonHas,  ///< actor holds thing, with quality or none
  // The action.
  kWant,      ///< actor begins to look for thing
  kMove,      ///< actor goes to place; thing: what they go for, or none; other: who they believe has it, or none
  kFollow,    ///< actor goes to place, where other just went
  kFind,      ///< actor, having come for thing, finds and takes it
  kMiss,      ///< actor, having come for thing, finds that it is not there, or that other does not have it
  kSee,       ///< actor, looking for thing, sees that other has it
  kTake,      ///< actor takes thing, which lies where they are
  kPut,       ///< actor puts thing down at place, where they are
  kGive,      ///< actor gives thing to other
  kRefuse,    ///< actor does not give thing to other
  kThank,     ///< actor thanks other for thing
  kTell,      ///< actor tells other that thing is at place, or that holder has it
  kAskWhere,  ///< actor asks other where thing is
  kAnswer,    ///< actor answers other: thing is at place, holder has it, or (neither) they do not know
  kAskFor,    ///< actor asks other for thing
  kGiveUp,    ///< actor looks for thing no longer
  // The closing: what holds at the end.
  kEndThing,   ///< thing is at place, or holder has it
  kEndBelief,  ///< actor wrongly believes that thing is at place or that holder has it
  kEndMood,    ///< actor has got the thing they wanted (other = actor), or not (other none)
  kAskThing,   ///< question: where is thing? At place, or holder has it
  kAskHolder,  ///< question: who has thing? holder, or (none) nobody
  kAskPerson,  ///< question: where is actor? At place
  kAskKnows,   ///< question: does actor know where thing is? Yes (other = actor) or no (other none)
  kAskColor,   ///< question: what color is thing? quality
  kAskGiver,   ///< question: who gave thing to actor, who still has it? other
  kAskTeller,  ///< question: who told actor where thing is? other
  kEnd,        ///< the story is over
};

inline constexpr int kNone = -1;
inline constexpr int kSeveral = -2;

/// One event. Fields that its kind does not use are kNone; ids index the tables of lexicon.h.
struct Event {
  EventKind kind = EventKind::kEnd;
  std::int8_t actor = kNone, other = kNone, thing = kNone, place = kNone, holder = kNone, quality = kNone;
  bool operator==(const Event&) const = default;
};

/// Where a thing is, or is believed to be: at a place, with a holder, or (neither) unknown or not in the story.
struct Whereabouts {
  std::int8_t place = kNone, holder = kNone;
  bool known() const { return place != kNone || holder != kNone; }
  bool operator==(const Whereabouts&) const = default;
};

struct World {
  std::array<std::int8_t, kPersonCount> location;                          ///< kNone: not in the story
  std::array<Whereabouts, kThingCount> where;                              ///< unknown: not in the story
  std::array<std::int8_t, kThingCount> quality;                            ///< kNone: nothing said
  std::array<std::array<Whereabouts, kThingCount>, kPersonCount> belief;   ///< what each person believes
  std::array<std::array<std::int8_t, kThingCount>, kPersonCount> told_by;  ///< who told them where it is, or kSeveral
  std::array<std::int8_t, kThingCount> given_by;                           ///< who gave it to its holder
  std::array<std::uint16_t, kPersonCount> visited{}, wanted{}, got{};  ///< bits: places been to; things sought, found
  std::uint16_t places = 0;                                            ///< bits: places mentioned so far
  std::uint16_t moved = 0;                                             ///< bits: things no longer where they began
  std::uint16_t asked = 0;                                             ///< bits: people asked for the thing sought
  std::int8_t came_from = kNone;                                       ///< where the last to move was before
  std::int8_t seeker = kNone, sought = kNone;                          ///< who is looking for what now
  std::int8_t people = 0, things = 0, actions = 0, closings = 0;       ///< counts so far
  std::uint32_t closing_kinds = 0;                                     ///< bits: closing kinds used
  std::uint16_t closing_things = 0;                                    ///< bits: things whose place was told at the end
  bool searched = false;                                               ///< the seeker has asked, or looked in vain
  bool started = false;                                                ///< an event has happened
  Event last;                                                          ///< the latest event

  World();
  bool holds(int person, int thing) const { return where[thing].holder == person; }
  /// Where the thing is to be seen: its place, or that of its holder.
  int seen_at(int thing) const {
    return where[thing].holder == kNone ? where[thing].place : location[where[thing].holder];
  }
};

/// What may happen next. A group is drawn by its weight among the groups, then an event by its weight within the group.
struct EventGroup {
  struct Item {
    int weight;
    Event event;
  };
  int weight;
  std::vector<Item> items;  ///< never empty
};
std::vector<EventGroup> possible_events(const World& world);

/// Makes the event happen. Everybody sees what is where they are, and believes it.
void apply(const Event& event, World& world);

}  // namespace langzoo::microworld
