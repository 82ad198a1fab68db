#include "data/microworld/korean_particles.h"

#include <map>

#include "tests/support/test.h"
#include "tokenizers/utf8.h"

using namespace langzoo;
using namespace langzoo::microworld;

namespace {

/// "가 ..." with the forms of 은, 이, 을, 과, 으로, 이었다 behind a word, by commas.
std::string all_forms(const std::string& word) {
  std::string forms;
  for (const Particle& particle : kParticles) forms += with_particle(word, particle.after_consonant) + ",";
  return forms;
}

}  // namespace

TEST_CASE("particles: every Hangul syllable, by its jamo") {
  // The 28 ends of a syllable in Unicode's order, as a grammar lists them.
  const std::vector<std::string> finals = {"",   "ㄱ", "ㄲ", "ㄳ", "ㄴ", "ㄵ", "ㄶ", "ㄷ", "ㄹ", "ㄺ",
                                           "ㄻ", "ㄼ", "ㄽ", "ㄾ", "ㄿ", "ㅀ", "ㅁ", "ㅂ", "ㅄ", "ㅅ",
                                           "ㅆ", "ㅇ", "ㅈ", "ㅊ", "ㅋ", "ㅌ", "ㅍ", "ㅎ"};
  char32_t code_point = 0xAC00;
  for (int initial = 0; initial < 19; ++initial) {
    for (int vowel = 0; vowel < 21; ++vowel) {
      for (std::size_t final = 0; final < finals.size(); ++final) {
        std::string word = "가나";
        append_utf8(word, code_point++);
        REQUIRE(final_consonant(word) == static_cast<int>(final));
        const bool open = finals[final].empty(), rieul = finals[final] == "ㄹ";
        REQUIRE(all_forms(word) == word + (open ? "는," : "은,") + word + (open ? "가," : "이,") + word +
                                       (open ? "를," : "을,") + word + (open ? "와," : "과,") + word +
                                       (open || rieul ? "로," : "으로,") + word + (open ? "였다," : "이었다,"));
      }
    }
  }
  CHECK(code_point == 0xD7A4);
}

TEST_CASE("particles: words as a grammar book gives them") {
  CHECK(with_particle("책", "을") == "책을");
  CHECK(with_particle("사과", "을") == "사과를");
  CHECK(with_particle("지하실", "으로") == "지하실로");
  CHECK(with_particle("지하실", "을") == "지하실을");
  CHECK(with_particle("부엌", "으로") == "부엌으로");
  CHECK(with_particle("차고", "으로") == "차고로");
  CHECK(with_particle("벤", "과") == "벤과");
  CHECK(with_particle("메리", "과") == "메리와");
  CHECK(with_particle("오후", "이었다") == "오후였다");
  CHECK(with_particle("날", "이었다") == "날이었다");
}

TEST_CASE(
    "particles: a word that ends in no Hangul syllable takes the form after a vowel; no other particle is known") {
  for (const std::string word : {"", "a", "책.", "ㄱ", "\xff\xff\xff", "\xea\xb0", "漢", "책\xea\xb0"}) {
    CHECK(final_consonant(word) == 0);
    CHECK(with_particle(word, "은") == word + "는");
  }
  CHECK_THROWS_AS(with_particle("책", "는"), std::invalid_argument);
  CHECK_THROWS_AS(with_particle("책", ""), std::invalid_argument);
}
