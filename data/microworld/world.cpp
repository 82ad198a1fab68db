#include "data/microworld/world.h"

#include <algorithm>
#include <utility>

namespace langzoo::microworld {

namespace {

constexpr int kMinActions = 5;
constexpr int kMaxActions = 13;
constexpr int kMaxPlaces = 4;
constexpr int kMaxClosings = 3;

using Kind = EventKind;

std::int8_t id(int value) {
  return static_cast<std::int8_t>(value);
}
bool has(unsigned bits, int i) {
  return (bits >> i & 1u) != 0;
}
std::uint16_t bit(int i) {
  return static_cast<std::uint16_t>(1u << i);
}

/// Builds the groups of possible_events for one world.
class Planner {
 public:
  explicit Planner(const World& world) : w_(world) {
    for (int p = 0; p < kPersonCount; ++p) {
      if (w_.location[p] != kNone) people_.push_back(id(p));
    }
    for (int t = 0; t < kThingCount; ++t) {
      if (w_.where[t].known()) things_.push_back(id(t));
    }
  }

  std::vector<EventGroup> plan() {
    if (w_.things < 2 || w_.last.kind == Kind::kThingAt || w_.last.kind == Kind::kPersonHas) setting();
    if (w_.things < 2) return std::move(groups_);
    if (w_.closings > 0) {
      if (w_.closings < kMaxClosings) closing(1);
      add(w_.closings < kMaxClosings ? 16 : 1, {{1, {Kind::kEnd}}});
      return std::move(groups_);
    }
    if (forced()) return std::move(groups_);
    if (w_.actions < kMaxActions) action();
    const int late = std::max(0, w_.actions - kMinActions + 1);
    if (late > 0) closing(w_.seeker == kNone ? 3 * late : late);
    if (groups_.empty()) closing(1);
    return std::move(groups_);
  }

 private:
  using Items = std::vector<EventGroup::Item>;

  void add(int weight, Items items) {
    if (!items.empty()) groups_.push_back({weight, std::move(items)});
  }

  bool mentioned(int place) const { return has(w_.places, place); }
  bool may_add_place() const { return w_.people + w_.things == 0 || __builtin_popcount(w_.places) < kMaxPlaces; }

  /// 0: the place cannot come in now.
  int place_weight(int place, int old_weight, int new_weight) const {
    return mentioned(place) ? old_weight : may_add_place() ? new_weight : 0;
  }

  void setting() {
    if (!w_.started) add(1, {{1, {Kind::kDay}}});
    if (w_.things == 0 && w_.people < 3) add(w_.people < 2 ? 2 : 1, newcomers());
    if (w_.people == 0) add(1, pairs());
    if (w_.people >= 2 && w_.things < 3) add(w_.things < 2 ? 1 : 150, new_things());
  }

  Items newcomers() const {
    Items items;
    for (int p = 0; p < kPersonCount; ++p) {
      if (w_.location[p] != kNone) continue;
      for (int place = 0; place < kPlaceCount; ++place) {
        const int weight = place_weight(place, 6, 1);
        if (weight > 0) items.push_back({weight, {.kind = Kind::kPersonAt, .actor = id(p), .place = id(place)}});
      }
    }
    return items;
  }

  Items pairs() const {
    Items items;
    for (int p = 0; p < kPersonCount; ++p) {
      for (int q = p + 1; q < kPersonCount; ++q) {
        for (int place = 0; place < kPlaceCount; ++place) {
          items.push_back({1, {.kind = Kind::kPeopleAt, .actor = id(p), .other = id(q), .place = id(place)}});
        }
      }
    }
    return items;
  }

  Items new_things() const {
    Items items;
    for (int t = 0; t < kThingCount; ++t) {
      if (w_.where[t].known()) continue;
      for (int q = kNone; q < kQualityCount; ++q) {
        if (q != kNone && !has(kThings[t].qualities, q)) continue;
        const int often = q == kNone ? __builtin_popcount(kThings[t].qualities) : 1;
        for (int place = 0; place < kPlaceCount; ++place) {
          const int weight = often * place_weight(place, 6, 1);
          if (weight == 0) continue;
          items.push_back({weight, {.kind = Kind::kThingAt, .thing = id(t), .place = id(place), .quality = id(q)}});
        }
        for (const auto p : people_) {
          items.push_back({4 * often, {.kind = Kind::kPersonHas, .actor = p, .thing = id(t), .quality = id(q)}});
        }
      }
    }
    return items;
  }

