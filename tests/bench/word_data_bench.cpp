// Words of a text counted, encoded, and paired with their neighbours: MB/s and peak memory.
//
//   word_data_bench TEXT [--words N] [--min-count N] [--threads N] [--memory MIB] [--out DIR] [--keep 1]
//
// TEXT is a file or folder; --words first makes TEXT, N words drawn from Zipf's law over as many spellings as it takes.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>

#include <sys/resource.h>

#include "data/files/text_source.h"
#include "data/random/random.h"
#include "data/words/co_occurrence.h"
#include "data/words/word_corpus.h"

using namespace langzoo;
namespace fs = std::filesystem;

namespace {

double peak_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

void time(const char* what, double megabytes, const std::function<std::string()>& work) {
  const auto start = std::chrono::steady_clock::now();
  const std::string result = work();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::printf("%-14s %7.2f s %8.1f MB/s  peak %6.0f MiB  %s\n", what, seconds, megabytes / seconds, peak_mib(),
              result.c_str());
}

/// Ranks of density 1/rank over a million spellings, twenty words a line.
void make_text(const fs::path& path, std::int64_t words) {
  std::ofstream out(path, std::ios::binary);
  Random random(1);
  std::string text;
  for (std::int64_t i = 1; i <= words; ++i) {
    auto rank = static_cast<std::uint64_t>(std::exp(random.uniform() * std::log(1e6)));
    do text += static_cast<char>('a' + rank % 26);
    while ((rank /= 26) > 0);
    text += i % 20 == 0 ? '\n' : ' ';
    if (text.size() > 1 << 20 || i == words) {
      out << text;
      text.clear();
    }
  }
  if (!out) throw std::runtime_error("cannot write " + path.string());
}

void run(const fs::path& text, std::map<std::string, std::string> flags) {
  const auto number = [&](const char* flag, std::int64_t otherwise) {
    return flags.contains(flag) ? std::stoll(flags[flag]) : otherwise;
  };
  if (flags.contains("--words")) make_text(text, number("--words", 0));
  const fs::path out = flags.contains("--out") ? fs::path(flags["--out"]) : fs::temp_directory_path();
  const auto documents = find_text_files(text);
  double megabytes = 0;
  for (const auto& document : documents) megabytes += static_cast<double>(fs::file_size(document)) / 1e6;
  const auto threads = static_cast<std::size_t>(number("--threads", 0));

  Vocabulary vocabulary;
  time("count", megabytes, [&] {
    VocabularyOptions options;
    options.min_count = number("--min-count", 5);
    options.threads = threads;
    vocabulary = count_words(documents, options);
    return std::to_string(vocabulary.size()) + " words, " + std::to_string(vocabulary.total()) + " in all";
  });
  const fs::path corpus_path = out / "word_data_bench.corpus";
  const fs::path pairs_path = out / "word_data_bench.pairs";
  fs::remove(corpus_path);
  fs::remove(pairs_path);
  WordCorpusOptions corpus_options;
  corpus_options.threads = threads;
  const auto open_corpus = [&] {
    return WordCorpus::open_or_build(documents, vocabulary, corpus_path, corpus_options);
  };
  time("encode", megabytes, [&] {
    const auto corpus = open_corpus();
    if (corpus.words() != vocabulary.total()) throw std::runtime_error("words were lost");
    return std::to_string(corpus.sentences()) + " sentences";
  });
  const auto corpus = open_corpus();
  time("co-occurrence", megabytes, [&] {
    CoOccurrenceOptions options;
    options.threads = threads;
    options.memory_bytes = number("--memory", 1024) << 20;
    const auto size = static_cast<std::int64_t>(vocabulary.size());
    const auto file = CoOccurrenceFile::open_or_build(corpus, size, pairs_path, options);
    return std::to_string(file.entries()) + " entries, total " + std::to_string(file.total());
  });
  if (!flags.contains("--keep")) fs::remove(corpus_path), fs::remove(pairs_path);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc % 2 != 0) {
    std::fprintf(stderr,
                 "usage: %s TEXT [--words N] [--min-count N] [--threads N] [--memory MIB] [--out DIR] [--keep 1]\n",
                 argv[0]);
    return 2;
  }
  std::map<std::string, std::string> flags;
  for (int i = 2; i + 1 < argc; i += 2) flags[argv[i]] = argv[i + 1];
  run(argv[1], flags);
  return 0;
}
