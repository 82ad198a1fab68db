#include "data/microworld/korean.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <set>

#include "data/microworld/korean_grammar.h"
#include "data/random/random.h"
#include "tests/support/test.h"

using namespace langzoo;
using namespace langzoo::microworld;

namespace {

std::vector<SentencePair> pairs_of(std::uint64_t seed, std::int64_t count,
                                   MicroworldUnit unit = MicroworldUnit::kEvent) {
  return read_all(*microworld_korean_pairs(seed, count, unit));
}

bool has_letters(const std::string& text) {
  return std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x80 && std::isalnum(c); });
}

/// Whether the rule's literal words stand in the text, one behind the other.
bool may_use(const Rule& rule, std::string_view text) {
  for (std::string_view side = rule.english; !side.empty();) {
    const auto end = std::min(side.find('{'), side.size());
    const auto at = text.find(side.substr(0, end));
    if (at == std::string_view::npos) return false;
    text.remove_prefix(at + end);
    side.remove_prefix(std::min(side.find('}', end), side.size() - 1) + 1);
  }
  return true;
}

}  // namespace

TEST_CASE("microworld-ko: two stories, read by a reader of Korean") {
  Microworld source(1);
  CHECK(
      story_in_korean(source.next()) ==
      "존이 다락방에 있었다. 벤도 그곳에 있었다. 그는 사과를 가지고 있었다. 헛간에 가위가 있었다. 존은 사과를 원했다. "
      "존은 벤에게 그것을 달라고 했다. 그래서 벤은 존에게 그것을 주었다. 벤은 \"나는 가위가 필요하다.\"라고 말했다. "
      "그는 존에게 그것이 어디에 있는지 물었다. 존은 \"나는 모른다.\"라고 말했다. 벤은 헛간으로 갔다. 가위는 아직 "
      "그곳에 있었고, 그는 그것을 챙겼다. 사과는 어디에 있었나? 존이 그것을 가지고 있었다. 벤은 가위를 가지고 있었다. "
      "그는 그것을 가지고 있어서 행복했다.\n\n");
  CHECK(
      story_in_korean(source.next()) ==
      "어느 날 존이 호숫가에서 기다리고 있었다. 에마가 현관에 있었다. 피터도 그곳에 앉아 있었다. 다락방에 하얀 신발이 "
      "있었다. 호숫가에 오래된 장갑이 있었다. 존은 \"나는 신발을 원한다.\"라고 말했다. 조금 뒤에 에마는 부엌으로 "
      "걸어갔다. 존은 신발을 가지러 다락방으로 갔다. 그는 그곳에서 그것을 찾아 챙겼다. 한편 에마는 장갑을 원했지만, "
      "어디에 있는지 몰랐다. 그녀는 호숫가로 뛰어갔다. 에마는 장갑을 찾아 챙겼다. 신발은 무슨 색이었나? 그것은 "
      "하얀색이었다. 에마는 신발이 다락방에 있다고 생각했지만, 존이 그것을 가지고 있었다. 장갑은 어디에 있었나? 에마가 "
      "그것을 가지고 있었다.\n\n");
}