  /// What has to follow the latest event: an answer to a question, or what a seeker finds on arriving.
  bool forced() {
    const Event& last = w_.last;
    if (last.kind == Kind::kAskWhere) {
      const auto known = w_.belief[last.other][last.thing];
      add(1, {{1,
               {.kind = Kind::kAnswer,
                .actor = last.other,
                .other = last.actor,
                .thing = last.thing,
                .place = known.place,
                .holder = known.holder}}});
      return true;
    }
    if (last.kind == Kind::kAskFor) {
      add(1, {{3, {.kind = Kind::kGive, .actor = last.other, .other = last.actor, .thing = last.thing}},
              {1, {.kind = Kind::kRefuse, .actor = last.other, .other = last.actor, .thing = last.thing}}});
      return true;
    }
    if ((last.kind != Kind::kMove && last.kind != Kind::kFollow) || last.actor != w_.seeker) return false;
    const auto seeker = w_.seeker, thing = w_.sought;
    const bool purposeful = last.kind == Kind::kMove && last.thing != kNone;
    Event event{.actor = seeker, .thing = thing};
    if (w_.where[thing].place == last.place) {
      event.kind = Kind::kFind;
      event.place = last.place;
    } else if (w_.seen_at(thing) == last.place) {
      event.other = w_.where[thing].holder;
      event.kind = purposeful && last.other == event.other ? Kind::kAskFor : Kind::kSee;
    } else if (purposeful) {
      event.kind = Kind::kMiss;
      event.other = last.other;
      event.place = last.place;
    } else {
      return false;
    }
    add(1, {{1, event}});
    return true;
  }

  void action() {
    if (w_.last.kind == Kind::kGive) {
      add(160, {{1, {.kind = Kind::kThank, .actor = w_.last.other, .other = w_.last.actor, .thing = w_.last.thing}}});
    }
    if (w_.seeker != kNone) {
      add(260, pursuits());
    } else if (w_.actions + 3 < kMaxActions) {
      add(120, wishes());
    }
    add(50, moves());
    add(50, takes_and_puts());
    add(30, gifts());
    add(110, tidings());
    add(120, followers());
  }

  /// The seeker's next step towards the thing sought.
  Items pursuits() const {
    Items items;
    const auto p = w_.seeker, t = w_.sought;
    const auto believed = w_.belief[p][t];
    const auto here = w_.location[p];
    if (believed.place == here) {
      items.push_back({1, {.kind = Kind::kTake, .actor = p, .thing = t}});
    } else if (believed.place != kNone) {
      items.push_back({1, {.kind = Kind::kMove, .actor = p, .thing = t, .place = believed.place}});
    } else if (believed.holder != kNone && w_.location[believed.holder] == here) {
      items.push_back({1, {.kind = Kind::kAskFor, .actor = p, .other = believed.holder, .thing = t}});
    } else if (believed.holder != kNone) {
      items.push_back({1,
                       {.kind = Kind::kMove,
                        .actor = p,
                        .other = believed.holder,
                        .thing = t,
                        .place = w_.location[believed.holder]}});
    } else {
      for (const auto q : people_) {
        if (q == p || has(w_.asked, q)) continue;
        if (w_.location[q] == here)
          items.push_back(
              {w_.belief[q][t].known() ? 24 : 4, {.kind = Kind::kAskWhere, .actor = p, .other = q, .thing = t}});
      }
      for (int place = 0; place < kPlaceCount; ++place) {
        if (place == here || w_.last.kind == Kind::kMove || !mentioned(place)) continue;
        items.push_back({1, {.kind = Kind::kMove, .actor = p, .place = id(place)}});
      }
      if (w_.searched) items.push_back({1, {.kind = Kind::kGiveUp, .actor = p, .thing = t}});
    }
    return items;
  }

