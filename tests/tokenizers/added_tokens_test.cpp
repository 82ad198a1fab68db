#include "tokenizers/added_tokens.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <random>
#include <stdexcept>

#include "tests/support/plain_test.h"

#include "tests/support/naive_added_tokens.h"
#include "tests/tokenizers/tokenizer_goldens.h"
#include "tokenizers/normalizers/simple_normalizers.h"

namespace langzoo::added_tokens_test {

namespace {

using Part = AddedTokens::Part;

std::vector<AddedToken> read_tokens(const nlohmann::json& list) {
  std::vector<AddedToken> tokens;
  for (const auto& t : list) {
    tokens.push_back(
        {t["content"], t["id"], t["special"], t["normalized"], t["single_word"], t["lstrip"], t["rstrip"]});
  }
  return tokens;
}

/// [id, begin, end, ...] in characters, 0 for what lies between tokens: all that becomes of a text before a model.
nlohmann::json extract(const AddedTokens& added, std::string_view text, const Normalizer* normalizer) {
  std::vector<TokenId> ids;
  std::vector<Offset> offsets;
  for (const Part& part : added.split_plain(text)) {
    if (part.token != nullptr) {
      ids.push_back(part.token->id);
      offsets.push_back({part.begin, part.end});
      continue;
    }
    NormalizedText between(text.substr(part.begin, part.end - part.begin), part.begin);
    if (normalizer != nullptr) normalizer->normalize(between);
    for (const Part& piece : added.split_normalized(between.text())) {
      ids.push_back(piece.token != nullptr ? piece.token->id : 0);
      offsets.push_back(between.original(piece.begin, piece.end));
    }
  }
  offsets = to_character_offsets(text, offsets);
  nlohmann::json result = nlohmann::json::array();
  for (std::size_t i = 0; i < ids.size(); ++i) {
    for (const auto number : {static_cast<std::size_t>(ids[i]), offsets[i].begin, offsets[i].end})
      result.push_back(number);
  }
  return result;
}

std::vector<Part> tokens_of(const std::vector<Part>& parts) {
  std::vector<Part> tokens;
  std::copy_if(parts.begin(), parts.end(), std::back_inserter(tokens),
               [](const Part& p) { return p.token != nullptr; });
  return tokens;
}

/// Random tokens of a few letters and spaces, some inside others.
std::vector<AddedToken> random_tokens(std::mt19937& random) {
  const std::vector<std::string> pieces = {"a", "b", "c", " ", "\u00e9", "\u3000"};
  std::vector<AddedToken> tokens;
  for (auto left = 1 + random() % 6; left > 0; --left) {
    AddedToken token;
    for (auto length = 1 + random() % 4; length > 0; --length) token.content += pieces[random() % pieces.size()];
    token.id = static_cast<TokenId>(tokens.size());
    const auto bits = random();
    token.normalized = bits & 1;
    token.single_word = (bits & 6) == 6;
    token.lstrip = (bits & 24) == 24;
    token.rstrip = (bits & 96) == 96;
    const bool known =
        std::any_of(tokens.begin(), tokens.end(), [&](const AddedToken& t) { return t.content == token.content; });
    if (!known) tokens.push_back(token);
  }
  return tokens;
}

std::string random_text(std::mt19937& random, std::size_t most) {
  const std::vector<std::string> pieces = {"a", "a", "b", "c", " ", " ", "\n", "\u00e9", "\u3000", "-", "_", "\u0301"};
  std::string text;
  for (auto left = random() % most; left > 0; --left) text += pieces[random() % pieces.size()];
  return text;
}

std::string fault(std::vector<AddedToken> tokens) {
  try {
    AddedTokens added(std::move(tokens));
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "none";
}

}  // namespace

TEST_CASE("added tokens are found where Python's tokenizers finds them") {
  const LowercaseNormalizer lowercase;
  for (const auto& entry : test::golden("added_token_splits.json")) {
    const Normalizer* const normalizer = entry["lowercase"].get<bool>() ? &lowercase : nullptr;
    CAPTURE(entry["tokens"].dump(), normalizer != nullptr);
    const AddedTokens added(read_tokens(entry["tokens"]), normalizer);
    for (const auto& c : entry["cases"]) {
      const auto text = c["text"].get<std::string>();
      CAPTURE(text);
      CHECK(extract(added, text, normalizer) == c["parts"]);
    }
  }
}

TEST_CASE("a plain search finds the same tokens") {
  std::mt19937 random(2);
  for (int round = 0; round < 4000; ++round) {
    const AddedTokens added(random_tokens(random));
    const std::string text = random_text(random, 30);
    CAPTURE(round, text);
    REQUIRE(added.split(text) == test::naive_split(added.all(), text));
  }
}

TEST_CASE("a text cut where no token stands across has the tokens of the whole") {
  std::mt19937 random(3);
  std::size_t cuts = 0, refused = 0;
  for (int round = 0; round < 4000; ++round) {
    const AddedTokens added(random_tokens(random));
    const std::string text = random_text(random, 30);
    const std::vector<Part> whole = tokens_of(added.split(text));
    for (std::size_t at = 1; at < text.size(); ++at) {
      if ((static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) continue;
      if (added.stands_across(text, at)) {
        ++refused;
        continue;
      }
      ++cuts;
      std::vector<Part> parts = tokens_of(added.split(text.substr(0, at)));
      for (Part part : tokens_of(added.split(text.substr(at)))) {
        parts.push_back({part.begin + at, part.end + at, part.token});
      }
      CAPTURE(round, text, at);
      REQUIRE(parts == whole);
    }
  }
  CHECK(cuts > 5000);
  CHECK(refused > 3000);
}

TEST_CASE("a border is crossed only by normalized tokens that may hold or take a space") {
  const auto crosses = [](AddedToken token, const Normalizer* normalizer) {
    token.normalized = true;
    const AddedTokens added({token}, normalizer);
    CHECK(added.stands_across("xx yy", 2) == (normalizer != nullptr && added.normalized_cross_borders()));
    return added.normalized_cross_borders();
  };
  const LowercaseNormalizer lowercase;
  for (const Normalizer* normalizer :
       {static_cast<const Normalizer*>(nullptr), static_cast<const Normalizer*>(&lowercase)}) {
    CHECK_FALSE(crosses({.content = "Word"}, normalizer));
    CHECK_FALSE(crosses({.content = " Word", .lstrip = true}, normalizer));
    CHECK(crosses({.content = "Two words"}, normalizer));
    CHECK(crosses({.content = "word", .rstrip = true}, normalizer));
  }
}

TEST_CASE("thousands of tokens and hostile texts take linear time") {
  std::vector<AddedToken> tokens;
  for (int i = 1; i <= 2000; ++i) {
    tokens.push_back({.content = std::string(static_cast<std::size_t>(i), 'a') + "b", .id = i, .rstrip = true});
  }
  tokens.push_back({.content = " ", .id = 0, .rstrip = true});
  const AddedTokens added(tokens);
  const std::size_t size = 1 << 21;
  const auto start = std::chrono::steady_clock::now();
  CHECK(added.split(std::string(size, 'a')).size() == 1);
  CHECK(added.split(std::string(size, ' ')).size() == size);
  // A search that begins anew at every place needs minutes.
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(10));
}

TEST_CASE("added tokens that contradict each other are named") {
  CHECK(fault({{.content = "", .id = 3}}) == "added token 3 is empty");
  CHECK(fault({{.content = "\xff", .id = 3}}) == "added token 3 is not UTF-8");
  CHECK(fault({{.content = "a", .id = -1}}) == "the added token 'a' has the id -1, beyond 0 to 2097151");
  CHECK(fault({{.content = "a", .id = 1}, {.content = "b", .id = 1}}) == "two added tokens have the id 1");
  CHECK(fault({{.content = "a", .id = 1}, {.content = "a", .id = 2}}) == "the added token 'a' is there twice");
}

TEST_CASE("added tokens are known by id and by content") {
  const AddedTokens added({{.content = "<s>", .id = 5}, {.content = "a", .id = 2}});
  REQUIRE(added.find(TokenId{5}) != nullptr);
  CHECK(added.find(TokenId{5})->content == "<s>");
  REQUIRE(added.find("a") != nullptr);
  CHECK(added.find("a")->id == 2);
  CHECK(added.find(TokenId{0}) == nullptr);
  CHECK(added.find("b") == nullptr);
}

}  // namespace langzoo::added_tokens_test
