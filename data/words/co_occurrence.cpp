#include "data/words/co_occurrence.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstring>
#include <optional>
#include <ostream>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

#include <fmt/format.h>

#include "data/files/cpus.h"
#include "data/files/files.h"
#include "data/files/mapped_file.h"
#include "data/text/fingerprint.h"
#include "data/words/entry_buckets.h"
#include "data/words/pair_counter.h"
#include "tokenizers/parallel.h"

namespace langzoo {

namespace fs = std::filesystem;

static_assert(std::endian::native == std::endian::little, "entries are written as they are: little-endian");
static_assert(std::is_trivially_copyable_v<CoOccurrence> && sizeof(CoOccurrence) == 12);

namespace {

constexpr std::string_view kMagic = "LZCOOCC\n";
constexpr std::uint32_t kVersion = 1;
constexpr std::int64_t kMostWindow = 65535;

struct Header {
  char magic[8] = {};
  std::uint32_t version = kVersion, zero = 0;
  std::uint64_t entries = 0, vocabulary_size = 0, fingerprint = 0;
  double total = 0;
  std::uint64_t checksum = 0;

  std::uint64_t expected_checksum() const {
    Fingerprint print(version);
    print.add(std::string_view(reinterpret_cast<const char*>(this), sizeof *this - sizeof checksum));
    return print.value();
  }
};
static_assert(std::is_trivially_copyable_v<Header> && sizeof(Header) == 56);

void check(const CoOccurrenceOptions& options, std::int64_t vocabulary_size) {
  if (options.window < 1 || options.window > kMostWindow) {
    throw std::invalid_argument(fmt::format("window {}: expected 1 to {}", options.window, kMostWindow));
  }
  if (options.memory_bytes < 1 || options.block_entries < 1) {
    throw std::invalid_argument(fmt::format("memory_bytes {}, block_entries {}: expected at least 1",
                                            options.memory_bytes, options.block_entries));
  }
  if (vocabulary_size < 1 || vocabulary_size > std::int64_t{1} << 30) {
    throw std::invalid_argument(fmt::format("co-occurrences of {} words", vocabulary_size));
  }
}

std::uint64_t fingerprint_of(const WordCorpus& corpus, std::int64_t vocabulary_size,
                             const CoOccurrenceOptions& options) {
  Fingerprint print(kVersion);
  print.add(corpus.fingerprint());
  print.add(static_cast<std::uint64_t>(vocabulary_size));
  print.add(static_cast<std::uint64_t>(options.window));
  print.add(options.distance_weighting ? 1 : 0);
  print.add(options.shuffle ? 1 : 0);
  print.add(options.shuffle ? options.seed : 0);
  return print.value();
}

/// The entries of the whole matrix, in buckets small enough for every thread to sort one at a time.
class Build {
 public:
  Build(const WordCorpus& corpus, std::int64_t vocabulary_size, const CoOccurrenceOptions& options,
        const fs::path& path)
      : options_(options),
        threads_(options.threads > 0 ? options.threads : available_cpus()),
        counter_(corpus, vocabulary_size, options.window, options.distance_weighting, threads_) {
    std::vector<std::uint64_t> row_entries = counter_.neighbors();
    std::uint64_t most_entries = 0;
    for (std::uint64_t& entries : row_entries) {
      most_entries += entries = std::min(entries, static_cast<std::uint64_t>(vocabulary_size));
    }
    if (most_entries == 0) throw std::runtime_error("no two words of the text stand near each other");

    const auto memory = static_cast<std::uint64_t>(options.memory_bytes);
    const std::uint64_t sorting = 2 * sizeof(CoOccurrence) * threads_;  // for an entry of each bucket at work
    const std::size_t buckets = std::clamp<std::uint64_t>(most_entries * sorting / memory + 1, 1, kMostBuckets);
    buckets_.emplace(
        path, options.shuffle ? EntryOrder::shuffled(options.seed, buckets) : EntryOrder::sorted(row_entries, buckets),
        threads_, memory / 8);
    const std::uint64_t beside_tables =
        memory / 8 + threads_ * static_cast<std::uint64_t>(vocabulary_size) * kScratchBytes;
    counter_.plan(std::max(memory - std::min(memory, beside_tables), kLeastTables));
  }

  void count() {
    counter_.run(
        [this](std::size_t thread, std::span<const CoOccurrence> row) {
          for (const CoOccurrence& entry : row) {
            buckets_->add(thread, entry);
            if (entry.row != entry.column) buckets_->add(thread, {entry.column, entry.row, entry.count});
          }
        },
        [this](std::int64_t done) { report(done); });
  }

  void write(Header header, std::ostream& out) {
    header.entries = buckets_->entries();
    out.write(reinterpret_cast<const char*>(&header), sizeof header);
    std::vector<std::vector<CoOccurrence>> entries(threads_), scratch(threads_);
    for (std::size_t begin = 0; begin < buckets_->order().buckets() && out; begin += threads_) {
      const std::size_t n = std::min(threads_, buckets_->order().buckets() - begin);
      run_on_threads(n, [&](std::size_t i) { buckets_->read(begin + i, entries[i], scratch[i]); });
      for (std::size_t i = 0; i < n; ++i) {
        for (const CoOccurrence& entry : entries[i]) header.total += static_cast<double>(entry.count);
        out.write(reinterpret_cast<const char*>(entries[i].data()),
                  static_cast<std::streamsize>(entries[i].size() * sizeof(CoOccurrence)));
      }
      report(counter_.steps() + static_cast<std::int64_t>(begin + n));
    }
    header.checksum = header.expected_checksum();
    out.seekp(0);
    out.write(reinterpret_cast<const char*>(&header), sizeof header);
  }

