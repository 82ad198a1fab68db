#include "data/microworld/korean_particles.h"

#include <algorithm>
#include <stdexcept>

#include "tokenizers/utf8.h"

namespace langzoo::microworld {

namespace {

// The Unicode Standard 3.12, conjoining jamo: a syllable is kFirst + (initial * 21 + vowel) * kFinals + final.
constexpr char32_t kFirstSyllable = 0xAC00, kLastSyllable = 0xD7A3, kFinals = 28;
constexpr int kRieul = 8;
constexpr std::size_t kSyllableBytes = 3;

}  // namespace

int final_consonant(std::string_view word) {
  if (word.size() < kSyllableBytes) return 0;
  const auto last = decode_utf8(word, word.size() - kSyllableBytes);
  if (last.length != kSyllableBytes || last.code_point < kFirstSyllable || last.code_point > kLastSyllable) return 0;
  return static_cast<int>((last.code_point - kFirstSyllable) % kFinals);
}

std::string with_particle(std::string_view word, std::string_view particle) {
  const auto found = std::find_if(kParticles.begin(), kParticles.end(),
                                  [&](const Particle& of) { return of.after_consonant == particle; });
  if (found == kParticles.end()) throw std::invalid_argument("no particle: " + std::string(particle));
  const int final = final_consonant(word);
  const bool vowel = final == 0 || (final == kRieul && particle == "으로");
  return std::string(word).append(vowel ? found->after_vowel : found->after_consonant);
}

}  // namespace langzoo::microworld
