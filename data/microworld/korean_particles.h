/// Korean particles, whose form depends on how the word before them ends.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace langzoo::microworld {

/// A particle by its two forms: after a final consonant, and after a vowel.
struct Particle {
  std::string_view after_consonant, after_vowel;
};

inline constexpr std::array<Particle, 6> kParticles = {{{"은", "는"},          // topic
                                                        {"이", "가"},          // subject
                                                        {"을", "를"},          // object
                                                        {"과", "와"},          // and
                                                        {"으로", "로"},        // direction; 로 after ㄹ also
                                                        {"이었다", "였다"}}};  // was

/// The final consonant of a word's last syllable: 0 none, else its number in Unicode's order (ㄱ 1, ㄴ 4, ㄹ 8, ...
/// ㅎ 27). A word that does not end in a Hangul syllable has none.
int final_consonant(std::string_view word);

/// The word with the form of the particle that it asks for; `particle` is the form after a consonant. Throws
/// std::invalid_argument for one that is not in kParticles.
std::string with_particle(std::string_view word, std::string_view particle);

}  // namespace langzoo::microworld
