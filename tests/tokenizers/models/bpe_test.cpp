#include "tests/support/plain_test.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <random>

#include "tests/tokenizers/models/frequencies.h"
#include "tokenizers/models/bpe.h"

namespace langzoo::test::bpe_test {
namespace {

using Symbols = std::vector<TokenId>;

/// Tokens are the alphabet and what `count` random merges make of it.
BpeOptions random_options(std::mt19937& random, const std::vector<std::string>& alphabet, int count) {
  BpeOptions options;
  options.tokens = alphabet;
  for (int i = 0; i < count; ++i) {
    const auto left = random() % options.tokens.size(), right = random() % options.tokens.size();
    const std::string result = options.tokens[left] + options.tokens[right];
    auto found = std::find(options.tokens.begin(), options.tokens.end(), result);
    if (found == options.tokens.end()) found = options.tokens.insert(found, result);
    options.merges.push_back({static_cast<TokenId>(left), static_cast<TokenId>(right),
                              static_cast<TokenId>(found - options.tokens.begin())});
  }
  return options;
}

/// What can merge: (rank, position). Of a repeated pair the last merge counts.
std::vector<std::pair<std::size_t, std::size_t>> candidates(const BpeOptions& options, const Symbols& symbols) {
  std::vector<std::pair<std::size_t, std::size_t>> found;
  for (std::size_t at = 0; at + 1 < symbols.size(); ++at) {
    for (std::size_t rank = options.merges.size(); rank-- > 0;) {
      if (options.merges[rank].left != symbols[at] || options.merges[rank].right != symbols[at + 1]) continue;
      found.emplace_back(rank, at);
      break;
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

Symbols merged(const BpeOptions& options, Symbols symbols, std::pair<std::size_t, std::size_t> candidate) {
  const auto at = static_cast<std::ptrdiff_t>(candidate.second);
  symbols[candidate.second] = options.merges[candidate.first].result;
  symbols.erase(symbols.begin() + at + 1);
  return symbols;
}

Symbols characters_of(const BpeOptions& options, const std::string& word) {
  Symbols symbols;
  for (const char c : word) {
    symbols.push_back(static_cast<TokenId>(std::find(options.tokens.begin(), options.tokens.end(), std::string(1, c)) -
                                           options.tokens.begin()));
  }
  return symbols;
}

/// The definition: merge the leftmost pair of least rank until there is none.
Symbols naive(const BpeOptions& options, Symbols symbols) {
  for (auto found = candidates(options, symbols); !found.empty(); found = candidates(options, symbols)) {
    symbols = merged(options, symbols, found.front());
  }
  return symbols;
}

/// Exact probabilities of the segmentations under dropout, by following every choice.
void enumerate(const BpeOptions& options, const Symbols& symbols, double dropout, double probability,
               std::map<Symbols, double>& result) {
  for (const auto& candidate : candidates(options, symbols)) {
    enumerate(options, merged(options, symbols, candidate), dropout, probability * (1 - dropout), result);
    probability *= dropout;
  }
  result[symbols] += probability;
}

Symbols ids_of(const TokenizerModel& model, const std::string& word, SubwordSampling* sampling = nullptr) {
  std::vector<ModelToken> tokens;
  model.tokenize(word, tokens, sampling);
  Symbols ids;
  std::uint32_t end = 0;
  bool spell_the_word = true;
  for (const ModelToken& token : tokens) {
    const std::string text = word.substr(token.begin, token.end - token.begin);
    spell_the_word = spell_the_word && token.begin == end && model.id_to_token(token.id) == text;
    ids.push_back(token.id);
    end = token.end;
  }
  CHECK(spell_the_word);
  CHECK(end == word.size());
  return ids;
}

std::string random_word(std::mt19937& random, std::size_t longest) {
  std::string word(1 + random() % longest, 'a');
  for (char& c : word) c = static_cast<char>('a' + random() % 3);
  return word;
}

}  // namespace

TEST_CASE("BPE merges the leftmost pair of least rank, on random merges") {
  std::mt19937 random(13);
  for (int round = 0; round < 40; ++round) {
    const BpeOptions options = random_options(random, {"a", "b", "c"}, 30);
    const Bpe model(options);
    SubwordSampling none{.bpe_dropout = 0}, all{.bpe_dropout = 1};
    for (int i = 0; i < 60; ++i) {
      const std::string word = random_word(random, i % 10 == 0 ? 200 : 20);
      CAPTURE(word);
      const Symbols characters = characters_of(options, word);
      const Symbols expected = naive(options, characters);
      CHECK(ids_of(model, word) == expected);
      CHECK(ids_of(model, word, &none) == expected);
      CHECK(ids_of(model, word, &all) == characters);
    }
  }
}

TEST_CASE("BPE dropout draws segmentations with their exact probabilities") {
  std::mt19937 random(17);
  const BpeOptions options = random_options(random, {"a", "b", "c"}, 25);
  const Bpe model(options);
  for (const double dropout : {0.1, 0.5, 0.9}) {
    for (const std::string word : {"ab", "aaaaaa", "abcabca", "cbabacb"}) {
      CAPTURE(dropout, word);
      std::map<Symbols, double> exact;
      enumerate(options, characters_of(options, word), dropout, 1, exact);
      SubwordSampling sampling{.bpe_dropout = dropout, .state = 7};
      check_frequencies(exact, [&] { return ids_of(model, word, &sampling); });
    }
  }
}

TEST_CASE("BPE dropout goes on from a saved state, and passes whole-word tokens by") {
  std::mt19937 random(19);
  BpeOptions options = random_options(random, {"a", "b", "c"}, 25);
  options.tokens.push_back("abcabc");
  options.ignore_merges = true;
  const Bpe model(options);
  const auto whole = static_cast<TokenId>(options.tokens.size() - 1);
  CHECK((ids_of(model, "abcabc") == Symbols{whole}));
  SubwordSampling sampling{.bpe_dropout = 0.3, .state = 1};
  CHECK((ids_of(model, "abcabc", &sampling) != Symbols{whole}));
  const std::uint64_t saved = sampling.state;
  const auto draw = [&](SubwordSampling& from) {
    std::vector<Symbols> drawn;
    for (int i = 0; i < 100; ++i) drawn.push_back(ids_of(model, "abcabcaabbcc", &from));
    return drawn;
  };
  const auto first = draw(sampling);
  SubwordSampling restored{.bpe_dropout = 0.3, .state = saved};
  CHECK(draw(restored) == first);
  CHECK(restored.state == sampling.state);
  CHECK(draw(restored) != first);
}

TEST_CASE("BPE: the last of repeated merges counts") {
  const BpeOptions options{.tokens = {"a", "b", "ab", "ba"}, .merges = {{0, 1, 2}, {1, 0, 3}, {0, 1, 2}}};
  CHECK((ids_of(Bpe(options), "aba") == Symbols{0, 3}));
}

TEST_CASE("BPE takes words of a megabyte in time that does not grow with its square") {
  std::mt19937 random(29);
  const Bpe model(random_options(random, {"a", "b", "c"}, 30));
  const auto start = std::chrono::steady_clock::now();
  for (const std::string& word : {std::string(1 << 20, 'a'), random_word(random, 1) + std::string(1 << 20, 'b')}) {
    std::vector<ModelToken> tokens;
    model.tokenize(word, tokens);
    CHECK(tokens.back().end == word.size());
    SubwordSampling sampling;
    model.tokenize(word, tokens, &sampling);
    CHECK(tokens.back().end == word.size());
  }
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(20));
}

TEST_CASE("BPE: what is refused is named") {
  CHECK_THROWS_WITH(Bpe(BpeOptions{.tokens = {"a", ""}, .merges = {{0, 0, 1}}}),
                    "merge 0 names the id 1, which no token has");
  CHECK_THROWS_WITH(Bpe(BpeOptions{.tokens = {"a"}, .end_of_word_suffix = "\xC3"}), "end_of_word_suffix is not UTF-8");
  SubwordSampling sampling{.bpe_dropout = 1.5};
  std::vector<ModelToken> tokens;
  CHECK_THROWS_WITH(Bpe(BpeOptions{.tokens = {"a"}}).tokenize("a", tokens, &sampling),
                    "bpe_dropout is 1.5, not a probability");
  CHECK_THROWS_WITH(Bpe(BpeOptions{.tokens = {"a"}, .unk_token = "<unk>"}).tokenize("é", tokens),
                    "'é' is not in the vocabulary, nor is the unknown token '<unk>'");
}

}  // namespace langzoo::test::bpe_test
