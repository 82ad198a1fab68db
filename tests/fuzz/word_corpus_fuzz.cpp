// Texts for word vectors, and the files made of them. An input's first byte says what the others are:
//   t  a text: whatever it holds is counted and encoded completely, or refused with an error;
//   v  a vocabulary file: refused, or kept as it is by saving;
//   c  a word corpus, n a file of co-occurrences: used, built anew or refused, and read within their vocabulary.
#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "data/files/files.h"
#include "data/words/co_occurrence.h"
#include "data/words/vocabulary.h"
#include "data/words/word_corpus.h"
#include "tests/support/fuzz.h"
#include "tests/support/test.h"

using namespace langzoo;

namespace {

using langzoo::test::require;

struct CountedText {
  std::int64_t words = 0;
  std::set<std::string> kinds;
};

CountedText count_slowly(const std::string& text) {
  CountedText counted;
  for (auto begin = text.begin(); begin != text.end();) {
    if (is_word_space(*begin)) {
      ++begin;
      continue;
    }
    const auto end = std::find_if(begin, text.end(), is_word_space);
    if (static_cast<std::size_t>(end - begin) <= kMaxWordBytes) {
      ++counted.words;
      counted.kinds.emplace(begin, end);
    }
    begin = end;
  }
  return counted;
}

std::int64_t read_ids(const WordCorpus& corpus, std::int64_t vocabulary_size) {
  std::vector<std::int32_t> ids;
  std::int64_t words = 0;
  for (std::int64_t block = 0; block < corpus.blocks(); ++block) {
    corpus.read_block(block, ids);
    for (const auto id : ids) {
      require(id == kSentenceEnd || (id >= 0 && id < vocabulary_size), "an id outside the vocabulary");
      words += id != kSentenceEnd;
    }
  }
  return words;
}

double read_counts(const CoOccurrenceFile& file, std::int64_t vocabulary_size) {
  std::vector<CoOccurrence> entries;
  double total = 0;
  for (std::int64_t block = 0; block < file.blocks(); ++block) {
    file.read_block(block, entries);
    for (const auto& [row, column, count] : entries) {
      require(row >= 0 && row < vocabulary_size && column >= 0 && column < vocabulary_size,
              "an entry beyond the words");
      require(std::isfinite(count) && count > 0, "a count that is none");
      total += count;
    }
  }
  return total;
}

}  // namespace

LANGZOO_FUZZER(word_corpus) {
  const test::TempDir dir;
  const auto text = dir / "text", tsv = dir / "vocab.tsv", words = dir / "words.bin", pairs = dir / "pairs.bin";
  const auto fuzzed = dir / "fuzzed", fuzzed_words = dir / "fuzzed.words", fuzzed_pairs = dir / "fuzzed.pairs";
  VocabularyOptions counting;
  counting.min_count = 1;
  counting.threads = 1;
  WordCorpusOptions reading;
  reading.block_words = 4;
  reading.max_sentence = 5;
  reading.threads = 1;
  CoOccurrenceOptions near;
  near.window = 2;
  near.block_entries = 3;
  near.memory_bytes = 1 << 20;
  near.threads = 1;

  const std::string sample = "the cat saw the dog\nna\xc3\xafve \xff\xfe\tthe the dog saw a cat\r\n\n" +
                             std::string(999, 'x') + " and\va\f" + std::string(1001, 'y') + "\nlast";
  test::write_file(text, sample);
  const auto vocabulary = count_words({&text, 1}, counting);
  const auto size = static_cast<std::int64_t>(vocabulary.size());
  vocabulary.save(tsv);
  const auto corpus = WordCorpus::open_or_build({&text, 1}, vocabulary, words, reading);
  const auto counts = CoOccurrenceFile::open_or_build(corpus, size, pairs, near);
  const std::vector<std::string> seeds{"t" + sample,
                                       "t",
                                       "t\n \n",
                                       std::string("t\0a\0b", 5),
                                       "tone",
                                       "ta a a a a a",
                                       "v" + test::read_file(tsv),
                                       "va\t2\nb\t1\n",
                                       "c" + test::read_file(words),
                                       "n" + test::read_file(pairs)};

  const auto try_text = [&](const std::string& bytes) {
    test::write_file(fuzzed, bytes);
    const auto expected = count_slowly(bytes);
    const auto found = count_words({&fuzzed, 1}, counting);
    require(found.total() == expected.words, "not every word was counted");
    require(std::set(found.words().begin(), found.words().end()) == expected.kinds, "words that the text has not");
    require(std::is_sorted(found.counts().rbegin(), found.counts().rend()), "ids are not ranks");
    found.save(tsv);
    require(Vocabulary::load(tsv).words() == found.words(), "a saved vocabulary reads differently");
    const auto n = static_cast<std::int64_t>(found.size());
    const auto encoded = WordCorpus::open_or_build({&fuzzed, 1}, found, fuzzed_words, reading);
    require(read_ids(encoded, n) == expected.words, "not every word was encoded");
    const auto counted = CoOccurrenceFile::open_or_build(encoded, n, fuzzed_pairs, near);
    const double total = read_counts(counted, n);
    require(std::abs(total - counted.total()) <= 1e-5 * total, "the counts do not make their total");
  };
  const auto try_vocabulary = [&](const std::string& bytes) {
    test::write_file(fuzzed, bytes);
    const auto read = Vocabulary::load(fuzzed);
    read.save(fuzzed);
    const auto again = Vocabulary::load(fuzzed);
    require(again.words() == read.words() && again.counts() == read.counts(), "a saved vocabulary reads differently");
  };

  return test::fuzz_main(argc, argv, seeds, [&](const std::string& input) {
    if (input.empty()) return;
    const auto bytes = input.substr(1);
    switch (input[0]) {
      case 'v':
        return try_vocabulary(bytes);
      case 'c': {
        test::write_file(fuzzed_words, bytes);
        const auto opened = WordCorpus::open_or_build({&text, 1}, vocabulary, fuzzed_words, reading);
        const auto there = read_ids(opened, size);
        require(opened.words() == corpus.words(), "another corpus");
        require(there == corpus.words() || !opened.was_built(), "a corpus built anew lacks words");
        break;
      }
      case 'n': {
        test::write_file(fuzzed_pairs, bytes);
        const auto opened = CoOccurrenceFile::open_or_build(corpus, size, fuzzed_pairs, near);
        read_counts(opened, size);
        require(opened.entries() == counts.entries(), "other co-occurrences");
        break;
      }
      default:
        // What inputs before it left there is of another text: built anew, or it was of another kind.
        std::filesystem::remove(fuzzed_words);
        std::filesystem::remove(fuzzed_pairs);
        try_text(bytes);
    }
  });
}