TEST_CASE("microworld-ko: sentences of every kind") {
  const std::vector<std::pair<std::string, std::string>> sentences = {
      {"It was a cold morning.", "추운 아침이었다."},
      {"It was an ordinary afternoon.", "평범한 오후였다."},
      {"Early in the morning, Ben and David were in the cellar.", "이른 아침 벤과 데이비드가 지하실에 있었다."},
      {"Mary and Ben were talking at the station.", "메리와 벤이 역에서 이야기하고 있었다."},
      {"At the lake there were some small scissors.", "호숫가에는 작은 가위가 있었다."},
      {"An old lamp lay in the office.", "오래된 램프가 사무실에 놓여 있었다."},
      {"She was carrying an egg.", "그녀는 달걀을 지니고 있었다."},
      {"\"I want the book,\" Lucy said, but she did not know where it was.",
       "루시는 \"나는 책을 원한다.\"라고 말했지만, 어디에 있는지 몰랐다."},
      {"Then he ran to the bedroom to ask her for the old map.",
       "그러고 나서 그는 그녀에게 오래된 지도를 달라고 하러 침실로 뛰어갔다."},
      {"John knew that Emma had the lamp, so he went to the office.",
       "존은 에마가 램프를 가지고 있다는 것을 알고 있어서 사무실로 갔다."},
      {"Because the ball was in the park, Anna walked there.", "공이 공원에 있었기 때문에 안나는 그곳으로 걸어갔다."},
      {"A little later, Tom left the station and went back to the barn, where David and Mary were.",
       "조금 뒤에 톰은 역을 떠나 다시 헛간으로 갔는데, 그곳에는 데이비드와 메리가 있었다."},
      {"Peter carried the hat to the attic and met Sara there.",
       "피터는 모자를 다락방으로 옮겼고, 그곳에서 사라를 만났다."},
      {"Mary followed him to the garden.", "메리는 그를 따라 정원으로 갔다."},
      {"But it was gone.", "그러나 그것은 사라지고 없었다."},
      {"She looked for the key, but it was not there.", "그녀는 열쇠를 찾아보았지만, 그곳에 없었다."},
      {"There she saw that Anna had the book.", "그곳에서 그녀는 안나가 책을 가지고 있는 것을 보았다."},
      {"Soon Emma put the coins down in the kitchen.", "곧 에마는 부엌에 동전을 내려놓았다."},
      {"So she handed Ben the blue cup.", "그래서 그녀는 벤에게 파란 컵을 건네주었다."},
      {"\"No, I need them,\" she said.", "그녀는 \"안 된다. 나는 그것이 필요하다.\"라고 말했다."},
      {"But he wanted to keep it.", "그러나 그는 그것을 간직하고 싶어 했다."},
      {"\"Tom has the hat,\" David told Mary.", "데이비드는 메리에게 \"톰이 모자를 가지고 있다.\"라고 말했다."},
      {"\"They are in the library,\" said Ben.", "벤은 \"그것은 도서관에 있다.\"라고 말했다."},
      {"\"Do you know where the orange is?\" she asked Tom.",
       "그녀는 톰에게 \"오렌지가 어디에 있는지 아니?\"라고 물었다."},
      {"\"Can I have the umbrella?\" Ben asked Anna.", "벤은 안나에게 \"내가 우산을 가져도 되니?\"라고 물었다."},
      {"\"Please give me the letter,\" he said to Emma.", "그는 에마에게 \"나에게 편지를 다오.\"라고 말했다."},
      {"At the end of the day, the apple was still in the garage.", "하루가 끝날 무렵 사과는 여전히 차고에 있었다."},
      {"He still thought that it was at the market, but it was in the hall.",
       "그는 여전히 그것이 시장에 있다고 생각했지만, 그것은 현관에 있었다."},
      {"Sara was sad because she did not have the gloves.", "사라는 장갑을 가지고 있지 않아서 슬펐다."},
      {"Did David know where the lamp was? No, he did not.",
       "데이비드는 램프가 어디에 있는지 알았나? 아니다, 그는 몰랐다."},
      {"What color was the ball? It was green.", "공은 무슨 색이었나? 그것은 초록색이었다."},
      {"Who told Mary about the scissors? Peter did.", "누가 메리에게 가위에 대해 말했나? 피터가 말했다."}};
  for (const auto& [english, korean] : sentences) CHECK(microworld_in_korean(english).value_or(english) == korean);
}

