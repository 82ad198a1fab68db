/// Words, names, pronouns and clauses: what the sentences of telling.cpp are made of.
#pragma once

#include <array>
#include <string>

#include "data/microworld/chooser.h"
#include "data/microworld/telling.h"
#include "data/microworld/world.h"

namespace langzoo::microworld {

/// Says the parts of one sentence, and remembers whom and what it mentioned.
class Speaker {
 protected:
  Speaker(const World& world, const Discourse& before, Chooser& chooser)
      : w_(world), before_(before), chooser_(chooser) {}

  // Words.

  std::size_t pick(std::initializer_list<int> weights) { return chooser_.choose(weights); }

  template <class... Parts>
  void say(const Parts&... parts) {
    (say_one(parts), ...);
  }
  void say_one(std::string_view text) {
    if (text.empty()) return;
    if (begun_) return chooser_.say(text);
    begun_ = true;
    if (w_.started) chooser_.say(" ");
    const bool small = text[0] >= 'a' && text[0] <= 'z';
    const char capital = static_cast<char>(small ? text[0] - 'a' + 'A' : text[0]);
    chooser_.say({&capital, 1});
    chooser_.say(text.substr(1));
  }

  struct Form {
    int weight;
    std::string_view text;
  };
  void one_of(std::initializer_list<Form> forms) {
    std::array<int, 8> weights{};
    std::size_t n = 0;
    for (const Form& form : forms) weights[n++] = form.weight;
    say(forms.begin()[chooser_.choose(std::span<const int>(weights.data(), n))].text);
  }

  // People.

  void note_person(int p) { now_.people |= static_cast<std::uint16_t>(1u << p); }

  /// The only one of her or his gender among these?
  static bool only_person(int p, unsigned people) {
    for (int q = 0; q < kPersonCount; ++q) {
      if (q != p && (people >> q & 1u) && kPeople[q].female == kPeople[p].female) return false;
    }
    return (people >> p & 1u) != 0;
  }
  bool by_pronoun(int p) {
    if (now_.people >> p & 1u) return only_person(p, now_.people);
    return only_person(p, static_cast<unsigned>(before_.people | now_.people)) && pick({1, 3}) == 1;
  }

  void name(int p) {
    say(kPeople[p].name);
    note_person(p);
  }
  void subject(int p) {
    if (!by_pronoun(p)) return name(p);
    say(he(p));
    note_person(p);
  }
  void object(int p) {
    if (!by_pronoun(p)) return name(p);
    say(kHim.of(kPeople[p]));
    note_person(p);
  }
  std::string_view he(int p) const { return kHe.of(kPeople[p]); }

  // Things.

  /// The only one of its number among these?
  static bool only_thing(int t, unsigned things) {
    for (int u = 0; u < kThingCount; ++u) {
      if (u != t && (things >> u & 1u) && kThings[u].plural == kThings[t].plural) return false;
    }
    return (things >> t & 1u) != 0;
  }
  bool thing_by_pronoun(int t) {
    if (now_.things >> t & 1u) return only_thing(t, now_.things);
    return only_thing(t, static_cast<unsigned>(before_.things | now_.things)) && pick({1, 3}) == 1;
  }

  void note_thing(int t) { now_.things |= static_cast<std::uint16_t>(1u << t); }

  std::string_view it(int t) const { return kItObject.of(kThings[t]); }
  std::string_view it_subject(int t) const { return kItSubject.of(kThings[t]); }
  std::string was(int t) const { return std::string(" ").append(kWas.of(kThings[t])); }
  std::string is(int t) const { return std::string(" ").append(kIs.of(kThings[t])); }

  void the(int t, bool plain = false) {
    say("the ");
    const int quality = w_.quality[t];
    if (!plain && quality != kNone && pick({3, 1}) == 1) {
      say(kQualities[quality], " ");
    }
    say(kThings[t].noun);
    note_thing(t);
  }
  void pronoun(int t, std::string_view word) {
    say(word);
    note_thing(t);
  }
  void thing(int t) { thing_by_pronoun(t) ? pronoun(t, it(t)) : the(t); }
  void thing_subject(int t) { thing_by_pronoun(t) ? pronoun(t, it_subject(t)) : the(t); }

  void a(int t, int quality) {
    std::string words;
    if (quality != kNone) words = std::string(kQualities[quality]) + " ";
    words += kThings[t].noun;
    say(kThings[t].plural                                                    ? "some "
        : std::string_view("aeiou").find(words[0]) != std::string_view::npos ? "an "
                                                                             : "a ");
    say(words);
    note_thing(t);
  }

  // Places.

  void the_place(int place) {
    say("the ", kPlaces[place].noun);
    now_.place = id(place);
  }
  void at(int place) {
    say(kPlaces[place].preposition, " ");
    the_place(place);
  }
  static std::int8_t id(int value) { return static_cast<std::int8_t>(value); }

  /// "the key was in the kitchen", "Anna had the key".
  void clause(int t, Whereabouts where) {
    if (where.holder != kNone) {
      name(where.holder);
      say(" had ");
      thing(t);
    } else {
      thing_subject(t);
      say(was(t), " ");
      at(where.place);
    }
  }
  /// The same in a speaker's mouth: "the key is in the kitchen", "Anna has the key".
  void spoken_clause(int t, Whereabouts where, bool named) {
    const bool short_form = !named && thing_by_pronoun(t);
    if (where.holder != kNone) {
      name(where.holder);
      say(" has ");
      short_form ? pronoun(t, it(t)) : the(t);
    } else {
      if (short_form) {
        pronoun(t, kThings[t].plural ? "They" : "It");
      } else {
        say("The ", kThings[t].noun);
        note_thing(t);
      }
      say(is(t), " ");
      at(where.place);
    }
  }
  /// After a quotation: " said Anna", " Anna said", " she said".
  void said(int p) {
    if (by_pronoun(p)) {
      say(" ", he(p), " said");
    } else if (pick({2, 1}) == 0) {
      say(" said ");
      name(p);
    } else {
      say(" ");
      name(p);
      say(" said");
    }
    note_person(p);
  }

  void names(const std::array<int, kPersonCount>& people, int n) {
    for (int i = 0; i < n; ++i) {
      if (i > 0) say(i + 1 == n ? " and " : ", ");
      name(people[static_cast<std::size_t>(i)]);
    }
  }

  const World& w_;
  const Discourse& before_;  ///< what the last sentence mentioned
  Chooser& chooser_;
  Discourse now_;  ///< what this one has mentioned
  bool begun_ = false;
};

}  // namespace langzoo::microworld
