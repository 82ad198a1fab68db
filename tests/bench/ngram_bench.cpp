// N-gram models: estimation and its peak memory, looking up, ARPA.
//
//   ngram_bench make TEXT MEGABYTES               a text to count: words by Zipf's law, each drawn by the one before
//   ngram_bench train TEXT MODEL [ORDER [MIB]]
//   ngram_bench query MODEL TEXT                  checks that the state of each word is that of its history, then times
//   ngram_bench arpa MODEL ARPA                   writes an ARPA file
//   ngram_bench convert ARPA MODEL                reads one
#include <chrono>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <sys/resource.h>

#include "data/files/files.h"
#include "models/ngram/arpa.h"
#include "models/ngram/ngram_text.h"

namespace {

using namespace langzoo;

double seconds_of(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// Of this process: what others do at the same time hardly matters.
double processor_seconds_of(const std::function<void()>& work) {
  const auto begin = std::clock();
  work();
  return static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
}

double peak_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

void make(const std::string& path, double megabytes) {
  std::ofstream out(path, std::ios::binary);
  std::uint64_t seed = 1;
  const auto uniform = [&seed] {
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return static_cast<double>(seed >> 11) * 0x1p-53;
  };
  std::string text;
  std::uint64_t last = 0, written = 0;
  for (int word = 1; static_cast<double>(written + text.size()) < megabytes * 1e6; ++word) {
    // Half of the words are one of a few that the last one decides.
    const double rank = std::exp((uniform() < 0.5 ? uniform() * 0.2 : uniform()) * std::log(300'000));
    last = (static_cast<std::uint64_t>(rank) + (rank < 12 ? last * 7919 : 0)) % 300'000;
    // As in a real text, there are always words that occur once, or twice.
    if (uniform() < 0.01) last = 300'000 + static_cast<std::uint64_t>(uniform() * 2e6);
    for (auto rest = last + 1; rest > 0; rest /= 26) text += static_cast<char>('a' + rest % 26);
    text += word % 20 == 0 ? '\n' : ' ';
    if (text.size() < std::size_t{1} << 20) continue;
    out << text;
    written += text.size();
    text.clear();
  }
  out << text << '\n';
  if (!out.flush()) throw std::runtime_error("cannot write " + path);
}

void train(const std::filesystem::path& text, const std::filesystem::path& model, int order, std::size_t mib) {
  const double start = peak_mib();
  NGramTextReport report;
  const double seconds = seconds_of([&] { report = train_ngrams(text, model, {.order = order, .memory = mib << 20}); });
  fmt::print("train: {:.2f} s, {} tokens, {} words, n-grams {}, peak {:.0f} MiB beyond {:.0f}\n", seconds,
             report.tokens, report.vocabulary, fmt::join(report.model.ngrams, " "), peak_mib() - start, start);
}

void query(const std::filesystem::path& path, const std::filesystem::path& text) {
  const NGramModel model(read_file(path));
  std::vector<std::int32_t> ids;
  for_each_token(
      text, model.words(), [] {}, [&](std::int32_t id) { ids.push_back(id); });
  // The first words by their whole history.
  std::vector<std::int32_t> history;
  auto state = model.start();
  for (std::size_t i = 0; i < std::min<std::size_t>(ids.size(), 10'000); ++i) {
    const double p = std::exp(model.log_probability(state, ids[i]));
    if (p != model.probability(model.start(), history, ids[i])) throw std::logic_error("a state is not its history");
    history.push_back(ids[i]);
    if (ids[i] == model.sentence_end()) history.clear(), state = model.start();
  }
  double best = 1e9, log10_p = 0;
  for (int run = 0; run < 7; ++run) {
    log10_p = 0;
    best = std::min(best, processor_seconds_of([&] {
                      auto at = model.start();
                      for (const std::int32_t id : ids) {
                        log10_p += model.log10_probability(at, id);
                        if (id == model.sentence_end()) at = model.start();
                      }
                    }));
  }
  fmt::print("query: {:.2f} M tokens a processor second, perplexity {:.4f}\n",
             static_cast<double>(ids.size()) / best / 1e6, std::pow(10, -log10_p / static_cast<double>(ids.size())));
}

}  // namespace

int main(int argc, char** argv) try {
  const std::string verb = argc < 4 ? "" : argv[1];
  if (verb == "make") {
    make(argv[2], std::stod(argv[3]));
  } else if (verb == "train") {
    train(argv[2], argv[3], argc > 4 ? std::stoi(argv[4]) : 5, argc > 5 ? std::stoull(argv[5]) : 1024);
  } else if (verb == "query") {
    query(argv[2], argv[3]);
  } else if (verb == "arpa") {
    const double seconds = seconds_of([&] {
      const auto model = NGramModel::load(argv[2]);
      write_file_atomically(argv[3], [&](std::ostream& out) { write_arpa(out, model); });
    });
    fmt::print("arpa: {:.2f} s\n", seconds);
  } else if (verb == "convert") {
    const double seconds =
        seconds_of([&] { write_file_atomically(argv[3], [&](std::ostream& out) { convert_arpa(argv[2], out); }); });
    fmt::print("convert: {:.2f} s\n", seconds);
  } else {
    std::fputs("usage: ngram_bench make|train|query|arpa|convert FILE FILE...\n", stderr);
    return 2;
  }
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
