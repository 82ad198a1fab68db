#include "tests/support/test.h"

#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "data/files/files.h"
#include "data/words/wordnet.h"

using langzoo::FileError;
using langzoo::WordNet;
using langzoo::test::fixture;
using langzoo::test::read_file;
using langzoo::test::TempDir;
using langzoo::test::write_file;

namespace {

std::vector<std::string> names_of(const WordNet& wordnet, const std::string& word) {
  std::vector<std::string> names;
  for (const auto synset : wordnet.synsets(word)) names.push_back(wordnet.name(synset));
  return names;
}

/// A writable copy of the fixture.
void copy_fixture(const TempDir& dir) {
  for (const auto* name : {"data.noun", "data.verb", "index.noun", "index.verb", "noun.exc", "verb.exc"}) {
    write_file(dir / name, read_file(fixture("wordnet") / name));
  }
}

struct Pointer {
  std::string kind;
  int to = 0;
};

/// A database of nouns w0, w1, ..., each with the pointer given, if any, as its only hypernym.
void write_nouns(const TempDir& dir, const std::vector<Pointer>& nouns) {
  constexpr int kLine = 64;
  std::string data, index;
  for (std::size_t i = 0; i < nouns.size(); ++i) {
    const auto& [kind, to] = nouns[i];
    auto line = fmt::format("{:08} 03 n 01 w{} 0 ", kLine * i, i);
    line += kind.empty() ? "000" : fmt::format("001 {} {:08} n 0000", kind, kLine * to);
    line.resize(kLine - 1, ' ');
    data += line + "\n";
    index += fmt::format("w{} n 1 0 1 0 {:08}\n", i, kLine * i);
  }
  for (const auto* name : {"data.verb", "index.verb", "noun.exc", "verb.exc"}) write_file(dir / name, "");
  write_file(dir / "data.noun", data);
  write_file(dir / "index.noun", index);
}

}  // namespace

TEST_CASE("WordNet's senses and similarities are NLTK's") {
  const WordNet wordnet(fixture("wordnet"));
  const auto golden = nlohmann::json::parse(read_file(fixture("wordnet/golden.json")));
  REQUIRE(wordnet.size() == 55);
  for (const auto& [word, names] : golden["senses"].items()) {
    CAPTURE(word);
    CHECK(names_of(wordnet, word) == names.get<std::vector<std::string>>());
  }
  std::map<std::string, WordNet::Synset> named;
  for (std::size_t i = 0; i < wordnet.size(); ++i) {
    named[wordnet.name(static_cast<WordNet::Synset>(i))] = static_cast<WordNet::Synset>(i);
  }
  REQUIRE(named.size() == wordnet.size());
  REQUIRE(golden["pairs"].size() == 660);
  for (const auto& pair : golden["pairs"]) {
    const auto a = named.at(pair[0]), b = named.at(pair[1]);
    CAPTURE(pair.dump());
    const auto path = wordnet.path_similarity(a, b), wu_palmer = wordnet.wu_palmer_similarity(a, b);
    REQUIRE(path.has_value() != pair[2].is_null());
    REQUIRE(wu_palmer.has_value() != pair[3].is_null());
    if (path) CHECK(*path == Approx(pair[2].get<double>()).epsilon(1e-12));
    if (wu_palmer) CHECK(*wu_palmer == Approx(pair[3].get<double>()).epsilon(1e-12));
  }
}

TEST_CASE("the similarity of words is that of their nearest senses") {
  const WordNet wordnet(fixture("wordnet"));
  const auto part_of = [](const std::string& name) { return name[name.find('.') + 1]; };
  int compared = 0;
  for (const std::string a : {"bage", "kezate", "lipepe", "loner", "deni"}) {
    for (const std::string b : {"nave", "kezate", "kivole", "loner", "bage"}) {
      std::optional<double> path, wu_palmer;
      for (const auto x : wordnet.synsets(a)) {
        for (const auto y : wordnet.synsets(b)) {
          if (part_of(wordnet.name(x)) != part_of(wordnet.name(y))) continue;
          if (const auto s = wordnet.path_similarity(x, y)) path = std::max(path.value_or(0), *s);
          if (const auto s = wordnet.wu_palmer_similarity(x, y)) wu_palmer = std::max(wu_palmer.value_or(0), *s);
        }
      }
      CAPTURE(a, b);
      CHECK(wordnet.path_similarity(a, b) == path);
      CHECK(wordnet.wu_palmer_similarity(a, b) == wu_palmer);
      compared += path.has_value();
    }
  }
  CHECK(compared > 8);
  CHECK(wordnet.path_similarity("bage", "bage") == 1.0);
  CHECK_FALSE(wordnet.path_similarity("bage", "nothing"));
  CHECK_FALSE(wordnet.wu_palmer_similarity("", "bage"));
}

