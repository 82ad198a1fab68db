#include "data/microworld/telling.h"

#include "data/microworld/grammar.h"

namespace langzoo::microworld {

namespace {

using Kind = EventKind;

class Teller : Speaker {
 public:
  Teller(const Event& event, const World& world, const Discourse& before, Chooser& chooser)
      : Speaker(world, before, chooser), e_(event) {}

  Discourse tell();

 private:
  Whereabouts told() const { return {e_.place, e_.holder}; }
  bool knows(int p, int t) const { return w_.belief[p][t] == w_.where[t]; }

  /// An adverb that suits what came before, or none.
  void opener() {
    constexpr std::array<std::string_view, 7> kAdverbs = {"",      "then ",       "after that, ",   "a little later, ",
                                                          "soon ", "meanwhile, ", "after a while, "};
    std::array<int, kAdverbs.size()> weights{};
    const auto last = w_.last.actor;
    if (w_.last.kind <= Kind::kPersonHas) {
      weights = {5, 0, 0, 0, 1, 0, 1};
    } else if (last == e_.actor) {
      weights = {8, 3, 1, 1, 0, 0, 0};
    } else if (last != kNone && w_.location[last] != w_.location[e_.actor]) {
      weights = {4, 0, 0, 1, 0, 3, 1};
    } else {
      weights = {8, 2, 0, 1, 1, 0, 0};
    }
    if (before_.adverb > 0) weights[static_cast<std::size_t>(before_.adverb)] = 0;
    const std::size_t chosen = chooser_.choose(weights);
    now_.adverb = static_cast<std::int8_t>(chosen);
    say(kAdverbs[chosen]);
  }

  /// Those at a place other than p.
  int company(int place, int p, std::array<int, kPersonCount>& people) const {
    int n = 0;
    for (int q = 0; q < kPersonCount; ++q) {
      if (q != p && w_.location[q] == place) people[static_cast<std::size_t>(n++)] = q;
    }
    return n;
  }

  // Events.
  void day();
  void person_at();
  void thing_at();
  void person_has();
  void want();
  void errand();
  void walk();
  void follow();
  void find();
  void miss();
  void see();
  void take();
  void put();
  void give();
  void refuse();
  void thank();
  void tell_where();
  void ask_where();
  void answer();
  void ask_for();
  void give_up();
  void end_thing();
  void end_belief();
  void end_mood();
  void question();

