#include "data/words/co_occurrence.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <set>

#include "data/files/files.h"
#include "data/random/random.h"
#include "tests/support/test.h"

namespace langzoo::test::co_occurrence_test {

using test::TempDir;
using test::write_file;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t kHeaderBytes = 56;
using Matrix = std::map<std::pair<std::int32_t, std::int32_t>, double>;

/// A text of numbers, word n being id n.
struct Text {
  TempDir dir;
  std::int64_t size;

  Text(const std::string& text, std::int64_t vocabulary_size) : size(vocabulary_size) {
    write_file(dir / "text", text);
  }
  WordCorpus corpus() const {
    std::vector<std::string> words;
    for (std::int64_t id = 0; id < size; ++id) words.push_back(std::to_string(id));
    const fs::path document = dir / "text";
    WordCorpusOptions options;
    options.block_words = 100;
    return WordCorpus::open_or_build({&document, 1}, {words, std::vector<std::int64_t>(words.size(), 1)},
                                     dir / "corpus", options);
  }
  fs::path path() const { return dir / "pairs"; }
  CoOccurrenceFile open(const CoOccurrenceOptions& options = {}) const {
    return CoOccurrenceFile::open_or_build(corpus(), size, path(), options);
  }
};

CoOccurrenceOptions window(std::int64_t window, bool distance_weighting = true) {
  CoOccurrenceOptions options;
  options.window = window;
  options.distance_weighting = distance_weighting;
  return options;
}

/// Sentences of 1 to 40 words, low numbers far more often than high ones.
std::string random_text(std::uint64_t seed, std::size_t words, std::uint64_t vocabulary_size) {
  Random random(seed);
  std::string text;
  for (std::size_t i = 0; i < words; ++i) {
    const auto below = 1 + random.below(1 + random.below(vocabulary_size));
    text += std::to_string(random.below(below)) + (random.below(20) == 0 ? "\n" : " ");
  }
  return text;
}

std::vector<CoOccurrence> all(const CoOccurrenceFile& file) {
  std::vector<CoOccurrence> entries, block;
  for (std::int64_t i = 0; i < file.blocks(); ++i) {
    file.read_block(i, block);
    entries.insert(entries.end(), block.begin(), block.end());
  }
  return entries;
}

Matrix matrix(const CoOccurrenceFile& file) {
  Matrix result;
  for (const CoOccurrence& entry : all(file)) {
    if (!result.emplace(std::pair(entry.row, entry.column), entry.count).second) FAIL("an entry given twice");
  }
  return result;
}

/// Every ordered pair of places within the window.
Matrix naive(const WordCorpus& corpus, const CoOccurrenceOptions& options) {
  Matrix result;
  std::vector<std::int32_t> block, sentence;
  for (std::int64_t b = 0; b < corpus.blocks(); ++b) {
    corpus.read_block(b, block);
    for (const std::int32_t id : block) {
      if (id != kSentenceEnd) {
        sentence.push_back(id);
        continue;
      }
      const auto n = static_cast<std::int64_t>(sentence.size());
      for (std::int64_t i = 0; i < n; ++i) {
        for (std::int64_t j = 0; j < n; ++j) {
          const std::int64_t distance = std::abs(i - j);
          if (distance == 0 || distance > options.window) continue;
          result[{sentence[static_cast<std::size_t>(i)], sentence[static_cast<std::size_t>(j)]}] +=
              options.distance_weighting ? 1.0 / static_cast<double>(distance) : 1.0;
        }
      }
      sentence.clear();
    }
  }
  return result;
}

void check_equal(const Matrix& found, const Matrix& expected) {
  REQUIRE(found.size() == expected.size());
  double worst = 0;
  for (const auto& [position, count] : expected) {
    const auto entry = found.find(position);
    if (entry == found.end()) FAIL("an entry is missing");
    worst = std::max(worst, std::abs(entry->second - count) / count);
  }
  CHECK(worst < 2e-7);
}

bool is_sorted(const std::vector<CoOccurrence>& entries) {
  return std::is_sorted(entries.begin(), entries.end(), [](const CoOccurrence& a, const CoOccurrence& b) {
    return std::pair(a.row, a.column) < std::pair(b.row, b.column);
  });
}

}  // namespace

TEST_CASE("a sentence by hand") {
  const Text text("0 1 0 2\n1 2\n", 3);
  CHECK(
      matrix(text.open(window(2))) ==
      Matrix{{{0, 0}, 1.0}, {{0, 1}, 2.0}, {{0, 2}, 1.0}, {{1, 0}, 2.0}, {{1, 2}, 1.5}, {{2, 0}, 1.0}, {{2, 1}, 1.5}});
  const auto file = text.open(window(1, false));
  CHECK(matrix(file) ==
        Matrix{{{0, 1}, 2.0}, {{1, 0}, 2.0}, {{0, 2}, 1.0}, {{2, 0}, 1.0}, {{1, 2}, 1.0}, {{2, 1}, 1.0}});
  CHECK(file.total() == 8.0);
  CHECK(file.entries() == 6);
}