  Items wishes() const {
    Items items;
    for (const auto p : people_) {
      for (const auto t : things_) {
        if (has(w_.wanted[p], t) || w_.holds(p, t) || just_handled(t)) continue;
        const auto believed = w_.belief[p][t];
        const bool here = w_.seen_at(t) == w_.location[p];
        const int weight = here ? 2 : !believed.known() ? 4 : believed == w_.where[t] ? 6 : 24;
        items.push_back({weight, {.kind = Kind::kWant, .actor = p, .thing = t}});
      }
    }
    return items;
  }

  Items moves() const {
    Items items;
    for (const auto p : people_) {
      if (p == w_.seeker || ((w_.last.kind == Kind::kMove || w_.last.kind == Kind::kFollow) && w_.last.actor == p))
        continue;
      for (int place = 0; place < kPlaceCount; ++place) {
        const int weight = place == w_.location[p] ? 0 : place_weight(place, 12, 1);
        if (weight == 0) continue;
        items.push_back({weight * eagerness(p), {.kind = Kind::kMove, .actor = p, .place = id(place)}});
      }
    }
    return items;
  }

  /// Stories go on with the person they are about.
  int eagerness(int person) const { return w_.last.actor == person ? 2 : 1; }

  /// Whether the latest event was about this thing, so that another would undo it.
  bool just_handled(int thing) const { return w_.last.thing == thing; }

  /// Whether taking the thing leaves somebody with a wrong belief.
  bool someone_else_believes(int thing) const {
    return std::any_of(people_.begin(), people_.end(), [&](int p) {
      return w_.location[p] != w_.seen_at(thing) && w_.belief[p][thing] == w_.where[thing];
    });
  }

  Items takes_and_puts() const {
    Items items;
    for (const auto p : people_) {
      for (const auto t : things_) {
        if (just_handled(t) || (p == w_.seeker && t == w_.sought)) continue;
        const auto here = w_.location[p];
        if (w_.where[t].place == here) {
          items.push_back(
              {eagerness(p) * (someone_else_believes(t) ? 6 : 2), {.kind = Kind::kTake, .actor = p, .thing = t}});
        } else if (w_.holds(p, t) && !has(w_.got[p], t)) {
          items.push_back({2 * eagerness(p), {.kind = Kind::kPut, .actor = p, .thing = t, .place = here}});
        }
      }
    }
    return items;
  }

  Items gifts() const {
    Items items;
    for (const auto t : things_) {
      const auto p = w_.where[t].holder;
      if (p == kNone || has(w_.got[p], t) || (just_handled(t) && w_.last.kind != Kind::kTake)) continue;
      for (const auto q : people_) {
        if (q == p || w_.location[q] != w_.location[p]) continue;
        items.push_back({eagerness(p), {.kind = Kind::kGive, .actor = p, .other = q, .thing = t}});
      }
    }
    return items;
  }

  Items tidings() const {
    Items items;
    for (const auto p : people_) {
      for (const auto q : people_) {
        if (q == p || w_.location[q] != w_.location[p]) continue;
        for (const auto t : things_) {
          const auto known = w_.belief[p][t];
          if (!known.known() || known == w_.belief[q][t] || known.place == w_.location[p] || just_handled(t)) continue;
          const int weight = q == w_.seeker && t == w_.sought ? 12 : eagerness(p);
          items.push_back({weight,
                           {.kind = Kind::kTell,
                            .actor = p,
                            .other = q,
                            .thing = t,
                            .place = known.place,
                            .holder = known.holder}});
        }
      }
    }
    return items;
  }

  Items followers() const {
    Items items;
    if (w_.last.kind != Kind::kMove) return items;
    for (const auto q : people_) {
      if (q == w_.last.actor || q == w_.seeker || w_.location[q] != w_.came_from) continue;
      items.push_back({1, {.kind = Kind::kFollow, .actor = q, .other = w_.last.actor, .place = w_.last.place}});
    }
    return items;
  }