TEST_CASE("microworld-ko: which words belong together, by hand") {
  struct Case {
    std::string english, korean, links;
  };
  const std::vector<Case> cases = {
      {"Anna took the old key.", "안나는 오래된 열쇠를 챙겼다.", "0-0 3-1 4-2 1?3 2?2 4?3"},
      {"Ben went to the kitchen.", "벤은 부엌으로 갔다.", "0-0 4-1 1?2 2?1 3?1 4?2"},
      {"Then John walked back to the park.", "그러고 나서 존은 다시 공원으로 걸어갔다.",
       "1-2 2-5 6-4 0?0 0?1 3?3 3?4 4?3 4?4 5?4 6?5"},
      {"There were some coins in the hall.", "현관에 동전이 있었다.", "3-1 6-0 0?0 0?2 1?0 1?2 2?1 4?0 5?0 6?2"},
      {"It was a cold day.", "추운 날이었다.", "3-0 4-1 0?1 1?1 2?0"},
      {"\"I need the egg,\" said Anna.", "안나는 \"나는 달걀이 필요하다.\"라고 말했다.",
       "3-2 5-0 0?1 0?3 0?4 1?1 1?3 1?4 2?2 3?1 3?3 3?4 4?1 4?3 4?4 5?4"},
      {"Anna and Ben were in the garden.", "안나와 벤이 정원에 있었다.", "0-0 2-1 6-2 1?0 3?2 3?3 4?2 5?2 6?3"},
  };
  for (const auto& [english, korean, links] : cases) {
    INFO(english);
    REQUIRE(microworld_in_korean(english) == korean);
    const auto expected = parse_pharaoh_line(links);
    const auto found = microworld_alignment(english).value();
    CHECK(pharaoh_line(found.sure) == pharaoh_line(expected.sure));
    auto possible = found.possible;
    for (const auto& link : found.sure) possible.erase(link);
    CHECK(pharaoh_line(possible) == pharaoh_line(expected.possible));
  }
  CHECK(!microworld_alignment("Ben was in the lake."));
}

TEST_CASE("microworld-ko: every event's alignment covers its Korean, its sure links one to one") {
  for (const auto& [english, korean, line] : pairs_of(3, 4000)) {
    INFO(english << " " << korean);
    const auto alignment = microworld_alignment(english).value();
    const auto english_words = word_ranges(english).size(), korean_words = word_ranges(korean).size();
    std::set<int> sources, targets, covered;
    for (const auto& [source, target] : alignment.sure) {
      REQUIRE(sources.insert(source).second);
      REQUIRE(targets.insert(target).second);
    }
    for (const auto& links : {alignment.sure, alignment.possible}) {
      for (const auto& [source, target] : links) {
        REQUIRE(static_cast<std::size_t>(source) < english_words);
        REQUIRE(static_cast<std::size_t>(target) < korean_words);
        covered.insert(target);
      }
    }
    REQUIRE(covered.size() == korean_words);
  }
}

