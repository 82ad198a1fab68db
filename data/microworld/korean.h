/// Microworld told in Korean: a synchronous grammar gives every English sentence its one Korean counterpart.
///
///     langzoo::Microworld world(1);
///     const auto story = world.next();
///     const auto korean = langzoo::story_in_korean(story);  // the same events, sentence by sentence
///
/// The Korean is plain style (해라체): narration in the past (-았/었다), speech in the present (-다, -니?). Objects
/// stand before verbs, what is reported before who reports it, and particles have the form that the word before them
/// asks for. English articles and number have no counterpart ("a ball", "the ball" 공; "it", "them" 그것), and a few
/// English variants share one ("gave Ben the key", "gave the key to Ben"): Korean is a function of English, not the
/// reverse.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "data/microworld/microworld.h"
#include "data/parallel/parallel_text.h"
#include "data/parallel/word_alignment.h"

namespace langzoo {

/// What microworld says of one event, in Korean; nothing for any other text. Takes time linear in the text.
std::optional<std::string> microworld_in_korean(std::string_view english);

/// Which words of microworld's English and of its Korean belong together; nothing where microworld_in_korean says
/// nothing. What a word class says ("in the kitchen" 부엌) is sure: the last English word with the Korean one, and
/// possible for the English words before it; where the Korean is of several words (openers), all are possible. Of what
/// a rule says itself every word is possible with every other: "had" with both of "가지고 있었다". There a Korean word
/// counts of which the rule says a part, be it a particle: 에 and 으로 for "in" and "to"; but 은, 이 and 을 only mark
/// what English shows by its order. Words that one language leaves out have no links.
std::optional<ReferenceAlignment> microworld_alignment(std::string_view english);

/// The story in Korean: its sentences with single spaces between them, then "\n\n" as in English.
std::string story_in_korean(const Story& story);

enum class MicroworldUnit {
  kEvent,  ///< what is told of one event: one sentence, or two (question and answer)
  kStory,  ///< a whole story, on one line
};

/// `count` pairs of English and Korean from the stories of a seed, in their order.
std::unique_ptr<SentencePairs> microworld_korean_pairs(std::uint64_t seed, std::int64_t count, MicroworldUnit unit);

}  // namespace langzoo