  /// The questions and remarks that suit the end, each kind at most once; their weights are multiplied by `urgency`.
  void closing(int urgency) {
    const auto group = [&](Kind kind, int weight, const auto& fill) {
      if (has32(w_.closing_kinds, static_cast<int>(kind))) return;
      Items items;
      fill(items);
      add(weight * urgency, std::move(items));
    };
    group(Kind::kEndThing, 6, [&](Items& items) {
      for (const auto t : untold()) items.push_back({1, located(Kind::kEndThing, t)});
    });
    group(Kind::kEndBelief, 10, [&](Items& items) {
      for (const auto p : people_) {
        for (const auto t : untold()) {
          const auto believed = w_.belief[p][t];
          if (!believed.known() || believed == w_.where[t]) continue;
          items.push_back(
              {1,
               {.kind = Kind::kEndBelief, .actor = p, .thing = t, .place = believed.place, .holder = believed.holder}});
        }
      }
    });
    group(Kind::kEndMood, 6, [&](Items& items) {
      for (const auto p : people_) {
        for (const auto t : things_) {
          if (!has(w_.wanted[p], t)) continue;
          items.push_back(
              {1, {.kind = Kind::kEndMood, .actor = p, .other = w_.holds(p, t) ? p : id(kNone), .thing = t}});
        }
      }
    });
    group(Kind::kAskThing, 6, [&](Items& items) {
      for (const auto t : untold()) items.push_back({1, located(Kind::kAskThing, t)});
    });
    group(Kind::kAskHolder, 5, [&](Items& items) {
      for (const auto t : untold()) {
        items.push_back({w_.where[t].holder == kNone ? 1 : 2, located(Kind::kAskHolder, t)});
      }
    });
    group(Kind::kAskPerson, 5, [&](Items& items) {
      for (const auto p : people_) {
        items.push_back({1, {.kind = Kind::kAskPerson, .actor = p, .place = w_.location[p]}});
      }
    });
    group(Kind::kAskKnows, 5, [&](Items& items) {
      for (const auto p : people_) {
        for (const auto t : untold()) {
          if (w_.holds(p, t)) continue;
          const bool knows = w_.belief[p][t] == w_.where[t];
          items.push_back({1, {.kind = Kind::kAskKnows, .actor = p, .other = knows ? p : id(kNone), .thing = t}});
        }
      }
    });
    group(Kind::kAskColor, 5, [&](Items& items) {
      for (const auto t : things_) {
        if (w_.quality[t] == kNone || w_.quality[t] >= kColors) continue;
        items.push_back({1, {.kind = Kind::kAskColor, .thing = t, .quality = w_.quality[t]}});
      }
    });
    group(Kind::kAskGiver, 6, [&](Items& items) {
      for (const auto t : things_) {
        if (w_.where[t].holder == kNone || w_.given_by[t] == kNone) continue;
        items.push_back(
            {1, {.kind = Kind::kAskGiver, .actor = w_.where[t].holder, .other = w_.given_by[t], .thing = t}});
      }
    });
    group(Kind::kAskTeller, 6, [&](Items& items) {
      for (const auto p : people_) {
        for (const auto t : things_) {
          if (w_.told_by[p][t] < 0) continue;
          items.push_back({1, {.kind = Kind::kAskTeller, .actor = p, .other = w_.told_by[p][t], .thing = t}});
        }
      }
    });
  }

  static bool has32(std::uint32_t bits, int i) { return (bits >> i & 1u) != 0; }

  Event located(Kind kind, std::int8_t thing) const {
    return {.kind = kind, .thing = thing, .place = w_.where[thing].place, .holder = w_.where[thing].holder};
  }

  std::vector<std::int8_t> untold() const {
    std::vector<std::int8_t> things;
    std::copy_if(things_.begin(), things_.end(), std::back_inserter(things),
                 [&](int t) { return !has(w_.closing_things, t); });
    return things;
  }

