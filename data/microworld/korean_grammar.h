/// The tables of the synchronous grammar between microworld's English and Korean.
///
/// A rule rewrites a symbol in both languages at once. Its English side is literal text, in small letters, with slots
/// {x}; a slot's first letter says which symbol fills it (one of kRules or a word class), a digit behind it tells two
/// apart. Its Korean side places the slots anew; {x:은} adds a particle in the form that the filled slot asks for.
#pragma once

#include <array>
#include <string_view>

#include "data/microworld/lexicon.h"

namespace langzoo::microworld {

struct Rule {
  char symbol;
  std::string_view english, korean;
};

/// By the ids of lexicon.h.
inline constexpr std::array<std::string_view, 10> kKoreanPeople = {"안나", "벤",   "데이비드", "에마", "존",
                                                                   "루시", "메리", "피터",     "사라", "톰"};
inline constexpr std::array<std::string_view, 14> kKoreanPlaces = {"부엌",   "정원",   "현관", "침실",  "지하실",
                                                                   "다락방", "사무실", "차고", "헛간",  "도서관",
                                                                   "공원",   "시장",   "역",   "호숫가"};
inline constexpr std::array<std::string_view, 7> kKoreanQualities = {"빨간", "파란",   "초록색", "검은",
                                                                     "하얀", "오래된", "작은"};
/// Of the colors, as nouns.
inline constexpr std::array<std::string_view, 5> kKoreanColors = {"빨간색", "파란색", "초록색", "검은색", "하얀색"};
inline constexpr std::array<std::string_view, 16> kKoreanThings = {"사과", "오렌지", "달걀", "우산", "공", "책",
                                                                   "열쇠", "램프",   "편지", "모자", "컵", "지도",
                                                                   "장갑", "신발",   "가위", "동전"};

static_assert(kKoreanPeople.size() == kPeople.size() && kKoreanPlaces.size() == kPlaces.size() &&
              kKoreanThings.size() == kThings.size() && kKoreanQualities.size() == kQualities.size() &&
              kKoreanColors.size() == kColors);

// Word classes, from lexicon.h and the tables above:
//   a, b  a person: a name, or he, she, him, her
//   t     a thing: "the old key", it, they, them
//   x     a thing that is new: "an old key", "some coins"
//   p     a place: "the kitchen"
//   l     being at a place: "in the kitchen", "at the lake", "there"
//   k     a color
// The rest are rules. S tells of one event, without the last full stop.
inline constexpr Rule kRules[] = {
    {'w', "was", ""},
    {'w', "were", ""},
    {'i', "is", ""},
    {'i', "are", ""},

    // Openers.
    {'o', "", ""},
    {'o', "then ", "그러고 나서 "},
    {'o', "after that, ", "그 뒤에 "},
    {'o', "a little later, ", "조금 뒤에 "},
    {'o', "soon ", "곧 "},
    {'o', "meanwhile, ", "한편 "},
    {'o', "after a while, ", "얼마 뒤에 "},
    {'o', "so ", "그래서 "},
    {'o', "but ", "그러나 "},
    {'o', "in the end, ", "결국 "},
    {'o', "at the end of the day, ", "하루가 끝날 무렵 "},
    {'o', "that night, ", "그날 밤 "},
    {'o', "one day ", "어느 날 "},
    {'o', "one morning ", "어느 날 아침 "},
    {'o', "one evening ", "어느 날 저녁 "},
    {'o', "early in the morning, ", "이른 아침 "},

    // Going: {g}갔다; and where to.
    {'g', "went", ""},
    {'g', "walked", "걸어"},
    {'g', "ran", "뛰어"},
    {'r', "there", "그곳으로"},
    {'r', "to {p}", "{p:으로}"},
    {'r', "back to {p}", "다시 {p:으로}"},

    // People together.
    {'n', "{a}", "{a}"},
    {'n', "{a} and {b}", "{a:과} {b}"},

    // What is reported, up to 있-: "the key was in the kitchen", "Anna had the key". d: as a contrast.
    {'c', "{a} had {t}", "{a:이} {t:을} 가지고 있"},
    {'c', "{t} {w} {l}", "{t:이} {l}에 있"},
    {'d', "{a} had {t}", "{a:이} {t:을} 가지고 있"},
    {'d', "{t} {w} {l}", "{t:은} {l}에 있"},
    // The same in a speaker's mouth; who speaks.
    {'q', "{a} has {t}", "{a:이} {t:을} 가지고 있다"},
    {'q', "{t} {i} {l}", "{t:은} {l}에 있다"},
    {'s', "said {a}", "{a}"},
    {'s', "{a} said", "{a}"},

    // The setting.
    {'D', "a cold", "추운"},
    {'D', "a warm", "따뜻한"},
    {'D', "a rainy", "비 오는"},
    {'D', "a sunny", "화창한"},
    {'D', "a quiet", "조용한"},
    {'D', "an ordinary", "평범한"},
    {'H', "day", "날"},
    {'H', "morning", "아침"},
    {'H', "evening", "저녁"},
    {'H', "afternoon", "오후"},
    {'S', "it was {D} {H}", "{D} {H:이었다}"},
    {'S', "{o}{n} {w} {l}", "{o}{n:이} {l}에 있었다"},
    {'S', "{o}{a} was {l} too", "{o}{a}도 {l}에 있었다"},
    {'B', "sitting {l}", "{l}에 앉아"},
    {'B', "talking {l}", "{l}에서 이야기하고"},
    {'B', "working {l}", "{l}에서 일하고"},
    {'B', "waiting {l}", "{l}에서 기다리고"},
    {'S', "{o}{n} {w} {B}", "{o}{n:이} {B} 있었다"},
    {'S', "{o}{a} was {B} too", "{o}{a}도 {B} 있었다"},
    {'S', "there {w} {x} {l}", "{l}에 {x:이} 있었다"},
    {'S', "{l} there {w} {x}", "{l}에는 {x:이} 있었다"},
    {'S', "{x} lay {l}", "{x:이} {l}에 놓여 있었다"},
    {'S', "{a} had {x}", "{a:은} {x:을} 가지고 있었다"},
    {'S', "{a} was holding {x}", "{a:은} {x:을} 들고 있었다"},
    {'S', "{a} was carrying {x}", "{a:은} {x:을} 지니고 있었다"},

    // Wanting; W: up to the ending.
    {'W', "{o}{a} wanted {t}", "{o}{a:은} {t:을} 원했"},
    {'W', "{o}{a} needed {t}", "{o}{a:은} {t:이} 필요했"},
    {'W', "\"i need {t},\" {s}", "{s:은} \"나는 {t:이} 필요하다.\"라고 말했"},
    {'W', "\"i want {t},\" {s}", "{s:은} \"나는 {t:을} 원한다.\"라고 말했"},
    {'S', "{W}", "{W}다"},
    {'S', "{W}, but {a} did not know where {t} {w}", "{W}지만, 어디에 있는지 몰랐다"},

    // Going somewhere.
    {'S', "{o}{a} {g} {r} to get {t}", "{o}{a:은} {t:을} 가지러 {r} {g}갔다"},
    {'S', "{o}{a} {g} {r} to look for {t}", "{o}{a:은} {t:을} 찾으러 {r} {g}갔다"},
    {'S', "{o}{a} {g} {r} to ask {b} for {t}", "{o}{a:은} {b}에게 {t:을} 달라고 하러 {r} {g}갔다"},
    {'S', "{a} knew that {c}, so {b} {g} {r}", "{a:은} {c}다는 것을 알고 있어서 {r} {g}갔다"},
    {'S', "{a} thought that {c}, so {b} {g} {r}", "{a:은} {c}다고 생각해서 {r} {g}갔다"},
    {'S', "because {c}, {a} {g} {r}", "{c}었기 때문에 {a:은} {r} {g}갔다"},
    // G: up to the ending.
    {'G', "{o}{a} {g} {r}", "{o}{a:은} {r} {g}갔"},
    {'G', "{o}{a} left {p} and {g} {r}", "{o}{a:은} {p:을} 떠나 {r} {g}갔"},
    {'G', "{o}{a} took {t} to {p}", "{o}{a:은} {t:을} {p:으로} 가져갔"},
    {'G', "{o}{a} carried {t} to {p}", "{o}{a:은} {t:을} {p:으로} 옮겼"},
    {'S', "{G}", "{G}다"},
    {'S', "{G}, where {n} {w}", "{G}는데, 그곳에는 {n:이} 있었다"},
    {'S', "{G} and met {n} there", "{G}고, 그곳에서 {n:을} 만났다"},
    {'S', "{G} and saw {t} there", "{G}고, 그곳에서 {t:을} 보았다"},
    {'S', "{a} followed {b}", "{a:은} {b:을} 따라갔다"},
    {'S', "{a} followed {b} to {p}", "{a:은} {b:을} 따라 {p:으로} 갔다"},
    {'S', "{a} went there too", "{a}도 그곳으로 갔다"},

    // Finding, or not.
    {'F', "took {t}", "챙겼다"},
    {'F', "picked {t} up", "집어 들었다"},
    {'S', "{t} {w} there, and {a} {F}", "{t:은} 그곳에 있었고, {a:은} 그것을 {F}"},
    {'S', "{t} {w} still there, and {a} {F}", "{t:은} 아직 그곳에 있었고, {a:은} 그것을 {F}"},
    {'S', "{a} found {t} and {F}", "{a:은} {t:을} 찾아 {F}"},
    {'S', "{a} found {t} there and {F}", "{a:은} 그곳에서 {t:을} 찾아 {F}"},
    {'S', "{o}{a} did not have {t}", "{o}{a:은} {t:을} 가지고 있지 않았다"},
    {'S', "{o}{t} {w} not there", "{o}{t:은} 그곳에 없었다"},
    {'S', "{o}{t} {w} gone", "{o}{t:은} 사라지고 없었다"},
    {'S', "{a} could not find {t}", "{a:은} {t:을} 찾을 수 없었다"},
    {'S', "{a} could not find {t} there", "{a:은} 그곳에서 {t:을} 찾을 수 없었다"},
    {'S', "{a} looked for {t}, but {t2} {w} not there", "{a:은} {t:을} 찾아보았지만, 그곳에 없었다"},
    {'S', "{a} saw that {c}", "{a:은} {c}는 것을 보았다"},
    {'S', "there {a} saw that {c}", "그곳에서 {a:은} {c}는 것을 보았다"},

    // Taking, putting, giving.
    {'S', "{o}{a} took {t}", "{o}{a:은} {t:을} 챙겼다"},
    {'S', "{o}{a} picked {t} up", "{o}{a:은} {t:을} 집어 들었다"},
    {'S', "{o}{a} picked up {t}", "{o}{a:은} {t:을} 집어 들었다"},
    {'S', "{o}{a} put {t} down", "{o}{a:은} {t:을} 내려놓았다"},
    {'S', "{o}{a} put {t} down {l}", "{o}{a:은} {l}에 {t:을} 내려놓았다"},
    {'S', "{o}{a} left {t} {l}", "{o}{a:은} {t:을} {l}에 두었다"},
    {'S', "{o}{a} gave {t} to {b}", "{o}{a:은} {b}에게 {t:을} 주었다"},
    {'S', "{o}{a} gave {b} {t}", "{o}{a:은} {b}에게 {t:을} 주었다"},
    {'S', "{o}{a} handed {t} to {b}", "{o}{a:은} {b}에게 {t:을} 건네주었다"},
    {'S', "{o}{a} handed {b} {t}", "{o}{a:은} {b}에게 {t:을} 건네주었다"},
    {'S', "\"no, i need {t},\" {s}", "{s:은} \"안 된다. 나는 {t:이} 필요하다.\"라고 말했다"},
    {'S', "{o}{a} wanted to keep {t}", "{o}{a:은} {t:을} 간직하고 싶어 했다"},
    {'S', "{o}{a} said no", "{o}{a:은} 안 된다고 말했다"},
    {'S', "\"thank you,\" {s}", "{s:은} \"고맙다.\"라고 말했다"},
    {'S', "{a} thanked {b}", "{a:은} {b}에게 고마워했다"},

    // Telling and asking.
    {'S', "{o}{a} told {b} that {c}", "{o}{a:은} {b}에게 {c}다고 말했다"},
    {'S', "\"{q},\" {a} told {b}", "{a:은} {b}에게 \"{q}.\"라고 말했다"},
    {'S', "{o}{a} asked {b} where {t} {w}", "{o}{a:은} {b}에게 {t:이} 어디에 있는지 물었다"},
    {'S', "\"where {i} {t}?\" {a} asked {b}", "{a:은} {b}에게 \"{t:은} 어디에 있니?\"라고 물었다"},
    {'S', "\"do you know where {t} {i}?\" {a} asked {b}", "{a:은} {b}에게 \"{t:이} 어디에 있는지 아니?\"라고 물었다"},
    {'S', "\"{q},\" {s}", "{s:은} \"{q}.\"라고 말했다"},
    {'S', "{a} said that {c}", "{a:은} {c}다고 말했다"},
    {'S', "\"i do not know,\" {s}", "{s:은} \"나는 모른다.\"라고 말했다"},
    {'S', "{o}{a} did not know", "{o}{a:은} 알지 못했다"},
    {'S', "{a} had not seen {t}", "{a:은} {t:을} 본 적이 없었다"},
    {'S', "{a} asked {b} for {t}", "{a:은} {b}에게 {t:을} 달라고 했다"},
    {'S', "\"can i have {t}?\" {a} asked {b}", "{a:은} {b}에게 \"내가 {t:을} 가져도 되니?\"라고 물었다"},
    {'S', "\"please give me {t},\" {a} said to {b}", "{a:은} {b}에게 \"나에게 {t:을} 다오.\"라고 말했다"},
    {'S', "{a} gave up", "{a:은} 포기했다"},
    {'S', "{a} stopped looking for {t}", "{a:은} {t:을} 찾는 것을 그만두었다"},

    // The end.
    {'S', "{o}{a} had {t}", "{o}{a:은} {t:을} 가지고 있었다"},
    {'S', "{o}{a} still had {t}", "{o}{a:은} 여전히 {t:을} 가지고 있었다"},
    {'S', "{o}{t} {w} {l}", "{o}{t:은} {l}에 있었다"},
    {'S', "{o}{t} {w} still {l}", "{o}{t:은} 여전히 {l}에 있었다"},
    {'S', "{a} thought that {c}, but {d}", "{a:은} {c}다고 생각했지만, {d}었다"},
    {'S', "{a} still thought that {c}, but {d}", "{a:은} 여전히 {c}다고 생각했지만, {d}었다"},
    {'S', "{a} was happy because {b} had {t}", "{a:은} {t:을} 가지고 있어서 행복했다"},
    {'S', "{a} was sad because {b} did not have {t}", "{a:은} {t:을} 가지고 있지 않아서 슬펐다"},

    // Questions and their answers.
    {'S', "where {w} {t}? {a} had {t2}", "{t:은} 어디에 있었나? {a:이} {t2:을} 가지고 있었다"},
    {'S', "where {w} {t}? {t2} {w} {l}", "{t:은} 어디에 있었나? {t2:은} {l}에 있었다"},
    {'S', "who had {t}? {a} did", "누가 {t:을} 가지고 있었나? {a:이} 가지고 있었다"},
    {'S', "who had {t}? nobody did", "누가 {t:을} 가지고 있었나? 아무도 가지고 있지 않았다"},
    {'S', "where was {a}? {b} was {l}", "{a:은} 어디에 있었나? {b:은} {l}에 있었다"},
    {'S', "did {a} know where {t} {w}? yes, {b} did", "{a:은} {t:이} 어디에 있는지 알았나? 그렇다, {b:은} 알았다"},
    {'S', "did {a} know where {t} {w}? no, {b} did not", "{a:은} {t:이} 어디에 있는지 알았나? 아니다, {b:은} 몰랐다"},
    {'S', "what color {w} {t}? {t2} {w} {k}", "{t:은} 무슨 색이었나? {t2:은} {k:이었다}"},
    {'S', "who gave {a} {t}? {b} did", "누가 {a}에게 {t:을} 주었나? {b:이} 주었다"},
    {'S', "who told {a} about {t}? {b} did", "누가 {a}에게 {t}에 대해 말했나? {b:이} 말했다"},
};

}  // namespace langzoo::microworld
