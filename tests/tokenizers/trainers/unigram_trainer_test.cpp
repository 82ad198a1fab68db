#include "tests/support/plain_test.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "tests/tokenizers/tokenizer_goldens.h"
#include "tests/tokenizers/trainers/trainer_support.h"
#include "tokenizers/added_tokens.h"
#include "tokenizers/models/unigram.h"
#include "tokenizers/trainers/unigram_lattice.h"
#include "tokenizers/trainers/unigram_text.h"
#include "tokenizers/trainers/unigram_trainer.h"

namespace langzoo::test {
namespace {

using Strings = std::vector<std::string>;

const std::vector<WordCount> kWords = {{"abab", 3}, {"abc", 2}, {"babab", 1}, {"c", 5}, {"cabba", 1}, {"xyz", 1}};

std::map<std::string, double> spelled(const UnigramText& text, const std::vector<UnigramPiece>& pieces) {
  std::map<std::string, double> scores;
  for (const UnigramPiece& piece : pieces) {
    const bool fresh = scores.emplace(text.spell(piece.begin, piece.size), piece.score).second;
    CHECK(fresh);
  }
  return scores;
}

/// Calls visit(pieces, score) for every way to cut text[at, size) into pieces.
template <class Visit>
void for_each_segmentation(const std::map<std::string, std::uint32_t>& ids, const std::vector<UnigramPiece>& pieces,
                           const std::string& text, std::vector<std::uint32_t>& path, double score, Visit&& visit) {
  if (text.empty()) return visit(path, score);
  for (std::size_t size = 1; size <= text.size(); ++size) {
    const auto found = ids.find(text.substr(0, size));
    if (found == ids.end()) continue;
    path.push_back(found->second);
    for_each_segmentation(ids, pieces, text.substr(size), path, score + pieces[found->second].score, visit);
    path.pop_back();
  }
}

}  // namespace

TEST_CASE(
    "Unigram seeds: the repeated substrings that no longer one makes superfluous, as found by counting them all") {
  const UnigramText text = make_unigram_text(kWords, "q", 1.0);
  for (const std::size_t max_length : {1, 2, 3, 16}) {
    std::map<std::string, double> counts, expected;
    std::map<std::string, std::set<std::string>> followers;
    for (const auto& [word, count] : kWords) {
      for (std::size_t i = 0; i < word.size(); ++i) {
        for (std::size_t size = 1; i + size <= word.size() && size <= max_length; ++size) {
          counts[word.substr(i, size)] += static_cast<double>(count);
          followers[word.substr(i, size)].insert(i + size < word.size() ? word.substr(i + size, 1) : "end");
        }
      }
    }
    for (const auto& [piece, count] : counts) {
      const auto& next = followers[piece];
      const bool superfluous = next.size() == 1 && *next.begin() != "end" && piece.size() < max_length;
      if (piece.size() == 1 || (count >= 2 && !superfluous)) {
        expected[piece] = count * static_cast<double>(piece.size());
      }
    }
    expected["q"] = 0;
    CHECK(spelled(text, find_unigram_seeds(text, max_length, 1000)) == expected);
  }
  const auto few = find_unigram_seeds(text, 16, 2);
  REQUIRE(few.size() == text.alphabet.size() - 1 + 2);
  CHECK(text.spell(few[few.size() - 2].begin, few[few.size() - 2].size) == "ab");  // 12 times 2
  CHECK(text.spell(few.back().begin, few.back().size) == "abab");                  // 4 times 4
}

TEST_CASE("Unigram lattice: expectations and the best path are those of all segmentations") {
  const UnigramText text = make_unigram_text(kWords, "", 1.0);
  std::vector<UnigramPiece> pieces = find_unigram_seeds(text, 16, 1000);
  std::map<std::string, std::uint32_t> ids;
  for (std::uint32_t i = 0; i < pieces.size(); ++i) {
    pieces[i].score = -1.0 - 0.37 * static_cast<double>(i * i % 11);
    ids[text.spell(pieces[i].begin, pieces[i].size)] = i;
  }
  const UnigramTrie trie(text, pieces);
  UnigramLattice lattice(trie, pieces);
  for (const UnigramText::Word& word : text.words) {
    std::vector<double> expected(pieces.size()), found(pieces.size());
    double total = 0, best = -1e9;
    std::vector<std::uint32_t> best_path, path;
    const std::string spelling = text.spell(word.begin, word.size);
    for_each_segmentation(ids, pieces, spelling, path, 0, [&](const auto& p, double score) {
      total += std::exp(score);
      if (score > best) best = score, best_path = p;
      for (const std::uint32_t piece : p) expected[piece] += std::exp(score);
    });
    const std::uint32_t* const symbols = text.symbols.data() + word.begin;
    CHECK(lattice.expect(symbols, word.size, [&](std::uint32_t piece, double share) { found[piece] += share; }) ==
          Approx(std::log(total)));
    for (std::size_t i = 0; i < pieces.size(); ++i) CHECK(found[i] == Approx(expected[i] / total).margin(1e-12));
    const auto result = lattice.best(symbols, word.size);
    CHECK(result.score == Approx(best));
    CHECK(std::vector<std::uint32_t>(result.pieces.begin(), result.pieces.end()) == best_path);
  }
  const std::uint32_t whole = ids.at("abab");
  const auto without = lattice.best(text.symbols.data() + pieces[whole].begin, 4, whole);
  CHECK(without.pieces.size() > 1);
}

TEST_CASE("Unigram trainer: compresses text it has not seen as well as Python's tokenizers, within 1 %") {
  const nlohmann::json goldens = golden("trainers.json");
  const auto texts = goldens["texts"].get<Strings>();
  const auto words = words_of(Strings(texts.begin(), texts.begin() + 300));
  const auto held_out = words_of(Strings(texts.begin() + 300, texts.end()));
  for (const auto& run : goldens["unigram"]) {
    UnigramTrainerOptions options;
    options.vocab_size = run["options"]["vocab_size"];
    const UnigramOptions learned = learn_unigram(words, options);
    CHECK(learned.pieces.size() == run["size"].get<std::size_t>());
    const Unigram model(learned);
    std::uint64_t tokens = 0;
    for (const auto& [word, count] : held_out) {
      std::vector<ModelToken> cut;
      model.tokenize(word, cut, nullptr);
      tokens += cut.size() * count;
    }
    CAPTURE(options.vocab_size, tokens);
    CHECK(static_cast<double>(tokens) <= 1.01 * run["tokens"].get<double>());
  }
}

TEST_CASE("Unigram trainer: pieces are the same whatever the threads, in falling order, and have all characters") {
  const auto words = words_of(golden("trainers.json")["texts"].get<Strings>());
  UnigramTrainerOptions options;
  options.vocab_size = 200;
  options.initial_alphabet = "qé";
  std::size_t calls = 0;
  options.progress = [&](const TokenizerTrainingProgress& now) { calls += now.tokens > 0; };
  const UnigramOptions one = learn_unigram(words, options);
  CHECK(calls > 0);
  REQUIRE(one.pieces.size() == 200);
  CHECK(one.unk_id == 0);
  CHECK(one.pieces[3] == std::pair<std::string, double>("<pad>", 0.0));
  std::set<std::string> pieces;
  for (std::size_t i = 0; i < one.pieces.size(); ++i) {
    CHECK(pieces.insert(one.pieces[i].first).second);
    if (i > 4) CHECK(one.pieces[i].second <= one.pieces[i - 1].second);
    CHECK(std::isfinite(one.pieces[i].second));
  }
  for (const auto& [word, count] : words_of({"k l é q 강 \U0001F469 # <"})) CHECK(pieces.contains(word));
  for (const std::size_t threads : {2, 4}) {
    options.threads = threads;
    CHECK((learn_unigram(words, options).pieces == one.pieces));
  }
}

TEST_CASE("Unigram trainer: nothing or hardly anything to learn from, and words of any size") {
  UnigramTrainerOptions options;
  options.vocab_size = 50;
  const auto pieces_of = [&](const std::vector<WordCount>& words) {
    Strings pieces;
    for (const auto& [piece, score] : learn_unigram(words, options).pieces) pieces.push_back(piece);
    return pieces;
  };
  CHECK(pieces_of({}) == Strings{"<unk>", "<s>", "</s>", "<pad>"});
  CHECK(pieces_of({{"", 3}}) == Strings{"<unk>", "<s>", "</s>", "<pad>"});
  CHECK(pieces_of({{"a", 1}}) == Strings{"<unk>", "<s>", "</s>", "<pad>", "a"});
  CHECK(pieces_of({{"\xFF", 1}}) == Strings{"<unk>", "<s>", "</s>", "<pad>", "\u{FFFD}"});
  std::string word;
  std::uint32_t state = 1;
  for (int i = 0; i < 20000; ++i) word += "ACGT"[(state = state * 1664525 + 1013904223) >> 30];
  CHECK(pieces_of({{word, 1}, {std::string(1000000, 'A'), 7}}).size() == 50);

  options.character_coverage = 0.9;
  const auto has_b = [&] {
    const Strings pieces = pieces_of({{"aaaaaaaaab", 1}, {"aaaaaaaaac", 1}});
    return std::find(pieces.begin(), pieces.end(), "b") != pieces.end();
  };
  CHECK_FALSE(has_b());
  options.initial_alphabet = "b";
  CHECK(has_b());
  options.special_tokens = {"<s>", "a", "<s>"};
  options.unk_token.reset();
  CHECK(pieces_of({{"a", 1}}) == Strings{"<s>", "a", "b"});
}

TEST_CASE("Unigram trainer: options that cannot be") {
  const auto message = [](const UnigramTrainerOptions& options) -> std::string {
    try {
      learn_unigram({{"abc", 2}}, options);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "";
  };
  CHECK(message({.vocab_size = 6}) == "vocab_size is 6, expected at least 7 (4 special tokens, 3 characters)");
  CHECK(message({.vocab_size = kMaxVocabularySize + 1}) == "vocab_size is 2097153, expected at most 2097152");
  CHECK(message({.special_tokens = {"<s>"}}) == "unk_token '<unk>' is none of the special tokens");
  CHECK(message({.special_tokens = {"<unk>", ""}}) == "a special token is empty");
  CHECK(message({.character_coverage = 0}) == "character_coverage is 0, expected more than 0 and at most 1");
  CHECK(message({.character_coverage = std::nan("")}) ==
        "character_coverage is nan, expected more than 0 and at most 1");
  CHECK(message({.max_piece_length = 0}) == "max_piece_length is 0, expected 1 to 4096");
  CHECK(message({.shrinking_factor = 1}) == "shrinking_factor is 1, expected a number between 0 and 1");
  CHECK(message({.n_sub_iterations = 0}) == "n_sub_iterations is 0, expected at least 1");
}

}  // namespace langzoo::test