  const Event& e_;
};

void Teller::day() {
  say("it was ");
  one_of({{1, "a cold "}, {1, "a warm "}, {1, "a rainy "}, {1, "a sunny "}, {1, "a quiet "}, {1, "an ordinary "}});
  one_of({{2, "day"}, {2, "morning"}, {1, "evening"}, {1, "afternoon"}});
}

void Teller::person_at() {
  const bool two = e_.kind == Kind::kPeopleAt;
  if (!w_.started) {
    one_of({{3, ""}, {2, "one day "}, {1, "one morning "}, {1, "one evening "}, {1, "early in the morning, "}});
  }
  name(e_.actor);
  if (two) {
    say(" and ");
    name(e_.other);
    one_of({{4, " were "}, {1, " were sitting "}, {1, " were talking "}});
  } else {
    one_of({{5, " was "}, {1, " was sitting "}, {1, " was working "}, {1, " was waiting "}});
  }
  std::array<int, kPersonCount> others{};
  const bool joins = !two && company(e_.place, e_.actor, others) > 0;
  if (e_.place == before_.place && pick({1, 2}) == 1) {
    say("there");
    now_.place = e_.place;
  } else {
    at(e_.place);
  }
  if (joins) say(" too");
}

void Teller::thing_at() {
  const auto there = [&] {
    say("there", was(e_.thing), " ");
    a(e_.thing, e_.quality);
  };
  switch (pick({4, 2, 2})) {
    case 0:
      there();
      say(" ");
      at(e_.place);
      break;
    case 1:
      at(e_.place);
      say(" ");
      there();
      break;
    default:
      a(e_.thing, e_.quality);
      say(" lay ");
      at(e_.place);
  }
}

void Teller::person_has() {
  subject(e_.actor);
  one_of({{3, " had "}, {1, " was holding "}, {1, " was carrying "}});
  a(e_.thing, e_.quality);
}

void Teller::want() {
  if (pick({5, 2}) == 0) {
    opener();
    subject(e_.actor);
    one_of({{3, " wanted "}, {2, " needed "}});
    thing(e_.thing);
  } else {
    one_of({{1, "\"I need "}, {1, "\"I want "}});
    the(e_.thing, true);
    say(",\"");
    said(e_.actor);
  }
  const bool unknown = !w_.belief[e_.actor][e_.thing].known();
  if (unknown && pick({1, 1}) == 1) {
    say(", but ");
    subject(e_.actor);
    say(" did not know where ");
    pronoun(e_.thing, it_subject(e_.thing));
    say(was(e_.thing));
  }
}

void Teller::errand() {
  const bool person = e_.other != kNone;
  const auto believed = w_.belief[e_.actor][e_.thing];
  const bool right = knows(e_.actor, e_.thing);
  const auto go = [&] {
    one_of({{3, " went "}, {1, " walked "}, {1, " ran "}});
    if (now_.place == e_.place) {
      say("there");
    } else {
      say("to ");
      the_place(e_.place);
    }
  };
  switch (pick({2, 2, right ? 2 : 0})) {
    case 0:
      opener();
      subject(e_.actor);
      go();
      if (person) {
        say(" to ask ");
        object(e_.other);
        say(" for ");
      } else {
        one_of({{2, " to get "}, {1, " to look for "}});
      }
      thing(e_.thing);
      break;
    case 1:
      subject(e_.actor);
      say(right ? " knew that " : " thought that ");
      clause(e_.thing, believed);
      say(", so ");
      subject(e_.actor);
      go();
      break;
    default:
      say("because ");
      clause(e_.thing, believed);
      say(", ");
      subject(e_.actor);
      go();
  }
}

void Teller::walk() {
  std::array<int, kThingCount> held{}, seen{};
  std::size_t n_held = 0, n_seen = 0;
  for (int t = 0; t < kThingCount; ++t) {
    if (w_.holds(e_.actor, t)) held[n_held++] = t;
    if (w_.where[t].place == e_.place) seen[n_seen++] = t;
  }
  const auto any = [&](const std::array<int, kThingCount>& things, std::size_t n) {
    std::array<int, kThingCount> weights{};
    for (std::size_t i = 0; i < n; ++i) weights[i] = 1;
    return things[chooser_.choose(std::span<const int>(weights.data(), n))];
  };
  const bool back = (w_.visited[static_cast<std::size_t>(e_.actor)] >> e_.place & 1u) != 0;
  opener();
  subject(e_.actor);
  const std::size_t form = pick({6, 2, n_held > 0 ? 3 : 0});
  switch (form) {
    case 0:
      one_of({{4, " went "}, {2, " walked "}, {1, " ran "}});
      say(back ? "back to " : "to ");
      the_place(e_.place);
      break;
    case 1:
      say(" left ");
      the_place(w_.location[e_.actor]);
      one_of({{2, " and went "}, {1, " and walked "}});
      say(back ? "back to " : "to ");
      the_place(e_.place);
      break;
    default: {
      one_of({{1, " took "}, {1, " carried "}});
      thing(any(held, n_held));
      say(" to ");
      the_place(e_.place);
    }
  }
  std::array<int, kPersonCount> others{};
  const int n_others = company(e_.place, e_.actor, others);
  const int sees = form != 1 && n_seen > 0 && e_.actor != w_.seeker ? 1 : 0;
  switch (pick({3, n_others > 0 ? 1 : 0, form != 1 && n_others > 0 ? 1 : 0, sees})) {
    case 1:
      say(", where ");
      names(others, n_others);
      say(n_others > 1 ? " were" : " was");
      break;
    case 2:
      say(" and met ");
      names(others, n_others);
      say(" there");
      break;
    case 3:
      say(" and saw ");
      the(any(seen, n_seen));
      say(" there");
      break;
    default:
      break;
  }
}

void Teller::follow() {
  if (pick({3, 1}) == 0) {
    subject(e_.actor);
    say(" followed ");
    object(e_.other);
    if (pick({2, 1}) == 1) {
      say(" to ");
      the_place(e_.place);
    }
  } else {
    subject(e_.actor);
    say(" went there too");
  }
  now_.place = e_.place;
}

void Teller::find() {
  const auto take_it = [&] {
    if (pick({2, 1}) == 0) {
      say(" took ");
      pronoun(e_.thing, it(e_.thing));
    } else {
      say(" picked ");
      pronoun(e_.thing, it(e_.thing));
      say(" up");
    }
  };
  const bool moved = (w_.moved >> e_.thing & 1u) != 0;
  switch (pick({2, 2})) {
    case 0:
      thing_subject(e_.thing);
      say(was(e_.thing), moved ? " there, and " : " still there, and ");
      subject(e_.actor);
      take_it();
      break;
    default:
      subject(e_.actor);
      say(" found ");
      thing(e_.thing);
      one_of({{1, " there"}, {1, ""}});
      say(" and");
      take_it();
  }
}

void Teller::miss() {
  if (e_.other != kNone) {
    say("but ");
    subject(e_.other);
    say(" did not have ");
    thing(e_.thing);
    return;
  }
  switch (pick({3, 1, 2})) {
    case 0:
      say("but ");
      thing_subject(e_.thing);
      say(was(e_.thing));
      one_of({{2, " not there"}, {1, " gone"}});
      break;
    case 1:
      subject(e_.actor);
      say(" could not find ");
      thing(e_.thing);
      one_of({{1, ""}, {1, " there"}});
      break;
    default:
      subject(e_.actor);
      say(" looked for ");
      thing(e_.thing);
      say(", but ");
      pronoun(e_.thing, it_subject(e_.thing));
      say(was(e_.thing), " not there");
  }
}

void Teller::see() {
  if (pick({1, 1}) == 0) {
    subject(e_.actor);
    say(" saw that ");
  } else {
    say("there ");
    subject(e_.actor);
    say(" saw that ");
  }
  clause(e_.thing, {.holder = e_.other});
}

void Teller::take() {
  opener();
  subject(e_.actor);
  const bool short_form = thing_by_pronoun(e_.thing);
  const auto what = [&] { short_form ? pronoun(e_.thing, it(e_.thing)) : the(e_.thing); };
  if (pick({1, 1}) == 0) {
    say(" took ");
    what();
  } else if (short_form) {
    say(" picked ");
    what();
    say(" up");
  } else {
    say(" picked up ");
    what();
  }
}

void Teller::put() {
  opener();
  subject(e_.actor);
  if (pick({1, 1}) == 0) {
    say(" put ");
    thing(e_.thing);
    say(" down");
    if (pick({1, 1}) == 1) {
      say(" ");
      at(e_.place);
    }
  } else {
    say(" left ");
    thing(e_.thing);
    say(" ");
    at(e_.place);
  }
}

void Teller::give() {
  if (w_.last.kind == Kind::kAskFor) {
    if (pick({1, 1}) == 1) say("so ");
  } else {
    opener();
  }
  subject(e_.actor);
  const bool short_form = thing_by_pronoun(e_.thing);
  if (short_form || pick({1, 1}) == 0) {
    one_of({{3, " gave "}, {1, " handed "}});
    short_form ? pronoun(e_.thing, it(e_.thing)) : the(e_.thing);
    say(" to ");
    object(e_.other);
  } else {
    one_of({{3, " gave "}, {1, " handed "}});
    object(e_.other);
    say(" ");
    the(e_.thing);
  }
}

void Teller::refuse() {
  switch (pick({2, 2, 1})) {
    case 0:
      say("\"No, I need ", it(e_.thing), ",\"");
      note_thing(e_.thing);
      said(e_.actor);
      break;
    case 1:
      say("but ");
      subject(e_.actor);
      say(" wanted to keep ");
      thing(e_.thing);
      break;
    default:
      say("but ");
      subject(e_.actor);
      say(" said no");
  }
}

void Teller::thank() {
  if (pick({1, 1}) == 0) {
    say("\"Thank you,\"");
    said(e_.actor);
  } else {
    subject(e_.actor);
    say(" thanked ");
    object(e_.other);
  }
}

void Teller::tell_where() {
  if (pick({1, 1}) == 0) {
    opener();
    subject(e_.actor);
    say(" told ");
    object(e_.other);
    say(" that ");
    clause(e_.thing, told());
    return;
  }
  say("\"");
  spoken_clause(e_.thing, told(), true);
  say(",\" ");
  subject(e_.actor);
  say(" told ");
  object(e_.other);
}

void Teller::ask_where() {
  switch (pick({2, 1, 1})) {
    case 0:
      opener();
      subject(e_.actor);
      say(" asked ");
      object(e_.other);
      say(" where ");
      thing_subject(e_.thing);
      say(was(e_.thing));
      return;
    case 1:
      say("\"Where", is(e_.thing), " ");
      the(e_.thing, true);
      break;
    default:
      say("\"Do you know where ");
      the(e_.thing, true);
      say(is(e_.thing));
  }
  say("?\" ");
  subject(e_.actor);
  say(" asked ");
  object(e_.other);
}

void Teller::answer() {
  if (told().known()) {
    if (pick({1, 1}) == 0) {
      say("\"");
      spoken_clause(e_.thing, told(), false);
      say(",\"");
      said(e_.actor);
    } else {
      subject(e_.actor);
      if (pick({1, 1}) == 0) {
        say(" said that ");
      } else {
        say(" told ");
        object(e_.other);
        say(" that ");
      }
      clause(e_.thing, told());
    }
  } else {
    switch (pick({2, 1, 1})) {
      case 0:
        say("\"I do not know,\"");
        said(e_.actor);
        break;
      case 1:
        say("but ");
        subject(e_.actor);
        say(" did not know");
        break;
      default:
        subject(e_.actor);
        say(" had not seen ");
        thing(e_.thing);
    }
  }
}

void Teller::ask_for() {
  switch (pick({2, 1, 1})) {
    case 0:
      subject(e_.actor);
      say(" asked ");
      object(e_.other);
      say(" for ");
      thing(e_.thing);
      return;
    case 1:
      say("\"Can I have ");
      the(e_.thing, true);
      say("?\" ");
      subject(e_.actor);
      say(" asked ");
      object(e_.other);
      return;
    default:
      say("\"Please give me ");
      the(e_.thing, true);
      say(",\" ");
      subject(e_.actor);
      say(" said to ");
      object(e_.other);
      return;
  }
}

void Teller::give_up() {
  subject(e_.actor);
  if (pick({2, 1}) == 0) {
    say(" gave up");
  } else {
    say(" stopped looking for ");
    thing(e_.thing);
  }
}

void Teller::end_thing() {
  if (w_.closings == 0) one_of({{3, "in the end, "}, {1, "at the end of the day, "}, {1, "that night, "}});
  const bool still = (w_.moved >> e_.thing & 1u) == 0;
  if (e_.holder != kNone) {
    subject(e_.holder);
    say(still ? " still had " : " had ");
    the(e_.thing);
  } else {
    the(e_.thing);
    say(was(e_.thing), still ? " still " : " ");
    at(e_.place);
  }
}

void Teller::end_belief() {
  subject(e_.actor);
  one_of({{1, " still thought that "}, {1, " thought that "}});
  clause(e_.thing, told());
  say(", but ");
  clause(e_.thing, w_.where[e_.thing]);
}

void Teller::end_mood() {
  const bool happy = e_.other != kNone;
  subject(e_.actor);
  say(happy ? " was happy because " : " was sad because ");
  subject(e_.actor);
  say(happy ? " had " : " did not have ");
  thing(e_.thing);
}

void Teller::question() {
  const int t = e_.thing;
  switch (e_.kind) {
    case Kind::kAskThing:
      say("where", was(t), " ");
      the(t);
      say("? ");
      if (e_.holder != kNone) {
        name(e_.holder);
        say(" had ", it(t));
      } else {
        say(kThings[t].plural ? "They" : "It", was(t), " ");
        at(e_.place);
      }
      break;
    case Kind::kAskHolder:
      say("who had ");
      the(t);
      say("? ");
      if (e_.holder != kNone) {
        name(e_.holder);
        say(" did");
      } else {
        say("Nobody did");
      }
      break;
    case Kind::kAskPerson:
      say("where was ");
      name(e_.actor);
      say("? ", kPeople[e_.actor].female ? "She was " : "He was ");
      at(e_.place);
      break;
    case Kind::kAskKnows:
      say("did ");
      name(e_.actor);
      say(" know where ");
      the(t);
      say(was(t), e_.other != kNone ? "? Yes, " : "? No, ", he(e_.actor), e_.other != kNone ? " did" : " did not");
      break;
    case Kind::kAskColor:
      say("what color", was(t), " ");
      the(t, true);
      say(kThings[t].plural ? "? They were " : "? It was ", kQualities[e_.quality]);
      break;
    case Kind::kAskGiver:
      say("who gave ");
      name(e_.actor);
      say(" ");
      the(t);
      say("? ");
      name(e_.other);
      say(" did");
      break;
    default:
      say("who told ");
      name(e_.actor);
      say(" about ");
      the(t);
      say("? ");
      name(e_.other);
      say(" did");
  }
}

Discourse Teller::tell() {
  switch (e_.kind) {
    case Kind::kDay:
      day();
      break;
    case Kind::kPersonAt:
    case Kind::kPeopleAt:
      person_at();
      break;
    case Kind::kThingAt:
      thing_at();
      break;
    case Kind::kPersonHas:
      person_has();
      break;
    case Kind::kWant:
      want();
      break;
    case Kind::kMove:
      e_.thing != kNone ? errand() : walk();
      break;
    case Kind::kFollow:
      follow();
      break;
    case Kind::kFind:
      find();
      break;
    case Kind::kMiss:
      miss();
      break;
    case Kind::kSee:
      see();
      break;
    case Kind::kTake:
      take();
      break;
    case Kind::kPut:
      put();
      break;
    case Kind::kGive:
      give();
      break;
    case Kind::kRefuse:
      refuse();
      break;
    case Kind::kThank:
      thank();
      break;
    case Kind::kTell:
      tell_where();
      break;
    case Kind::kAskWhere:
      ask_where();
      break;
    case Kind::kAnswer:
      answer();
      break;
    case Kind::kAskFor:
      ask_for();
      break;
    case Kind::kGiveUp:
      give_up();
      break;
    case Kind::kEndThing:
      end_thing();
      break;
    case Kind::kEndBelief:
      end_belief();
      break;
    case Kind::kEndMood:
      end_mood();
      break;
    case Kind::kEnd:
      chooser_.say("\n\n");
      break;
    default:
      question();
  }
  if (e_.kind != Kind::kEnd) say(".");
  return now_;
}

}  // namespace

void tell(const Event& event, const World& world, Discourse& discourse, Chooser& chooser) {
  discourse = Teller(event, world, discourse, chooser).tell();
}

}  // namespace langzoo::microworld
