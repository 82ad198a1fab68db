/// The people, places, things and qualities that a microworld story can be about. Ids are indices into these tables.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace langzoo::microworld {

struct PersonWord {
  std::string_view name;
  bool female;
};
struct PlaceWord {
  std::string_view noun;
  std::string_view preposition;
};
struct ThingWord {
  std::string_view noun;
  bool plural;
  std::uint16_t qualities;  ///< bit q: the thing can be kQualities[q]
};

inline constexpr std::array<PersonWord, 10> kPeople = {{{"Anna", true},
                                                        {"Ben", false},
                                                        {"David", false},
                                                        {"Emma", true},
                                                        {"John", false},
                                                        {"Lucy", true},
                                                        {"Mary", true},
                                                        {"Peter", false},
                                                        {"Sara", true},
                                                        {"Tom", false}}};

inline constexpr std::array<PlaceWord, 14> kPlaces = {{{"kitchen", "in"},
                                                       {"garden", "in"},
                                                       {"hall", "in"},
                                                       {"bedroom", "in"},
                                                       {"cellar", "in"},
                                                       {"attic", "in"},
                                                       {"office", "in"},
                                                       {"garage", "in"},
                                                       {"barn", "in"},
                                                       {"library", "in"},
                                                       {"park", "in"},
                                                       {"market", "at"},
                                                       {"station", "at"},
                                                       {"lake", "at"}}};

/// The first kColors qualities are colors.
inline constexpr std::array<std::string_view, 7> kQualities = {"red",   "blue", "green", "black",
                                                               "white", "old",  "small"};
inline constexpr int kColors = 5;

inline namespace quality {
inline constexpr std::uint16_t kRed = 1, kBlue = 2, kGreen = 4, kBlack = 8, kWhite = 16, kOld = 32, kSmall = 64;
}

inline constexpr std::array<ThingWord, 16> kThings = {{{"apple", false, kRed | kGreen | kSmall},
                                                       {"orange", false, kSmall},
                                                       {"egg", false, kWhite | kSmall},
                                                       {"umbrella", false, kRed | kBlue | kBlack | kOld},
                                                       {"ball", false, kRed | kBlue | kGreen | kWhite},
                                                       {"book", false, kRed | kBlue | kGreen | kOld},
                                                       {"key", false, kOld | kSmall},
                                                       {"lamp", false, kGreen | kOld | kSmall},
                                                       {"letter", false, kOld},
                                                       {"hat", false, kRed | kBlue | kBlack | kOld},
                                                       {"cup", false, kBlue | kWhite | kOld},
                                                       {"map", false, kOld | kSmall},
                                                       {"gloves", true, kRed | kBlack | kOld},
                                                       {"shoes", true, kRed | kBlack | kWhite},
                                                       {"scissors", true, kOld | kSmall},
                                                       {"coins", true, kOld}}};

/// A word that agrees with the person it stands for.
struct GenderForms {
  std::string_view male, female;
  constexpr std::string_view of(const PersonWord& person) const { return person.female ? female : male; }
};
inline constexpr GenderForms kHe = {"he", "she"}, kHim = {"him", "her"};

/// A word that agrees in number with the thing it stands for or tells of.
struct NumberForms {
  std::string_view singular, plural;
  constexpr std::string_view of(const ThingWord& thing) const { return thing.plural ? plural : singular; }
};
inline constexpr NumberForms kItSubject = {"it", "they"}, kItObject = {"it", "them"};
inline constexpr NumberForms kIs = {"is", "are"}, kWas = {"was", "were"};

inline constexpr int kPersonCount = static_cast<int>(kPeople.size());
inline constexpr int kPlaceCount = static_cast<int>(kPlaces.size());
inline constexpr int kThingCount = static_cast<int>(kThings.size());
inline constexpr int kQualityCount = static_cast<int>(kQualities.size());

}  // namespace langzoo::microworld