  const World& w_;
  std::vector<std::int8_t> people_, things_;
  std::vector<EventGroup> groups_;
};

/// What everybody present sees replaces what they believed.
void look_around(World& world) {
  for (int p = 0; p < kPersonCount; ++p) {
    const auto here = world.location[p];
    if (here == kNone) continue;
    for (int t = 0; t < kThingCount; ++t) {
      if (!world.where[t].known()) continue;
      auto& believed = world.belief[p][t];
      if (world.seen_at(t) == here) {
        believed = world.where[t];
      } else if (believed.place == here || (believed.holder != kNone && world.location[believed.holder] == here)) {
        believed = {};
      }
    }
  }
}

}  // namespace

World::World() {
  location.fill(kNone);
  quality.fill(kNone);
  given_by.fill(kNone);
  for (auto& row : told_by) row.fill(kNone);
}

std::vector<EventGroup> possible_events(const World& world) {
  return Planner(world).plan();
}

void apply(const Event& event, World& world) {
  const auto place_person = [&](int person) {
    world.came_from = world.location[person];
    world.location[person] = event.place;
    world.visited[person] |= bit(event.place);
  };
  const auto hand_over = [&](std::int8_t to) {
    world.where[event.thing] = {.holder = to};
    world.given_by[event.thing] = kNone;
    world.moved |= bit(event.thing);
    if (to == world.seeker && event.thing == world.sought) {
      world.got[to] |= bit(event.thing);
      world.seeker = world.sought = kNone;
    }
  };
  const bool setting = event.kind <= Kind::kPersonHas;
  const bool closing = event.kind >= Kind::kEndThing;
  switch (event.kind) {
    case Kind::kDay:
      break;
    case Kind::kPeopleAt:
      place_person(event.other);
      ++world.people;
      [[fallthrough]];
    case Kind::kPersonAt:
      place_person(event.actor);
      ++world.people;
      break;
    case Kind::kThingAt:
    case Kind::kPersonHas:
      world.where[event.thing] = {event.place, event.actor};
      if (event.kind == Kind::kThingAt && world.things == 0) {
        for (auto& beliefs : world.belief) beliefs[event.thing] = world.where[event.thing];
      }
      world.quality[event.thing] = event.quality;
      ++world.things;
      break;
    case Kind::kWant:
      world.seeker = event.actor;
      world.sought = event.thing;
      world.asked = 0;
      world.searched = false;
      world.wanted[event.actor] |= bit(event.thing);
      break;
    case Kind::kMove:
    case Kind::kFollow:
      place_person(event.actor);
      break;
    case Kind::kFind:
    case Kind::kTake:
      hand_over(event.actor);
      break;
    case Kind::kPut:
      world.where[event.thing] = {.place = event.place};
      world.given_by[event.thing] = kNone;
      world.moved |= bit(event.thing);
      break;
    case Kind::kGive:
      hand_over(event.other);
      world.given_by[event.thing] = event.actor;
      break;
    case Kind::kTell:
    case Kind::kAnswer:
      if (event.place == kNone && event.holder == kNone) break;
      world.belief[event.other][event.thing] = {event.place, event.holder};
      if (auto& teller = world.told_by[event.other][event.thing]; teller != event.actor) {
        teller = teller == kNone ? event.actor : kSeveral;
      }
      break;
    case Kind::kAskWhere:
      world.asked |= bit(event.other);
      world.searched = true;
      break;
    case Kind::kMiss:
      world.searched = true;
      break;
    case Kind::kRefuse:
    case Kind::kGiveUp:
      world.seeker = world.sought = kNone;
      break;
    case Kind::kEndThing:
    case Kind::kEndBelief:
    case Kind::kAskThing:
    case Kind::kAskHolder:
    case Kind::kAskKnows:
      world.closing_things |= bit(event.thing);
      break;
    default:
      break;
  }
  if (event.place != kNone) world.places |= bit(event.place);
  if (closing) {
    world.closing_kinds |= 1u << static_cast<int>(event.kind);
    ++world.closings;
  } else if (!setting) {
    ++world.actions;
  }
  world.started = true;
  world.last = event;
  look_around(world);
}

}  // namespace langzoo::microworld