TEST_CASE("similarities by hand") {
  // w0 - w1 - w2, and w3 below w0: a chain and a branch.
  const TempDir dir;
  write_nouns(dir, {{}, {"@", 0}, {"@i", 1}, {"@", 0}});
  const WordNet wordnet(dir.path());
  CHECK(*wordnet.path_similarity("w2", "w3") == Approx(1.0 / 4));
  CHECK(*wordnet.wu_palmer_similarity("w2", "w3") == Approx(2.0 * 1 / (3 + 2)));
  CHECK(*wordnet.wu_palmer_similarity("w2", "w1") == Approx(2.0 * 2 / (3 + 2)));
  CHECK(*wordnet.wu_palmer_similarity("W2", "w2s") == 1.0);
}

TEST_CASE("hypernyms that run in a circle are cut, and long chains are no recursion") {
  const TempDir circle;
  write_nouns(circle, {{"@", 2}, {"@", 0}, {"@", 1}, {"@", 3}});
  const WordNet cut(circle.path());
  CHECK(*cut.path_similarity("w0", "w1") <= 0.5);
  CHECK(*cut.wu_palmer_similarity("w0", "w2") > 0);
  CHECK(*cut.path_similarity("w3", "w3") == 1.0);

  const TempDir chain;
  std::vector<Pointer> nouns{{}};
  for (int i = 1; i < 50000; ++i) nouns.push_back({"@", i - 1});
  write_nouns(chain, nouns);
  const WordNet long_chain(chain.path());
  CHECK(*long_chain.path_similarity("w0", "w999") == Approx(1.0 / 1000));
  CHECK_THROWS_WITH(long_chain.path_similarity("w0", "w49999"),
                    Catch::Contains("too many hypernyms above w49999.n.01"));
}

TEST_CASE("a broken database is an error that names file and line") {
  const TempDir dir;
  CHECK_THROWS_AS(WordNet(dir.path()), FileError);
  const auto broken = [&](const std::string& file, const std::string& text, const std::string& says) {
    copy_fixture(dir);
    write_file(dir / file, text);
    CAPTURE(file, text);
    CHECK_THROWS_WITH(WordNet(dir.path()), Catch::Contains(file) && Catch::Contains(says));
  };
  broken("data.noun", "00000001 03 n 01 a 0 000 |\n", "line 1: does not stand at its offset");
  broken("data.noun", "00000000 03 v 01 a 0 000 |\n", "line 1: the part of speech is not n");
  broken("data.noun", "00000000 03 n 00 a 0 000 |\n", "line 1: a sense without a word");
  broken("data.noun", "00000000 03 n ffffffff a 0 000 |\n", "line 1: ends before");
  broken("data.noun", "00000000 03 n 01 a 0 4000000000 @ |\n", "line 1: ends before");
  broken("data.noun", "00000000 03 n zz a 0 000 |\n", "line 1: the number of words is no number");
  broken("data.noun", "00000000 03 n 01 a 0 001 @ 00000099 n 0000 |\n", "no sense stands at offset 99");
  broken("index.verb", "a v 1 0 1 0 00000001\n", "line 1: no sense stands at offset 1");
  broken("index.verb", "a v 4000000000 0 1 0 00000073\n", "line 1: ends before the last sense");
  broken("index.verb", "\xff\xfe\n", "line 1: ends before");
  std::string bases = "bage";
  for (int i = 0; i < 300; ++i) bases += fmt::format(" b{}", i);
  broken("noun.exc", bases + "\n", "line 1: too many base forms");
}

TEST_CASE("a word with more senses than any language has is an error") {
  const TempDir dir;
  copy_fixture(dir);
  auto index = read_file(fixture("wordnet") / "index.verb");
  const auto offset = index.substr(index.find_last_of(' ', index.find_last_not_of(" \n")) + 1, 8);
  index += "zzz v 300 0 300 0";
  for (int i = 0; i < 300; ++i) index += " " + offset;
  write_file(dir / "index.verb", index + "\n");
  const WordNet wordnet(dir.path());
  CHECK_THROWS_WITH(wordnet.synsets("zzz"), Catch::Contains("too many senses of zzz"));
}

TEST_CASE("any change of a byte of a database gives an error or a database") {
  const TempDir dir;
  const auto data = read_file(fixture("wordnet") / "data.verb");
  for (std::size_t i = 0; i < data.size(); i += 7) {
    copy_fixture(dir);
    auto changed = data;
    changed[i] = static_cast<char>(changed[i] ^ (1 << (i % 8)));
    write_file(dir / "data.verb", changed);
    try {
      const WordNet wordnet(dir.path());
      const auto similarity = wordnet.wu_palmer_similarity("bage", "lipepe");
      CHECK((!similarity || (*similarity > 0 && *similarity <= 1)));
    } catch (const FileError&) {
    }
  }
}
