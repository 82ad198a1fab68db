#include "models/generation/stop_strings.h"

#include "tests/support/test.h"

namespace langzoo {
namespace {

/// One byte a token.
std::string bytes(std::span<const std::int32_t> ids) {
  return {ids.begin(), ids.end()};
}

/// Words: every one but the first follows a blank, as sentencepiece decodes.
std::string words(std::span<const std::int32_t> ids) {
  static const std::vector<std::string> kWords = {"a", "bc", "stop", "now"};
  std::string text;
  for (const auto id : ids) text += (text.empty() ? "" : " ") + kWords.at(id);
  return text;
}

/// Feeds the text byte by byte; what came out after each byte, joined by '|'.
std::string stream(StopStrings& row, const std::string& text) {
  std::string pieces;
  for (const char c : text) {
    const bool stopped = row.append(static_cast<unsigned char>(c));
    pieces += row.take() + "|";
    if (stopped) break;
  }
  return pieces;
}

TEST_CASE("text before the stop text comes out, its beginnings are held back") {
  StopStrings row({"###"}, bytes);
  CHECK(stream(row, "a#b##c###d") == "a||#b|||##c||||");
  CHECK(row.stopped());
  CHECK(row.text() == "a#b##c");
  CHECK(row.append('x'));
  CHECK(row.text() == "a#b##c");
  CHECK(row.take().empty());
}

TEST_CASE("the earliest of several stop texts cuts") {
  StopStrings row({"cd", "bcde", "\n"}, words);
  CHECK_FALSE(row.append(0));
  StopStrings whole({"tail", "b", "ab"}, [](std::span<const std::int32_t> ids) {
    return ids.empty() ? std::string() : std::string("xxabtail");
  });
  CHECK(whole.append(0));
  CHECK(whole.text() == "xx");
}

TEST_CASE("a stop text across tokens, with blanks that neighbours decide") {
  StopStrings row({"stop now"}, words);
  for (const int id : {0, 2, 1, 2}) CHECK_FALSE(row.append(id));
  CHECK(row.take() == "a stop bc ");
  CHECK(row.append(3));
  CHECK(row.text() == "a stop bc ");
}

TEST_CASE("behind a token that decoding skips a word keeps its blank") {
  const auto skipping = [](std::span<const std::int32_t> ids) {
    std::vector<std::int32_t> shown(ids.begin(), ids.end());
    std::erase(shown, 9);
    return words(shown);
  };
  StopStrings row({"stop now"}, skipping);
  for (const int id : {9, 0, 9, 9, 1, 9, 2, 9}) CHECK_FALSE(row.append(id));
  CHECK(row.take() == "a bc ");
  CHECK(row.append(3));
  CHECK(row.text() == "a bc ");
}

TEST_CASE("what was held back comes out at the end") {
  StopStrings row({"stop now"}, words);
  row.append(0);
  row.append(2);
  CHECK(row.take() == "a ");
  row.finish();
  CHECK(row.take() == "stop");
  CHECK(row.text() == "a stop");
  CHECK_FALSE(row.stopped());
}

TEST_CASE("characters are never split") {
  for (const bool replaced : {false, true}) {
    const auto decode = [replaced](std::span<const std::int32_t> ids) {
      auto text = bytes(ids);
      // What a tokenizer that repairs text shows for the first bytes of U+20AC.
      const bool partial = text.ends_with("\xE2") || text.ends_with("\xE2\x82");
      if (replaced && partial) text.replace(text.rfind('\xE2'), std::string::npos, "\xEF\xBF\xBD");
      return text;
    };
    StopStrings row({}, decode);
    CHECK(stream(row, "x\xE2\x82\xACy") == "x|||\xE2\x82\xAC|y|");
    StopStrings cut({}, decode);
    CHECK(stream(cut, "x\xE2\x82") == "x|||");
    cut.finish();
    CHECK(cut.take() == (replaced ? "\xEF\xBF\xBD" : "\xE2\x82"));
  }
}

TEST_CASE("bytes that are no text do come out") {
  StopStrings row({}, bytes);
  const std::string odd(20, '\xE2');
  std::string out = stream(row, odd);
  row.finish();
  out += row.take();
  out.erase(std::remove(out.begin(), out.end(), '|'), out.end());
  CHECK(out == odd);
}

TEST_CASE("an empty stop text is an error") {
  CHECK_THROWS_AS(StopStrings({"a", ""}, bytes), std::invalid_argument);
  CHECK_THROWS_AS(stop_check({"a", ""}, bytes), std::invalid_argument);
}

TEST_CASE("what beams are asked agrees with the row that is followed, and looks at the last ids only") {
  std::size_t longest = 0;
  const auto decode = [&](std::span<const std::int32_t> ids) {
    longest = std::max(longest, ids.size());
    return bytes(ids);
  };
  const auto is_complete = stop_check({"ab#", "c"}, decode);
  StopStrings row({"ab#", "c"}, bytes);
  std::vector<std::int32_t> ids;
  for (const char byte : std::string(100, 'a') + "b a# ab#") {
    ids.push_back(byte);
    CHECK(is_complete(ids) == row.append(byte));
  }
  CHECK(row.stopped());
  CHECK(longest < 20);
  const auto of_words = stop_check({"stop now"}, words);
  CHECK_FALSE(of_words(std::vector<std::int32_t>{0, 2}));
  CHECK(of_words(std::vector<std::int32_t>{0, 2, 3}));
}

}  // namespace
}  // namespace langzoo