TEST_CASE("counts are those of a double loop") {
  for (const std::uint64_t vocabulary : {1, 7, 600, 20'000}) {
    const Text text(random_text(vocabulary, 6'000, vocabulary), static_cast<std::int64_t>(vocabulary));
    for (const std::int64_t width : {1, 4, 15, 60}) {
      for (const bool weighting : {true, false}) {
        CAPTURE(vocabulary, width, weighting);
        const auto options = window(width, weighting);
        const auto file = text.open(options);
        const auto expected = naive(text.corpus(), options);
        check_equal(matrix(file), expected);
        double total = 0;
        for (const auto& [position, count] : expected) total += count;
        CHECK(file.total() == Approx(total).epsilon(1e-7));
      }
    }
  }
}

TEST_CASE("the file depends on neither threads nor memory") {
  const Text text(random_text(1, 90'000, 3000), 3000);
  for (const bool shuffle : {true, false}) {
    std::string bytes;
    for (const std::size_t threads : {1, 2, 5}) {
      for (const std::int64_t memory : {1 << 30, 2'000'000, 1}) {
        CoOccurrenceOptions options;
        options.shuffle = shuffle;
        options.threads = threads;
        options.memory_bytes = memory;
        fs::remove(text.path());
        std::int64_t last = 0, steps = 0;
        options.progress = [&](std::int64_t done, std::int64_t total) {
          if (done <= last || done > total) throw std::logic_error("progress out of order");
          last = done;
          steps = total;
        };
        const auto file = text.open(options);
        CHECK(last == steps);
        const std::int64_t blocks = text.corpus().blocks();
        CHECK((memory == 1 << 30 ? steps == blocks + 1 : steps > 2 * blocks));
        if (bytes.empty()) bytes = test::read_file(text.path());
        REQUIRE((test::read_file(text.path()) == bytes));
        CHECK(is_sorted(all(file)) != shuffle);
      }
    }
  }
  CHECK(std::distance(fs::directory_iterator(text.dir.path()), {}) == 3);
}

TEST_CASE("ids too large for narrow lists are counted alike") {
  const std::int64_t size = 300'000;  // 19 bits, and 16 of the distance
  std::string words;
  Random random(5);
  for (int i = 0; i < 20'000; ++i) {
    words += std::to_string(random.below(2) == 0 ? random.below(5) : random.below(size)) + (i % 30 == 0 ? "\n" : " ");
  }
  const Text text(words, size);
  const auto options = window(40'000);
  check_equal(matrix(text.open(options)), naive(text.corpus(), options));
}

TEST_CASE("shuffled entries are the sorted ones in an order that the seed decides") {
  const Text text(random_text(2, 20'000, 500), 500);
  CoOccurrenceOptions options;
  options.shuffle = false;
  const auto sorted = matrix(text.open(options));
  options.shuffle = true;
  std::set<std::vector<std::int32_t>> orders;
  for (const std::uint64_t seed : {1, 2, 3}) {
    options.seed = seed;
    const auto file = text.open(options);
    CHECK(file.was_built());
    CHECK(matrix(file) == sorted);
    const auto entries = all(file);
    std::vector<std::int32_t> rows;
    double early = 0, late = 0;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      rows.push_back(entries[i].row);
      (i < entries.size() / 2 ? early : late) += entries[i].row;
    }
    CHECK(early / late == Approx(1.0).margin(0.02));
    orders.insert(rows);
  }
  CHECK(orders.size() == 3);
}

TEST_CASE("blocks hold block_entries entries, the last one the rest") {
  const Text text(random_text(3, 3'000, 50), 50);
  const auto whole = all(text.open());
  CoOccurrenceOptions options;
  options.block_entries = 100;
  const auto file = text.open(options);
  CHECK(!file.was_built());
  CHECK(file.blocks() == (static_cast<std::int64_t>(whole.size()) + 99) / 100);
  CHECK(std::memcmp(all(file).data(), whole.data(), whole.size() * sizeof(CoOccurrence)) == 0);
  std::vector<CoOccurrence> block;
  file.read_block(0, block);
  CHECK(block.size() == 100);
  CHECK_THROWS_AS(file.read_block(file.blocks(), block), std::out_of_range);
  CHECK_THROWS_AS(file.read_block(-1, block), std::out_of_range);
}

TEST_CASE("one word, and words that never meet") {
  CHECK(matrix(Text("0 0 0\n", 1).open(window(1))) == Matrix{{{0, 0}, 4.0}});
  CHECK_THROWS_WITH(Text("0\n", 1).open(), "no two words of the text stand near each other");
  const Text apart("0\n1\n2\n", 3);
  CHECK_THROWS_WITH(apart.open(), "no two words of the text stand near each other");
  CHECK(!fs::exists(apart.path()));
}

TEST_CASE("a current file is opened as it is; corpus or options changed build it anew") {
  const Text text("0 1 2 3\n", 4);
  const auto print = text.open().fingerprint();
  CHECK(!text.open().was_built());
  CoOccurrenceOptions options;
  options.threads = 3;
  options.memory_bytes = 1'000'000;
  CHECK(!text.open(options).was_built());
  const auto check_changed = [&](const CoOccurrenceFile& file) {
    CHECK(file.was_built());
    CHECK(file.fingerprint() != print);
  };
  SECTION("window") {
    check_changed(text.open(window(14)));
  }
  SECTION("weights") {
    check_changed(text.open(window(15, false)));
  }
  SECTION("seed") {
    options.seed = 2;
    check_changed(text.open(options));
  }
  SECTION("order") {
    options.shuffle = false;
    check_changed(text.open(options));
    options.seed = 2;  // of no shuffle
    CHECK(!text.open(options).was_built());
  }
  SECTION("text") {
    write_file(text.dir / "text", "0 1 3 2\n");
    check_changed(text.open());
  }
  SECTION("vocabulary") {
    check_changed(CoOccurrenceFile::open_or_build(text.corpus(), 5, text.path(), {}));
  }
}

TEST_CASE("a damaged file of co-occurrences is built anew") {
  const Text text("0 1 2 3\n", 4);
  text.open();
  const std::string good = test::read_file(text.path());
  const auto check_rebuilt = [&](const std::string& bad) {
    write_file(text.path(), bad);
    REQUIRE(text.open().was_built());
    REQUIRE((test::read_file(text.path()) == good));
  };
  for (std::size_t size = 0; size < good.size(); ++size) check_rebuilt(good.substr(0, size));
  check_rebuilt(good + "x");
  check_rebuilt(good + good);
  for (std::size_t at = 8; at < kHeaderBytes; ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x10);
    check_rebuilt(bad);
  }
}

TEST_CASE("entries that cannot be are found when they are read") {
  const Text text("0 1 2 3\n", 4);
  text.open();
  const std::string good = test::read_file(text.path());
  const auto check = [&](std::size_t at, auto value) {
    std::string bad = good;
    std::memcpy(bad.data() + kHeaderBytes + 12 + at, &value, 4);
    write_file(text.path(), bad);
    const auto file = text.open();
    REQUIRE(!file.was_built());
    std::vector<CoOccurrence> entries;
    CHECK_THROWS_WITH(file.read_block(0, entries),
                      Catch::Contains("pairs: is a damaged file of co-occurrences (block 0"));
  };
  check(0, 4);
  check(0, -1);
  check(4, 4);
  check(4, -1);
  check(8, 0.0F);
  check(8, -1.0F);
  check(8, std::numeric_limits<float>::quiet_NaN());
  check(8, std::numeric_limits<float>::infinity());
}

TEST_CASE("wrong options, other files and a stop are clear errors that leave nothing behind") {
  const Text text("0 1 2 3\n", 4);
  CHECK_THROWS_AS(text.open(window(0)), std::invalid_argument);
  CHECK_THROWS_AS(text.open(window(1 << 20)), std::invalid_argument);
  CoOccurrenceOptions options;
  options.memory_bytes = 0;
  CHECK_THROWS_AS(text.open(options), std::invalid_argument);
  options = {};
  options.block_entries = 0;
  CHECK_THROWS_AS(text.open(options), std::invalid_argument);
  CHECK_THROWS_AS(CoOccurrenceFile::open_or_build(text.corpus(), 0, text.path()), std::invalid_argument);
  CHECK_THROWS_WITH(CoOccurrenceFile::open_or_build(text.corpus(), 3, text.path()), "id 3 in a corpus for 3 words");
  options = {};
  options.progress = [](std::int64_t, std::int64_t) { throw std::runtime_error("stopped"); };
  for (const std::size_t threads : {1, 3}) {
    options.threads = threads;
    CHECK_THROWS_WITH(text.open(options), "stopped");
  }
  CHECK_THROWS_AS(CoOccurrenceFile::open_or_build(text.corpus(), 4, text.dir / "no" / "folder"), FileError);
  write_file(text.path(), "my only copy");
  CHECK_THROWS_AS(text.open(), FileError);
  CHECK(test::read_file(text.path()) == "my only copy");
  CHECK(std::distance(fs::directory_iterator(text.dir.path()), {}) == 3);
}

}  // namespace langzoo::test::co_occurrence_test
