#include "data/words/vocabulary.h"

#include <fstream>
#include <limits>
#include <map>

#include "data/files/files.h"
#include "data/random/random.h"
#include "tests/support/test.h"

namespace langzoo::test::vocabulary_test {

using test::TempDir;
using test::write_file;
namespace fs = std::filesystem;

namespace {

using Words = std::vector<std::string>;
using Counts = std::vector<std::int64_t>;

struct Documents {
  TempDir dir;
  std::vector<fs::path> paths;

  explicit Documents(const std::vector<std::string>& texts) {
    for (std::size_t i = 0; i < texts.size(); ++i) {
      paths.push_back(dir / (std::to_string(i) + ".txt"));
      write_file(paths.back(), texts[i]);
    }
  }
};

Vocabulary count(const std::vector<std::string>& texts, const VocabularyOptions& options) {
  return count_words(Documents(texts).paths, options);
}

VocabularyOptions all_words(std::size_t threads = 1) {
  VocabularyOptions options;
  options.min_count = 1;
  options.threads = threads;
  return options;
}

/// Words of a skewed distribution, some of odd bytes, between all kinds of white space.
std::string random_text(std::uint64_t seed, std::size_t bytes) {
  static const std::string kSpaces[] = {" ", " ", " ", "\n", "\t", "\r\n", "  ", "\v", "\f", std::string(1, '\0')};
  Random random(seed);
  std::string text;
  while (text.size() < bytes) {
    const std::uint64_t rank = random.below(1 + random.below(5000));
    text += "w" + std::to_string(rank);
    if (rank % 7 == 0) text += static_cast<char>(128 + random.below(128));
    text += kSpaces[random.below(std::size(kSpaces))];
  }
  return text;
}

/// The same by other means.
std::pair<Words, Counts> naive_count(const std::vector<std::string>& texts, std::int64_t min_count) {
  std::map<std::string, std::int64_t> counts;
  for (const std::string& text : texts) {
    std::string word;
    for (const char c : text + " ") {
      if (std::string_view(" \t\n\v\f\r\0", 7).find(c) == std::string_view::npos) {
        word += c;
        continue;
      }
      if (!word.empty() && word.size() <= kMaxWordBytes) ++counts[word];
      word.clear();
    }
  }
  std::vector<std::pair<std::string, std::int64_t>> sorted(counts.begin(), counts.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::pair<Words, Counts> result;
  for (const auto& [word, n] : sorted) {
    if (n < min_count) break;
    result.first.push_back(word);
    result.second.push_back(n);
  }
  return result;
}

}  // namespace

TEST_CASE("ids are ranks: the most frequent first, ties in the order of bytes") {
  const auto vocabulary = count({"b a \xc3\xa9 a\tc\r\nb a"}, all_words());
  CHECK(vocabulary.words() == Words{"a", "b", "c", "\xc3\xa9"});
  CHECK(vocabulary.counts() == Counts{3, 2, 1, 1});
  CHECK(vocabulary.total() == 7);
  for (std::int32_t id = 0; id < 4; ++id) CHECK(vocabulary.find(vocabulary.words()[id]) == id);
  CHECK(vocabulary.find("d") == -1);
  CHECK(vocabulary.find("") == -1);
  CHECK(Vocabulary().find("a") == -1);
}

TEST_CASE("counting agrees with a map, whatever the threads, over documents of many chunks") {
  const std::vector<std::string> texts{random_text(1, 900'000), "", random_text(2, 5), random_text(3, 300'000)};
  const Documents documents(texts);
  for (const std::int64_t min_count : {1, 5}) {
    const auto [words, counts] = naive_count(texts, min_count);
    REQUIRE(words.size() > 1000);
    for (const std::size_t threads : {1, 2, 5}) {
      VocabularyOptions options = all_words(threads);
      options.min_count = min_count;
      const auto vocabulary = count_words(documents.paths, options);
      CHECK(vocabulary.words() == words);
      CHECK(vocabulary.counts() == counts);
    }
  }
}

TEST_CASE("documents do not run into one another") {
  CHECK(count({"one wo", "rd"}, all_words()).words() == Words{"one", "rd", "wo"});
}

TEST_CASE("more words than a thread keeps to itself") {
  std::string text;
  for (int i = 0; i < 300'000; ++i) text += std::to_string(i) + " ";
  const auto vocabulary = count({text, text}, all_words(2));
  CHECK(vocabulary.size() == 300'000);
  CHECK(vocabulary.counts() == Counts(300'000, 2));
}

TEST_CASE("max_size keeps the most frequent") {
  VocabularyOptions options = all_words();
  options.max_size = 2;
  CHECK(count({"c b a b c c"}, options).words() == Words{"c", "b"});
}

TEST_CASE("what is too long is no word, wherever chunks are cut") {
  const std::string longest(kMaxWordBytes, 'x'), longer(kMaxWordBytes + 1, 'y');
  for (const std::size_t length : {1001, 5000, 262'144, 262'145, 600'000, 1'000'000}) {
    const std::string text = "a " + longest + " " + longer + " b\n" + std::string(length, 'z') + "\tb c";
    CHECK(count({text}, all_words()).words() == Words{"b", "a", "c", longest});
    CHECK(count({text + std::string(length, 'z'), "d"}, all_words()).words() == Words{"b", "a", "d", longest});
  }
  CHECK_THROWS_WITH(count({std::string(700'000, 'z')}, all_words()), "the text holds no word");
}

TEST_CASE("how many words were too long is told") {
  std::uint64_t told = 0;
  auto options = all_words();
  options.too_long = [&](std::uint64_t words) { told = words; };
  const std::string longer(kMaxWordBytes + 1, 'y');
  count({"a " + longer + " b " + longer, std::string(700'000, 'z') + " c", longer + "\n" + longer}, options);
  CHECK(told == 5);
  told = 7;
  count({"a b"}, options);
  CHECK(told == 7);
}

TEST_CASE("a byte order mark belongs to no word") {
  CHECK(count({"\xef\xbb\xbfthe cat\nthe",
               "\xef\xbb\xbf"
               "cat the"},
              all_words())
            .words() == Words{"the", "cat"});
}

TEST_CASE("rare words are forgotten when there are too many") {
  std::string text;
  Random random(7);
  for (int i = 0; i < 200'000; ++i) {
    text += i % 4 == 0 ? "often" + std::to_string(i % 100) : "once" + std::to_string(random.next());
    text += ' ';
  }
  VocabularyOptions options = all_words();
  options.max_words = 1000;
  for (const std::size_t threads : {1, 3}) {
    options.threads = threads;
    const auto vocabulary = count({text, text}, options);
    CHECK(vocabulary.size() <= 1000);
    for (std::int32_t id = 0; id < 25; ++id) {
      CHECK(vocabulary.words()[id].starts_with("often"));
      CHECK(vocabulary.counts()[id] == 4000);
    }
  }
  std::string long_words;  // 1000 words have at most 32,000 bytes
  for (int i = 0; i < 1000; ++i) long_words += std::string(500, 'x') + std::to_string(i) + " short ";
  CHECK(count({long_words}, options).size() < 65);
}

TEST_CASE("texts without a word, rare words and missing files are clear errors") {
  CHECK_THROWS_WITH(count({""}, {}), "the text holds no word");
  CHECK_THROWS_WITH(count({" \n\t", ""}, {}), "the text holds no word");
  CHECK_THROWS_WITH(count({"a b b c"}, {}),
                    "no word occurs min_count = 5 times: the most frequent of 3 words occurs 2");
  CHECK(count({"word"}, all_words()).words() == Words{"word"});
  const TempDir dir;
  const fs::path missing = dir / "missing.txt", folder = dir.path();
  CHECK_THROWS_AS(count_words({&missing, 1}), FileError);
  CHECK_THROWS_AS(count_words({&folder, 1}), FileError);
  const auto with = [](auto member, std::int64_t value) {
    VocabularyOptions options;
    options.*member = value;
    return options;
  };
  CHECK_THROWS_AS(count({"a"}, with(&VocabularyOptions::min_count, 0)), std::invalid_argument);
  CHECK_THROWS_AS(count({"a"}, with(&VocabularyOptions::max_size, -1)), std::invalid_argument);
  CHECK_THROWS_AS(count({"a"}, with(&VocabularyOptions::max_words, 0)), std::invalid_argument);
}

TEST_CASE("progress of counting rises to all bytes, and may stop it") {
  const Documents documents({random_text(1, 2'000'000), "end"});
  VocabularyOptions options = all_words(2);
  std::vector<std::uint64_t> seen;
  options.progress = [&](std::uint64_t done, std::uint64_t total) {
    CHECK(total == fs::file_size(documents.paths[0]) + 3);
    seen.push_back(done);
  };
  count_words(documents.paths, options);
  CHECK(std::is_sorted(seen.begin(), seen.end()));
  CHECK(seen.back() == fs::file_size(documents.paths[0]) + 3);
  options.progress = [](std::uint64_t, std::uint64_t) { throw std::runtime_error("stopped"); };
  CHECK_THROWS_WITH(count_words(documents.paths, options), "stopped");
}

TEST_CASE("a document that changes while it is read is named") {
  const test::TempDir dir;
  for (const auto* name : {"a.txt", "b.txt"}) test::write_file(dir / name, std::string(1 << 20, 'w'));
  VocabularyOptions options;
  options.min_count = 1;
  options.threads = 1;
  options.progress = [&](std::uint64_t done, std::uint64_t) {
    if (done < 1 << 20) std::ofstream(dir / "b.txt", std::ios::app) << " more";
  };
  const std::vector<std::filesystem::path> documents{dir / "a.txt", dir / "b.txt"};
  CHECK_THROWS_WITH(count_words(documents, options), Catch::Contains("b.txt: the text changed while it was read"));
}

TEST_CASE("an extended vocabulary keeps its ids") {
  const Vocabulary vocabulary({"b", "a", "z"}, {3, 2, 0});
  const Documents documents({"new a new c d d a new d c b"});
  VocabularyOptions options = all_words();
  options.min_count = 2;
  auto extended = extend_vocabulary(vocabulary, documents.paths, options);
  CHECK(extended.words() == Words{"b", "a", "z", "d", "new", "c"});
  CHECK(extended.counts() == Counts{4, 4, 0, 3, 3, 2});
  CHECK(extended.total() == 16);
  options.max_size = 4;
  CHECK(extend_vocabulary(vocabulary, documents.paths, options).words() == Words{"b", "a", "z", "d"});
  options.max_size = 1;
  CHECK(extend_vocabulary(vocabulary, documents.paths, options).words() == Words{"b", "a", "z"});
  CHECK(extend_vocabulary(Vocabulary(), documents.paths, all_words()).words() == Words{"d", "new", "a", "c", "b"});
  const Vocabulary full({"a"}, {std::numeric_limits<std::int64_t>::max()});
  CHECK_THROWS_AS(extend_vocabulary(full, documents.paths, all_words()), std::runtime_error);
}

TEST_CASE("a vocabulary is made of distinct words with counts") {
  const auto check = [](Words words, Counts counts) {
    CHECK_THROWS_AS(Vocabulary(std::move(words), std::move(counts)), std::invalid_argument);
  };
  check({"a", "b"}, {1});
  check({"a", ""}, {1, 1});
  check({"a", "b c"}, {1, 1});
  check({"a", "b\n"}, {1, 1});
  check({"a", std::string("b\0c", 3)}, {1, 1});
  check({"a", "b", "a"}, {1, 1, 1});
  check({"a", "b"}, {1, -1});
  check({"a", std::string(kMaxWordBytes + 1, 'b')}, {1, 1});
  check({"a", "b"}, {1, std::numeric_limits<std::int64_t>::max()});
}

TEST_CASE("a vocabulary is saved and loaded") {
  const TempDir dir;
  const fs::path path = dir / "vocabulary.tsv";
  const Vocabulary vocabulary({"the", "\xff\xfe", "<b>", "\xc2\xa0"}, {5, 3, 1, 0});
  vocabulary.save(path);
  CHECK(test::read_file(path) == "the\t5\n\xff\xfe\t3\n<b>\t1\n\xc2\xa0\t0\n");
  const auto loaded = Vocabulary::load(path);
  CHECK(loaded.words() == vocabulary.words());
  CHECK(loaded.counts() == vocabulary.counts());
  CHECK(loaded.find("<b>") == 2);

  write_file(path, "");
  CHECK(Vocabulary::load(path).size() == 0);
  write_file(path,
             "\xef\xbb\xbf"
             "a\t+1\r\nb\t2\r\n");
  CHECK(Vocabulary::load(path).words() == Words{"a", "b"});
  CHECK(Vocabulary::load(path).counts() == std::vector<std::int64_t>{1, 2});
  write_file(path, "no line feed\t7");
  CHECK_THROWS_WITH(Vocabulary::load(path), Catch::EndsWith("line 1: a word has 1 to 1000 bytes and no white space"));
  const auto check = [&](const std::string& bytes, const std::string& message) {
    write_file(path, bytes);
    CHECK_THROWS_AS(Vocabulary::load(path), FileError);
    CHECK_THROWS_WITH(Vocabulary::load(path), Catch::Contains("vocabulary.tsv: ") && Catch::EndsWith(message));
  };
  check("a\t1\nb\n", "line 2: expected a word, a tab and a count");
  check("a\t1\n\n", "line 2: expected a word, a tab and a count");
  check("\t1\n", "line 1: a word has 1 to 1000 bytes and no white space");
  check("a\t\n", "line 1: the count of 'a' is no whole number from 0 on");
  check("a\t-1\n", "line 1: the count of 'a' is no whole number from 0 on");
  check("a\t1.5\n", "line 1: the count of 'a' is no whole number from 0 on");
  check("a\t99999999999999999999\n", "line 1: the count of 'a' is no whole number from 0 on");
  check("a\t1\nb\t1\na\t1\n", "line 3: the word 'a' is given twice");
  CHECK_THROWS_AS(Vocabulary::load(dir / "missing"), FileError);
}

}  // namespace langzoo::test::vocabulary_test