 private:
  static constexpr std::uint64_t kMostBuckets = 4096, kLeastTables = std::uint64_t{1} << 20;
  /// A thread's own for each word of the vocabulary: places, sums and entries of a row.
  static constexpr std::uint64_t kScratchBytes = 24 + 8 + 4 + 12;

  void report(std::int64_t done) const {
    if (options_.progress) {
      options_.progress(done, counter_.steps() + static_cast<std::int64_t>(buckets_->order().buckets()));
    }
  }

  const CoOccurrenceOptions& options_;
  std::size_t threads_;
  PairCounter counter_;
  std::optional<EntryBuckets> buckets_;
};

}  // namespace

struct CoOccurrenceFile::State {
  RandomAccessFile file;
  std::uint64_t block_entries;
  Header header;
  bool was_built = false;

  /// Throws FileError for anything that is not a complete file of co-occurrences.
  State(const fs::path& path, std::int64_t entries_of_block)
      : file(path), block_entries(static_cast<std::uint64_t>(entries_of_block)) {
    const auto damaged = [&](const std::string& what) {
      return FileError(path, "is a damaged file of co-occurrences (" + what + "); remove it to have it built again");
    };
    if (file.size() < sizeof header) throw damaged(fmt::format("{} bytes", file.size()));
    file.read(0, std::as_writable_bytes(std::span(&header, 1)));
    if (header.version != kVersion) {
      throw FileError(path, fmt::format("is a file of co-occurrences of version {}, this program reads {}; remove it "
                                        "to have it built again",
                                        header.version, kVersion));
    }
    const std::uint64_t space = file.size() - sizeof header;
    if (header.entries != space / sizeof(CoOccurrence) || space % sizeof(CoOccurrence) != 0) {
      throw damaged(fmt::format("{} entries announced in {} bytes", header.entries, space));
    }
    if (header.checksum != header.expected_checksum()) throw damaged("wrong checksum");
  }
};

CoOccurrenceFile CoOccurrenceFile::open_or_build(const WordCorpus& corpus, std::int64_t vocabulary_size,
                                                 const fs::path& path, const CoOccurrenceOptions& options) {
  check(options, vocabulary_size);
  Header wanted;
  std::memcpy(wanted.magic, kMagic.data(), sizeof wanted.magic);
  wanted.vocabulary_size = static_cast<std::uint64_t>(vocabulary_size);
  wanted.fingerprint = fingerprint_of(corpus, vocabulary_size, options);
  if (fs::exists(path)) {
    {
      const MappedFile file(path);
      if (!kMagic.starts_with(file.text().substr(0, kMagic.size()))) {
        throw FileError(path, "is not a file of co-occurrences and is left alone; remove it or name another file");
      }
    }
    try {
      auto state = std::make_shared<const State>(path, options.block_entries);
      if (state->header.fingerprint == wanted.fingerprint) return CoOccurrenceFile(std::move(state));
    } catch (const FileError&) {  // damaged, or of another version: built anew
    }
  }
  Build build(corpus, vocabulary_size, options, path);
  build.count();
  write_file_atomically(path, [&](std::ostream& out) { build.write(wanted, out); });
  auto state = std::make_shared<State>(path, options.block_entries);
  state->was_built = true;
  return CoOccurrenceFile(std::move(state));
}

bool CoOccurrenceFile::was_built() const {
  return state_->was_built;
}

std::int64_t CoOccurrenceFile::entries() const {
  return static_cast<std::int64_t>(state_->header.entries);
}

std::int64_t CoOccurrenceFile::blocks() const {
  const std::uint64_t entries = state_->header.entries, size = state_->block_entries;
  return static_cast<std::int64_t>(entries / size + (entries % size != 0));
}

double CoOccurrenceFile::total() const {
  return state_->header.total;
}

std::uint64_t CoOccurrenceFile::fingerprint() const {
  return state_->header.fingerprint;
}

void CoOccurrenceFile::read_block(std::int64_t index, std::vector<CoOccurrence>& entries) const {
  if (index < 0 || index >= blocks()) throw std::out_of_range(fmt::format("block {} of {}", index, blocks()));
  const std::uint64_t begin = static_cast<std::uint64_t>(index) * state_->block_entries;
  entries.resize(std::min(state_->block_entries, state_->header.entries - begin));
  state_->file.read(sizeof(Header) + begin * sizeof(CoOccurrence), std::as_writable_bytes(std::span(entries)));
  const auto size = static_cast<std::uint32_t>(state_->header.vocabulary_size);
  const auto is_good = [size](const CoOccurrence& entry) {
    return static_cast<std::uint32_t>(entry.row) < size && static_cast<std::uint32_t>(entry.column) < size &&
           entry.count > 0 && std::isfinite(entry.count);
  };
  if (!std::all_of(entries.begin(), entries.end(), is_good)) {
    throw FileError(state_->file.path(), fmt::format("is a damaged file of co-occurrences (block {} holds what is no "
                                                     "entry for {} words); remove it to have it built again",
                                                     index, size));
  }
}

}  // namespace langzoo
