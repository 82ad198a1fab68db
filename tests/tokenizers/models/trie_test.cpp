#include "tests/support/plain_test.h"

#include <map>
#include <random>

#include "tokenizers/models/trie.h"

namespace langzoo::test {
namespace {

using Keys = std::vector<std::pair<std::string, TokenId>>;

Trie trie_of(const Keys& keys) {
  return Trie({keys.begin(), keys.end()});
}

/// (length, id) of every key that `text` begins with, but the empty one.
std::vector<std::pair<std::size_t, TokenId>> prefixes(const Trie& trie, std::string_view text) {
  std::vector<std::pair<std::size_t, TokenId>> found;
  Trie::Node node = trie.root();
  for (std::size_t i = 0; i < text.size() && trie.step(node, text[i]); ++i) {
    if (node.is_key()) found.emplace_back(i + 1, node.id());
  }
  return found;
}

std::string random_text(std::mt19937& random, unsigned alphabet, std::size_t longest) {
  std::string text(1 + random() % longest, '\0');
  for (char& c : text) c = static_cast<char>(random() % alphabet);
  return text;
}

}  // namespace

TEST_CASE("a trie finds the keys that a text begins with") {
  std::mt19937 random(3);
  for (const unsigned alphabet : {1u, 2u, 3u, 40u, 256u}) {
    for (const std::size_t count : {0, 1, 10, 3000}) {
      Keys keys;
      std::map<std::string, TokenId> ids;
      for (std::size_t i = 0; i < count; ++i) {
        keys.emplace_back(random_text(random, alphabet, 6), static_cast<TokenId>(random() % (1 << 21)));
        ids[keys.back().first] = keys.back().second;  // of equal keys the last counts
      }
      const Trie trie = trie_of(keys);
      for (int i = 0; i < 500; ++i) {
        const std::string text =
            count > 0 && i % 2 ? keys[random() % count].first + "x" : random_text(random, alphabet, 9);
        std::vector<std::pair<std::size_t, TokenId>> expected;
        for (std::size_t n = 1; n <= text.size(); ++n) {
          if (const auto found = ids.find(text.substr(0, n)); found != ids.end())
            expected.emplace_back(n, found->second);
        }
        CHECK(prefixes(trie, text) == expected);
      }
    }
  }
}

TEST_CASE("a trie of no keys, of an empty key and of one long key") {
  CHECK(prefixes(trie_of({}), std::string(3, '\0')).empty());
  CHECK_FALSE(trie_of({}).root().is_key());
  const Trie empty = trie_of({{"", 5}});
  CHECK(empty.root().is_key());
  CHECK(empty.root().id() == 5);
  CHECK(prefixes(empty, "a").empty());
  const std::string key(2'000'000, 'k');
  CHECK((prefixes(trie_of({{key, 1}}), key + "k") == std::vector<std::pair<std::size_t, TokenId>>{{key.size(), 1}}));
}

}  // namespace langzoo::test