TEST_CASE("microworld-ko: every event has one Korean telling, without English, its particles agreeing") {
  // Which names and nouns end in a consonant, by ear.
  const std::set<std::string> closed = {"벤",     "존",   "톰",     "부엌", "현관", "침실", "지하실", "다락방",
                                        "사무실", "헛간", "도서관", "공원", "시장", "역",   "정원",   "달걀",
                                        "우산",   "공",   "책",     "컵",   "장갑", "신발", "동전",   "그것"};
  std::vector<std::string> words = {"그것", "그녀"};
  for (const auto& table : {std::vector<std::string_view>(kKoreanPeople.begin(), kKoreanPeople.end()),
                            std::vector<std::string_view>(kKoreanPlaces.begin(), kKoreanPlaces.end()),
                            std::vector<std::string_view>(kKoreanThings.begin(), kKoreanThings.end())}) {
    words.insert(words.end(), table.begin(), table.end());
  }
  std::vector<std::string> wrong, right;
  for (const auto& word : words) {
    const bool end = closed.count(word) > 0, rieul = word.ends_with("실");
    for (const char* form : {"는", "가", "를", "와"}) (end ? wrong : right).push_back(word + form + " ");
    for (const char* form : {"은", "이", "을", "과"}) (end ? right : wrong).push_back(word + form + " ");
    (end && !rieul ? wrong : right).push_back(word + "로 ");
    (end && !rieul ? right : wrong).push_back(word + "으로 ");
  }
  std::string all;
  std::map<std::string, std::string> korean_of;
  for (const auto& [english, korean, line] : pairs_of(1, 30'000)) {
    const bool is_new = korean_of.emplace(english, korean).second;
    if (!is_new) {
      REQUIRE(korean_of[english] == korean);
      continue;
    }
    INFO(english << " " << korean);
    REQUIRE(!has_letters(korean));
    REQUIRE((korean.ends_with("다.") && english.ends_with(".")));
    REQUIRE(korean.find("  ") == std::string::npos);
    REQUIRE(korean.find_first_of("{}:") == std::string::npos);
    REQUIRE(std::count(english.begin(), english.end(), '?') == std::count(korean.begin(), korean.end(), '?'));
    REQUIRE(std::count(english.begin(), english.end(), '"') == std::count(korean.begin(), korean.end(), '"'));
    all += " " + korean + "\n";
  }
  for (const auto& form : wrong) {
    INFO(form);
    CHECK(all.find(" " + form) == std::string::npos);
  }
  int seen = 0;
  for (const auto& form : right) seen += all.find(" " + form) != std::string::npos;
  CHECK(seen > 100);
  for (const auto& word : words) CHECK(all.find(" " + word) != std::string::npos);
  for (const auto quality : kKoreanQualities) CHECK(all.find(" " + std::string(quality) + " ") != std::string::npos);
  for (const auto color : kKoreanColors) CHECK(all.find(" " + std::string(color) + "이었다.") != std::string::npos);
}

TEST_CASE("microworld-ko: different words have different Korean, and no rule is idle") {
  std::set<std::string_view> words;
  std::size_t entries = 0;
  const auto collect = [&](const auto& table) {
    words.insert(table.begin(), table.end());
    entries += table.size();
  };
  collect(kKoreanPeople);
  collect(kKoreanPlaces);
  collect(kKoreanThings);
  collect(kKoreanQualities);
  CHECK(words.size() == entries);

  std::vector<const Rule*> idle;
  for (const Rule& rule : kRules) idle.push_back(&rule);
  const auto pairs = microworld_korean_pairs(2, 60'000, MicroworldUnit::kEvent);
  for (SentencePair pair; !idle.empty() && pairs->next(pair);) {
    std::string small = pair.source;
    std::transform(small.begin(), small.end(), small.begin(), [](unsigned char c) { return std::tolower(c); });
    std::erase_if(idle, [&](const Rule* rule) { return may_use(*rule, small); });
  }
  for (const Rule* rule : idle) UNSCOPED_INFO(rule->english);
  CHECK(idle.empty());
}

TEST_CASE("microworld-ko: pairs are decided by the seed, and stories are their events in a row") {
  const auto events = pairs_of(5, 400), stories = pairs_of(5, 20, MicroworldUnit::kStory);
  CHECK(events[399].target == pairs_of(5, 400)[399].target);
  CHECK(events[0].source != pairs_of(6, 1)[0].source);
  Microworld source(5);
  std::size_t event = 0;
  for (const auto& story : stories) {
    std::string english, korean;
    while (english.size() < story.source.size()) {
      english += (english.empty() ? "" : " ") + events[event].source;
      korean += (korean.empty() ? "" : " ") + events[event].target;
      CHECK(events[event].line == static_cast<std::int64_t>(event) + 1);
      ++event;
    }
    REQUIRE(story.source == english);
    REQUIRE(story.target == korean);
    const Story told = source.next();
    REQUIRE(told.text == english + "\n\n");
    REQUIRE(told.ends.size() == told.events.size());
    REQUIRE(story_in_korean(told) == korean + "\n\n");
  }
  CHECK(pairs_of(1, 0).empty());
  CHECK_THROWS_AS(microworld_korean_pairs(1, -1, MicroworldUnit::kEvent), std::invalid_argument);
}

TEST_CASE("microworld-ko: what microworld never says has no Korean") {
  for (const std::string text :
       {"", ".", "Ben", "Ben was in the lake.", "Ben was in the kitchen", "Ben was in the kitchen..", " Ben gave up.",
        "There was a apple in the hall.", "There was an red ball in the hall.", "She had the blue apple.",
        "Bob gave up.", "\xff\xfe.", "It was a cold day. It was a cold day."}) {
    INFO(text);
    CHECK(!microworld_in_korean(text));
  }
  CHECK(!microworld_in_korean(std::string("Ben gave up\0.", 13)));
}

TEST_CASE("microworld-ko: any bytes take bounded time") {
  Random random(4);
  const auto pairs = pairs_of(9, 200);
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 2000; ++i) {
    std::string text = pairs[random.below(pairs.size())].source;
    const std::string& other = pairs[random.below(pairs.size())].source;
    text.replace(random.below(text.size()), random.below(6), other.substr(random.below(other.size()), 8));
    const auto korean = microworld_in_korean(text);
    CHECK((!korean || !has_letters(*korean)));
  }
  std::string the;
  while (the.size() < 1'000'000) the += "the then soon so but ";
  CHECK(!microworld_in_korean(the + "."));
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(10));
}
